import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { JsonPatchParser } from "../../lib/parser.ts";
import { compile } from "../../lib/schemas/nodes.ts";
import { checkSchema, type JsonSchema } from "../../lib/schemas/schema.ts";
import { StreamValidation } from "../../lib/schemas/stream.ts";
import { sizes } from "../_documents.ts";
import { cut } from "../_stream.ts";
import { workOf } from "../_work.ts";
import { schemas, values } from "./_schemas.ts";
import { sorted, validateAtOnce } from "./_validate.ts";

/** A document in pieces, and what is known after each. */
function* feed(schema: JsonSchema, pieces: string[]) {
  const validation = new StreamValidation(compile(schema));
  const parser = new JsonPatchParser();
  for (const piece of pieces) {
    for (const _ of validation.read(parser.write(piece)));
    yield validation;
  }
}

/** What is known after each piece, as pointers and keywords. */
function told(schema: unknown, ...pieces: string[]): string[][] {
  const known = feed(checkSchema(schema), pieces)
    .map(({ violations }) =>
      violations.map(({ pointer, keyword }) => `${pointer} ${keyword}`)
    );
  return [...known];
}

Deno.test("a document that is cut anywhere is judged as it is when it is whole", () => {
  fc.assert(
    fc.property(schemas({ pattern: "a" }), values, sizes, (
      schema,
      value,
      sizes,
    ) => {
      let before: unknown[] = [];
      let last: StreamValidation | undefined;
      for (
        const validation of feed(
          schema,
          cut(`${JSON.stringify(value)} `, sizes),
        )
      ) {
        // What has been told stays.
        const { violations } = validation;
        assertEquals(violations.slice(0, before.length), before);
        before = violations;
        last = validation;
      }
      assertEquals(last!.hasDuplicates, false);
      assertEquals(sorted(last!.result), sorted(validateAtOnce(schema, value)));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("a violation is told when it is certain, and no later", () => {
  const schema = {
    type: "object",
    properties: {
      n: { type: "integer", minimum: 1 },
      s: { type: "string", maxLength: 2 },
      l: { type: "array", maxItems: 1, items: { type: "string" } },
      o: { type: "object", required: ["x"], additionalProperties: false },
    },
    required: ["n", "missing"],
  };
  assertEquals(told(schema, '{"n":0', ","), [[], ["/n minimum"]]);
  // By its first character.
  assertEquals(told(schema, '{"n":', '"'), [[], ["/n type"]]);
  assertEquals(told(schema, '{"s":', "["), [[], ["/s type"]]);
  assertEquals(told(schema, '{"s":"abc', "d", "e"), [
    [],
    [],
    ["/s maxLength"],
  ]);
  assertEquals(told(schema, '{"s":"ab', 'c"'), [[], ["/s maxLength"]]);
  assertEquals(told(schema, '{"l":["a"', ',"'), [[], ["/l maxItems"]]);
  assertEquals(told(schema, '{"l":[1', ","), [[], ["/l/0 type"]]);
  assertEquals(told(schema, '{"o":{"x":', "["), [
    [],
    ["/o/x additionalProperties"],
  ]);
  assertEquals(told(schema, '{"o":{', "}"), [[], ["/o required"]]);
  assertEquals(told(schema, '{"n":1', "}"), [[], [" required"]]);
});

Deno.test("what hangs on others waits until they are known", () => {
  const schema = {
    type: "object",
    properties: {
      any: { anyOf: [{ items: { type: "string" } }, { maxItems: 1 }] },
      not: { not: { items: { type: "number" } } },
    },
    if: { required: ["then"] },
    then: { properties: { then: { type: "string" } } },
    dependentSchemas: { d: { properties: { e: { type: "null" } } } },
    unevaluatedProperties: { type: "number" },
  };
  assertEquals(told(schema, '{"any":[1', ",2", "]"), [[], [], ["/any anyOf"]]);
  assertEquals(told(schema, '{"not":[1', ",2", "]"), [[], [], ["/not not"]]);
  assertEquals(told(schema, '{"then":1', ',"a":1', "}"), [
    [],
    [],
    ["/then type"],
  ]);
  assertEquals(told(schema, '{"e":1', ',"d":1', "}"), [[], [], ["/e type"]]);
  assertEquals(told(schema, '{"u":""', ',"v":1', "}"), [[], [], ["/u type"]]);
});

Deno.test("a name that comes twice is told, for what was said of it may be wrong", () => {
  const schema = { type: "object", properties: { a: { type: "number" } } };
  const known = feed(checkSchema(schema), ['{"a":"x"', ',"a":1}'])
    .map(({ hasDuplicates }) => hasDuplicates);
  assertEquals([...known], [false, true]);
});

Deno.test("no more than ten are told, and the rest is read over", () => {
  const schema = { type: "array", items: { type: "string" } };
  const all = [...feed(checkSchema(schema), [`[${Array(50).fill(1)}]`])];
  const { result } = all.at(-1)!;
  assertEquals(result.errors?.length, 10);
  assertEquals(result.unchecked, undefined);
});

Deno.test("a long string costs the same for each piece, whatever is wrong with it", () => {
  const schema = checkSchema({
    type: "object",
    properties: { a: { type: "number", maxLength: 3 } },
  });
  const validation = new StreamValidation(compile(schema));
  const parser = new JsonPatchParser();
  const all = [...validation.read(parser.write('{"a":"'))];
  for (let index = 0; index < 100_000; index++) {
    all.push(...validation.read(parser.write("x")));
  }
  assertEquals(validation.violations.length, 2);
  // No pause was due.
  assertEquals(all.length, 0);
  assert(!validation.hasDuplicates);
});

/** Feeds a text in pieces; the most that one of them costs. */
function feedAll(
  schema: unknown,
  pieces: string[],
): { validation: StreamValidation; most: number } {
  const validation = new StreamValidation(compile(checkSchema(schema)));
  const parser = new JsonPatchParser();
  let most = 0;
  for (const piece of pieces) {
    const operations = parser.write(piece);
    most = Math.max(most, workOf(() => validation.feed(operations)));
  }
  return { validation, most };
}

Deno.test("what is fed is judged at once", async () => {
  const schema = { type: "array", items: { type: "string" } };
  const { validation } = feedAll(schema, ["[1,", '"a"', ",2,"]);
  assertEquals(validation.violations.map(({ pointer }) => pointer), [
    "/0",
    "/2",
  ]);
  assertEquals((await validation.finish(() => undefined))?.valid, false);
});

Deno.test("a token costs no more than a few slices, and the rest is made up for", async () => {
  const required = Array.from({ length: 1_000 }, (_, index) => `m${index}`);
  const schema = {
    type: "array",
    items: { anyOf: [{ required }, { type: "object" }] },
  };
  // Each element costs half a slice.
  const pieces = ["[", ...Array(200).fill("{},{},{},{},{},{},{},{},"), "{}]"];
  const { validation, most } = feedAll(schema, pieces);
  assert(most < 30_000, String(most));
  let pauses = 0;
  const result = await validation.finish(() => {
    pauses++;
    return undefined;
  });
  assertEquals(result, { valid: true });
  assert(pauses > 100, String(pauses));
});

Deno.test("what would take too long, or too much memory, is left to the end", async () => {
  const cases: [unknown, string[]][] = [
    // Too much waits.
    [
      {
        type: "array",
        items: {
          anyOf: [
            { required: Array.from({ length: 400 }, (_, i) => `m${i}`) },
            { type: "object" },
          ],
        },
      },
      ["[", ...Array(200).fill("{},".repeat(64)), "{}]"],
    ],
    // Too much is kept.
    [
      { type: "array", uniqueItems: true },
      Array.from({ length: 20_000 }, (_, i) => `${i === 0 ? "[" : ","}${i}`)
        .concat("]"),
    ],
  ];
  for (const [schema, pieces] of cases) {
    const { validation, most } = feedAll(schema, pieces);
    assert(most < 40_000, String(most));
    assertEquals(await validation.finish(() => undefined), undefined);
    assertEquals(validation.violations, []);
  }
});

Deno.test("a name that comes twice leaves the value to the end", async () => {
  const { validation } = feedAll({ type: "object" }, ['{"a":1,"a":2}']);
  assertEquals(await validation.finish(() => undefined), undefined);
});
