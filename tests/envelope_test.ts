import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Allow, parse as parsePartial } from "partial-json";
import { Envelope } from "../lib/envelope.ts";
import { takeSnapshot } from "../lib/answers/snapshot.ts";
import { Transcript } from "../lib/answers/transcript.ts";
import { isPrefix, wholeCharacters } from "./_prefix.ts";
import { cut } from "./_stream.ts";
import { Chain, viewsByUnit, viewsOf } from "./_view.ts";
import { workOf } from "./_work.ts";

const smile = "\u{1f600}";

/** What stands around the value, and what of it is thinking. */
const envelopes: [name: string, before: string, after: string, said: string][] =
  [
    ["nothing", "", "", ""],
    ["white space", "\ufeff \r\n\t", " \n", ""],
    ["a fence", "```json\n", "\n```\n", ""],
    ["a fence of no language", "~~~\n\n", "\n~~~", ""],
    ["prose", "Here you are:\n\n", "\n\nAsk me for more.", ""],
    [
      "braces in prose",
      "The set {1, 2} or {a}, { b }, {{\n",
      ' {"a":1} }}',
      "",
    ],
    ["two fences", "```json\n", '\n```\nOr:\n```json\n{"no":1}\n```', ""],
    ["a second value", "", '{"no":"no"}', ""],
    ["brackets behind it", "", '}]}\\"{', ""],
    ["thinking", "<think>Well.</think>", "", "Well."],
    [
      "JSON in thinking",
      '<think>{"title":"no","x":[{"</think>\n',
      "",
      '{"title":"no","x":[{"',
    ],
    ["two blocks", "<think>A</think>\n<think>B</think>", "", "AB"],
    ["an empty block", "<think></think>\n```\n", "```", ""],
    ["thinking behind it", "", "<think>no</think>", ""],
    [
      "tags that are none",
      `<thi<thin k><<think>a</think </thin${smile}<<thing></</think>`,
      "",
      `a</think </thin${smile}<<thing></`,
    ],
    ["an end without a beginning", "no</think>", "", ""],
    ["a bracket before thinking", '{<think>"a"</think>', "", '"a"'],
    [
      "half a character",
      "<think>\ud83d</think><think>x</think>",
      "",
      "\ud83dx",
    ],
    ["a character at the end", `<think>${smile}</think>`, "", smile],
  ];

/** A value's text; what it means where that is not what JSON.parse says. */
const payloads: [text: string, value?: unknown][] = [
  ["{}"],
  ["{ \n\t}"],
  ['{ \r\n "title" : "A" , "summary":"" }'],
  [`{"a":[[],{},[{"b":"c"}],"${smile}\\ud83d\\ude00"],"d":{"e":null}}`],
  ['{"a":[ ],"b":{ },"c":[ [ ] , 1 , { } ] }', {
    a: [],
    b: {},
    c: [[], 1, {}],
  }],
  ['{"a":-1.5e3,"b":0,"c":[1,2.25],"d":true,"e":false}'],
  ['{"text":"```json\\n{\\"x\\":1}\\n```","y":"<think>}</think>"}'],
  ['{"a":"\\\\","b":"\\"}","c\\n{":"\\u00e9\\/"}'],
  ['{"a":1,"b":[1,2,],"c":{"d":2 , \n},}', { a: 1, b: [1, 2], c: { d: 2 } }],
  [
    '{"x":"\\alpha\\(\\\\","y":"\\u12","z":"\\u\\"\\ud83zz"}',
    { x: "\\alpha\\(\\", y: "\\u12", z: '\\u"\\ud83zz' },
  ],
  ['{"a":"1\n2\r\t3\0\u001f","\n":1}', { a: "1\n2\r\t3\0\u001f", "\n": 1 }],
];
/** Every envelope around every payload. */
function* answers(): Generator<
  {
    name: string;
    before: string;
    text: string;
    value: unknown;
    said: string;
  }
> {
  for (const [name, before, after, said] of envelopes) {
    for (const [payload, mended] of payloads) {
      const value = mended ?? JSON.parse(payload);
      yield {
        name: `${payload} in ${name}`,
        ...{ before, text: before + payload + after, value, said },
      };
    }
  }
}

Deno.test("envelope, parser and processor find the value in every envelope, cut anywhere", () => {
  for (const { name, text, value, said } of answers()) {
    const views = viewsByUnit(text);
    const end = { reasoning: said, state: value, fault: undefined };
    assertEquals(views.at(-1), end, name);
    for (let at = 0; at <= text.length; at++) {
      assertEquals(
        viewsOf([text.slice(0, at), text.slice(at)]),
        [views[at]!, end],
        `${name}, cut at ${at}`,
      );
    }
  }
});

Deno.test("envelope shows nothing from outside the value, and takes nothing back", () => {
  for (const { name, before, text, value, said } of answers()) {
    for (const [at, { reasoning, state }] of viewsByUnit(text).entries()) {
      assert(said.startsWith(reasoning), `${name}, at ${at}`);
      assert(isPrefix(state, value), `${name}, at ${at}`);
      if (at <= before.length) assertEquals(state, undefined, name);
    }
  }
});

Deno.test("envelope ends no reasoning inside a surrogate pair", () => {
  const text = `<think>${smile}${smile}<${smile}</thin${smile}</think>{}`;
  for (const { reasoning } of viewsByUnit(text)) {
    assert(reasoning.isWellFormed(), reasoning);
  }
});

Deno.test("a snapshot is what a client has been shown, but for half a character", () => {
  for (const { name, text } of answers()) {
    const transcript = new Transcript();
    for (const [at, { state }] of viewsByUnit(text).entries()) {
      if (at > 0) transcript.append("text", text.charAt(at - 1));
      if (/\s$/.test(text.slice(0, at))) continue;
      const snapshot = takeSnapshot(transcript, {});
      assertEquals(wholeCharacters(snapshot), state, `${name}, at ${at}`);
    }
  }
});

Deno.test("a snapshot is as deep as it may be, and no deeper", () => {
  const transcript = new Transcript();
  const text = '{"a":'.repeat(150) + "1" + "}".repeat(150);
  transcript.append("text", text);
  assertEquals(takeSnapshot(transcript, { maxDepth: 150 }), JSON.parse(text));
  assertEquals(takeSnapshot(transcript, { maxDepth: 2 }), { a: {} });
});

Deno.test("a snapshot ends where the text stops being JSON", () => {
  const texts: [text: string, value: unknown][] = [
    ['{"a":[1,"b', { a: [1, "b"] }],
    ['{"a":[1,"b",+2],"c":3}', { a: [1, "b"] }],
    ['{"a":"b" "c', { a: "b" }],
    [`{"${"k".repeat(1025)}":1}`, {}],
    ["No value", undefined],
    ["{ ", undefined],
  ];
  for (const [text, value] of texts) {
    const transcript = new Transcript();
    transcript.append("reasoning", '{"no":1}');
    transcript.append("text", text);
    assertEquals(takeSnapshot(transcript, {}), value, text);
  }
});

Deno.test("what is shown of strict JSON is what partial-json makes of it", () => {
  for (const [text, mended] of payloads) {
    if (mended !== undefined) continue;
    for (const [at, { state }] of viewsByUnit(text).entries()) {
      const prefix = text.slice(0, at);
      // It reads neither a lone bracket nor white space at the end.
      if (/^\s*\{?\s*$|\s$/.test(prefix)) continue;
      const oracle = parsePartial(prefix, Allow.STR | Allow.ARR | Allow.OBJ);
      assertEquals(state, wholeCharacters(oracle), prefix);
    }
  }
});

Deno.test("a number is shown at its comma", () => {
  assertEquals(
    viewsOf(['{"a":1', ",", '"b":[2', ",", "]", ",", "}"])
      .map(({ state }) => state),
    [
      {},
      { a: 1 },
      { a: 1, b: [] },
      { a: 1, b: [2] },
      { a: 1, b: [2] },
      { a: 1, b: [2] },
      { a: 1, b: [2] },
    ],
  );
});

Deno.test("envelope holds back half an escape and half a tag, and no more", () => {
  assertEquals(
    viewsOf(['{"a":"x\\', "alpha \\", "n\\u00", "e9\\u1", 'x"}'])
      .map(({ state }) => (state as { a: string }).a),
    ["x", "x\\alpha ", "x\\alpha \n", "x\\alpha \né", "x\\alpha \né\\u1x"],
  );
  assertEquals(
    viewsOf(["<thi", "nk>a</", "think", "!</", "think", ">", '{"b', '":1}'])
      .map(({ reasoning, state }) => [reasoning, state]),
    [
      ["", undefined],
      ["a", undefined],
      ["a", undefined],
      ["a</think!", undefined],
      ["a</think!", undefined],
      ["a</think!", undefined],
      ["a</think!", {}],
      ["a</think!", { b: 1 }],
    ],
  );
});

Deno.test("envelope flushes nothing when the text ends", () => {
  for (const text of ["<think>a</thin", "<think>a</", "<think>a\ud83d"]) {
    assertEquals(viewsOf([text]).at(-1)!.reasoning, "a", text);
  }
  for (const text of ['{"a":"b\\', '{"a":"b\\u00', '{"a":"b\ud83d']) {
    assertEquals(viewsOf([text]).at(-1)!.state, { a: "b" }, text);
  }
});

Deno.test("envelope says how much of the text each piece accounts for", () => {
  const text = 'Hm <think>a</think> so <think>b</think>{ "x":1}. Done {';
  assertEquals(new Envelope().write(text), [
    { type: "reasoning", text: "ab", end: 39 },
    { type: "json", text: '{ "x":1}', end: text.length },
  ]);
  assertEquals(new Envelope().write("<think>a</th"), [
    { type: "reasoning", text: "a", end: 12 },
  ]);
  assertEquals(new Envelope().write("Hm { "), []);
});

Deno.test("envelope does not read what follows the value", () => {
  const envelope = new Envelope();
  envelope.write('{"a":1} ');
  assertEquals(envelope.write('{"b":2}<think>c</think>[1]'), []);
});

Deno.test("ten times the text is ten times the envelope's work", () => {
  const texts: ((length: number) => string)[] = [
    (length) => "{ <".repeat(length),
    (length) => `<think>${`</thin${smile}`.repeat(length)}</think>`,
    (length) => "<think></think>".repeat(length),
    (length) => `{"a":"${"b".repeat(length)}"}`,
    (length) => `{"a":"${'\\a\\"\\u00e9\n'.repeat(length)}"}`,
    (length) => `{"a":[${"1 , ".repeat(length)}]}`,
    (length) => `{"a":${"[".repeat(length)}`,
    (length) => "{}" + "}".repeat(length),
    // Tags that are none, brackets that hold no value, names that end late.
    (length) => "<think a".repeat(length),
    (length) => `So ${"{a {'b {/*c*/ [[".repeat(length)}`,
    (length) => `So {'${"a".repeat(length)}':1}`,
    (length) => `"${"a: ".repeat(length)}`,
    (length) => `analysis${"assistantfina".repeat(length)}`,
    (length) => `So ${'{"a":1}</think> so '.repeat(length)}`,
    (length) => `So {"a":x${"<think>".repeat(length)}`,
    // Slips.
    (length) => `{${"a:'b\\'\"',//c\n".repeat(length)}}`,
    (length) => `{"a":"${"\\(\\f1\\frac".repeat(length)}"}`,
    (length) => `{"a":[${"None，\u00a0/**/-Infinity,".repeat(length)}...]}`,
    (length) => `{${"b".repeat(length)}：'${'"'.repeat(length)}'}`,
  ];
  for (const text of texts) {
    const work = (length: number, size: number) => {
      const envelope = new Envelope();
      const pieces = cut(text(length), [size]);
      return workOf(() => pieces.forEach((piece) => envelope.write(piece)));
    };
    for (const size of [1, 7, Infinity]) {
      const ratio = (work(5_000, size) + 1) / (work(500, size) + 1);
      assert(ratio < 11, `${text(3)} by ${size}: ${ratio}`);
    }
  }
});

Deno.test("envelope finds an array where the value is one", () => {
  const arrays: [text: string, value: unknown][] = [
    ["[]", []],
    ["[ \n]", []],
    ["Sure [sic] ([x], [ y]): [[1,],\n2,]]", [[1], 2]],
    ...["1", "-1", "true", "false", "null", "[]", "{}", '"a"'].map((
      item,
    ): [string, unknown] => [`<think>[1]</think> [\n${item}] [2]`, [
      JSON.parse(item),
    ]]),
  ];
  for (const [text, value] of arrays) {
    const views = viewsByUnit(text, { root: "array" });
    assertEquals(views.at(-1)!.state, value, text);
    for (let at = 0; at <= text.length; at++) {
      const pieces = [text.slice(0, at), text.slice(at)];
      assertEquals(
        viewsOf(pieces, { root: "array" }),
        [views[at]!, views.at(-1)!],
        `${text}, cut at ${at}`,
      );
    }
  }
  // An object passes over arrays, and an array over objects.
  assertEquals(viewsOf(['[1, "a"] {"b":2}'])[0]!.state, { b: 2 });
});

Deno.test("what the envelope does not mend is a fault, at the same place however it is cut", () => {
  const texts = [
    ...[
      '{"a":}',
      '{"a":,}',
      '{"a",}',

      '{"a":1,,"b":2}',
      '{"a":[,]}',
    ],
    ...['{"a":[1,,]}', '{"a":1]', '{"a":tru}', '{"a":01}', '{"a":1 2}'],
    ...['{"a":"b" "c":1}', '{"a":nan}', '{"a":1, /no\n"b":2}', '{"a":"b"\0}'],
    ...['{"a":1,]', '{"a":\\"b"}', "{}x", '{"a":+1}', '{"a":.5}', '{"a":0x1F}'],
    ...['{"a":b}', '{"a" = 1}', '{"a":[1 2]}', '{"a":[...,1]}', '{"a":...}'],
    ...["{1:2}", '{"a":1;"b":2}', '{"a":"b"c"}', '{,"a":1}', "{a b:1}"],
    ...['{"a":Nonesuch}', '{"a":--1}', '{"a":1.2.3}', '{"a":True1}', "{[1]}"],
  ];
  for (const text of texts) {
    const views = viewsByUnit(text);
    assertEquals(views.at(-1)!.fault === undefined, text === "{}x", text);
    for (let at = 0; at <= text.length; at++) {
      const pieces = [text.slice(0, at), text.slice(at)];
      assertEquals(viewsOf(pieces), [views[at]!, views.at(-1)!], text);
    }
  }
});

Deno.test("the mended text is strict JSON", () => {
  for (const { name, text, value } of answers()) {
    const chain = new Chain();
    chain.write(text);
    assertEquals(JSON.parse(chain.json), value, name);
  }
});

/** A part of an answer, and what it means. */
interface Written<Value> {
  text: string;
  value: Value;
}

/** Strings with slips, each whole in itself. */
const strings: fc.Arbitrary<Written<string>> = fc.array(
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 4 }).map((value) => ({
      text: JSON.stringify(value).slice(1, -1),
      value,
    })),
    fc.constantFrom(
      ...["\\alpha", "\\(", "\\u12z", "\\uz", "\\x41", "\\ ", '{"'],
      ...[
        "\n",
        "\t",
        "\0",
        "\u001f",
        smile,
        "```",
        "<think>",
        "</think>",
        "]}",
      ],
    ).map((value) => ({ text: value.replace('"', '\\"'), value })),
  ),
  { maxLength: 4 },
).map((parts) => ({
  text: `"${parts.map(({ text }) => text).join("")}"`,
  value: parts.map(({ value }) => value).join(""),
}));

const spaces = fc.constantFrom("", "", "", " ", "\n  ", "\t\r\n");

/** The members of an object or the elements of an array, in their brackets. */
function enclose(
  [open, close]: [string, string],
  items: fc.Arbitrary<string[]>,
): fc.Arbitrary<string> {
  return fc.tuple(items, spaces, fc.boolean(), spaces).map((
    [items, space, slip, end],
  ) => {
    const comma = slip && items.length > 0 ? `,${space}` : "";
    return open + space + items.join(`,${space}`) + comma + end + close;
  });
}

const { root: roots } = fc.letrec<{
  value: Written<unknown>;
  object: Written<unknown>;
  array: Written<unknown>;
  root: Written<unknown>;
}>((tie) => {
  const atoms = fc.oneof(
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((x) => x + 0),
  ).map((value) => ({ text: JSON.stringify(value), value }));
  const members = fc.uniqueArray(
    fc.record({
      name: fc.string({ unit: "grapheme", maxLength: 3 })
        .filter((name) => name !== "__proto__" && !name.includes("\\")),
      between: spaces,
      item: tie("value"),
    }),
    { selector: ({ name }) => name, maxLength: 3 },
  );
  const elements = fc.array(tie("value"), { maxLength: 3 });
  return {
    value: fc.oneof(
      { depthSize: "small" },
      atoms,
      strings,
      tie("object"),
      tie("array"),
    ),
    object: members.chain((members) =>
      enclose(
        ["{", "}"],
        fc.constant(members.map(({ name, between, item }) =>
          `${JSON.stringify(name)}${between}:${between}${item.text}${between}`
        )),
      ).map((text) => ({
        text,
        value: Object.fromEntries(
          members.map(({ name, item }) => [name, item.value]),
        ),
      }))
    ),
    array: elements.chain((elements) =>
      enclose(["[", "]"], fc.constant(elements.map(({ text }) => text)))
        .map((text) => ({ text, value: elements.map(({ value }) => value) }))
    ),
    root: fc.oneof(tie("object"), tie("array")),
  };
});

/** Prose before a value, whose brackets are closed and hold none. */
const lead = fc.array(
  fc.constantFrom(
    ...["{x}", "[sic]", "{1, 2}", "}", "]", " ", "\n", "a", "It's", "- "],
    ...["<", "<thin", "</thin", ">", "```json\n", "`", smile, "\ud83d", "1"],
  ),
  { maxLength: 8 },
).map((parts) => parts.length === 0 ? "" : `So ${parts.join("")}\n`);

/** Text that is likely to be mistaken for something. */
const prose = fc.array(
  fc.constantFrom(
    ...["{", "[", "}", "]", " ", "\n", '"', "a", "<", "<think", "</think", ">"],
    ...["```json\n", smile, "\ud83d", "\ufeff", "1", "\\"],
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

Deno.test("envelope, parser and processor find a value with slips in any prose, cut anywhere", () => {
  fc.assert(
    fc.property(
      roots,
      fc.record({ before: lead, thought: fc.option(prose), after: prose }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
      ({ text, value }, { before, thought, after }, sizes) => {
        const root = Array.isArray(value) ? "array" : "object";
        fc.pre(!/<\/?think[\s>]/.test((thought ?? "") + after));
        let head = before;
        if (thought !== null) head = `<think>${thought}</think>${before}`;
        const whole = head + text + after;
        const units = viewsByUnit(whole, { root });
        assertEquals(units.at(-1), {
          reasoning: thought ?? "",
          state: value,
          fault: undefined,
        });
        let length = 0;
        const pieces = cut(whole, sizes);
        for (const [turn, view] of viewsOf(pieces, { root }).entries()) {
          length += pieces[turn]!.length;
          assertEquals(view, units[length]!);
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("envelope tells whether only white space, a fence and thinking came before the value", () => {
  const answers: [text: string, bare: boolean][] = [
    ['{"a":1}', true],
    ['\ufeff\n { "a":1}', true],
    ['```json\n{"a":1}\n```', true],
    ['```\n{"a":1}', true],
    ['<think>So: {"b":2}.</think>\n{"a":1}', true],
    ['<think>So</think>```json\n<think>or</think>{"a":1}', true],
    ['Here: {"a":1}', false],
    ['<think>So</think>Here: {"a":1}', false],
    ['{}, or {"a":1}'.slice(1), false],
    ['json {"a":1}', false],
  ];
  for (const [text, bare] of answers) {
    const envelope = new Envelope();
    for (const unit of text) envelope.write(unit);
    assertEquals([envelope.began, envelope.bare], [true, bare], text);
  }
});

Deno.test("envelope tells whether it stands in a string", () => {
  const envelope = new Envelope();
  const text = 'x "{"a":"\\"b"} "';
  const inside = [...text].map((unit) => {
    envelope.write(unit);
    return envelope.inString ? "s" : "-";
  });
  assertEquals(inside.join(""), "----ss--ssss----".slice(0, text.length));
});
