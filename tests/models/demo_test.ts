import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import fc from "fast-check";
import type { Clock } from "../../lib/clock.ts";
import { readConfig } from "../../lib/app/config.ts";
import { writeDocument } from "../../lib/models/demo/document.ts";
import {
  createDemoFetch,
  DEMO_PROMPTS,
  type DemoModelOptions,
} from "../../lib/models/demo/model.ts";
import {
  checkSchema,
  DEFAULT_SCHEMA,
  type JsonSchema,
} from "../../lib/schemas/schema.ts";
import { createAsk } from "../../lib/models/openai.ts";
import { guestsIn, LANGUAGES } from "../../lib/models/demo/words.ts";
import { validateAtOnce } from "../schemas/_validate.ts";
import { presets } from "../../static/presets.js";

const URL = "https://demo.invalid/v1/chat/completions";

interface Asked {
  schema?: JsonSchema;
  system?: string;
  /** What is said after the prompt. */
  after?: { role: string; content: string }[];
  withUsage?: boolean;
  signal?: AbortSignal;
  options?: DemoModelOptions;
  /** A model that may have been asked before. */
  demo?: typeof fetch;
}

function ask(prompt: string, asked: Asked = {}): Promise<Response> {
  const { schema, system = "Answer.", after = [], withUsage, signal } = asked;
  const { options = { tokensPerSecond: Infinity } } = asked;
  const body = {
    model: "demo",
    stream: true,
    ...(withUsage && { stream_options: { include_usage: true } }),
    messages: [
      { role: "system", content: system },
      { role: "user", content: prompt },
      ...after,
    ],
    ...(schema && {
      response_format: { type: "json_schema", json_schema: { schema } },
    }),
  };
  const { demo = createDemoFetch(options) } = asked;
  return demo(URL, {
    method: "POST",
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

interface Chunk {
  object: string;
  error?: { message: string };
  choices: {
    index: number;
    delta: Record<string, string>;
    finish_reason: string | null;
  }[];
  usage?: { total_tokens: number } | null;
}

interface Answer {
  chunks: Chunk[];
  tokens: string[];
  text: string;
  /** What is said besides the content. */
  others: Record<string, string>;
  finish: string | undefined;
  done: boolean;
}

async function answerTo(prompt: string, asked?: Asked): Promise<Answer> {
  return read(await (await ask(prompt, asked)).text());
}

function read(stream: string): Answer {
  const events = stream.split("\n\n").filter((event) => event !== "");
  const done = events.at(-1) === "data: [DONE]";
  if (done) events.pop();
  const chunks: Chunk[] = events.map((event) => JSON.parse(event.slice(6)));
  const tokens: string[] = [];
  const others: Record<string, string> = {};
  let finish: string | undefined;
  for (const { choices } of chunks) {
    for (const { delta, finish_reason } of choices ?? []) {
      finish = finish_reason ?? finish;
      for (const [member, text] of Object.entries(delta)) {
        if (member === "content") tokens.push(text);
        else others[member] = (others[member] ?? "") + text;
      }
    }
  }
  return { chunks, tokens, text: tokens.join(""), others, finish, done };
}

async function documentOf(schema: JsonSchema, prompt = "猫") {
  return JSON.parse((await answerTo(prompt, { schema })).text);
}

/** A clock that goes on when it is told. */
class TestClock implements Clock {
  #now = 0;
  #next = 1;
  readonly #timers = new Map<number, { at: number; callback: () => void }>();

  get pending(): number {
    return this.#timers.size;
  }

  now() {
    return this.#now;
  }

  setTimeout(callback: () => void, delay: number) {
    const timer = this.#next++;
    this.#timers.set(timer, { at: this.#now + delay, callback });
    return timer as unknown as ReturnType<Clock["setTimeout"]>;
  }

  clearTimeout(timer?: ReturnType<Clock["setTimeout"]>) {
    this.#timers.delete(timer as unknown as number);
  }

  /** Goes on to a moment, and fires what is due by then. */
  goTo(moment: number) {
    this.#now = moment;
    for (const [timer, { at, callback }] of this.#timers) {
      if (at > moment) continue;
      this.#timers.delete(timer);
      callback();
    }
  }

  /** Goes on to the next timer as soon as there is one. */
  async goOn() {
    while (this.pending === 0) await Promise.resolve();
    this.goTo(Math.min(...this.#timers.values().map(({ at }) => at)));
  }
}

/** Reads `count` events, and tells when each came. */
async function timesOf(
  prompt: string,
  count: number,
  tokensPerSecond?: number,
): Promise<number[]> {
  const clock = new TestClock();
  const options = { clock, ...(tokensPerSecond && { tokensPerSecond }) };
  const response = await ask(prompt, { options });
  const reader = response.body!.getReader();
  const times: number[] = [];
  while (times.length < count) {
    const [{ done }] = await Promise.all([reader.read(), clock.goOn()]);
    assert(!done);
    times.push(clock.now());
  }
  await reader.cancel();
  assertEquals(clock.pending, 0);
  return times;
}

Deno.test("the demo model says of an unknown topic that a demo is speaking", async () => {
  for (
    const [prompt, topic] of [
      ["请介绍一下潮汐能", "潮汐能"],
      ["三道关于修辞的选择题", "修辞"],
      ["以“雨后的城市”为题写一篇短文", "雨后的城市"],
      ["New directions in plumbing", "New directions in plumbing"],
      ["Tell me about tidal power.", "tidal power"],
      ["A short essay on going on holiday", "going on holiday"],
      ["What is going on in the world?", "What is going on in the world"],
      [
        "Why do cables in a drawer tie themselves into knots that nobody has made",
        "Why do cables in a drawer tie themselves into knots that…",
      ],
      ["$& $1 $`", "$& $1 $`"],
    ] as const
  ) {
    const { text, finish, done } = await answerTo(prompt);
    const { title, summary } = JSON.parse(text);
    assert(title.includes(`“${topic}”`), title);
    assert(summary.includes(`“${topic}”`), summary);
    assert(summary.length >= 300 && summary.length <= 600, summary);
    assert(/演示模型|demo/.test(summary), summary);
    const isChinese = /\p{sc=Han}/u.test(topic);
    assertEquals(/\p{sc=Han}/u.test(summary), isChinese);
    assertEquals([finish, done], ["stop", true]);
    assertEquals(validateAtOnce(DEFAULT_SCHEMA, JSON.parse(text)), {
      valid: true,
    });
  }
  assertEquals((await answerTo("灯")).text, (await answerTo("灯")).text);
  const [cups, lamps] = [await answerTo("杯子"), await answerTo("灯")];
  assertNotEquals(cups.text.replaceAll("杯子", "灯"), lamps.text);
});

Deno.test("the demo model knows some topics by heart, however they are asked for", async () => {
  const english = await answerTo("coffee");
  for (
    const prompt of [
      "Coffee",
      "the history of coffee",
      "Please explain coffee.",
      "Write an article about coffee",
      "A report on COFFEE, in two parts",
    ]
  ) {
    assertEquals(
      JSON.parse((await answerTo(prompt)).text),
      JSON.parse(english.text),
    );
  }
  const chinese = await answerTo("咖啡");
  for (
    const prompt of [
      "介绍一下咖啡",
      "写一篇关于咖啡的短文",
      "咖啡的历史",
      "咖啡是什么？",
    ]
  ) {
    assertEquals(
      JSON.parse((await answerTo(prompt)).text),
      JSON.parse(chinese.text),
    );
  }
  for (const text of [english.text, chinese.text]) {
    assert(!/demo|演示|“/.test(JSON.parse(text).title), text);
  }
  assertEquals(
    (await answerTo("")).text.includes("太阳能组件"),
    true,
    "the default topic",
  );
  // By the kind of a field, where it goes by another name.
  const text = { type: "string" };
  const { headline, body } = await documentOf({
    properties: { headline: text, body: text },
  }, "coffee");
  assertEquals({ title: headline, summary: body }, JSON.parse(english.text));
});

Deno.test("where little room is left the demo model says less, in whole sentences", async () => {
  const text = (maxLength: number) => ({ type: "string", maxLength });
  const schema = {
    properties: { title: text(24), summary: text(200), note: text(12) },
  };
  for (
    const prompt of ["coffee", "咖啡", "A very long walk on a beach", "灯"]
  ) {
    const { title, summary, note } = await documentOf(schema, prompt);
    assert(summary.length > 60 && summary.length <= 200, summary);
    assertMatch(summary, /[.。]$/);
    for (const part of [title, note]) {
      assertMatch(part, /^[\p{L}“][\p{L} ,，：“”]*[\p{L}.。”]$/u);
    }
  }
});

Deno.test("what the demo model knows by heart is as long as it should be", async () => {
  for (const [language, { ANSWERS }] of Object.entries(LANGUAGES)) {
    const topics = ANSWERS.filter(({ fields }) =>
      fields.summary && !fields.steps
    );
    assert(topics.length >= 19);
    const isChinese = (text: string) => /\p{sc=Han}/u.test(text);
    for (const { topics: names, fields } of topics) {
      const topic = names.find((name) =>
        isChinese(name) === (language === "zh")
      )!;
      const document = JSON.parse((await answerTo(topic)).text);
      assertEquals(document, fields, topic);
      const { length } = document.summary;
      assert(length >= 300 && length <= 600, `${topic}: ${length}`);
      assertEquals(isChinese(document.summary), language === "zh");
    }
  }
});

Deno.test("the demo model's answers last about as long in every language", async () => {
  const prompts = Object.values(presets).flatMap(({ zh, en }) => [zh, en]);
  for (const prompt of ["灯", "a lamp", "黑洞", "black holes"]) {
    prompts.push({ prompt });
  }
  for (const { prompt, schema } of prompts) {
    const { tokens } = await answerTo(prompt, schema && { schema });
    // At 30 to 60 tokens a second, evenly: 43 on average.
    const seconds = tokens.length * Math.LN2 / 30;
    assert(seconds > 6.5 && seconds < 11, `${prompt}: ${seconds} s`);
  }
});

Deno.test("the demo model keeps its texts within bounds for any prompt", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string({ unit: "binary" }), fc.lorem()),
      async (prompt) => {
        if (prompt.startsWith("demo:")) return;
        const { summary } = JSON.parse((await answerTo(prompt)).text);
        assert(summary.length >= 300 && summary.length <= 600, summary);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("the demo model speaks Chat Completions", async () => {
  const response = await ask("猫", { withUsage: true });
  assertEquals(response.status, 200);
  assert(response.headers.get("content-type")!.startsWith("text/event-stream"));
  const { chunks, tokens, others } = read(await response.text());
  assertEquals(chunks[0]!.choices[0]!.delta, {
    role: "assistant",
    content: "",
  });
  assertEquals(chunks.at(-2)!.choices[0]!.delta, {});
  assertEquals(chunks.at(-2)!.choices[0]!.finish_reason, "stop");
  assertEquals(chunks.at(-1)!.choices, []);
  assert(chunks.at(-1)!.usage!.total_tokens > tokens.length);
  assertEquals(Object.keys(others), ["role"]);
  for (const { object } of chunks) {
    assertEquals(object, "chat.completion.chunk");
  }

  const without = await answerTo("猫");
  assert(without.chunks.every(({ usage }) => usage === undefined));
  assertEquals(without.chunks.length, chunks.length - 1);
});

Deno.test("the demo model knows no other endpoint", async () => {
  const demo = createDemoFetch();
  for (
    const [path, method] of [
      ["/v1/models", "GET"],
      ["/v1/completions", "POST"],
      ["/v1/chat/completions", "GET"],
    ] as const
  ) {
    const response = await demo(`https://demo.invalid${path}`, { method });
    assertEquals(response.status, 404);
    assertEquals((await response.json()).error.code, "not_found");
  }
  for (const body of ["", "{}", '{"stream":false}', "[]"]) {
    const response = await demo(URL, { method: "POST", body });
    assertEquals(response.status, 400);
    assert((await response.json()).error.message !== "");
  }
});

Deno.test("the demo model cuts where models cut", async () => {
  const seen = {
    "inside an escape": false,
    "after a backslash": false,
    "inside a surrogate pair": false,
    "between escaped halves": false,
    "between a quote and a comma": false,
    "several JSON tokens at once": false,
    "white space between tokens": false,
  };
  for (const topic of "杯灯鸟鱼树花草山石云") {
    const { tokens } = await answerTo(topic);
    for (const [index, token] of tokens.entries()) {
      const next = tokens[index + 1] ?? "";
      const at = (name: keyof typeof seen, found: boolean) => {
        seen[name] ||= found;
      };
      at("inside an escape", /\\u[0-9a-f]{0,3}$/.test(token));
      at("after a backslash", /(?:^|[^\\])\\$/.test(token));
      at("inside a surrogate pair", !token.isWellFormed());
      at(
        "between escaped halves",
        /\\ud8[0-9a-f]{2}$/.test(token) && next.startsWith("\\"),
      );
      at(
        "between a quote and a comma",
        token.endsWith('"') && next.startsWith(","),
      );
      at("several JSON tokens at once", /",\s*"|":\s*"/.test(token));
      at("white space between tokens", /^\s+$/.test(token));
    }
  }
  for (const [place, found] of Object.entries(seen)) assert(found, place);
});

Deno.test("the demo model finds the schema where the server puts it", async () => {
  const schema = {
    type: "object",
    properties: { price: { type: "number" }, note: { const: "{\n{" } },
    required: ["price", "note"],
    additionalProperties: false,
  };
  for (
    const text of [JSON.stringify(schema), JSON.stringify(schema, null, 2)]
  ) {
    const system = `You answer in JSON, say {"a": 1}.\n{ not this }\n${text}\n`;
    const answer = await answerTo("灯", { system });
    const document = JSON.parse(answer.text);
    assertEquals(Object.keys(document), ["price", "note"]);
    assertEquals(validateAtOnce(checkSchema(schema), document), {
      valid: true,
    });
  }
  const { text } = await answerTo("灯", { system: "JSON {braces}\n{" });
  assertEquals(Object.keys(JSON.parse(text)), ["title", "summary"]);
  const response = await ask("灯", { schema: { type: "string" } });
  assertEquals(response.status, 400);
  await response.body!.cancel();
});

Deno.test("the demo model answers the presets' schemas", async () => {
  for (const [name, languages] of Object.entries(presets)) {
    for (const { prompt, schema } of Object.values(languages)) {
      const wanted = checkSchema(schema ?? DEFAULT_SCHEMA);
      const document = await documentOf(wanted, prompt);
      assertEquals(validateAtOnce(wanted, document), { valid: true }, name);
      if (name === "quiz") {
        for (const { options, answer } of document.questions) {
          assert(options.includes(answer));
        }
      }
    }
  }
});

Deno.test("the demo model answers difficult schemas", async () => {
  const text = { type: "string" };
  const node = {
    type: "object",
    properties: {
      name: text,
      children: { type: "array", items: { $ref: "#" } },
    },
    required: ["name", "children"],
  };
  const schemas: JsonSchema[] = [
    {},
    { type: "array" },
    node,
    {
      ...node,
      properties: {
        ...node.properties,
        left: { $ref: "#" },
        right: { $ref: "#" },
      },
    },
    {
      type: "object",
      properties: { next: { anyOf: [{ $ref: "#" }, { type: "null" }] } },
      required: ["next"],
    },
    { type: "array", items: text, minItems: 12, maxItems: 12 },
    {
      type: "array",
      items: { enum: ["a", "b", "c"] },
      minItems: 3,
      uniqueItems: true,
    },
    { type: "array", items: { type: "array", items: { type: "integer" } } },
    { type: "object", additionalProperties: { type: "integer" } },
    { type: "object", properties: { a: false, b: text } },
    {
      type: "object",
      properties: {
        n: { type: "number", minimum: 0.01, maximum: 0.02, multipleOf: 0.005 },
        m: { type: "number", minimum: 0.01, maximum: 0.02 },
        rating: { type: "integer", minimum: 7, maximum: 9, multipleOf: 4 },
      },
    },
    {
      type: "object",
      properties: {
        n: { type: "number", minimum: 1e300 },
        m: { type: "number", maximum: -1e300 },
      },
    },
    { type: "array", items: { type: "integer", multipleOf: 1.5 } },
    {
      type: "array",
      items: {
        allOf: [{ type: "number", multipleOf: 0.4 }, { multipleOf: 0.6 }, {
          type: "integer",
        }],
      },
    },
    {
      type: "array",
      items: {
        type: "integer",
        minimum: -2.2204460492503136e-16,
        maximum: 2.9999999999999996,
        multipleOf: 1,
      },
      minItems: 50,
    },
    {
      type: "array",
      items: { type: "number", exclusiveMinimum: 0, maximum: 5e-324 },
    },
    {
      type: "array",
      items: { type: "number", exclusiveMinimum: 99, exclusiveMaximum: 99.1 },
    },
    {
      type: "array",
      items: { type: "integer", minimum: 1, maximum: 12 },
      minItems: 12,
      uniqueItems: true,
    },
    {
      type: "array",
      items: { type: "string", maxLength: 8 },
      minItems: 40,
      uniqueItems: true,
    },
    {
      type: "array",
      prefixItems: [{ type: "integer" }, { type: "boolean" }, {
        type: "null",
      }, { type: "number" }],
      items: false,
    },
    { type: "array", items: false },
    {
      type: "object",
      properties: {
        s: { type: "string", minLength: 900, maxLength: 901 },
        t: { type: "string", maxLength: 1 },
      },
    },
    {
      type: "object",
      properties: {
        a: {
          oneOf: [{ type: "string", maxLength: 0 }, {
            type: "string",
            minLength: 3,
          }, { type: "integer" }],
        },
      },
    },
    {
      allOf: [{
        type: "object",
        properties: { a: { type: ["string", "null"] } },
      }, { properties: { a: { type: "string" } }, required: ["a"] }],
    },
    {
      type: "object",
      properties: { a: { allOf: [{ enum: [1, 2, 3] }, { enum: [3, 4] }] } },
    },
    JSON.parse(
      '{"type":"object","properties":{"__proto__":{"type":"null"},"constructor":{"type":"integer"}},"required":["__proto__","toString"]}',
    ),
  ];
  for (const schema of schemas) {
    const checked = checkSchema(schema);
    for (const prompt of ["猫", "dogs", "demo:hostile"]) {
      const document = await documentOf(checked, prompt);
      const result = validateAtOnce(checked, document);
      const told = `${JSON.stringify(schema)} ${JSON.stringify(document)}`;
      assertEquals(result, { valid: true }, told);
    }
  }
});

Deno.test("the demo model comes to an end with any schema", () => {
  const options = {
    language: "zh",
    topic: "猫",
    random: () => 0.5,
    repeat: 1,
    hostile: false,
  } as const;
  const link = { properties: { p: { $ref: "#/$defs/d" } }, required: ["p"] };
  const endless = {
    type: "object",
    required: ["a", "b"],
    properties: { a: { $ref: "#" }, b: { $ref: "#" } },
  };
  const schemas: JsonSchema[] = [
    endless,
    { type: "object", not: {} },
    { type: "object", const: null },
    { type: "object", minProperties: 1e9 },
    { type: "array", minItems: 1e9 },
    { type: "array", minItems: 1e9, items: { type: "array", minItems: 1e9 } },
    { type: "array", minItems: 1e9, items: { const: "x".repeat(50_000) } },
    {
      type: "array",
      minItems: 1e9,
      items: {
        $ref: "#/items/oneOf/0",
        oneOf: [{ description: "x".repeat(50_000) }],
      },
    },
    { type: "array", items: [{ allOf: [{ enum: [1] }, { enum: [2] }] }] },
    { type: "array", items: { allOf: [{ enum: [1] }, { enum: [2] }] } },
    { type: "array", items: { allOf: [{ type: "null" }, { type: "string" }] } },
    { type: "object", required: ["toString", "__proto__"] },
    {
      type: "object",
      required: ["a"],
      properties: { a: { type: "string", minLength: 1e9 } },
    },
    // What merging would multiply: 150 schemas for each value, each with a
    // reference to all of them.
    {
      ...link,
      type: "object",
      $defs: { d: { allOf: Array.from({ length: 150 }, () => ({ ...link })) } },
    },
    {
      ...link,
      type: "object",
      $defs: { d: { anyOf: Array.from({ length: 150 }, () => ({ ...link })) } },
    },
    {
      ...link,
      type: "object",
      $defs: {
        d: {
          allOf: Array.from({ length: 150 }, (_, index) => {
            const names = Array.from(
              { length: 10 },
              (_, n) => [index, n].join(),
            );
            const members = names.map((name) => [name, true]);
            return {
              required: [...link.required, ...names],
              properties: {
                ...link.properties,
                ...Object.fromEntries(members),
              },
            };
          }),
        },
      },
    },
  ];
  for (const schema of schemas) {
    const document = writeDocument(checkSchema(schema), options);
    assert(JSON.stringify(document).length < 2_000_000);
  }
});

/** From the smallest to the largest that there are, and none. */
const distance = fc.oneof(
  fc.constantFrom(0, Number.EPSILON, Number.MIN_VALUE, 1e300),
  fc.double({ min: 0, max: 10, noNaN: true }),
  fc.double({ min: 0, max: 1e18, noNaN: true }),
);

// Random schemas that something satisfies.
const { schema: anySchema } = fc.letrec<
  { schema: JsonSchema; root: JsonSchema }
>(
  (tie) => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<JsonSchema>(
        {},
        { type: "null" },
        { type: "boolean" },
        { type: ["null", "integer"] },
        { type: "string", format: "date-time" },
        { $ref: "#" },
      ),
      fc.tuple(fc.nat(40), fc.nat(40)).map(([minLength, more]) => ({
        type: "string",
        minLength,
        maxLength: minLength + more,
      })),
      // Some number k·multipleOf satisfies each of these, and others may.
      fc.record({
        type: fc.constantFrom("integer", "number"),
        multipleOf: fc.constantFrom(1, 2, 7, 1000, 1e20),
        digits: fc.constantFrom(0, 1, 2, 7, 30),
        k: fc.integer({ min: -2_000, max: 2_000 }),
        below: distance,
        above: distance,
        exclusive: fc.boolean(),
        bare: fc.boolean(),
      }).map(({ type, digits, k, below, above, exclusive, bare, ...rest }) => {
        const isInteger = type === "integer";
        const multipleOf = Number(
          `${rest.multipleOf}e-${isInteger ? 0 : digits}`.replace("+", ""),
        );
        const witness = Number((k * multipleOf).toPrecision(15));
        const [low, high] = [witness - below, witness + above];
        const bound = (name: string, value: number) =>
          exclusive && value !== witness
            ? { [`exclusive${name}`]: value }
            : { [name.toLowerCase()]: value };
        return {
          type,
          ...bound("Minimum", low),
          ...bound("Maximum", high),
          ...!bare && { multipleOf },
        };
      }),
      fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1 }).map((
        values,
      ) => ({
        enum: values,
      })),
      fc.jsonValue({ maxDepth: 2 }).map((value) => ({ const: value })),
      fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({
        anyOf,
      })),
      tie("schema").map((schema) => ({ allOf: [schema, {}], title: "x" })),
      tie("root"),
    ),
    root: fc.oneof(
      { maxDepth: 4 },
      fc.tuple(
        fc.dictionary(
          fc.oneof(
            fc.constantFrom("title", "price", "steps", "tags", "url", "answer"),
            fc.string({ maxLength: 8, unit: "binary" }),
          ),
          tie("schema"),
          { maxKeys: 5 },
        ),
        fc.boolean(),
        fc.oneof(fc.boolean(), tie("schema")),
      ).map(([properties, strict, additionalProperties]) => ({
        type: "object",
        properties,
        // A reference to the root that must be there would never end.
        required: strict
          ? Object.keys(properties).filter((name) =>
            !JSON.stringify(properties[name]).includes('"$ref"')
          )
          : [],
        additionalProperties,
      })),
      fc.tuple(tie("schema"), fc.nat(4), fc.nat(4)).map(
        ([items, minItems, more]) => ({
          type: "array",
          items,
          minItems: JSON.stringify(items).includes('"$ref"') ? 0 : minItems,
          maxItems: minItems + more,
        }),
      ),
    ),
  }),
);

Deno.test("the demo model satisfies random schemas", async () => {
  const root = anySchema.filter(({ type }) =>
    type === "object" || type === "array"
  );
  await fc.assert(
    fc.asyncProperty(root, fc.nat(), async (schema, seed) => {
      const checked = checkSchema(JSON.parse(JSON.stringify(schema)));
      const document = await documentOf(checked, `猫 ${seed}`);
      assertEquals(
        validateAtOnce(checked, document),
        { valid: true },
        JSON.stringify(document),
      );
    }),
    { numRuns: 400 },
  );
});

Deno.test("the demo model misbehaves on purpose", async () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const isHalf = (text: string) =>
    text.startsWith("{") && text.includes('"summary"') && !isJson(text) &&
    text.length > 100;
  const cases: Record<string, (answer: Answer) => boolean> = {
    "demo:truncated": ({ text, finish, done }) =>
      isHalf(text) && finish === "length" && done,
    "demo:filter": ({ text, finish, done }) =>
      isHalf(text) && finish === "content_filter" && done,
    "demo:refusal": ({ text, others, finish }) =>
      text === "" && /抱歉/.test(others.refusal!) && finish === "stop",
    "demo:fence": ({ text }) =>
      /^[^{`]+```json\n(\{[^]*\})\n```[^`]+$/.test(text) &&
      isJson(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)),
    "demo:think": ({ text, others }) =>
      isJson(text) && others.reasoning_content!.includes("猫"),
    "demo:think-tag": ({ text }) =>
      /^<think>[^<]*\{[^<]*<\/think>/.test(text) &&
      isJson(text.slice(text.indexOf("</think>") + 8)),
    "demo:malformed": ({ text, finish }) => !isJson(text) && finish === "stop",
    "demo:no-json": ({ text, finish }) =>
      !/[{[]/.test(text) && text.includes("猫") && finish === "stop",
    "demo:error": ({ chunks, finish, done }) =>
      chunks.at(-1)!.error!.message !== "" && finish === undefined && !done,
    "demo:cut": ({ text, finish, done }) =>
      isHalf(text) && finish === undefined && !done,
    "demo:hostile": ({ text }) =>
      /<\/script>/.test(text) && /data: /.test(JSON.parse(text).summary) &&
      /\u2028/.test(JSON.parse(text).summary),
    "demo:slow": ({ text }) => isJson(text),
    "demo:fast": ({ text }) => isJson(text),
    "demo:long": ({ text }) => {
      const size = new TextEncoder().encode(text).length;
      return isJson(text) && size > 150_000 && size < 250_000;
    },
  };
  for (const [prompt, holds] of Object.entries(cases)) {
    const answer = await answerTo(`${prompt} 猫`);
    assert(holds(answer), `${prompt}: ${answer.text.slice(0, 500)}`);
    assert(prompt in DEMO_PROMPTS);
  }
  for (
    const [prompt, status] of [["demo:rate-limit", 429], [
      "demo:auth",
      401,
    ]] as const
  ) {
    const response = await ask(prompt);
    assertEquals(response.status, status);
    assertEquals(typeof (await response.json()).error.message, "string");
  }
  const tested = [
    ...Object.keys(cases),
    "demo:rate-limit",
    "demo:auth",
    "demo:silence",
    "demo:breaks",
    "demo:length",
    "demo:invalid",
  ];
  assertEquals(tested.sort(), Object.keys(DEMO_PROMPTS).sort());
});

/** The text of a stream, and whether it broke. */
async function hear(response: Response) {
  const decoder = new TextDecoder();
  let stream = "";
  try {
    for await (const bytes of response.body!) stream += decoder.decode(bytes);
    return { ...read(stream), broke: false };
  } catch {
    return { ...read(stream), broke: true };
  }
}

function soFar(content: string) {
  return [{ role: "assistant", content }];
}

Deno.test("the demo model goes on with an answer whose connection broke", async () => {
  const demo = createDemoFetch({ tokensPerSecond: Infinity });
  const whole = (await answerTo("demo:fast 猫")).text;
  const hearIt = async (after: Asked["after"] = []) =>
    hear(await ask("demo:breaks 猫", { demo, after }));
  const first = await hearIt();
  assertEquals([first.broke, first.finish], [true, undefined]);
  assert(whole.length / 3 < first.text.length);
  const rest = await hearIt(soFar(first.text));
  assertEquals([rest.broke, rest.finish], [false, "stop"]);
  JSON.parse(first.text + rest.text);

  // It breaks again for the next to ask, and is whole when asked once more.
  const next = await hearIt();
  assertEquals([next.broke, next.text], [true, first.text]);
  const again = await hearIt();
  assertEquals([again.broke, again.finish], [false, "stop"]);
  assertEquals(again.text, first.text + rest.text);
});

Deno.test("the demo model goes on from anywhere, and begins again if it does not know the text", async () => {
  const { text } = await answerTo("猫 🐈");
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length), async (length) => {
      const after = soFar(text.slice(0, length));
      assertEquals(
        (await answerTo("猫 🐈", { after })).text,
        text.slice(length),
      );
    }),
    { numRuns: 50 },
  );
  const other = await answerTo("猫 🐈", { after: soFar("{ ") });
  assertEquals(other.text, text);
  const thinking = await answerTo("demo:think 猫", { after: soFar("{") });
  assertEquals(thinking.others.reasoning_content, undefined);
});

Deno.test("the demo model goes on where the server asks it to", async () => {
  const { model } = readConfig({ get: () => undefined });
  const askModel = createAsk({
    ...model,
    fetch: createDemoFetch({ tokensPerSecond: Infinity }),
  });
  assert(askModel.continues);
  const textOf = async (continuation?: string) => {
    let text = "";
    await askModel(
      {
        prompt: "猫",
        schema: DEFAULT_SCHEMA,
        ...(continuation !== undefined && { continuation }),
      },
      new AbortController().signal,
      (part) => text += part.type === "text" ? part.text : "",
    );
    return text;
  };
  const whole = await textOf();
  assertEquals(await textOf(whole.slice(0, 100)), whole.slice(100));
});

Deno.test("the demo model stops for length, and goes on", async () => {
  let text = "";
  const finishes: (string | undefined)[] = [];
  do {
    const after = text === "" ? [] : soFar(text);
    const answer = await answerTo("demo:length 猫", { after });
    finishes.push(answer.finish);
    text += answer.text;
  } while (finishes.at(-1) === "length");
  assertEquals(finishes, ["length", "length", "stop"]);
  assertEquals(JSON.parse(text), JSON.parse((await answerTo("猫")).text));
});

Deno.test("the demo model violates a schema until it is told so", async () => {
  for (const { zh: { prompt, schema } } of Object.values(presets)) {
    const wanted = checkSchema(schema ?? DEFAULT_SCHEMA);
    const invalid = (after: Asked["after"] = []) =>
      answerTo(`demo:invalid ${prompt}`, { schema: wanted, after });
    const wrong = JSON.parse((await invalid()).text);
    const result = validateAtOnce(wanted, wrong);
    assert(!result.valid);
    assertEquals(result.errors?.map(({ pointer }) => pointer), [
      `/${Object.keys(wrong)[0]}`,
    ]);
    for (const role of ["user", "system"]) {
      const complaint = { role, content: "The title should be a string" };
      const right = await invalid([...soFar(JSON.stringify(wrong)), complaint]);
      assertEquals(validateAtOnce(wanted, JSON.parse(right.text)), {
        valid: true,
      });
      assertEquals((await invalid([complaint])).text, right.text);
    }
  }
  const numbers = { type: "array", items: { type: "number" } };
  const { text } = await answerTo("demo:invalid", { schema: numbers });
  assert(!validateAtOnce(checkSchema(numbers), JSON.parse(text)).valid);
});

Deno.test("the demo model misbehaves with any schema", async () => {
  for (const schema of [{}, { type: "array", items: { type: "integer" } }]) {
    for (const prompt of Object.keys(DEMO_PROMPTS)) {
      if (prompt === "demo:silence") continue;
      const response = await ask(prompt, { schema });
      await response.text().catch(() => assertEquals(prompt, "demo:breaks"));
    }
  }
});

Deno.test("the demo model writes 30 to 60 tokens a second", async () => {
  const times = await timesOf("猫", 100);
  const first = times[0]!;
  assert(first >= 250 && first <= 500, `${first}`);
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  for (const gap of gaps) {
    assert(gap >= 1_000 / 60 - 1e-6 && gap <= 1_000 / 30 + 1e-6, `${gap}`);
  }
  assert(new Set(gaps).size > gaps.length / 2);
});

Deno.test("the demo model is as slow or fast as it is told", async () => {
  const measure = async (prompt: string, tokensPerSecond?: number) => {
    const times = await timesOf(prompt, 12, tokensPerSecond);
    const gap = (times[11]! - times[1]!) / 10;
    return [times[0]!, gap].map((value) => value.toFixed(2));
  };
  assertEquals(await measure("demo:slow"), ["5000.00", "333.33"]);
  assertEquals(await measure("demo:long"), ["30.00", "2.00"]);
  assertEquals(await measure("demo:fast"), ["7.50", "0.50"]);
  assertEquals(await measure("demo:slow", 100), ["150.00", "10.00"]);
});

Deno.test("the demo model makes up for a reader that was late", async () => {
  const clock = new TestClock();
  const response = await ask("猫", { options: { clock } });
  clock.goTo(60_000);
  assert((await response.text()).endsWith("data: [DONE]\n\n"));
  assertEquals(clock.pending, 0);
});

Deno.test("the demo model falls silent, and its stream can be cancelled", async () => {
  const clock = new TestClock();
  const response = await ask("demo:silence", { options: { clock } });
  // All that is due by then comes at once.
  clock.goTo(600_000);
  const reader = response.body!.getReader();
  let last = reader.read();
  let waiting = false;
  while (!waiting) {
    waiting = await Promise.race([
      last.then(({ done }) => {
        assert(!done, "it has ended instead");
        last = reader.read();
        return false;
      }),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 0)),
    ]);
  }
  // Nothing more will come, however long one waits.
  assertEquals(clock.pending, 0);
  await reader.cancel();
  assert((await last).done);
});

Deno.test("aborting ends the demo model's stream with an AbortError", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const { signal } = controller;
  const response = await ask("猫", { signal, options: { clock } });
  const reader = response.body!.getReader();
  await Promise.all([reader.read(), clock.goOn()]);
  const next = reader.read();
  while (clock.pending === 0) await Promise.resolve();
  controller.abort();
  const error = await assertRejects(() => next, DOMException);
  assertEquals((error as DOMException).name, "AbortError");
  assertEquals(clock.pending, 0);
  await assertRejects(() => reader.read(), DOMException);
  await assertRejects(() => ask("猫", { signal }), DOMException);
});

Deno.test("cancelling the demo model's stream leaves no timer", async () => {
  // The real clock: the test's sanitizers tell.
  const response = await ask("demo:slow", { options: {} });
  const reader = response.body!.getReader();
  const reading = reader.read();
  await reader.cancel();
  assert((await reading).done);
});

Deno.test("the demo model's body is a byte stream", async () => {
  const response = await ask("猫");
  const expected = await answerTo("猫");
  const reader = response.body!.getReader({ mode: "byob" });
  const decoder = new TextDecoder();
  let text = "";
  let buffer = new Uint8Array(7);
  while (true) {
    const { done, value } = await reader.read(buffer);
    if (done) break;
    text += decoder.decode(value, { stream: true });
    buffer = new Uint8Array(value.buffer);
  }
  assertEquals(read(text).text, expected.text);
});

Deno.test("the demo model does nothing unless it is read", async () => {
  const clock = new TestClock();
  const response = await ask("猫", { options: { clock } });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(clock.pending, 0);
  await response.body!.cancel();
});

const SERVINGS = checkSchema({
  type: "object",
  properties: { servings: { type: "integer" } },
  required: ["servings"],
});

Deno.test("a dish is for as many as the prompt says", async () => {
  for (
    const [prompt, servings] of [
      ["Pancakes for four", 4],
      ["Pancakes for 12 people", 12],
      ["pancakes for Six", 6],
      ["Pancakes, for six", 6],
      ["Dumplings for seven people", 7],
      ["dumplings for twelve", 12],
      ["a dinner for two tonight", 2],
      ["something for dinner, for 100 people", 100],
      ["Soup for ten minutes, for nine", 9],
      ["三人份的薄饼", 3],
      ["4人份薄饼", 4],
      ["两位的晚餐", 2],
      ["煎饼，六人份", 6],
      ["给七个人包的饺子", 7],
      ["十二人份的饺子", 12],
      ["二十人份的饺子", 20],
      ["九十九人份的饺子", 99],
    ] as const
  ) {
    assertEquals(await documentOf(SERVINGS, prompt), { servings }, prompt);
  }
});

Deno.test("what is for nobody in number is for as many as usual", () => {
  const topic = "Pancakes";
  const options = { language: "en", topic, random: () => 0.5 } as const;
  assertEquals(writeDocument(SERVINGS, options), { servings: 3 });
  for (
    const prompt of ["Pancakes for constructor", "Pancakes", "Pan for 0", "人"]
  ) assertEquals(guestsIn(prompt), undefined, prompt);
});

Deno.test("a topic is known however it is asked for", async () => {
  for (
    const prompt of [
      "什么是黑洞？",
      "黑洞是什么？",
      "请介绍一下黑洞",
      "What is a black hole?",
      "Please describe black holes",
    ]
  ) {
    const { text } = await answerTo(prompt);
    const topic = /黑洞/.test(prompt) ? "黑洞" : "black hole";
    const { ANSWERS } = LANGUAGES[topic === "黑洞" ? "zh" : "en"];
    const known = ANSWERS.find(({ topics }) => topics.includes(topic))!;
    assertEquals(JSON.parse(text).title, known.fields["title"], prompt);
  }
});
