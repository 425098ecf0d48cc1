/**
 * JSON Schemas that strangers bring: which are taken, and whether a document
 * satisfies one.
 *
 * @module
 */

import { type OutputUnit, validate as interpret } from "@cfworker/json-schema";
import { joinPointer, splitPointer } from "./json_patch.ts";

/** A JSON Schema (2020-12, and what is common of older drafts). */
export type JsonSchema = Record<string, unknown>;

/** Where and why a document does not satisfy its schema. */
export interface ValidationError {
  /** JSON Pointer (RFC 6901) of a value that the document holds. */
  pointer: string;
  /** What is wrong there, in English; at most 200 UTF-16 units. */
  message: string;
}

/** What {@linkcode validate} returns. */
export type ValidationResult =
  | { valid: true }
  | { valid: false; errors: ValidationError[] };

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

  /** Made by {@linkcode checkSchema}. */
  constructor(reason: string, pointer: string) {
    super(`schema ${pointer === "" ? "" : `的 ${quote(pointer)} `}${reason}`);
    this.pointer = pointer;
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

const MAX_ERRORS = 10;
const MAX_MESSAGE = 200;

/** What stands behind a keyword. */
type Shape =
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
  ["$ref", "reference"],
  ...keywords(
    "refused",
    "pattern patternProperties $id $anchor $dynamicRef $dynamicAnchor",
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
 * {@linkcode validate}, whose work it cannot make explode.
 *
 * Taken are schemas of an object or an array. Not taken are regular
 * expressions, references out of the document, keywords that rebase
 * references, references that go in a circle, and whatever passes a bound.
 *
 * @param value What `JSON.parse` made of it.
 * @returns The same value.
 * @throws {SchemaError} If it is not taken.
 */
export function checkSchema(value: unknown): JsonSchema {
  if (!isObject(value)) throw new SchemaError("应为对象", "");
  const names = Object.keys(value);
  if (names.length > 0 && !names.some((name) => KEYWORDS.has(name))) {
    throw new SchemaError("没有任何 JSON Schema 关键字", "");
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
    throw new SchemaError("应描述一个对象，或一个数组", "");
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
      throw new SchemaError(`过大：超过 ${MAX_VALUES} 个值`, "");
    }
    if (depth > 2 * MAX_DEPTH + MAX_VALUE_DEPTH) {
      throw new SchemaError("嵌套过深", "");
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
    throw new SchemaError("应为 schema（对象或布尔值）", pointer);
  }
  if (depth > MAX_DEPTH) {
    throw new SchemaError(`嵌套过深：超过 ${MAX_DEPTH} 层`, pointer);
  }
  if (check.pointers.has(value)) return;
  check.pointers.set(value, pointer);
  if (check.pointers.size > MAX_SUBSCHEMAS) {
    throw new SchemaError(`超过 ${MAX_SUBSCHEMAS} 个子 schema`, "");
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
  for (const { path, schema } of subschemas(value)) {
    checkSubschema(schema, path.reduce(joinPointer, pointer), depth + 1, check);
  }
}

/** What is wrong with a keyword's value, but for the schemas in it. */
function fault(shape: Shape, value: unknown): string | undefined {
  switch (shape) {
    case "refused":
      return "不被支持";
    case "schemas":
      return isFilled(value) ? undefined : "应为非空的 schema 数组";
    case "schemaMap":
    case "dependencies":
      if (!isObject(value)) return "应为对象，每个成员是一个 schema";
      return namesFault(Object.keys(value));
    case "items":
      return Array.isArray(value) && value.length === 0
        ? "应为 schema"
        : undefined;
    case "type": {
      const types = Array.isArray(value) ? value : [value];
      const wrong = types.find((type) =>
        !TYPES.includes(type) && !ROOT_TYPES.includes(type)
      );
      if (types.length > 0 && wrong === undefined) return undefined;
      return `应为 ${[...ROOT_TYPES, ...TYPES].join("、")} 之一，或其数组`;
    }
    case "values":
      return isFilled(value) ? undefined : "应为非空数组";
    case "names":
      return isNames(value) ? namesFault(value) : "应为字符串数组";
    case "nameMap":
      if (isObject(value) && Object.values(value).every(isNames)) {
        return namesFault(Object.keys(value));
      }
      return "应为对象，每个成员是字符串数组";
    case "number":
      return Number.isFinite(value) ? undefined : "应为数字";
    case "positive":
      return Number.isFinite(value) && (value as number) > 0
        ? undefined
        : "应为大于 0 的数字";
    case "count":
      return Number.isSafeInteger(value) && (value as number) >= 0
        ? undefined
        : "应为非负整数";
    case "boolean":
      return typeof value === "boolean" ? undefined : "应为布尔值";
    case "string":
      return typeof value === "string" ? undefined : "应为字符串";
    default:
      return undefined;
  }
}

/** The validator makes URIs of names, which surrogates that are alone defeat. */
function namesFault(names: string[]): string | undefined {
  return names.every((name) => name.isWellFormed())
    ? undefined
    : "的名称不是合法的 Unicode";
}

interface Subschema {
  /** The way to it: the keyword, and a name or index. */
  path: (string | number)[];
  schema: unknown;
}

/** The schemas directly in a schema, but for where `$ref` leads. */
function* subschemas(schema: JsonSchema): Generator<Subschema> {
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
    throw new SchemaError("只能引用本文档内的位置（# 或 #/…）", place);
  }
  let target: unknown = root;
  for (const token of splitPointer(pointer)) {
    const there = Array.isArray(target)
      ? /^(?:0|[1-9]\d*)$/.test(token) && Object.hasOwn(target, token)
      : isObject(target) && Object.hasOwn(target, token);
    if (!there) throw new SchemaError("引用的位置不存在", place);
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
  if (known === 0) throw new SchemaError("引用了它自己", pointer);
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
      `对同一个值要应用超过 ${MAX_EXPANSION} 个子 schema`,
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
export function rootOf(schema: JsonSchema): "object" | "array" {
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

/** What Structured Outputs know; `format`s and limits are those documented. */
const STRICT_KEYWORDS = new Set([
  ...["type", "enum", "const", "anyOf", "$ref", "$defs", "definitions"],
  ...["properties", "required", "additionalProperties", "items"],
  ...["minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum"],
  ...["exclusiveMaximum", "multipleOf", "format", "title", "description"],
]);
const STRICT_FORMATS = new Set([
  ...["date-time", "time", "date", "duration", "email", "hostname"],
  ...["ipv4", "ipv6", "uuid"],
]);
const STRICT_PROPERTIES = 5_000;
const STRICT_DEPTH = 10;
const STRICT_NAMES_LENGTH = 120_000;
const STRICT_ENUM_VALUES = 1_000;
const STRICT_LONG_ENUM = 250;
const STRICT_LONG_ENUM_LENGTH = 15_000;

/**
 * Whether OpenAI's Structured Outputs take the schema with `strict: true`, by
 * their documentation ("Supported schemas"). In doubt they do not: the same
 * schema without `strict` is always taken.
 *
 * @param schema One that {@linkcode checkSchema} has passed.
 * @returns Whether a request may say `strict: true`.
 */
export function isStrict(schema: JsonSchema): boolean {
  const totals = { properties: 0, namesLength: 0, enumValues: 0 };
  return schema.type === "object" && schema.anyOf === undefined &&
    isStrictBelow(schema, 1, totals) &&
    totals.properties <= STRICT_PROPERTIES &&
    totals.namesLength <= STRICT_NAMES_LENGTH &&
    totals.enumValues <= STRICT_ENUM_VALUES;
}

function isStrictBelow(
  schema: unknown,
  depth: number,
  totals: { properties: number; namesLength: number; enumValues: number },
): boolean {
  if (!isObject(schema) || depth > STRICT_DEPTH) return false;
  const names = Object.keys(schema);
  if (schema.$ref !== undefined) {
    return names.length === 1 &&
      /^#(?:\/(?:\$defs|definitions)\/[^/]+)?$/.test(String(schema.$ref));
  }
  if (!names.every((name) => STRICT_KEYWORDS.has(name))) return false;
  if (schema.type === undefined && schema.anyOf === undefined) return false;

  const types = [schema.type].flat();
  if (types.includes("object")) {
    const properties = Object.keys(schema.properties ?? {});
    const required = new Set(schema.required as string[] | undefined);
    if (
      schema.properties === undefined ||
      schema.additionalProperties !== false ||
      required.size !== properties.length ||
      !properties.every((name) => required.has(name))
    ) return false;
    totals.properties += properties.length;
  }
  if (types.includes("array") && !isObject(schema.items)) return false;
  if (
    schema.format !== undefined && !STRICT_FORMATS.has(String(schema.format))
  ) {
    return false;
  }
  const values = (schema.enum ?? []) as unknown[];
  const length = values.concat(schema.const ?? []).join("").length;
  if (values.length > STRICT_LONG_ENUM && length > STRICT_LONG_ENUM_LENGTH) {
    return false;
  }
  totals.enumValues += values.length;
  totals.namesLength += length;

  for (
    const { path: [keyword, name], schema: subschema } of subschemas(schema)
  ) {
    if (keyword === "additionalProperties") continue;
    if (typeof name === "string") totals.namesLength += name.length;
    const inner = keyword === "properties" || keyword === "items";
    if (!isStrictBelow(subschema, depth + Number(inner), totals)) return false;
  }
  return true;
}

/** The message where {@linkcode validate} gave up. */
export const TOO_COSTLY = "Too costly to validate";

/** The budget of one validation is spent. */
class TooCostly extends Error {}

/**
 * Counts the work of one validation, which the library does not bound: each
 * application of a schema, and each look at the document. A unit stands for
 * some 50 ns.
 */
class Meter {
  #left = 0;
  /** The length of the value that was read last, if it is a string. */
  #textLength = 0;
  /** One for each depth. */
  readonly #handlers: ProxyHandler<object>[] = [];

  /** A view of a document, through which `budget` units may be spent. */
  measure(document: unknown, budget: number): unknown {
    this.#left = budget;
    return this.#view(document, 0);
  }

  /** Counts one application of a schema to the value that was read last. */
  apply(cost: number): void {
    this.#spend(cost + this.#textLength / 64);
  }

  #spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new TooCostly();
  }

  #view(value: unknown, depth: number): unknown {
    this.#textLength = typeof value === "string" ? value.length : 0;
    if (typeof value !== "object" || value === null) return value;
    return new Proxy(value, this.#handlers[depth] ??= this.#handler(depth));
  }

  #handler(depth: number): ProxyHandler<object> {
    return {
      get: (target, key) => {
        // Each level above copies the errors found here: deeper costs more.
        this.#spend(1 + depth);
        return this.#view(Reflect.get(target, key), depth + 1);
      },
      getOwnPropertyDescriptor: (target, key) => {
        this.#spend(1);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
      ownKeys: (target) => {
        const keys = Reflect.ownKeys(target);
        this.#spend(1 + keys.length);
        return keys;
      },
    };
  }
}

/** A schema made ready for the library. */
class Validator {
  readonly #schema: JsonSchema;
  readonly #meter = new Meter();
  /** What the library sees in place of each subschema. */
  readonly #copies = new Map<JsonSchema, JsonSchema>();
  readonly #root: JsonSchema | boolean;
  /** Where each `$ref` leads. */
  readonly #references: Record<string, JsonSchema | boolean> = Object.create(
    null,
  );

  constructor(schema: JsonSchema) {
    this.#schema = schema;
    this.#root = this.#copy(schema);
  }

  validate(value: unknown): ValidationResult {
    const budget = 1_000_000 + 20 * JSON.stringify(value).length;
    try {
      const { valid, errors } = interpret(
        this.#meter.measure(value, budget),
        this.#root,
        "2020-12",
        this.#references,
      );
      return valid ? { valid } : { valid, errors: summarize(errors) };
    } catch (error) {
      // What else the library throws: more errors than the stack can hold, or a
      // name in the document that is not Unicode, which it cannot escape.
      const message = error instanceof TooCostly
        ? TOO_COSTLY
        : "Cannot be validated";
      return { valid: false, errors: [{ pointer: "", message }] };
    }
  }

  /**
   * Copies what the library shall see: no annotations (it would run `format`'s
   * regular expressions), nothing unknown, and a getter that counts.
   */
  #copy(schema: unknown): JsonSchema | boolean {
    if (!isObject(schema)) return schema as boolean;
    const known = this.#copies.get(schema);
    if (known !== undefined) return known;
    const copy: JsonSchema = {};
    this.#copies.set(schema, copy);
    let cost = 10;
    for (const [keyword, value] of Object.entries(schema)) {
      const shape = KEYWORDS.get(keyword);
      if (
        shape === undefined || shape === "string" || keyword === "$defs" ||
        keyword === "definitions"
      ) continue;
      copy[keyword] = this.#copyContent(shape, value);
      // These are compared with the document, and quoted in messages.
      if (shape === "values" || shape === "any") {
        cost += JSON.stringify(value).length / 8;
      }
    }
    const meter = this.#meter;
    // The library reads it whenever it applies a schema, and before all else.
    Object.defineProperty(copy, "$recursiveAnchor", {
      get() {
        meter.apply(cost);
        return undefined;
      },
    });
    return copy;
  }

  #copyContent(shape: Shape, value: unknown): unknown {
    switch (shape) {
      case "schema":
        return this.#copy(value);
      case "schemas":
      case "items":
        return Array.isArray(value)
          ? value.map((item) => this.#copy(item))
          : this.#copy(value);
      case "schemaMap":
      case "dependencies":
        return Object.fromEntries(
          Object.entries(value as JsonSchema).map(([name, item]) => [
            name,
            Array.isArray(item) ? item : this.#copy(item),
          ]),
        );
      case "reference":
        this.#references[value as string] ??= this.#copy(
          resolveReference(value, this.#schema).target,
        );
        return value;
      default:
        return value;
    }
  }
}

/** Keywords whose error only says that there are errors further on. */
const FORWARDING = new Set([
  ...["$ref", "allOf", "if", "dependentSchemas", "dependencies", "properties"],
  ...["additionalProperties", "unevaluatedProperties", "prefixItems", "items"],
  ...["additionalItems", "unevaluatedItems"],
]);
/** Keywords whose own error says more than those of its subschemas. */
const SUMMARIZING = new Set(["anyOf", "oneOf", "propertyNames"]);

/** The library's errors, each place and reason once, as clients get them. */
function summarize(errors: OutputUnit[]): ValidationError[] {
  const result = new Map<string, ValidationError>();
  let summary: OutputUnit | undefined;
  for (const error of errors) {
    const { keyword, keywordLocation, instanceLocation } = error;
    if (
      summary !== undefined &&
      instanceLocation.startsWith(summary.instanceLocation) &&
      // Of a schema `false` the library does not tell where it is.
      (keyword === "false" ||
        keywordLocation.startsWith(`${summary.keywordLocation}/`))
    ) continue;
    if (FORWARDING.has(keyword)) continue;
    if (SUMMARIZING.has(keyword)) summary = error;
    const pointer = decodeURIComponent(instanceLocation.slice(1));
    const message = messageOf(error);
    result.set(`${pointer} ${message}`, { pointer, message });
    if (result.size === MAX_ERRORS) break;
  }
  return [...result.values()];
}

function messageOf({ keyword, error }: OutputUnit): string {
  if (keyword === "false") return "Value is not allowed.";
  // Those of the bounds begin with the number that the document holds.
  const message = /^(?:m|exclusiveM)(?:in|ax)imum$|^multipleOf$/.test(keyword)
    ? error.replace(/^\S+/, "Number")
    : error;
  return message.slice(0, MAX_MESSAGE).toWellFormed();
}

const validators = new WeakMap<JsonSchema, Validator>();

/**
 * Whether a document satisfies a schema. `format` is an annotation.
 *
 * The work is bounded by a budget linear in the document's text; a document
 * that would need more is said to be invalid.
 *
 * @param schema One that {@linkcode checkSchema} has passed; it must not change
 * afterwards.
 * @param value What `JSON.parse` made of the document.
 * @returns That it does, or at most 10 errors.
 */
export function validate(schema: JsonSchema, value: unknown): ValidationResult {
  let validator = validators.get(schema);
  if (validator === undefined) {
    validator = new Validator(schema);
    validators.set(schema, validator);
  }
  return validator.validate(value);
}

function isObject(value: unknown): value is JsonSchema {
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
