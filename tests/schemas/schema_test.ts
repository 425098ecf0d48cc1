import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { splitPointer } from "../../lib/json_patch.ts";
import {
  checkSchema,
  DEFAULT_SCHEMA,
  type JsonSchema,
  rootOf,
  SchemaError,
} from "../../lib/schemas/schema.ts";
import { isStrict } from "../../lib/models/structured_outputs.ts";
import { TOO_COSTLY, validate } from "../../lib/schemas/validation.ts";

function nest(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = {};
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}

/** What is at a pointer; throws where nothing is. */
function at(document: unknown, pointer: string): unknown {
  return splitPointer(pointer).reduce((value: unknown, token) => {
    assert(typeof value === "object" && value !== null, pointer);
    assert(Object.hasOwn(value, token), pointer);
    return (value as Record<string, unknown>)[token];
  }, document);
}

function errorsOf(schema: JsonSchema, document: unknown) {
  const result = validate(checkSchema(schema), document);
  return result.valid ? [] : result.errors;
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

Deno.test("checkSchema refuses regular expressions and rebased references", () => {
  const keywords = [
    ...["pattern", "patternProperties", "$id", "$anchor", "$vocabulary"],
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
  assertEquals(validate(schema, { a: "", b: null, c: true, d: "" }), {
    valid: true,
  });
  for (const name of ["a", "b", "c", "d"]) {
    assertEquals(errorsOf(schema, { [name]: 1 })[0]?.pointer, `/${name}`);
  }
  // What a reference leads to is a schema too.
  const error = assertThrows(
    () => checkSchema({ $ref: "#/x", x: { type: "object", pattern: "a" } }),
    SchemaError,
  );
  assertEquals(error.pointer, "/x/pattern");
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

/** A view of a document that counts how often it is looked at. */
function counted(document: object): { view: object; looks: () => number } {
  let looks = 0;
  const handler: ProxyHandler<object> = {
    get(target, key) {
      looks++;
      const value = Reflect.get(target, key);
      return typeof value === "object" && value !== null
        ? new Proxy(value, handler)
        : value;
    },
    ownKeys(target) {
      const keys = Reflect.ownKeys(target);
      looks += keys.length;
      return keys;
    },
  };
  return { view: new Proxy(document, handler), looks: () => looks };
}

Deno.test("validate gives up what would be exponential or quadratic", () => {
  const twice = { properties: { c: { $ref: "#" } } };
  const tree = nest(60, (c) => ({ c }));
  const numbers = Array.from({ length: 20_000 }, (_, index) => index);
  const cases: [JsonSchema, object][] = [
    [{ allOf: [twice, twice] }, tree as object],
    [{ anyOf: [twice, twice] }, tree as object],
    [{ oneOf: [twice, { not: twice }] }, tree as object],
    [{ if: twice, then: twice, else: twice }, tree as object],
    [{ type: "array", uniqueItems: true }, numbers],
    [{ type: "array", items: { enum: numbers.slice(0, 15_000) } }, numbers],
    [
      // Each differs from the document's in its last number only.
      {
        type: "array",
        items: {
          enum: numbers.slice(0, 60).map((last) => [
            ...numbers.slice(0, 300),
            -last,
          ]),
        },
      },
      Array(300).fill([...numbers.slice(0, 300), -59]),
    ],
  ];
  for (const [schema, document] of cases) {
    const text = JSON.stringify(document);
    const { view, looks } = counted(document);
    const result = validate(checkSchema(schema), view);
    // JSON.stringify, which measures the document, looks at all of it too.
    assert(looks() < 1_000_000 + 24 * text.length, String(looks()));
    const errors = [{ pointer: "", message: TOO_COSTLY }];
    assertEquals(
      result,
      { valid: false, errors },
      JSON.stringify(schema).slice(0, 80),
    );
  }
});

Deno.test("validate has room for large documents of ordinary schemas", () => {
  const schema = checkSchema({
    type: "object",
    properties: {
      rows: {
        type: "array",
        items: {
          type: "object",
          properties: {
            id: { type: "integer" },
            kind: { enum: ["a", "b", "c", "d"] },
            text: { type: ["string", "null"], maxLength: 1000 },
            value: { anyOf: [{ type: "number" }, { $ref: "#/$defs/pair" }] },
          },
          required: ["id", "kind", "text", "value"],
          additionalProperties: false,
        },
      },
    },
    $defs: { pair: { type: "array", items: { type: "number" }, maxItems: 2 } },
  });
  const rows = Array.from({ length: 10_000 }, (_, id) => ({
    id,
    kind: "abcd"[id % 4],
    text: id % 3 ? "some text" : null,
    value: id % 2 ? id : [id, id],
  }));
  assertEquals(validate(schema, { rows }), { valid: true });

  const tags = Array.from({ length: 500 }, (_, index) => `tag ${index}`);
  const unique = checkSchema({ type: "array", uniqueItems: true });
  assertEquals(validate(unique, tags), { valid: true });
  assertEquals(errorsOf(unique, [...tags, "tag 7"])[0]?.pointer, "");
});

Deno.test("validate points to what is wrong", () => {
  const schema = checkSchema({
    type: "object",
    properties: {
      "a/b ~%é#": { type: "string", maxLength: 2 },
      n: { minimum: 5 },
      e: { enum: ["x", "y"] },
      o: { anyOf: [{ type: "object", required: ["x"] }, { type: "string" }] },
      l: { type: "array", items: { type: "integer" } },
    },
    required: ["n"],
    additionalProperties: false,
  });
  const cases: [unknown, string, string][] = [
    [{}, "", 'Instance does not have required property "n".'],
    [{ n: 3 }, "/n", "Number is less than 5."],
    [{ n: 5, "a/b ~%é#": "abc" }, "/a~1b ~0%é#", "String is too long (3 > 2)."],
    [{ n: 5, e: "z" }, "/e", 'Instance does not match any of ["x","y"].'],
    [{ n: 5, o: {} }, "/o", "Instance does not match any subschemas."],
    [{ n: 5, "%41": 0 }, "/%41", "Value is not allowed."],
    [
      { n: 5, l: [1, "2"] },
      "/l/1",
      'Instance type "string" is invalid. Expected "integer".',
    ],
    [[], "", 'Instance type "array" is invalid. Expected "object".'],
  ];
  for (const [document, pointer, message] of cases) {
    const errors = [{ pointer, message }];
    assertEquals(errorsOf(schema, document)[0], errors[0]);
    at(document, pointer);
  }
});

Deno.test("validate gives ten errors at most, each short", () => {
  const required = Array.from(
    { length: 30 },
    (_, index) => `${index}${"𝒳".repeat(150)}`,
  );
  const errors = errorsOf({ type: "object", required }, {});
  assertEquals(errors.length, 10);
  for (const { message } of errors) {
    assert(message.length <= 200 && message.isWellFormed());
  }
  assertEquals(
    errorsOf(
      { type: "object", additionalProperties: false },
      Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [i, i])),
    ).length,
    10,
  );
});

Deno.test("validate takes __proto__ for a name like others", () => {
  const schema = checkSchema(JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"number"},"a":{}},"required":["__proto__"],"additionalProperties":false}',
  ));
  const valid = (text: string) => validate(schema, JSON.parse(text)).valid;
  assert(valid('{"__proto__":1}'));
  assert(!valid('{"a":1}'));
  assert(!valid('{"__proto__":"1"}'));
  assertEquals(
    errorsOf(
      DEFAULT_SCHEMA,
      JSON.parse('{"title":"","summary":"","__proto__":1}'),
    ),
    [{ pointer: "/__proto__", message: "Value is not allowed." }],
  );
});

Deno.test("validate takes format for an annotation", () => {
  const schema = checkSchema({
    type: "object",
    properties: { a: { type: "string", format: "email" } },
  });
  assertEquals(validate(schema, { a: "(" }), { valid: true });
});

Deno.test("validate survives names that are not Unicode", () => {
  const result = validate(checkSchema({ type: "object", required: ["a"] }), {
    "\ud800": 1,
  });
  assert(!result.valid);
  const all = checkSchema({ additionalProperties: { type: "number" } });
  assertEquals(errorsOf(all, { "\ud800": 1 })[0]?.pointer, "");
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

// A schema, and a generator of documents that satisfy it: made side by side, so
// that the oracle shares no code with what it tests.
interface Pair {
  schema: JsonSchema;
  documents: fc.Arbitrary<unknown>;
}

const name = fc.oneof(
  fc.string({ maxLength: 6, unit: "binary" }),
  fc.constantFrom("__proto__", "a/b", "~", "%41", "#", "toString", "é", "𝒳"),
);

/** Texts by length in Unicode characters, as JSON Schema counts. */
const text = (minLength: number, maxLength: number) =>
  fc.string({ minLength, maxLength, unit: "binary" });

const leaf: fc.Arbitrary<Pair> = fc.oneof(
  fc.constant({ schema: { type: "null" }, documents: fc.constant(null) }),
  fc.constant({ schema: { type: "boolean" }, documents: fc.boolean() }),
  fc.tuple(fc.integer({ min: -99, max: 99 }), fc.nat(50)).map(
    ([minimum, size]) => ({
      schema: { type: "integer", minimum, maximum: minimum + size },
      documents: fc.integer({ min: minimum, max: minimum + size }),
    }),
  ),
  fc.constantFrom(1, 3, 0.5, 0.01).map((multipleOf) => ({
    schema: { type: "number", multipleOf, exclusiveMinimum: -1 },
    documents: fc.nat(1000).map((count) =>
      Number((count * multipleOf).toPrecision(12))
    ),
  })),
  fc.tuple(fc.nat(5), fc.nat(5)).map(([minLength, more]) => ({
    schema: { type: "string", minLength, maxLength: minLength + more },
    documents: text(minLength, minLength + more),
  })),
  fc.uniqueArray(fc.oneof(text(0, 3), fc.integer(), fc.constant(null)), {
    minLength: 1,
  }).map((values) => ({
    schema: { enum: values },
    documents: fc.constantFrom(...values),
  })),
  fc.jsonValue({ maxDepth: 2 }).map((value) => ({
    schema: { const: JSON.parse(JSON.stringify(value)) },
    documents: fc.constant(JSON.parse(JSON.stringify(value))),
  })),
);

function objectOf(
  members: [string, Pair, boolean][],
  extra: Pair | boolean,
): Pair {
  const schema: JsonSchema = {
    type: "object",
    properties: Object.fromEntries(
      members.map(([name, { schema }]) => [name, schema]),
    ),
    required: members.filter(([, , required]) => required)
      .map(([name]) => name),
    additionalProperties: typeof extra === "boolean" ? extra : extra.schema,
  };
  const names = new Set(members.map(([name]) => name));
  const parts = members.map(([name, { documents }, required]) =>
    fc.tuple(
      fc.constant(name),
      documents,
      required ? fc.constant(true) : fc.boolean(),
    )
  );
  const extras = extra === false ? fc.constant([]) : fc.array(
    fc.tuple(
      name.filter((name) => !names.has(name)),
      extra === true ? fc.jsonValue() : extra.documents,
    ),
    { maxLength: 3 },
  );
  return {
    schema,
    documents: fc.tuple(fc.tuple(...parts), extras).map(([own, others]) =>
      Object.fromEntries([
        ...own.filter(([, , present]) => present)
          .map(([name, value]) => [name, value] as const),
        ...others,
      ])
    ),
  };
}

function arrayOf(items: Pair, minItems: number, more: number): Pair {
  return {
    schema: {
      type: "array",
      items: items.schema,
      minItems,
      maxItems: minItems + more,
    },
    documents: fc.array(items.documents, {
      minLength: minItems,
      maxLength: minItems + more,
    }),
  };
}

const { root } = fc.letrec<{ pair: Pair; root: Pair }>((tie) => ({
  pair: fc.oneof(
    { maxDepth: 4 },
    leaf,
    tie("root"),
    fc.array(tie("pair"), { minLength: 1, maxLength: 3 }).map((pairs) => ({
      schema: { anyOf: pairs.map(({ schema }) => schema) },
      documents: fc.oneof(...pairs.map(({ documents }) => documents)),
    })),
    tie("pair").map(({ schema, documents }) => ({
      schema: { allOf: [schema, true], not: { const: { no: "such" } } },
      documents,
    })),
    tie("pair").map(({ schema, documents }) => ({
      schema: { if: { type: "string", maxLength: 0 }, else: schema },
      documents,
    })),
  ),
  root: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(
      fc.uniqueArray(fc.tuple(name, tie("pair"), fc.boolean()), {
        maxLength: 4,
        selector: ([name]) => name,
      }),
      fc.oneof(fc.boolean(), tie("pair")),
    ).map(([members, extra]) => objectOf(members, extra)),
    fc.tuple(tie("pair"), fc.nat(2), fc.nat(3)).map(([items, least, more]) =>
      arrayOf(items, least, more)
    ),
  ),
}));

const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

Deno.test("a document made for a schema is valid", () => {
  fc.assert(
    fc.property(
      root.chain(({ schema, documents }) =>
        fc.tuple(fc.constant(schema), documents)
      ),
      ([schema, document]) => {
        const checked = checkSchema(plain(schema));
        assertEquals(validate(checked, plain(document)), { valid: true });
      },
    ),
    { numRuns: 500 },
  );
});

/**
 * Documents that do not satisfy: a place is chosen whose schema is plain, and
 * what is there is made wrong.
 */
function* faults(
  schema: JsonSchema,
  document: unknown,
  path: string[] = [],
): Generator<{ path: string[]; value: unknown }> {
  const { type } = schema;
  if (type === "object" && typeof document === "object" && document !== null) {
    const members = document as Record<string, unknown>;
    for (const [name, inner] of Object.entries(schema.properties as object)) {
      if (Object.hasOwn(members, name)) {
        yield* faults(inner, members[name], [...path, name]);
      }
    }
    for (const name of schema.required as string[]) {
      const rest = Object.entries(members).filter(([other]) => other !== name);
      yield { path, value: Object.fromEntries(rest) };
    }
    if (schema.additionalProperties === false) {
      const value = Object.entries(members).concat([["not there", 1]]);
      yield { path, value: Object.fromEntries(value) };
    }
  }
  if (type === "array" && Array.isArray(document)) {
    for (const [index, item] of document.entries()) {
      yield* faults(schema.items as JsonSchema, item, [...path, String(index)]);
    }
    const most = schema.maxItems as number;
    if (document.length > 0) {
      yield { path, value: Array(most + 1).fill(document[0]) };
    }
  }
  if (type === "string") {
    yield { path, value: "𝒳".repeat(schema.maxLength as number + 1) };
  }
  if (type === "integer") yield { path, value: Number(schema.maximum) + 0.5 };
  if (type !== undefined) yield { path, value: type === "null" ? 0 : null };
  else if (schema.enum !== undefined) yield { path, value: ["no"] };
}

function replace(document: unknown, path: string[], value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  if (Array.isArray(document)) {
    return document.with(
      Number(name),
      replace(document[Number(name)], rest, value),
    );
  }
  return Object.fromEntries(
    Object.entries(document as object).map(([key, member]) => [
      key,
      key === name ? replace(member, rest, value) : member,
    ]),
  );
}

Deno.test("a document made wrong is not valid, and the pointers exist", () => {
  let broken = 0;
  fc.assert(
    fc.property(
      root.chain(({ schema, documents }) =>
        fc.tuple(fc.constant(schema), documents, fc.nat())
      ),
      ([schema, document, choice]) => {
        const given = plain(document);
        const all = [...faults(plain(schema), given)];
        const fault = all[choice % all.length]!;
        const wrong = plain(replace(given, fault.path, fault.value));
        const result = validate(checkSchema(plain(schema)), wrong);
        assert(!result.valid);
        assert(result.errors.length > 0 && result.errors.length <= 10);
        for (const { pointer } of result.errors) at(wrong, pointer);
        // The fault is where it was made, or in what was put there.
        const here = fault.path.reduce(
          (pointer, token) =>
            `${pointer}/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`,
          "",
        );
        assert(
          result.errors.some(({ pointer }) =>
            pointer === here || pointer.startsWith(`${here}/`)
          ),
        );
        broken++;
      },
    ),
    { numRuns: 500 },
  );
  assert(broken >= 500);
});

Deno.test("validate tells of each wrong member, up to ten", () => {
  const schema = checkSchema({
    type: "object",
    properties: { a: { type: "string" }, list: { items: { type: "number" } } },
  });
  assertEquals(validate(schema, { a: 1, list: [0, "one"] }), {
    valid: false,
    errors: [
      {
        pointer: "/a",
        message: 'Instance type "number" is invalid. Expected "string".',
      },
      {
        pointer: "/list/1",
        message: 'Instance type "string" is invalid. Expected "number".',
      },
    ],
  });
  const result = validate(schema, { list: Array(50).fill("one") });
  assertEquals(!result.valid && result.errors.length, 10);
});
