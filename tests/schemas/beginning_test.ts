import { assertEquals } from "@std/assert";
import { beginningOf } from "../../lib/schemas/beginning.ts";
import {
  checkSchema,
  DEFAULT_SCHEMA,
  type JsonSchema,
} from "../../lib/schemas/schema.ts";
import { validateAtOnce } from "./_validate.ts";

const schemas: [
  schema: JsonSchema,
  mayBeEmpty: boolean,
  elements?: string[],
][] = [
  [DEFAULT_SCHEMA, false],
  [{}, true],
  [{ required: [] }, true],
  [{ minProperties: 1 }, false],
  [{ allOf: [{}, { required: ["a"] }] }, false],
  [{ $ref: "#/$defs/a", $defs: { a: { required: ["a"] } } }, false],
  [{ anyOf: [{ required: ["a"] }, {}] }, true],
  [{ oneOf: [{ required: ["a"] }, { minProperties: 2 }] }, false],
  // Of an array, what holds for objects says nothing.
  [{ type: "array", required: ["a"] }, true],
  [{ type: "object", minItems: 1 }, true],
  [{ type: "array", minItems: 1 }, false],
  [{ type: "array", contains: {} }, false],
  [{ type: "array", contains: {}, minContains: 0 }, true],
  [{ type: "array", items: { type: "object" } }, true, ["object"]],
  [{ type: "array", items: { type: ["string", "null"] } }, true, [
    ...["string", "null"],
  ]],
  [{ type: "array", items: [{ type: "integer" }, {}] }, true, ["integer"]],
  [{ type: "array", prefixItems: [{ type: "boolean" }], items: false }, true, [
    "boolean",
  ]],
  [{ type: "array", items: { enum: [1, "a"] } }, true],
  [{ type: "array", items: true }, true],
  [{ type: "array", items: { anyOf: [{ type: "string" }, {}] } }, true],
  [
    { type: "array", items: { oneOf: [{ type: "string" }, { type: "null" }] } },
    true,
    ["string", "null"],
  ],
  [
    {
      $ref: "#/$defs/a",
      $defs: {
        a: { type: "array", items: { $ref: "#/$defs/b" }, minItems: 2 },
        b: { allOf: [{ type: "number" }] },
      },
    },
    false,
    ["number"],
  ],
];

Deno.test("a schema tells how its documents begin", () => {
  for (const [schema, mayBeEmpty, elements] of schemas) {
    const beginning = beginningOf(checkSchema(schema));
    const text = JSON.stringify(schema);
    assertEquals(beginning.mayBeEmpty, mayBeEmpty, text);
    assertEquals(beginning.elements, elements, text);
    // What it says of empty ones is what the validator says.
    const empty = beginning.root === "array" ? [] : {};
    assertEquals(validateAtOnce(schema, empty).valid, mayBeEmpty, text);
  }
  assertEquals(beginningOf(undefined), {
    ...{ root: "object", mayBeEmpty: true, elements: undefined },
  });
});
