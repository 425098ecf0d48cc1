import { assertEquals } from "@std/assert";
import { readEveryWay, viewsByUnit } from "./_view.ts";

const draft = '{"draft":[1]}';
const smile = "\u{1f600}";

/** What stands around thinking. */
const dresses: [open: string, close: string][] = [
  ["<think>", "</think>"],
  ["<THINK>", "</Think>"],
  ["<think type=\"deep\" n='1'>", "</think >"],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["<thoughts>", "</thoughts>"],
  ["<reasoning effort=high>", "</reasoning>"],
  ["<reflection>", "</reflection>"],
  ["<seed:think>", "</seed:think>"],
  ["<thinking>", "</thinking>"],
  ["[THINK]", "[/THINK]"],
  ["[reasoning]", "[/Reasoning]"],
  ["◁think▷", "◁/think▷"],
  ["<|channel>thought", "<channel|>"],
  ["<unused94>", "<unused95>"],
  ["<|START_THINKING|>", "<|END_THINKING|>"],
  ["<|begin_of_thought|>", "<|end_of_thought|>\n\n<|begin_of_solution|>"],
  [
    "<|channel|>analysis<|message|>",
    "<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>",
  ],
  ["<|channel|>analysis<|message|>", "<|channel|>final<|message|>"],
];

Deno.test("thinking is known in every dress, and no draft in it is shown", () => {
  for (const [open, close] of dresses) {
    for (const value of [{ a: 1 }, [1]]) {
      const root = Array.isArray(value) ? "array" : "object";
      const text = `${open}So ${draft}, [1] or <b>${smile}</b>.${close}\n${
        JSON.stringify(value)
      }`;
      const chain = readEveryWay(text, { root });
      const reasoning = `So ${draft}, [1] or <b>${smile}</b>.`;
      assertEquals(chain.view, { reasoning, state: value, fault: undefined });
      assertEquals([chain.restarts, chain.envelope.bare], [0, true], text);
    }
  }
});

Deno.test("where only the closing tag came, all before it was thinking", () => {
  for (const [, close] of dresses) {
    const lasts: [before: string, restarts: number][] = [
      ["So.", 0],
      ["", 0],
      ["So {} or [ ] or {x, ", 0],
      [`So ${draft}, or so.`, 1],
      [`So ${draft} and ${draft}`, 1],
      // Drafts that are not JSON, or not whole.
      ['So {"draft": ... }', 1],
      ['So {"draft":', 1],
      ['So {"draft":[1,', 1],
      // One that nothing stands before.
      [`${draft} or so.`, 1],
      [draft, 1],
    ];
    for (const [before, restarts] of lasts) {
      // In an array, this tag's bracket may be another one.
      if (close.startsWith("[") && /[:,]$/.test(before)) continue;
      const text = `${before}${close}\n\`\`\`json\n{"a":1}\n\`\`\``;
      const chain = readEveryWay(text);
      assertEquals(chain.view.state, { a: 1 }, text);
      assertEquals(chain.view.fault, undefined, text);
      assertEquals([chain.restarts, chain.envelope.bare], [restarts, true]);
    }
  }
});

Deno.test("Harmony's channels are known without their control tokens", () => {
  const chain = readEveryWay(`analysisSo ${draft}.assistantfinal{"a":1}`);
  assertEquals(chain.view.state, { a: 1 });
  const other = readEveryWay('An analysis, assistantfinal: {"a":1}');
  assertEquals([other.view.state, other.envelope.bare], [{ a: 1 }, false]);
});

Deno.test("blocks of thinking may stand in one another, or only be mentioned", () => {
  for (
    const [text, reasoning, restarts] of [
      [`<think>a<think>b</think>${draft}</think>{"a":1}`, "a<think>b", 1],
      [`<think>a<thinking>b</thinking>c</think>{"a":1}`, "a<thinking>b", 0],
      [`<think>Not <think>, but so.</think>{"a":1}`, "Not <think>, but so.", 0],
      [`<think>a</think>b<think>c</think>{"a":1}`, "ac", 0],
      [`<think>[THINK]${draft}[/THINK]</think>{"a":1}`, null, 0],
    ] as const
  ) {
    const chain = readEveryWay(text);
    assertEquals(chain.view.state, { a: 1 }, text);
    assertEquals(chain.restarts, restarts, text);
    if (reasoning !== null) assertEquals(chain.view.reasoning, reasoning);
  }
});

Deno.test("the value stays where nothing follows a closing tag, unless prose came before it", () => {
  for (const end of ["</think>", "\n</think>\nDone.", "<think>no</think>"]) {
    const chain = readEveryWay(`{"a":1}${end}`);
    assertEquals([chain.view.state, chain.restarts], [{ a: 1 }, 0]);
  }
  const { envelope, restarts } = readEveryWay('So {"a":1,}</think> I cannot.');
  assertEquals([envelope.withdrawn, envelope.bare, restarts], [true, false, 0]);
  assertEquals([envelope.began, envelope.mended], [false, []]);
});

Deno.test("tags in the value's strings, and blocks behind it, change nothing", () => {
  for (const before of ["", "So: "]) {
    const value = { a: "</think>{", "<think>": "[/THINK]" };
    const text = `${before}${JSON.stringify(value)} <think>${draft}</think> so`;
    const chain = readEveryWay(text);
    assertEquals(chain.view, {
      ...{ reasoning: "", state: value, fault: undefined },
    });
    assertEquals(chain.restarts, 0);
  }
});

Deno.test("what was thinking is taken back once the value begins, and no earlier", () => {
  for (const before of ["So ", ""]) {
    const text = `${before}{"b":2}.</think> {"a":1}`;
    const states = viewsByUnit(text).map(({ state }) => state);
    const begin = text.indexOf('"a"') + 1;
    assertEquals(states.slice(begin - 1, begin + 1), [{ b: 2 }, {}]);
  }
});

Deno.test("what is taken back takes what was mended with it", () => {
  const chain = readEveryWay("So {'b':None}.</think>{\"a\":1,}");
  assertEquals(chain.envelope.mended, ["comma"]);
});
