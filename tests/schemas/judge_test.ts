// The verdicts, against another validator; and their cost, in work counted.

import { assert, assertEquals } from "@std/assert";
import { validate as theirs } from "@cfworker/json-schema";
import fc from "fast-check";
import { Judge } from "../../lib/schemas/judge.ts";
import { compile } from "../../lib/schemas/nodes.ts";
import { checkSchema, type JsonSchema } from "../../lib/schemas/schema.ts";
import { validating } from "../../lib/schemas/validation.ts";
import { workOf } from "../_work.ts";
import { schemas, values } from "./_schemas.ts";
import { check, validateAtOnce } from "./_validate.ts";

/** What @cfworker/json-schema says; what it gets wrong is left out. */
function oracle(schema: JsonSchema, value: unknown): boolean {
  // There it takes for evaluated what stands beside the keyword ("cousins" in
  // the official test suite).
  fc.pre(!COUSINS.test(JSON.stringify(schema)));
  return theirs(value, schema, "2020-12", undefined, false).valid;
}

const COUSINS = /"(?:then|else|dependentSchemas)":.*"unevaluated/;

Deno.test("every verdict is @cfworker/json-schema's", () => {
  let wrong = 0;
  fc.assert(
    fc.property(schemas(), values, (schema, value) => {
      const { valid, errors, unchecked } = validateAtOnce(schema, value);
      assertEquals(valid, oracle(schema, value));
      assertEquals(unchecked, undefined);
      assertEquals(errors === undefined, valid);
      if (errors === undefined) return;
      assert(errors.length > 0 && errors.length <= 10);
      wrong++;
    }),
    { numRuns: 2_000 },
  );
  assert(wrong > 100);
});

/** As often as all other assertions together. */
const patterns = ["a", "b", "^$"].flatMap((pattern) =>
  Array(7).fill({ pattern })
);

Deno.test("nothing is called valid, or invalid, because of a pattern that is not judged", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      schemas(...patterns),
      fc.oneof(values, fc.constantFrom("", "a", "b", "ab")),
      (schema, value) => {
        const { valid, unchecked } = validateAtOnce(schema, value);
        const truth = oracle(schema, value);
        seen.add(`${valid} ${unchecked} ${truth}`);
        // `valid: true` beside `unchecked` is about all but the patterns.
        if (valid === undefined) assertEquals(unchecked, ["pattern"]);
        else if (unchecked === undefined || !valid) assertEquals(valid, truth);
      },
    ),
    { numRuns: 4_000 },
  );
  for (const verdict of ["true", "false"]) {
    for (const truth of ["true", "false"]) {
      if (verdict === "false" && truth === "true") continue;
      assert(seen.has(`${verdict} pattern ${truth}`), [...seen].join());
    }
    assert(seen.has(`undefined pattern ${verdict}`), [...seen].join());
    assert(seen.has(`${verdict} undefined ${verdict}`), [...seen].join());
  }
});

Deno.test("valid covers what was judged, and is absent where a pattern decides", () => {
  const pattern = { type: "string", pattern: "^a" };
  const number = { type: "number" };
  const cases: [JsonSchema, unknown, boolean | undefined, boolean][] = [
    [pattern, "z", true, true],
    [{ allOf: [pattern, { minLength: 2 }] }, "z", false, true],
    [pattern, 1, false, false],
    [{ pattern: "^a" }, 1, true, false],
    [{ not: pattern }, "z", undefined, true],
    [{ not: pattern }, 1, true, false],
    [{ not: { not: pattern } }, "z", undefined, true],
    // All but one are ruled out: then that one has to hold.
    [{ anyOf: [pattern, number] }, "z", true, true],
    [{ oneOf: [number, pattern] }, "z", true, true],
    [{ anyOf: [pattern, number] }, 1, true, false],
    [{ anyOf: [pattern, { minLength: 1 }] }, "z", true, false],
    [{ anyOf: [pattern, { pattern: "^b" }] }, "z", undefined, true],
    [{ oneOf: [pattern, { minLength: 1 }] }, "z", undefined, true],
    [{ oneOf: [pattern, true, true] }, "z", false, false],
    [{ if: pattern, then: false, else: false }, "z", false, false],
    [{ if: pattern, then: { minLength: 1 } }, "z", true, false],
    [{ if: pattern, then: { minLength: 2 } }, "z", undefined, true],
    [{ if: { minLength: 1 }, then: pattern }, "z", true, true],
    [{ contains: pattern }, ["z"], undefined, true],
    [{ contains: pattern }, ["z", 1], undefined, true],
    [{ contains: pattern }, [1], false, false],
    [{ contains: pattern, minContains: 2 }, ["z"], false, false],
    [{ contains: pattern, minContains: 0 }, ["z"], true, false],
    [
      { contains: pattern, minContains: 0, maxContains: 0 },
      ["z"],
      undefined,
      true,
    ],
    [{ propertyNames: pattern }, { z: 1 }, true, true],
    [
      { dependentSchemas: { z: { properties: { z: pattern } } } },
      { z: "" },
      true,
      true,
    ],
    [
      {
        anyOf: [{ properties: { a: pattern } }, true],
        unevaluatedProperties: false,
      },
      { a: "z" },
      true,
      true,
    ],
    [
      {
        oneOf: [{ properties: { a: pattern } }, { required: ["a"] }],
        unevaluatedProperties: false,
      },
      { a: "z" },
      undefined,
      true,
    ],
    [{ items: { enum: ["a", 1e400] } }, [1e400], undefined, true],
    [{ items: { enum: ["a"] } }, [1e400], false, false],
    [{ items: { const: [1e400] } }, [[1e400]], undefined, true],
    [{ items: { type: "integer" } }, [1e400], undefined, true],
    [{ items: { multipleOf: 3 } }, [1e400], undefined, true],
    [{ items: { maximum: 3 } }, [1e400], false, false],
    [{ uniqueItems: true }, [1e400, 1e400], undefined, true],
    [{ uniqueItems: true }, [1e400, -1e400], true, false],
  ];
  for (const [schema, value, valid, isOpen] of cases) {
    const result = validateAtOnce(schema, value);
    const what = JSON.stringify([schema, value, result]);
    assertEquals(result.valid, valid, what);
    assertEquals(result.unchecked !== undefined, isOpen, what);
  }
});

Deno.test("$id says nothing of a value, and unchecked says so", () => {
  const $id = "https://example.com/schemas/a";
  const schema = { $id, $schema: "x", type: "object", required: ["a"] };
  assertEquals(check(schema, { a: 1 }), { valid: true, unchecked: ["$id"] });
  assertEquals(check(schema, {}).valid, false);
});

Deno.test("multipleOf is about the decimals that are written", () => {
  const cases: [number, number, boolean][] = [
    [0.3, 0.1, true],
    [1.1, 0.01, true],
    [19.99, 0.01, true],
    [0.35, 0.1, false],
    [1e-7, 1e-8, true],
    [1e-8, 1e-7, false],
    [1, 5e-324, true],
    [5e-324, 5e-324, true],
    [1.5e-323, 5e-324, true],
    [1e308, 5e-324, true],
    [1e308, 1e308, true],
    [1.5e308, 1e308, false],
    [1e308, 3, false],
    [3e307, 3, true],
    [-4.5, 1.5, true],
    [0, 1e308, true],
    [-0, 7, true],
    [1e300, 1e-300, true],
    [5, 1e308, false],
    [12391239123, 1e-8, true],
    [9007199254740993, 2, true],
  ];
  for (const [value, multipleOf, valid] of cases) {
    const result = check({ items: { multipleOf }, type: "array" }, [value]);
    assertEquals(result.valid, valid, `${value} by ${multipleOf}`);
  }
});

/** How much work it is. Any of it that is not counted is counted by `workOf`. */
function workOfValidation(schema: JsonSchema, value: unknown) {
  const validation = validating(schema, value);
  let slices = 0;
  let longest = 0;
  let all = 0;
  for (let result;;) {
    const visits = workOf(() => result = validation.next());
    slices++;
    all += visits;
    longest = Math.max(longest, visits);
    if (result!.done) return { slices, longest, all, result: result!.value };
  }
}

function range<T>(length: number, each: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => each(index));
}

function members<T>(length: number, each: (index: number) => T) {
  return Object.fromEntries(
    range(length, (index) => [`k${index}`, each(index)]),
  );
}

function nested<T>(levels: number, first: T, wrap: (inner: T) => T): T {
  return range(levels, () => wrap).reduce((inner, wrap) => wrap(inner), first);
}

const unevaluated: JsonSchema = nested<JsonSchema>(
  30,
  { type: "object" },
  (inner) => ({ anyOf: [inner, {}], unevaluatedProperties: false }),
);
const numbers = range(1_100, (index) => index * 1.1);

/** What attackers have tried: none is to take more than its share. */
const attacks: Record<string, [JsonSchema, unknown, boolean | undefined]> = {
  "many references to a long list of names": [
    {
      type: "object",
      allOf: range(99, () => ({ $ref: "#/$defs/long" })),
      $defs: { long: { required: range(5_000, (index) => `m${index}`) } },
    },
    {},
    false,
  ],
  "many elements, each without many names": [
    {
      type: "array",
      items: { anyOf: [{ required: range(9_000, (i) => `m${i}`) }, {}] },
    },
    range(100_000, () => ({})),
    undefined,
  ],
  "30 times the unevaluated members, small": [
    unevaluated,
    members(2_500, () => 1),
    false,
  ],
  "30 times the unevaluated members": [
    unevaluated,
    members(100_000, () => 1),
    undefined,
  ],
  "names that depend on many": [
    { type: "object", dependentRequired: members(4_000, () => ["x"]) },
    members(4_000, () => 1),
    false,
  ],
  "many names that depend, where nobody asks": [
    {
      type: "object",
      not: { not: { dependentRequired: members(4_000, () => ["k0"]) } },
    },
    members(4_000, () => 1),
    true,
  ],
  "unique items": [
    { type: "array", uniqueItems: true },
    range(150_000, (index) => index),
    true,
  ],
  "1,100 distinct numbers": [
    { type: "array", uniqueItems: true },
    numbers,
    true,
  ],
  "1,100 numbers, and one again": [
    { type: "array", uniqueItems: true },
    [...numbers, numbers[7]],
    false,
  ],
  "unique items that are large, and the same in another order": [
    { type: "array", uniqueItems: true },
    [
      members(20_000, (index) => index),
      Object.fromEntries(
        Object.entries(members(20_000, (index) => index)).reverse(),
      ),
    ],
    false,
  ],
  "tiny divisors": [
    { type: "array", items: { multipleOf: 5e-324 } },
    range(100_000, (index) => index + 0.5),
    true,
  ],
  "a long enum": [
    { type: "array", items: { enum: range(9_000, (index) => index) } },
    range(150_000, (index) => index % 9_000),
    true,
  ],
  "an enum of long lists that differ in the end": [
    {
      type: "array",
      items: { enum: range(60, (last) => [...numbers.slice(0, 100), -last]) },
    },
    range(1_000, () => [...numbers.slice(0, 100), -59]),
    true,
  ],
  "190 alternatives for each element": [
    {
      type: "array",
      items: {
        anyOf: range(190, (index) => ({ properties: { a: { const: index } } })),
      },
    },
    range(60_000, () => ({ a: 189 })),
    undefined,
  ],
  "twice itself, all the way down": [
    {
      allOf: range(2, () => ({ properties: { c: { $ref: "#" } } })),
      type: "object",
    },
    nested<unknown>(100, {}, (c) => ({ c })),
    true,
  ],
  "names by which every subset of the schema applies": [
    {
      type: "object",
      $ref: "#/$defs/s0",
      $defs: Object.fromEntries(range(12, (index) => [`s${index}`, {
        properties: {
          a: {
            anyOf: [
              { $ref: `#/$defs/s${(index + 1) % 12}` },
              { $ref: "#/$defs/s0" },
            ],
          },
          b: { $ref: `#/$defs/s${(index * 5 + 1) % 12}` },
        },
      }])),
    },
    nested<unknown>(100, {}, (a) => ({ a, b: { a: { b: { a: {} } } } })),
    true,
  ],
  "elements that contain what everybody looks for": [
    {
      type: "array",
      anyOf: range(190, () => ({ contains: { type: "number" } })),
      unevaluatedItems: false,
    },
    range(200_000, () => 1),
    undefined,
  ],
  "elements far below, of a type that is ruled out 180 times": [
    {
      type: "array",
      $ref: "#/$defs/s",
      $defs: {
        s: {
          items: { $ref: "#/$defs/s" },
          not: {
            not: { anyOf: range(180, () => ({ items: { type: "string" } })) },
          },
        },
      },
    },
    nested<unknown>(120, range(50_000, () => []), (a) => [a]),
    undefined,
  ],
  "elements far below, of which none may be": [
    {
      type: "array",
      $ref: "#/$defs/s",
      $defs: {
        s: {
          items: { $ref: "#/$defs/s" },
          not: { not: { anyOf: range(180, () => ({ items: false })) } },
        },
      },
    },
    nested<unknown>(120, range(50_000, () => 1), (a) => [a]),
    undefined,
  ],
  "violations that wait, found by 95 ways": [
    {
      type: "array",
      items: { if: { type: "string" }, then: { $ref: "#/$defs/q" } },
      $defs: {
        q: { allOf: range(95, () => ({ $ref: "#/$defs/r" })) },
        r: { required: range(9, (index) => "r".repeat(100) + index) },
      },
    },
    range(100_000, () => ({})),
    undefined,
  ],
  "one element again and again, where none may come twice": [
    {
      type: "array",
      not: { not: { allOf: range(190, () => ({ uniqueItems: true })) } },
    },
    range(300_000, () => 1),
    false,
  ],
  "lists that are too long by 190 bounds": [
    {
      type: "array",
      items: {
        if: { type: "string" },
        then: { allOf: range(190, (maxItems) => ({ maxItems })) },
      },
    },
    range(1_000, () => range(300, () => 1)),
    undefined,
  ],
  "patterns that the runtime's own engine would never be done with": [
    { type: "array", items: { pattern: "^(a+)+$" } },
    range(50_000, () => `${"a".repeat(40)}!`),
    true,
  ],
};

for (const [name, [schema, value, valid]] of Object.entries(attacks)) {
  Deno.test(`no attack takes more than its share: ${name}`, () => {
    const { slices, longest, all, result } = workOfValidation(
      checkSchema(JSON.parse(JSON.stringify(schema))),
      value,
    );
    assertEquals(result.valid, valid, JSON.stringify(result).slice(0, 300));
    // `valid` is absent where, and only where, it has become too much.
    assertEquals(
      result.unchecked?.includes("cost") ?? false,
      valid === undefined,
    );
    // The whole costs no more than the budget, and a slice no more than its
    // part. In the first, the schema is read, and in one the names of an object.
    const size = JSON.stringify(value).length;
    const least = 40_000 + 2 * JSON.stringify(schema).length;
    assert(slices < 1_000 + size / 50, `${slices} slices`);
    assert(longest < least + size / 4, `${longest} visits in a slice`);
    assert(all < 10_000_000 + 60 * size, `${all} visits`);
  });
}

Deno.test("a long string is measured once, however many ask", () => {
  const text = "🎈".repeat(100_000);
  const schema = {
    type: "array",
    items: { allOf: range(90, (index) => ({ maxLength: 100_000 + index })) },
  };
  const { all, result } = workOfValidation(checkSchema(schema), [text]);
  assertEquals(result, { valid: true });
  assert(all < 3 * text.length, String(all));
});

/** Each keyword, with a schema below it. */
const wrappers: Record<string, (inner: unknown) => JsonSchema> = {
  properties: (a) => ({ properties: { a, b: a } }),
  additionalProperties: (inner) => ({ additionalProperties: inner }),
  unevaluatedProperties: (inner) => ({ unevaluatedProperties: inner }),
  propertyNames: (inner) => ({ propertyNames: inner }),
  items: (items) => ({ items }),
  prefixItems: (inner) => ({ prefixItems: [inner, inner] }),
  unevaluatedItems: (inner) => ({ unevaluatedItems: inner }),
  contains: (contains) => ({ contains, maxContains: 1 }),
  allOf: (inner) => ({ allOf: [inner, inner] }),
  anyOf: (inner) => ({ anyOf: [inner, inner] }),
  oneOf: (inner) => ({ oneOf: [inner, inner] }),
  not: (not) => ({ not }),
  if: (inner) => ({ if: inner, then: inner, else: inner }),
  dependentSchemas: (a) => ({ dependentSchemas: { a, b: a } }),
  dependencies: (a) => ({ dependencies: { a, c: ["a", "b"] } }),
};

const leaves: Record<string, JsonSchema> = {
  type: { type: ["object", "array"] },
  enum: { enum: [1, "a", { a: 1 }, [1]] },
  const: { const: { a: [1] } },
  required: { required: ["a", "b", "c"] },
  dependentRequired: { dependentRequired: { a: ["b"], b: ["c"] } },
  minimum: { minimum: 3 },
  multipleOf: { multipleOf: 1e-300 },
  minLength: { minLength: 3, maxLength: 4 },
  pattern: { pattern: "(a+)+$" },
  minItems: { minItems: 2, maxItems: 3 },
  uniqueItems: { uniqueItems: true },
  minProperties: { minProperties: 2, maxProperties: 3 },
};

/** How many values there are, and names. */
function countValues(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>(
    (count, each) => count + countValues(each) + 1,
    1,
  );
}

function judge(schema: JsonSchema, value: unknown): number {
  const judge = new Judge(compile(schema));
  const walk = (value: unknown) => {
    if (typeof value !== "object" || value === null) {
      return judge.atom(value as null);
    }
    judge.open(Array.isArray(value));
    for (const [key, each] of Object.entries(value)) {
      judge.enter(Array.isArray(value) ? Number(key) : key);
      walk(each);
    }
    for (const _ of judge.close());
  };
  walk(value);
  return judge.meter.work;
}

Deno.test("each keyword in each other costs once for each pair of schema and value", () => {
  const documents: [string, unknown][] = [
    ["objects", nested<unknown>(6, { a: 1 }, (a) => ({ a, b: a, c: "text" }))],
    ["arrays", nested<unknown>(6, [1], (a) => [a, a, "text", 2.5])],
    ["a wide object", members(300, (index) => index)],
    ["a wide array", range(300, (index) => [index, "a"])],
  ];
  for (const [outer, wrap] of Object.entries(wrappers)) {
    for (const [inner, wrapInner] of Object.entries(wrappers)) {
      for (const [leaf, last] of Object.entries(leaves)) {
        // So that nothing is told, which would end it: below a double negation.
        const schema = {
          not: {
            not: nested<unknown>(3, last, (each) => wrap(wrapInner(each))),
          },
        };
        const program = compile(schema as JsonSchema);
        for (const [name, value] of documents) {
          const pairs = program.nodes.length * countValues(value);
          const work = judge(schema as JsonSchema, value);
          assert(
            work < 2_000 + 30 * pairs,
            `${work} for ${pairs}: ${outer}, ${inner}, ${leaf}, ${name}`,
          );
        }
      }
    }
  }
});
