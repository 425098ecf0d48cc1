/** Any schemas, and values that may or may not satisfy them. */

import fc from "fast-check";

const names = ["a", "b", "c", "a/b", "__proto__", "1"];
const name = fc.constantFrom(...names);
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value));

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.constantFrom(null, true, false, 0, 1, 2, 1.5, -1, "", "a", "bb", "𝒳"),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.uniqueArray(fc.tuple(name, tie("value")), {
      maxLength: 4,
      selector: ([name]) => name,
    }).map((members) => Object.fromEntries(members)),
  ),
}));

/** Any small JSON value. */
export const values: fc.Arbitrary<unknown> = value.map(plain);

/**
 * Any schemas of all keywords that are taken.
 *
 * @param assertions More of them, beside those that are always there.
 */
export function schemas(
  ...assertions: Record<string, unknown>[]
): fc.Arbitrary<Record<string, unknown>> {
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => {
    const some = fc.array(tie("schema"), { minLength: 1, maxLength: 3 });
    const mapped = fc.uniqueArray(fc.tuple(name, tie("schema")), {
      minLength: 1,
      maxLength: 3,
      selector: ([name]) => name,
    }).map((members) => Object.fromEntries(members));
    const keywords: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
      fc.constantFrom<Record<string, unknown>>(
        ...assertions,
        { type: "object" },
        { type: "array" },
        { type: "string" },
        { type: ["number", "null"] },
        { type: "integer" },
        { minimum: 1 },
        { maximum: 1 },
        { exclusiveMinimum: 0 },
        { exclusiveMaximum: 2 },
        { multipleOf: 0.5 },
        { minLength: 1 },
        { maxLength: 1 },
        { minItems: 1 },
        { maxItems: 2 },
        { uniqueItems: true },
        { minProperties: 1 },
        { maxProperties: 2 },
        { required: ["a"] },
        { required: ["a", "b"] },
        { dependentRequired: { a: ["b"] } },
      ),
      fc.array(value, { minLength: 1, maxLength: 3 })
        .map((values) => ({ enum: values })),
      value.map((value) => ({ const: value })),
      ...[
        ...["not", "additionalProperties", "propertyNames", "contains"],
        ...["unevaluatedItems", "unevaluatedProperties", "items"],
      ].map((keyword) => tie("schema").map((inner) => ({ [keyword]: inner }))),
      ...["allOf", "anyOf", "oneOf", "prefixItems"]
        .map((keyword) => some.map((inner) => ({ [keyword]: inner }))),
      ...["properties", "dependentSchemas"]
        .map((keyword) => mapped.map((inner) => ({ [keyword]: inner }))),
      fc.tuple(tie("schema"), tie("schema"), tie("schema"))
        .map(([a, b, c]) => ({ if: a, then: b, else: c })),
      fc.tuple(tie("schema"), fc.nat(2), fc.nat(3))
        .map(([contains, minContains, maxContains]) => (
          { contains, minContains, maxContains }
        )),
    );
    return {
      schema: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        fc.boolean(),
        fc.array(keywords, { minLength: 1, maxLength: 4 })
          .map((list) => Object.assign({}, ...list)),
      ),
    };
  });
  return schema.filter((schema) => typeof schema === "object")
    .map((schema) => plain(schema) as Record<string, unknown>);
}
