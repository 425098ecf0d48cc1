import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  checkSchema,
  DEFAULT_SCHEMA,
  type JsonSchema,
  rootOf,
  SchemaError,
} from "../../lib/schemas/schema.ts";
import { isStrict } from "../../lib/models/structured_outputs.ts";
import { validateAtOnce } from "./_validate.ts";

function nest(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = {};
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}

Deno.test("checkSchema takes schemas of objects and of arrays", () => {
  const schemas: [JsonSchema, "object" | "array"][] = [
    [DEFAULT_SCHEMA, "object"],
    [{}, "object"],
    [{ properties: { a: true } }, "object"],
    [{ type: ["object", "null"] }, "object"],
    [{ type: "array", items: { type: "string" } }, "array"],
    [{ $ref: "#/$defs/a", $defs: { a: { type: "array" } } }, "array"],
    [{ allOf: [{ required: ["a"] }, { type: "object" }] }, "object"],
    [{ anyOf: [{ type: "array" }, { type: "null" }] }, "array"],
    // Properties have any name, and unknown keywords any value.
    [JSON.parse('{"properties":{"__proto__":{"type":"null"}}}'), "object"],
    [{ properties: { pattern: { type: "string" }, $id: {} } }, "object"],
    [{ type: "object", "x-note": { pattern: "(a+)+" } }, "object"],
    [{ type: "object", default: { $ref: "no" }, examples: [1] }, "object"],
    [{ type: "array", items: [{ type: "string" }, true] }, "array"],
    [{ dependencies: { a: ["b"], c: { required: ["d"] } } }, "object"],
  ];
  for (const [schema, root] of schemas) {
    assertEquals(checkSchema(schema), schema);
    assertEquals(rootOf(schema), root);
  }
});

Deno.test("checkSchema says what is wrong, and where", () => {
  const cases: [unknown, pointer: string, reason: string][] = [
    ["schema", "", "应为对象"],
    [null, "", "应为对象"],
    [[DEFAULT_SCHEMA], "", "应为对象"],
    [{ name: "灯", price: 3 }, "", "没有任何 JSON Schema 关键字"],
    [{ title: { type: "string" } }, "/title", "应为字符串"],
    [{ type: "string" }, "", "应描述一个对象，或一个数组"],
    [{ type: ["object", "array"] }, "", "应描述一个对象，或一个数组"],
    [{ type: "dict" }, "/type", "应为 object、array"],
    [{ type: [] }, "/type", "应为 object、array"],
    [{ properties: ["a"] }, "/properties", "应为对象"],
    [{ properties: { a: "string" } }, "/properties/a", "应为 schema"],
    [{ properties: { "a/b~": { type: 1 } } }, "/properties/a~1b~0/type", ""],
    [{ properties: { "\ud800": {} } }, "/properties", "Unicode"],
    [{ required: true }, "/required", "应为字符串数组"],
    [{ required: ["a", 1] }, "/required", "应为字符串数组"],
    [{ dependentRequired: { a: "b" } }, "/dependentRequired", "应为对象"],
    [{ enum: [] }, "/enum", "应为非空数组"],
    [{ allOf: [] }, "/allOf", "应为非空的 schema 数组"],
    [{ anyOf: [{}, 1] }, "/anyOf/1", "应为 schema"],
    [{ items: [] }, "/items", "应为 schema"],
    [{ items: "string" }, "/items", "应为 schema"],
    [{ minItems: -1 }, "/minItems", "应为非负整数"],
    [{ maxLength: 1.5 }, "/maxLength", "应为非负整数"],
    [{ minimum: "1" }, "/minimum", "应为数字"],
    [{ exclusiveMinimum: true }, "/exclusiveMinimum", "应为数字"],
    [{ multipleOf: 0 }, "/multipleOf", "应为大于 0 的数字"],
    [{ uniqueItems: 1 }, "/uniqueItems", "应为布尔值"],
    [{ description: 1 }, "/description", "应为字符串"],
  ];
  for (const [schema, pointer, reason] of cases) {
    const error = assertThrows(() => checkSchema(schema), SchemaError);
    assert(error instanceof TypeError);
    assertEquals(error.pointer, pointer);
    assert(error.message.includes(reason), error.message);
    assert(error.message.includes(pointer), error.message);
    assert(error.message.startsWith("schema "), error.message);
  }
});

Deno.test("checkSchema refuses what rests on regular expressions and rebased references", () => {
  const keywords = [
    ...["patternProperties", "$anchor", "$vocabulary"],
    ...["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"],
  ];
  for (const keyword of keywords) {
    const schema = { properties: { a: { items: { [keyword]: "#" } } } };
    const error = assertThrows(() => checkSchema(schema), SchemaError);
    assertEquals(error.pointer, `/properties/a/items/${keyword}`);
  }
});

Deno.test("checkSchema refuses references that do not resolve in the document", () => {
  const references = [
    ...["https://example.com/schema", "other.json", "//example.com", "", "a"],
    ...["#a", "#/$defs/b", "#/$defs/a/type/0", "#/%zz", "#/$defs/~2", "#/x/-1"],
    ...["#/constructor", "#/__proto__", "#/x/length", "##", "file:///etc", 1],
  ];
  for (const $ref of references) {
    const schema = {
      properties: { p: { $ref } },
      $defs: { a: { type: "string" } },
      x: [{}],
    };
    const error = assertThrows(() => checkSchema(schema), SchemaError);
    assertEquals(error.pointer, "/properties/p/$ref");
  }
});

Deno.test("checkSchema takes what zod makes of its schemas", () => {
  // z.toJSONSchema of zod 4.1: of each kind of it, what is not in others here.
  const email = {
    type: "string",
    format: "email",
    pattern: "^(?:[A-Za-z0-9_'+\\-]+\\.)*[A-Za-z0-9_+-]@(?:[A-Za-z]+\\.)+$",
  };
  const object = (properties: JsonSchema) => ({
    type: "object",
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  });
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  const schemas: JsonSchema[] = [
    { $schema, ...object({ email, name: { type: "string", default: "a" } }) },
    { $schema, type: "array", items: object({ a: email }), minItems: 1 },
    object({
      ip: { allOf: [email, { type: "string", contentEncoding: "base64" }] },
      i: { type: "integer", minimum: -9007199254740991, multipleOf: 0.1 },
      never: { not: {} },
      any: {},
      literal: { enum: ["a", 1, null] },
      record: {
        type: "object",
        propertyNames: { type: "string", pattern: "^a" },
        additionalProperties: { type: "number", exclusiveMinimum: 0 },
      },
      tuple: {
        type: "array",
        prefixItems: [{ type: "string" }],
        items: { type: "number", readOnly: true, examples: [1] },
      },
    }),
    {
      $schema,
      $id: "https://example.com/Recipe",
      id: "Recipe",
      oneOf: [object({ k: { const: "a" } }), object({ k: { const: "b" } })],
    },
    {
      $schema: "http://json-schema.org/draft-07/schema#",
      ...object({ kids: { type: "array", items: { $ref: "#" } } }),
      definitions: {
        Shared: object({ x: { $ref: "#/definitions/Y" } }),
        Y: {},
      },
    },
  ];
  for (const schema of schemas) assertEquals(checkSchema(schema), schema);
});

Deno.test("checkSchema follows references, whatever their names", () => {
  const schema = checkSchema({
    type: "object",
    properties: {
      a: { $ref: "#/$defs/caf%C3%A9%20%2525" },
      b: { $ref: "#/$defs/a~1b~0c" },
      c: { $ref: "#/components/0" },
      d: { $ref: "#/properties/a" },
    },
    $defs: { "café %25": { type: "string" }, "a/b~c": { type: "null" } },
    components: [{ type: "boolean" }],
  });
  assertEquals(validateAtOnce(schema, { a: "", b: null, c: true, d: "" }), {
    valid: true,
  });
  for (const name of ["a", "b", "c", "d"]) {
    const { errors } = validateAtOnce(schema, { [name]: 1 });
    assertEquals(errors?.[0]?.pointer, `/${name}`);
  }
  // What a reference leads to is a schema too.
  const error = assertThrows(
    () => checkSchema({ $ref: "#/x", x: { type: "object", minLength: "a" } }),
    SchemaError,
  );
  assertEquals(error.pointer, "/x/minLength");
});

Deno.test("checkSchema bounds depth, size and expansion", () => {
  const properties = (count: number, value: unknown = {}) => ({
    properties: Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`p${index}`, value]),
    ),
  });
  const cases: [unknown, string][] = [
    [nest(40, (items) => ({ type: "array", items })), "嵌套过深"],
    [nest(100_000, (items) => ({ type: "array", items })), "嵌套过深"],
    [{ const: nest(100_000, (inner) => [inner]) }, "嵌套过深"],
    [
      { type: "object", "x-note": nest(100_000, (inner) => [inner]) },
      "嵌套过深",
    ],
    [JSON.parse(JSON.stringify(properties(2_001))), "超过 2000 个子"],
    [{ enum: Array.from({ length: 20_000 }, (_, index) => index) }, "过大"],
    [{ type: "object", allOf: Array(200).fill(true) }, "超过 200 个"],
  ];
  for (const [schema, reason] of cases) {
    const error = assertThrows(() => checkSchema(schema), SchemaError);
    assert(error.message.includes(reason), error.message);
  }
  checkSchema(nest(30, (items) => ({ type: "array", items })));
  checkSchema(JSON.parse(JSON.stringify(properties(1_900))));
  checkSchema({ type: "object", anyOf: Array(198).fill(true) });
});

Deno.test("checkSchema refuses references that go in a circle", () => {
  const cases = [
    { $ref: "#" },
    { allOf: [{ anyOf: [{ not: { $ref: "#" } }] }] },
    { properties: { a: { $ref: "#/properties/a" } } },
    {
      $ref: "#/$defs/a",
      $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#" } },
    },
    { if: true, then: { dependentSchemas: { a: { $ref: "#" } } } },
  ];
  for (const schema of cases) {
    const error = assertThrows(() => checkSchema(schema), SchemaError);
    assert(error.message.includes("引用了它自己"), error.message);
  }
  checkSchema({ properties: { child: { $ref: "#" } } });
});

Deno.test("checkSchema counts doubled references without walking them", () => {
  // 2^60 schemas, in 60.
  const $defs: Record<string, unknown> = { d0: { type: "object" } };
  for (let index = 1; index <= 60; index++) {
    const $ref = `#/$defs/d${index - 1}`;
    $defs[`d${index}`] = { allOf: [{ $ref }, { $ref }] };
  }
  const error = assertThrows(
    () => checkSchema({ $ref: "#/$defs/d60", $defs }),
    SchemaError,
  );
  assert(error.message.includes("超过 200 个"), error.message);
});

Deno.test("isStrict follows OpenAI's documentation", () => {
  const object = (properties: JsonSchema, more: JsonSchema = {}) => ({
    type: "object",
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
    ...more,
  });
  const text = { type: "string" };
  const strict: JsonSchema[] = [
    DEFAULT_SCHEMA,
    object({ a: { type: ["string", "null"], description: "a" } }),
    object({ a: { type: "array", items: object({ b: text }), minItems: 1 } }),
    object({ a: { anyOf: [text, object({ b: { type: "number" } })] } }),
    object({ a: { $ref: "#/$defs/b" } }, { $defs: { b: object({ c: text }) } }),
    object({ a: { anyOf: [{ $ref: "#" }, { type: "null" }] } }),
    object({
      a: { type: "string", enum: ["x"] },
      b: { type: "string", format: "date" },
    }),
  ];
  for (const schema of strict) {
    assert(isStrict(checkSchema(schema)), JSON.stringify(schema));
  }
  const deep = nest(
    10,
    (inner) => object({ a: inner === null ? text : inner }),
  );
  const loose: JsonSchema[] = [
    {},
    { type: "array", items: text },
    { type: "object" },
    object({ a: text }, { additionalProperties: true }),
    object({ a: text }, { required: [] }),
    object({ a: object({ b: text }, { additionalProperties: undefined }) }),
    object({ a: true }),
    object({ a: {} }),
    object({ a: { enum: ["x"] } }),
    object({ a: { type: "array" } }),
    object({ a: { ...text, minLength: 1 } }),
    object({ a: { ...text, format: "iri" } }),
    object({ a: { ...text, default: "" } }),
    object({ a: { oneOf: [text] } }),
    object({ a: { allOf: [text] } }),
    object({ a: { $ref: "#/$defs/b", title: "b" } }, { $defs: { b: text } }),
    object({ a: { type: "array", items: text, uniqueItems: true } }),
    object({ a: { ...text, enum: Array.from({ length: 1_001 }, String) } }),
    object({
      a: {
        ...text,
        enum: Array.from({ length: 300 }, (_, i) => `${"x".repeat(60)}${i}`),
      },
    }),
    object({}, { anyOf: [text] }),
    deep as JsonSchema,
  ];
  for (const schema of loose) {
    const plain = JSON.parse(JSON.stringify(schema));
    assert(!isStrict(checkSchema(plain)), JSON.stringify(schema));
  }
});
