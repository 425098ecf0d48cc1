import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { splitPointer } from "../../lib/json_patch.ts";
import {
  checkSchema,
  DEFAULT_SCHEMA,
  type JsonSchema,
} from "../../lib/schemas/schema.ts";
import { describeViolation } from "../../lib/schemas/violations.ts";
import { check, validateAtOnce } from "./_validate.ts";

/** What is at a pointer; throws where nothing is. */
function at(document: unknown, pointer: string): unknown {
  return splitPointer(pointer).reduce((value: unknown, token) => {
    assert(typeof value === "object" && value !== null, pointer);
    assert(Object.hasOwn(value, token), pointer);
    return (value as Record<string, unknown>)[token];
  }, document);
}

function errorsOf(schema: JsonSchema, document: unknown) {
  const { valid, errors = [] } = check(schema, document);
  assertEquals(errors.length > 0, valid === false);
  return errors.map((violation) => ({
    pointer: violation.pointer,
    message: describeViolation(violation, "en"),
  }));
}

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
  assertEquals(validateAtOnce(schema, { rows }), { valid: true });

  const tags = Array.from({ length: 500 }, (_, index) => `tag ${index}`);
  const unique = checkSchema({ type: "array", uniqueItems: true });
  assertEquals(validateAtOnce(unique, tags), { valid: true });
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
    [
      { n: 5, "a/b ~%é#": "abc" },
      "/a~1b ~0%é#",
      "String is too long: more than 2 characters.",
    ],
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
  const valid = (text: string) =>
    validateAtOnce(schema, JSON.parse(text)).valid;
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
  assertEquals(validateAtOnce(schema, { a: "(" }), { valid: true });
});

Deno.test("validate takes names that are not Unicode", () => {
  assertEquals(errorsOf({ required: ["a"] }, { "\ud800": 1 })[0]?.pointer, "");
  const numbers = { additionalProperties: { type: "number" } };
  assertEquals(errorsOf(numbers, { "\ud800": 1 }), []);
  assertEquals(
    errorsOf(numbers, { "\ud800": "1" })[0]?.pointer,
    "/\ud800",
  );
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
        assertEquals(validateAtOnce(checked, plain(document)), { valid: true });
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
        const result = validateAtOnce(checkSchema(plain(schema)), wrong);
        const { valid, errors = [] } = result;
        assertEquals(valid, false);
        assert(errors.length > 0 && errors.length <= 10);
        for (const { pointer } of errors) at(wrong, pointer);
        // The fault is where it was made, or in what was put there.
        const here = fault.path.reduce(
          (pointer, token) =>
            `${pointer}/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`,
          "",
        );
        assert(
          errors.some(({ pointer }) =>
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
  assertEquals(validateAtOnce(schema, { a: 1, list: [0, "one"] }), {
    valid: false,
    errors: [
      {
        pointer: "/a",
        keyword: "type",
        values: ["number", "string"],
      },
      {
        pointer: "/list/1",
        keyword: "type",
        values: ["string", "number"],
      },
    ],
  });
  const result = validateAtOnce(schema, { list: Array(50).fill("one") });
  assertEquals(result.errors?.length, 10);
});
