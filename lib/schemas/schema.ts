/**
 * JSON Schemas that strangers bring: which are taken.
 *
 * @module
 */

import { joinPointer, splitPointer } from "../json_patch.ts";
import type { Words } from "../language.ts";
import {
  FAULTS,
  notAType,
  tooDeep,
  tooLarge,
  tooMany,
  tooMuch,
} from "./faults.ts";

/** A JSON Schema (2020-12, and what is common of older drafts). */
export type JsonSchema = Record<string, unknown>;

/** The schema where nobody brings one: a title and a summary. */
export const DEFAULT_SCHEMA: JsonSchema = {
  type: "object",
  properties: {
    title: { type: "string", description: "文章的标题" },
    summary: { type: "string", description: "文章的摘要" },
  },
  required: ["title", "summary"],
  additionalProperties: false,
};

/** A value is not a schema, or one that is not taken. Its message is Chinese. */
export class SchemaError extends TypeError {
  override name = "SchemaError";
  /** JSON Pointer of the place in the schema. */
  readonly pointer: string;
  /** The message, in each language. */
  readonly words: Words;

  /** Made by {@linkcode checkSchema}. */
  constructor({ zh, en }: Words, pointer: string) {
    const place = pointer === "" ? "" : quote(pointer);
    const words = {
      zh: `schema ${place && `的 ${place} `}${zh}`,
      en: `schema${place && ` at ${place}`}: ${en}`,
    };
    super(words.zh);
    this.pointer = pointer;
    this.words = words;
  }
}

/** How deep subschemas may stand in one another. */
const MAX_DEPTH = 32;
/** How many subschemas there may be. */
const MAX_SUBSCHEMAS = 2_000;
/** How many JSON values the schema may hold: `enum` has many, and they are small. */
const MAX_VALUES = 20_000;
/** How deep the JSON values that are not schemas (`const`, …) may be nested. */
const MAX_VALUE_DEPTH = 32;
/** How many subschemas may apply to one and the same value. */
const MAX_EXPANSION = 200;

/** What stands behind a keyword. */
export type Shape =
  | "schema"
  | "schemas"
  | "schemaMap"
  | "items"
  | "dependencies"
  | "type"
  | "values"
  | "any"
  | "names"
  | "nameMap"
  | "number"
  | "positive"
  | "count"
  | "boolean"
  | "string"
  | "reference"
  | "refused";

/** Every keyword that is looked at; others are legal and mean nothing. */
const KEYWORDS = new Map<string, Shape>([
  ...keywords(
    "schema",
    "not if then else additionalProperties propertyNames contains",
    "additionalItems unevaluatedItems unevaluatedProperties",
  ),
  ...keywords("schemas", "allOf anyOf oneOf prefixItems"),
  ...keywords("schemaMap", "properties dependentSchemas $defs definitions"),
  ["items", "items"],
  ["dependencies", "dependencies"],
  ["type", "type"],
  ["enum", "values"],
  ["const", "any"],
  ["required", "names"],
  ["dependentRequired", "nameMap"],
  ...keywords("number", "minimum maximum exclusiveMinimum exclusiveMaximum"),
  ["multipleOf", "positive"],
  ...keywords(
    "count",
    "minLength maxLength minItems maxItems minContains maxContains",
    "minProperties maxProperties",
  ),
  ["uniqueItems", "boolean"],
  ...keywords("string", "title description format $schema $comment"),
  // Annotations too, for those who bring them are strangers: see `validate`.
  ...keywords("string", "pattern $id"),
  ["$ref", "reference"],
  ...keywords(
    "refused",
    "patternProperties $anchor $dynamicRef $dynamicAnchor",
    "$recursiveRef $recursiveAnchor $vocabulary",
  ),
]);

/** Keywords whose subschemas apply to the very value that the schema is for. */
const IN_PLACE = new Set(
  "allOf anyOf oneOf not if then else dependentSchemas dependencies".split(" "),
);

const TYPES = ["string", "number", "integer", "boolean", "null"];
const ROOT_TYPES = ["object", "array"];

function keywords(shape: Shape, ...names: string[]): [string, Shape][] {
  return names.join(" ").split(" ").map((name) => [name, shape]);
}

/**
 * Checks a schema that may be hostile. What passes can be given to
 * `validate`, whose work it cannot make explode.
 *
 * Taken are schemas of an object or an array; `pattern` and `$id` in them are
 * annotations. Not taken are `patternProperties`, references out of the
 * document, what rebases references, references that go in a circle, and
 * whatever passes a bound.
 *
 * @param value What `JSON.parse` made of it.
 * @returns The same value.
 * @throws {SchemaError} If it is not taken.
 */
export function checkSchema(value: unknown): JsonSchema {
  if (!isObject(value)) throw new SchemaError(FAULTS.object, "");
  const names = Object.keys(value);
  if (names.length > 0 && !names.some((name) => KEYWORDS.has(name))) {
    throw new SchemaError(FAULTS.keywords, "");
  }
  checkSize(value);
  const root: JsonSchema = value;
  const check = { root, pointers: new Map(), targets: new Map([["", root]]) };
  // Where a reference leads is checked too: it need not be among the subschemas.
  for (const [pointer, target] of check.targets) {
    checkSubschema(target, pointer, 0, check);
  }
  const expansions = new Map<JsonSchema, number>();
  for (const [schema, pointer] of check.pointers) {
    expand(schema, pointer, root, expansions);
  }
  const types = typesOf(root, root).filter((type) => ROOT_TYPES.includes(type));
  if (types.length !== 1) {
    throw new SchemaError(FAULTS.root, "");
  }
  return root;
}

interface Check {
  readonly root: JsonSchema;
  /** The subschemas that have been checked, and where they are. */
  readonly pointers: Map<JsonSchema, string>;
  /** Where the references found so far lead. */
  readonly targets: Map<string, unknown>;
}

/** Bounds the JSON value itself, before anything recurses into it. */
function checkSize(root: unknown): void {
  let level: unknown[] = [root];
  let count = 0;
  // A subschema is at most three levels below the last: allOf/0, then a keyword.
  for (let depth = 0; level.length > 0; depth++) {
    count += level.length;
    if (count > MAX_VALUES) {
      throw new SchemaError(tooLarge(MAX_VALUES), "");
    }
    if (depth > 2 * MAX_DEPTH + MAX_VALUE_DEPTH) {
      throw new SchemaError(FAULTS.deep, "");
    }
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : []
    );
  }
}

function checkSubschema(
  value: unknown,
  pointer: string,
  depth: number,
  check: Check,
): void {
  if (typeof value === "boolean") return;
  if (!isObject(value)) {
    throw new SchemaError(FAULTS.schema, pointer);
  }
  if (depth > MAX_DEPTH) {
    throw new SchemaError(tooDeep(MAX_DEPTH), pointer);
  }
  if (check.pointers.has(value)) return;
  check.pointers.set(value, pointer);
  if (check.pointers.size > MAX_SUBSCHEMAS) {
    throw new SchemaError(tooMany(MAX_SUBSCHEMAS), "");
  }
  for (const [keyword, content] of Object.entries(value)) {
    const shape = KEYWORDS.get(keyword);
    if (shape === undefined) continue;
    const place = joinPointer(pointer, keyword);
    if (shape === "reference") {
      const { target, pointer } = resolveReference(content, check.root, place);
      check.targets.set(pointer, target);
    } else {
      const reason = fault(shape, content);
      if (reason !== undefined) throw new SchemaError(reason, place);
    }
  }
  // What a reference below it means would hang on it.
  if (pointer !== "" && value.$id !== undefined && refers(value)) {
    throw new SchemaError(FAULTS.rebased, joinPointer(pointer, "$id"));
  }
  for (const { path, schema } of subschemas(value)) {
    checkSubschema(schema, path.reduce(joinPointer, pointer), depth + 1, check);
  }
}

/** Whether a schema, or one in it, refers to others. */
function refers(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  if (schema.$ref !== undefined) return true;
  return subschemas(schema).some(({ schema }) => refers(schema));
}

/** What is wrong with a keyword's value, but for the schemas in it. */
function fault(shape: Shape, value: unknown): Words | undefined {
  switch (shape) {
    case "refused":
      return FAULTS.refused;
    case "schemas":
      return isFilled(value) ? undefined : FAULTS.schemas;
    case "schemaMap":
    case "dependencies":
      if (!isObject(value)) return FAULTS.schemaMap;
      return namesFault(Object.keys(value));
    case "items":
      return Array.isArray(value) && value.length === 0
        ? FAULTS.items
        : undefined;
    case "type": {
      const types = Array.isArray(value) ? value : [value];
      const wrong = types.find((type) =>
        !TYPES.includes(type) && !ROOT_TYPES.includes(type)
      );
      const isUnique = new Set(types).size === types.length;
      if (types.length > 0 && wrong === undefined && isUnique) return undefined;
      return notAType([...ROOT_TYPES, ...TYPES]);
    }
    case "values":
      return isFilled(value) ? undefined : FAULTS.values;
    case "names":
      return isNames(value) ? namesFault(value) : FAULTS.names;
    case "nameMap":
      if (isObject(value) && Object.values(value).every(isNames)) {
        return namesFault(Object.keys(value));
      }
      return FAULTS.nameMap;
    case "number":
      return Number.isFinite(value) ? undefined : FAULTS.number;
    case "positive":
      return Number.isFinite(value) && (value as number) > 0
        ? undefined
        : FAULTS.positive;
    case "count":
      return Number.isSafeInteger(value) && (value as number) >= 0
        ? undefined
        : FAULTS.count;
    case "boolean":
      return typeof value === "boolean" ? undefined : FAULTS.boolean;
    case "string":
      return typeof value === "string" ? undefined : FAULTS.string;
    default:
      return undefined;
  }
}

/** Not every provider takes names with surrogates that are alone. */
function namesFault(names: string[]): Words | undefined {
  return names.every((name) => name.isWellFormed())
    ? undefined
    : FAULTS.unicode;
}

export interface Subschema {
  /** The way to it: the keyword, and a name or index. */
  path: (string | number)[];
  schema: unknown;
}

/** The schemas directly in a schema, but for where `$ref` leads. */
export function* subschemas(schema: JsonSchema): Generator<Subschema> {
  for (const [keyword, value] of Object.entries(schema)) {
    switch (KEYWORDS.get(keyword)) {
      case "schema":
        yield { path: [keyword], schema: value };
        break;
      case "items":
        if (!Array.isArray(value)) {
          yield { path: [keyword], schema: value };
          break;
        }
        // falls through: the older form, one schema for each place.
      case "schemas":
        for (const [index, item] of (value as unknown[]).entries()) {
          yield { path: [keyword, index], schema: item };
        }
        break;
      case "schemaMap":
      case "dependencies":
        for (const [name, item] of Object.entries(value as JsonSchema)) {
          if (keyword === "dependencies" && isNames(item)) continue;
          yield { path: [keyword, name], schema: item };
        }
    }
  }
}

/** Where a `$ref` leads: a place in the same document, and what is there. */
export function resolveReference(
  reference: unknown,
  root: JsonSchema,
  place = "",
): { target: unknown; pointer: string } {
  const pointer = pointerOf(reference);
  if (pointer === undefined) {
    throw new SchemaError(FAULTS.reference, place);
  }
  let target: unknown = root;
  for (const token of splitPointer(pointer)) {
    const there = Array.isArray(target)
      ? /^(?:0|[1-9]\d*)$/.test(token) && Object.hasOwn(target, token)
      : isObject(target) && Object.hasOwn(target, token);
    if (!there) throw new SchemaError(FAULTS.missing, place);
    target = (target as JsonSchema)[token];
  }
  return { target, pointer };
}

/** The JSON Pointer that is the fragment of a URI reference, and all of it. */
function pointerOf(reference: unknown): string | undefined {
  if (typeof reference !== "string" || !/^#(?:\/|$)/.test(reference)) {
    return undefined;
  }
  try {
    const pointer = decodeURIComponent(reference.slice(1));
    splitPointer(pointer);
    return pointer;
  } catch {
    return undefined;
  }
}

/**
 * Counts the schemas that apply to a value when this one does. Each schema is
 * counted once and remembered: where many share one, the number grows faster
 * than the work of counting.
 */
function expand(
  schema: unknown,
  pointer: string,
  root: JsonSchema,
  expansions: Map<JsonSchema, number>,
): number {
  if (!isObject(schema)) return 1;
  const known = expansions.get(schema);
  if (known === 0) throw new SchemaError(FAULTS.circle, pointer);
  if (known !== undefined) return known;
  expansions.set(schema, 0);
  let count = 1;
  if (schema.$ref !== undefined) {
    count += expand(
      resolveReference(schema.$ref, root).target,
      pointer,
      root,
      expansions,
    );
  }
  for (const { path, schema: subschema } of subschemas(schema)) {
    if (IN_PLACE.has(String(path[0]))) {
      count += expand(subschema, pointer, root, expansions);
    }
  }
  if (count > MAX_EXPANSION) {
    throw new SchemaError(
      tooMuch(MAX_EXPANSION),
      pointer,
    );
  }
  expansions.set(schema, count);
  return count;
}

/**
 * Whether the documents of a schema are objects or arrays.
 *
 * @param schema One that {@linkcode checkSchema} has passed.
 * @returns The type of the document's root; `"object"` where nothing says it.
 */
export function rootOf(schema: JsonSchema | undefined): "object" | "array" {
  if (schema === undefined) return "object";
  return typesOf(schema, schema).includes("array") ? "array" : "object";
}

/** The types that a schema names, itself or by others that apply in place. */
function typesOf(schema: unknown, root: JsonSchema): string[] {
  if (!isObject(schema)) return [];
  if (schema.type !== undefined) return [schema.type].flat() as string[];
  const others = [schema.allOf, schema.anyOf, schema.oneOf].flat();
  if (schema.$ref !== undefined) {
    others.push(resolveReference(schema.$ref, root).target);
  }
  const types = new Set(others.flatMap((other) => typesOf(other, root)));
  if (types.size === 0 && schema === root) types.add("object");
  return [...types];
}

export function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFilled(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length > 0;
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) &&
    value.every((name) => typeof name === "string");
}

/** A name in a message. */
function quote(name: string): string {
  const text = name.length > 80 ? `${name.slice(0, 79)}…` : name;
  return JSON.stringify(text.toWellFormed());
}
