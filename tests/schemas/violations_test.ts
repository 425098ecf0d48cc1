import { assert, assertEquals } from "@std/assert";
import { describeViolation } from "../../lib/schemas/violations.ts";
import { check } from "./_validate.ts";

// A value that violates each keyword.
const cases: [schema: Record<string, unknown>, value: unknown, en: string][] = [
  [
    { type: ["array", "null"] },
    1.5,
    'Instance type "number" is invalid. Expected "null", "array".',
  ],
  [{ enum: [1, "a"] }, 2, 'Instance does not match any of [1,"a"].'],
  [{ const: { a: 1 } }, 2, 'Instance does not match {"a":1}.'],
  [{ required: ["b"] }, {}, 'Instance does not have required property "b".'],
  [
    { dependentRequired: { a: ["b"] } },
    { a: 1 },
    'Instance has "a" but does not have "b".',
  ],
  [{ minimum: 3 }, 2, "Number is less than 3."],
  [{ maximum: 3 }, 4, "Number is greater than 3."],
  [{ exclusiveMinimum: 3 }, 3, "Number is less than or equal to 3."],
  [{ exclusiveMaximum: 3 }, 3, "Number is greater than or equal to 3."],
  [{ multipleOf: 0.2 }, 0.3, "Number is not a multiple of 0.2."],
  [{ minLength: 2 }, "𝒳", "String is too short: fewer than 2 characters."],
  [{ maxLength: 2 }, "𝒳ab", "String is too long: more than 2 characters."],
  [{ minItems: 2 }, [1], "Array has too few items: fewer than 2."],
  [{ maxItems: 1 }, [1, 2], "Array has too many items: more than 1."],
  [{ minProperties: 2 }, {}, "Object has too few properties: fewer than 2."],
  [
    { maxProperties: 0 },
    { a: 1 },
    "Object has too many properties: more than 0.",
  ],
  [{ uniqueItems: true }, [1, 2, 1], "Duplicate items at indexes 0 and 2."],
  [
    { contains: { const: 1 } },
    [2],
    "Array does not contain an item matching schema.",
  ],
  [
    { contains: true, minContains: 2 },
    [2],
    "Array has too few items matching schema: fewer than 2.",
  ],
  [
    { contains: true, maxContains: 1 },
    [2, 3],
    "Array has too many items matching schema: more than 1.",
  ],
  [
    { propertyNames: { maxLength: 1 } },
    { ab: 1 },
    'Property name "ab" does not match schema.',
  ],
  [
    { anyOf: [{ const: 1 }, false] },
    2,
    "Instance does not match any subschemas.",
  ],
  [
    { oneOf: [{}, true] },
    2,
    "Instance does not match exactly one subschema (2 matches).",
  ],
  [{ not: {} }, 2, 'Instance matched "not" schema.'],
  [{ allOf: [false] }, 2, "Value is not allowed."],
];

Deno.test("each violation has words in both languages", () => {
  const seen = new Set<string>();
  for (const [schema, value, en] of cases) {
    const { errors } = check({ type: "array", prefixItems: [schema] }, [value]);
    assertEquals(errors?.length, 1, JSON.stringify(schema));
    const [violation] = errors!;
    assertEquals(violation!.pointer, "/0");
    assert(violation!.keyword in schema);
    assertEquals(describeViolation(violation!, "en"), en);
    const zh = describeViolation(violation!, "zh");
    assert(/[\u4e00-\u9fff]/.test(zh) && zh.endsWith("。"), zh);
    assert(!zh.includes("undefined"), zh);
    seen.add(zh);
  }
  assertEquals(seen.size, cases.length);
});

Deno.test("a schema that is false forbids the value, by whichever keyword", () => {
  const forbidding: [Record<string, unknown>, unknown, string][] = [
    [{ properties: { a: false } }, { a: 1 }, "/a"],
    [{ additionalProperties: false }, { a: 1 }, "/a"],
    [{ unevaluatedProperties: false }, { a: 1 }, "/a"],
    [{ items: false, type: "array" }, [1], "/0"],
    [{ prefixItems: [true, false], type: "array" }, [1, 2], "/1"],
    [{ unevaluatedItems: false, type: "array" }, [1], "/0"],
    [{ $ref: "#/$defs/a", $defs: { a: false } }, {}, ""],
    [{ if: true, then: false }, {}, ""],
    [{ if: false, else: false }, {}, ""],
    [{ dependentSchemas: { a: false } }, { a: 1 }, ""],
  ];
  for (const [schema, value, pointer] of forbidding) {
    const { errors } = check(schema, value);
    assertEquals(errors?.map((each) => each.pointer), [pointer]);
    assert(errors![0]!.keyword in schema, errors![0]!.keyword);
    assertEquals(describeViolation(errors![0]!, "zh"), "不允许有这个值。");
  }
});

Deno.test("a violation is small, whatever the schema and the document hold", () => {
  const long = "\ud83d".repeat(30_000);
  const hostile: [Record<string, unknown>, unknown][] = [
    [{ properties: { a: { enum: [long, "b"] } } }, { a: 1 }],
    [{ properties: { a: { const: [long] } } }, { a: 1 }],
    [{ required: ["𝒳".repeat(20_000)] }, {}],
    [{ propertyNames: { maxLength: 1 } }, { [long]: 1 }],
  ];
  for (const [schema, value] of hostile) {
    const { errors } = check(schema, value);
    assert(JSON.stringify(errors).length < 500);
    for (const language of ["zh", "en"] as const) {
      const message = describeViolation(errors![0]!, language);
      assert(message.length <= 200 && message.isWellFormed());
    }
  }
});
