import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { JsonPatchParser } from "../../lib/parser.ts";
import { checkSchema, type JsonSchema } from "../../lib/schemas/schema.ts";
import { StreamValidation } from "../../lib/schemas/stream.ts";
import { sizes } from "../_documents.ts";
import { cut } from "../_stream.ts";
import { schemas, values } from "./_schemas.ts";
import { sorted, validateAtOnce } from "./_validate.ts";

/** A document in pieces, and what is known after each. */
function* feed(schema: JsonSchema, pieces: string[]) {
  const validation = new StreamValidation(schema);
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
  const validation = new StreamValidation(schema);
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
