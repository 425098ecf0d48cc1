import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Operation } from "../../lib/json_patch.ts";
import { JsonPatchParser } from "../../lib/parser.ts";
import { ChoiceHold } from "../../lib/schemas/choices.ts";
import { compile } from "../../lib/schemas/nodes.ts";
import { checkSchema } from "../../lib/schemas/schema.ts";
import { sizes, texts } from "../_documents.ts";
import { cut, joinAppends, merge, process } from "../_stream.ts";
import { workOf } from "../_work.ts";
import { schemas } from "./_schemas.ts";

/** The operations of a text in pieces, with strings held back. */
function hold(schema: unknown, pieces: string[]): Operation[][] {
  const holding = new ChoiceHold(compile(checkSchema(schema)));
  const parser = new JsonPatchParser();
  return pieces.map((piece) => holding.read(parser.write(piece)));
}

/** What is shown after each piece. */
function shown(schema: unknown, ...pieces: string[]): unknown[] {
  return pieces.map((_, index) =>
    merge(process(hold(schema, pieces.slice(0, index + 1)), false))
  );
}

const kind = { enum: ["circle", "square"] };

Deno.test("a string of which the schema names the values is shown whole", () => {
  const schema = {
    type: "object",
    properties: { kind, text: { type: "string" } },
  };
  assertEquals(shown(schema, '{"kind":"cir', "cle", '","text":"cir'), [
    {},
    {},
    { kind: "circle", text: "cir" },
  ]);
  // What is none of them, too.
  assertEquals(shown(schema, '{"kind":"x', 'y"'), [{}, { kind: "xy" }]);
});

Deno.test("a string is held back by whatever way the schema names its values", () => {
  const constant = { const: "a" };
  const ways: [schema: Record<string, unknown>, text: string, boolean][] = [
    [{ properties: { s: kind } }, '{"s":"a', true],
    [{ properties: { s: constant } }, '{"s":"a', true],
    [{ properties: { s: { type: "string" } } }, '{"s":"a', false],
    [{ properties: { "a/b": kind } }, '{"a/b":"a', true],
    [{ properties: { "7": kind } }, '{"7":"a', true],
    [{ properties: { __proto__: kind } }, '{"__proto__":"a', false],
    [{ additionalProperties: kind }, '{"s":"a', true],
    [{ properties: { "": kind } }, '{"":"a', true],
    [{ properties: { "": kind } }, '{"s":"a', false],
    [{ additionalProperties: kind, properties: { s: true } }, '{"s":"a', false],
    [{ additionalProperties: kind, properties: { s: {} } }, '{"s":"a', false],
    [{ type: "array", items: kind }, '["a', true],
    [{ type: "array", prefixItems: [{}, kind] }, '["a', false],
    [{ type: "array", prefixItems: [{}, kind] }, '[0,"a', true],
    [
      { properties: { s: { $ref: "#/$defs/k" } }, $defs: { k: kind } },
      '{"s":"a',
      true,
    ],
    [{ properties: { s: { allOf: [{}, kind] } } }, '{"s":"a', true],
    [{ properties: { s: { anyOf: [kind, constant] } } }, '{"s":"a', true],
    [
      { properties: { s: { anyOf: [kind, { type: "null" }] } } },
      '{"s":"a',
      true,
    ],
    [{ properties: { s: { anyOf: [kind, {}] } } }, '{"s":"a', false],
    [{ properties: { s: { oneOf: [kind, true] } } }, '{"s":"a', false],
    [{ properties: { s: { not: kind } } }, '{"s":"a', false],
    [{ allOf: [{ properties: { s: kind } }] }, '{"s":"a', true],
    [
      {
        oneOf: [{ properties: { s: constant } }, { properties: { s: kind } }],
      },
      '{"s":"a',
      true,
    ],
    [
      { oneOf: [{ properties: { s: constant } }, { properties: { s: {} } }] },
      '{"s":"a',
      false,
    ],
    [
      { properties: { o: { properties: { s: kind } } } },
      '{"o":{"t":"a"},"s":"a',
      false,
    ],
    [
      { properties: { o: { properties: { s: kind } } } },
      '{"t":"a","o":{"t":[""],"s":"a',
      true,
    ],
  ];
  for (const [schema, text, isHeld] of ways) {
    const [operations] = hold(JSON.parse(JSON.stringify(schema)), [text]);
    const { length } = new JsonPatchParser().write(text);
    assertEquals(length - operations!.length, isHeld ? 2 : 0, text);
  }
});

Deno.test("a name that comes twice is taken back when its new value is shown", () => {
  const schema = { type: "object", properties: { kind } };
  assertEquals(shown(schema, '{"kind":"circle","kind":"sq', 'uare"'), [
    { kind: "circle" },
    { kind: "square" },
  ]);
});

Deno.test("whatever is held back, and however the text is cut, the end is the same", () => {
  fc.assert(
    fc.property(schemas(), texts(), sizes, (schema, text, sizes) => {
      const holding = new ChoiceHold(compile(schema));
      const parser = new JsonPatchParser();
      const lists = cut(text, sizes)
        .map((piece) => holding.read(parser.write(piece)));
      lists.push(holding.read(parser.end()));
      assertEquals(merge(process(lists, false)), JSON.parse(text));
      // Nothing but the operations' cuts hangs on those of the text.
      const whole = new ChoiceHold(compile(schema));
      const once = new JsonPatchParser();
      assertEquals(
        joinAppends(lists.flat()),
        joinAppends(whole.read([...once.write(text), ...once.end()])),
      );
    }),
    { numRuns: 500 },
  );
});

Deno.test("a token in a string costs nothing", () => {
  const schema = { type: "object", properties: { kind, text: {} } };
  const holding = new ChoiceHold(compile(checkSchema(schema)));
  const parser = new JsonPatchParser();
  holding.read(parser.write('{"text":"'));
  const tokens = Array.from({ length: 1_000 }, () => parser.write("x"));
  let same = 0;
  const work = workOf(() => {
    for (const operations of tokens) {
      // The very list: nothing is copied.
      if (holding.read(operations) === operations) same++;
    }
  });
  assertEquals(same, 1_000);
  // What counting costs by itself.
  assert(work < 100, String(work));
});

/** Lists in an object, each of a state of its own. */
const wandering = Array.from(
  { length: 40_000 },
  (_, index) =>
    `"${index}":${"[".repeat(1 + index % 9)}${"]".repeat(1 + index % 9)}`,
);
const alternatives = {
  allOf: Array.from({ length: 60 }, () => ({
    items: { anyOf: Array(30).fill({}), enum: ["a"] },
  })),
};

Deno.test("what is held back costs a look-up for each value, whatever the schema", () => {
  const attacks: [schema: unknown, text: string][] = [
    [
      { type: "array", ...alternatives },
      `[${Array(40_000).fill("[]").join()}]`,
    ],
    [
      { type: "array", ...alternatives },
      `[${Array(40_000).fill('""').join()}]`,
    ],
    [
      {
        type: "object",
        properties: Object.fromEntries(
          Array.from({ length: 60 }, (_, index) => [`s${index}`, {
            anyOf: [{ $ref: "#" }, kind],
          }]),
        ),
        additionalProperties: {
          anyOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/b" }],
        },
        $defs: {
          a: { items: { anyOf: [{ $ref: "#/$defs/b" }, kind] } },
          b: { items: { allOf: [{ $ref: "#/$defs/a" }, {}] } },
        },
      },
      `{${wandering.join()}}`,
    ],
  ];
  for (const [schema, text] of attacks) {
    const holding = new ChoiceHold(compile(checkSchema(schema)));
    const operations = new JsonPatchParser().write(text);
    const work = workOf(() => holding.read(operations));
    assert(
      work < 50 * operations.length + 200_000,
      `${work} for ${operations.length}`,
    );
  }
});
