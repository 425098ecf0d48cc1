/**
 * Whether a document satisfies a schema, at a bounded cost.
 *
 * @module
 */

import { type OutputUnit, validate as interpret } from "@cfworker/json-schema";
import {
  isObject,
  type JsonSchema,
  KEYWORDS,
  resolveReference,
  type Shape,
} from "./schema.ts";

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

const MAX_ERRORS = 10;
const MAX_MESSAGE = 200;

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
        false,
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
 * @param schema One that `checkSchema` has passed; it must not change
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
