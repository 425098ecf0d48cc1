// Judges the documents that take the most memory; for memory_test.ts, which
// lets it have only so much.

import { JsonPatchParser } from "../../lib/parser.ts";
import { compile } from "../../lib/schemas/nodes.ts";
import { checkSchema } from "../../lib/schemas/schema.ts";
import { StreamValidation } from "../../lib/schemas/stream.ts";

/** Texts of a million units, piece by piece: nobody holds them. */
function* list(each: (index: number) => string): Generator<string> {
  yield "[";
  let length = 1;
  for (let index = 0; length < 1_000_000; index++) {
    const piece = (index === 0 ? "" : ",") + each(index);
    length += piece.length;
    yield piece;
  }
  yield "]";
}

function* object(each: (index: number) => string): Generator<string> {
  let isFirst = true;
  for (const piece of list((index) => `"${index}":${each(index)}`)) {
    if (isFirst) yield "{";
    else if (piece === "]") yield "}";
    else yield piece;
    isFirst = false;
  }
}

function range<T>(length: number, each: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => each(index));
}

const unevaluated = (inner: unknown) =>
  range(30, () => 0).reduce<unknown>(
    (schema) => ({ anyOf: [schema, {}], unevaluatedProperties: inner }),
    { type: "object" },
  );

/** A schema of many states: which of its parts apply hangs on the way. */
const $defs = Object.fromEntries(range(60, (index) => [`s${index}`, {
  properties: Object.fromEntries(
    [..."abcdefgh"].map((name, step) => [name, {
      anyOf: [{ $ref: `#/$defs/s${(index * 7 + step + 1) % 60}` }, {
        $ref: `#/$defs/s${(index * 11 + step * 5) % 60}`,
      }],
    }]),
  ),
}]));

function* wandering(): Generator<string> {
  yield '{"a":0';
  let seed = 1;
  for (let length = 6; length < 1_000_000;) {
    let piece = `,"${length}":{"x":0`;
    const depth = 1 + seed % 90;
    for (let level = 0; level < depth; level++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      piece += `,"${"abcdefgh"[seed % 8]}":{"y":0`;
    }
    piece += "}".repeat(depth + 1);
    length += piece.length;
    yield piece;
  }
  yield "}";
}

const documents: Record<string, [unknown, () => Iterable<string>]> = {
  "unique numbers": [
    { type: "array", uniqueItems: true },
    () => list(String),
  ],
  "unique lists": [
    { type: "array", uniqueItems: true },
    () => list((index) => `[${index}]`),
  ],
  "unique objects": [
    { type: "array", uniqueItems: true },
    () => list((index) => `{"a":${index}}`),
  ],
  "an object compared as a whole": [
    { type: "object", enum: [{}, { a: 1 }] },
    () => object(String),
  ],
  "unevaluated members, forbidden": [
    unevaluated(false),
    () => object(() => "0"),
  ],
  "unevaluated members, described": [
    unevaluated({ type: "string" }),
    () => object(() => "0"),
  ],
  "elements that are contained and evaluated": [
    {
      type: "array",
      anyOf: range(190, () => ({ contains: { type: "number" } })),
      unevaluatedItems: false,
    },
    () => list(() => "0"),
  ],
  "many states": [
    { type: "object", additionalProperties: { $ref: "#/$defs/s0" }, $defs },
    wandering,
  ],
  "unevaluated members, each with violations that wait": [
    unevaluated({
      type: "string",
      required: range(9, (index) => `${index}`.padEnd(100)),
    }),
    () => object(() => "{}"),
  ],
  "violations that wait, at every depth": [
    {
      type: "array",
      $ref: "#/$defs/s",
      $defs: {
        s: {
          items: { $ref: "#/$defs/s" },
          if: { type: "string" },
          then: {
            allOf: range(190, () => ({ items: { type: "string" } })),
          },
        },
      },
    },
    () => ["[", ...range(125, () => `${"0,".repeat(10)}[`), "]".repeat(126)],
  ],
  "a long string": [
    { type: "array", items: { maxLength: 1_000_000, enum: ["a"] } },
    () => ['["', ...range(1_000, () => "x".repeat(1_000)), '"]'],
  ],
};

for (const [name, [schema, pieces]] of Object.entries(documents)) {
  const validation = new StreamValidation(compile(checkSchema(schema)));
  const parser = new JsonPatchParser();
  for (const piece of pieces()) {
    for (const _ of validation.read(parser.write(piece)));
  }
  const { valid, unchecked } = validation.result;
  console.log(`${name}: ${valid ?? unchecked}`);
}
