/** What the demo model says: a document for any schema, about any topic. */

import {
  FORMATS,
  HOSTILE,
  type Kind,
  kindOf,
  type Language,
  NUMBERS,
  type Prose,
  WORDS,
} from "./demo_words.ts";
import { type JsonSchema, resolveReference, rootOf } from "./schema.ts";
import { TOO_COSTLY, validate } from "./validation.ts";

/** What a document is about, and how it is to be. */
export interface DocumentOptions {
  /** Chinese, or English. */
  language: Language;
  /** The topic; a few words. */
  topic: string;
  /** Gives numbers from 0 to 1. */
  random: () => number;
  /** How often each text is repeated. */
  repeat?: number;
  /** Whether the texts hold what should harm a careless reader. */
  hostile?: boolean;
}

/** Past this many levels or values only what must be there is written. */
const DEPTH = 8;
const VALUES = 300;
/** Past this many levels not even that. */
const HARD_DEPTH = 40;
/** How deep schemas may apply in one another to the same value. */
const NESTING = 300;
/** How long an array may have to be, how many members an object. */
const LENGTH = 10_000;
/** How long a string. */
const TEXT_LENGTH = 100_000;
/** What a document may cost: values, characters and members of schemas. */
const BUDGET = 400_000;
const ATTEMPTS = 24;

/**
 * Writes a document.
 *
 * The work is bounded, also for schemas that ask for endless documents.
 *
 * @param schema What it is to satisfy.
 * @returns One that does, or the last attempt: there are schemas that nothing
 * satisfies.
 */
export function writeDocument(
  schema: JsonSchema,
  options: DocumentOptions,
): unknown {
  const budget = { left: BUDGET };
  let document: unknown;
  for (let attempt = 0; attempt < ATTEMPTS && budget.left > 0; attempt++) {
    document = new Writer(schema, options, attempt, budget).write();
    const result = validate(schema, document);
    // What cannot be told now could not be told of the next one either.
    if (result.valid || result.errors[0]?.message === TOO_COSTLY) break;
  }
  return document;
}

/** Which value is being written. */
interface Place {
  /** Its name and its parents' names, innermost first. */
  names: string[];
  /** The index of what is nearest in an array: itself, or what it is in. */
  index: number;
  /** The indexes further out, added up: makes one list unlike the next. */
  shift: number;
  depth: number;
  /** The references on the way to it. */
  references: string[];
}

class Writer {
  readonly #schema: JsonSchema;
  readonly #options: DocumentOptions;
  /** The first attempt takes what comes first, later ones what chance gives. */
  readonly #attempt: number;
  readonly #budget: { left: number };
  #count = 0;
  #nesting = 0;
  /** Which words come first, so that other prompts give others. */
  readonly #offset: number;
  /** What was offered last: an answer is one of these. */
  #offered: string[] = [];

  constructor(
    schema: JsonSchema,
    options: DocumentOptions,
    attempt: number,
    budget: { left: number },
  ) {
    this.#budget = budget;
    this.#schema = schema;
    this.#options = options;
    this.#attempt = attempt;
    this.#offset = Math.floor(options.random() * 60);
  }

  write(): unknown {
    const place = { names: [], index: 0, shift: 0, depth: 0, references: [] };
    const schema = this.#flatten(this.#schema, place);
    return this.#value(merge(schema, { type: rootOf(this.#schema) }), place);
  }

  /** One schema that says what those that apply in place say together. */
  #flatten(schema: unknown, place: Place): JsonSchema | false {
    if (typeof schema === "boolean") return schema && {};
    if (this.#budget.left < 0 || this.#nesting > NESTING) return {};
    this.#nesting++;
    const { $ref, allOf, anyOf, oneOf, if: condition, then, else: otherwise } =
      schema as JsonSchema;
    let result = this.#merge({}, schema as JsonSchema);
    for (const keyword of ["$ref", "allOf", "anyOf", "oneOf", "if"]) {
      if (result !== false) delete result[keyword];
    }
    if ($ref !== undefined) {
      const { target, pointer } = resolveReference($ref, this.#schema);
      place.references.push(pointer);
      result = this.#merge(result, this.#flatten(target, place));
    }
    for (const part of (allOf ?? []) as unknown[]) {
      result = this.#merge(result, this.#flatten(part, place));
    }
    if (condition !== undefined) {
      const yes = { allOf: [condition, then ?? true] };
      result = this.#choose(result, [otherwise ?? true, yes], place);
    }
    for (const branches of [anyOf, oneOf]) {
      if (Array.isArray(branches)) {
        result = this.#choose(result, branches, place);
      }
    }
    this.#nesting--;
    return result;
  }

  #merge(a: JsonSchema | false, b: JsonSchema | false): JsonSchema | false {
    const result = merge(a, b);
    if (result !== false) {
      for (const value of Object.values(result)) this.#spend(sizeOf(value));
    }
    return result;
  }

  #spend(cost: number): void {
    this.#budget.left -= cost;
  }

  #choose(
    schema: JsonSchema | false,
    branches: unknown[],
    place: Place,
  ): JsonSchema | false {
    let order = branches;
    if (this.#attempt > 0) order = this.#shuffle(branches);
    if (this.#isTight(place)) {
      order = order.toSorted((a, b) => weight(a) - weight(b));
    }
    for (const branch of order) {
      const references = [...place.references];
      const result = this.#merge(schema, this.#flatten(branch, place));
      if (result !== false) return result;
      place.references = references;
    }
    return false;
  }

  /** Whether it is time to come to an end. */
  #isTight({ depth, references }: Place): boolean {
    const last = references.at(-1);
    return depth > DEPTH || this.#count > VALUES ||
      references.filter((reference) => reference === last).length > 2;
  }

  #value(schema: JsonSchema | false, place: Place): unknown {
    this.#count++;
    this.#spend(1);
    const isSpent = this.#budget.left < 0 || place.depth > HARD_DEPTH;
    if (schema === false || isSpent) return null;
    if (schema.const !== undefined) return schema.const;
    if (Array.isArray(schema.enum)) {
      const fitting = schema.enum.filter((value) => fits(schema, value));
      const at = this.#offset + place.shift + place.index + this.#attempt;
      return fitting[at % fitting.length] ?? schema.enum[0];
    }
    switch (this.#typeOf(schema, place)) {
      case "object":
        return this.#object(schema, place);
      case "array":
        return this.#array(schema, place);
      case "number":
        return this.#number(schema, place, false);
      case "integer":
        return this.#number(schema, place, true);
      case "boolean":
        return (place.index + this.#attempt) % 2 === 0;
      case "null":
        return null;
      default:
        return this.#string(schema, place);
    }
  }

  #typeOf(schema: JsonSchema, place: Place): string {
    if (schema.type === undefined) {
      const has = (names: string) =>
        names.split(" ").some((name) => Object.hasOwn(schema, name));
      if (has("properties required additionalProperties minProperties")) {
        return "object";
      }
      if (has("items prefixItems minItems contains")) return "array";
      return has("minimum maximum multipleOf") ? "number" : "string";
    }
    const types = [schema.type].flat() as string[];
    if (this.#isTight(place) && types.includes("null")) return "null";
    return (this.#attempt > 0 ? this.#shuffle(types) : types)[0]!;
  }

  #object(given: JsonSchema, place: Place): JsonSchema {
    const schema = this.#withDependents(given, place);
    const properties = (schema.properties ?? {}) as JsonSchema;
    const required = new Set((schema.required ?? []) as string[]);
    const names = new Set(
      Object.keys(properties).filter((name) =>
        required.has(name) || !this.#isTight(place)
      ),
    );
    for (const name of required) names.add(name);
    const least = numberOf(schema.minProperties, 0);
    const most = numberOf(schema.maxProperties, Infinity);
    const optional = [...names].filter((name) => !required.has(name));
    while (names.size > most && optional.length > 0) {
      names.delete(optional.pop()!);
    }
    // A map: its names are free.
    const isMap = isObject(schema.additionalProperties) &&
      schema.properties === undefined && !this.#isTight(place);
    const wanted = Math.min(most, Math.max(least, isMap ? 2 : 0), LENGTH);
    for (let index = 0; names.size < wanted && index < 2 * wanted; index++) {
      const name = this.#value(
        merge(
          this.#flatten(schema.propertyNames ?? true, place),
          { type: "string" },
        ),
        { ...place, names: ["code"], index },
      );
      names.add(String(name));
    }

    const entries: [string, unknown][] = [];
    for (const name of names) {
      const inner: Place = {
        names: [name, ...place.names],
        index: place.index,
        shift: place.shift,
        depth: place.depth + 1,
        references: [...place.references],
      };
      const rest = schema.additionalProperties ?? schema.unevaluatedProperties;
      const flat = this.#flatten(own(properties, name) ?? rest ?? true, inner);
      if (flat === false && !required.has(name)) continue;
      entries.push([name, this.#value(flat, inner)]);
    }
    return Object.fromEntries(entries);
  }

  /** Adds what comes with the properties that there will be. */
  #withDependents(schema: JsonSchema, place: Place): JsonSchema {
    let result: JsonSchema | false = schema;
    const names = new Set(Object.keys(schema.properties ?? {}));
    for (const name of (schema.required ?? []) as string[]) names.add(name);
    for (const name of names) {
      for (const keyword of ["Required", "Schemas"]) {
        const part = own(schema[`dependent${keyword}`], name) ??
          own(schema.dependencies, name);
        if (part === undefined) continue;
        const others: string[] = Array.isArray(part) ? part : [];
        for (const other of others) names.add(other);
        const also = Array.isArray(part)
          ? { required: part }
          : this.#flatten(part, place);
        result = this.#merge(result, also);
      }
    }
    return result || schema;
  }

  #array(schema: JsonSchema, place: Place): unknown[] {
    const { items, contains } = schema;
    const places =
      (Array.isArray(items) ? items : schema.prefixItems ?? []) as unknown[];
    const rest = (Array.isArray(items) ? schema.additionalItems : items) ??
      schema.unevaluatedItems ?? true;
    const contained = contains === undefined
      ? 0
      : numberOf(schema.minContains, 1);
    const least = Math.max(numberOf(schema.minItems, 0), contained);
    const few = /step|option|choice/i.test(place.names[0] ?? "") ? 4 : 3;
    const usual = this.#isTight(place) ? 0 : Math.max(places.length, few);
    const length = Math.min(
      Math.max(least, usual),
      numberOf(schema.maxItems, rest === false ? places.length : Infinity),
      LENGTH,
    );
    const result: unknown[] = [];
    const seen = new Set<string>();
    for (let turn = 0; result.length < length && turn < 4 * length; turn++) {
      const index = result.length;
      let item = index < places.length ? places[index] : rest;
      if (length - index <= contained) item = { allOf: [item, contains] };
      const inner: Place = {
        names: place.names,
        index: turn,
        shift: place.shift + place.index,
        depth: place.depth + 1,
        references: [...place.references],
      };
      const value = this.#value(this.#flatten(item, inner), inner);
      const text = JSON.stringify(value);
      if (schema.uniqueItems === true && seen.has(text)) continue;
      seen.add(text);
      result.push(value);
    }
    if (result.every((item) => typeof item === "string")) {
      this.#offered = result;
    }
    return result;
  }

  #number(schema: JsonSchema, place: Place, whole: boolean): number {
    const labels = labelsOf(schema, place).join(" ");
    const usual = NUMBERS.find(([pattern]) => pattern.test(labels))?.[1];
    const [from, to, digits] = usual ?? [1, 100, whole ? 0 : 1];
    const unit = numberOf(schema.multipleOf, whole ? 1 : 10 ** -digits);
    const step = whole ? leastWhole(unit) : unit;

    const least = numberOf(schema.minimum, -Infinity);
    const above = numberOf(schema.exclusiveMinimum, -Infinity);
    const most = numberOf(schema.maximum, Infinity);
    const below = numberOf(schema.exclusiveMaximum, Infinity);
    // Counted in steps; 0.3 is not quite three steps of 0.1.
    const low = Math.ceil(Math.max(least, above) / step - 1e-9);
    const high = Math.floor(Math.min(most, below) / step + 1e-9);
    const wanted = from + this.#options.random() * (to - from);
    let count = Math.round(wanted / step) + place.index;
    // Too high goes on from the lowest: neighbours differ if they can.
    if (count > high && low > -Infinity) count = low + place.index;
    count = Math.max(low, Math.min(high, count));
    const middle = Math.max(least, above) / 2 + Math.min(most, below) / 2;
    const fitting = [count, count + 1, count - 1]
      .map((count) => Number((count * step).toPrecision(15)))
      .concat(middle, least, most)
      .find((value) =>
        Number.isFinite(value) && value >= least && value > above &&
        value <= most && value < below
      );
    return fitting ?? 0;
  }

  #string(schema: JsonSchema, place: Place): string {
    const least = Math.min(numberOf(schema.minLength, 0), TEXT_LENGTH);
    const most = numberOf(schema.maxLength, Infinity);
    const format = own(FORMATS, String(schema.format)) as Kind | undefined;
    if (format !== undefined) return this.#word(format, place);
    let text = this.#text(schema, place);
    let length = lengthOf(text);
    while (length < least) {
      const more = this.#word("middle");
      text += more;
      length += lengthOf(more);
    }
    this.#spend(length);
    if (length <= most) return text;
    return Array.from(text).slice(0, most).join("");
  }

  #text(schema: JsonSchema, place: Place): string {
    const { hostile, repeat = 1, topic } = this.#options;
    const labels = labelsOf(schema, place);
    const kind = kindOf(labels, place.names.slice(1).join(" "));
    const isProse = kind === "paragraph" || kind === "blurb" ||
      kind === "sentence";
    if (hostile) {
      const texts = isProse
        ? HOSTILE
        : [HOSTILE[this.#count % HOSTILE.length]!];
      return `${texts.join(" ").replaceAll("{}", () => topic)} ${this.#count}`;
    }
    if (isProse) {
      return Array.from({ length: repeat }, () => this.#prose(kind, place))
        .join("\n\n");
    }
    if (/answer|答案/.test(labels[0] ?? "") && this.#offered.length > 0) {
      const at = this.#offset + place.shift + place.index;
      return this.#offered[at % this.#offered.length]!;
    }
    return this.#word(kind, place);
  }

  #prose(kind: Prose, place: Place): string {
    const gap = this.#options.language === "zh" ? "" : " ";
    if (kind === "paragraph") return this.#paragraph(gap);
    const sentence = this.#word("sentence", place);
    return kind === "blurb" ? sentence + gap + this.#word("middle") : sentence;
  }

  /** 300 to 600 characters, and one sentence says that this is a demo. */
  #paragraph(gap: string): string {
    const { language } = this.#options;
    const end = [this.#word("aside"), this.#word("ending")].join(gap);
    let text = this.#word("opening");
    for (const sentence of this.#shuffle(WORDS[language].middle)) {
      if (text.length + end.length > 330) break;
      text += gap + sentence;
    }
    return text + gap + end;
  }

  /** One of the words of a kind; neighbours get different ones. */
  #word(kind: Kind, place?: Place): string {
    const { language, topic, random } = this.#options;
    const words: string[] = WORDS[language][kind];
    const index = place?.index ?? Math.floor(random() * words.length);
    // These go together as they are listed.
    const first = ["step", "ingredient", "amount"].includes(kind)
      ? 0
      : this.#offset + (place?.shift ?? 0);
    const word = words[(first + index) % words.length]!
      .replaceAll("{}", () => topic);
    const round = Math.floor(index / words.length) + 1;
    if (round === 1) return word;
    return /^[\w.@:/-]+$/.test(word)
      ? `${word}-${round}`
      : `${word} (${round})`;
  }

  #shuffle<T>(values: readonly T[]): T[] {
    return values.map((value) => ({ value, key: this.#options.random() }))
      .sort((a, b) => a.key - b.key).map(({ value }) => value);
  }
}

/** What is known of a value, the most telling first. */
function labelsOf(schema: JsonSchema, { names }: Place): string[] {
  const name = (names[0] ?? "").replace(/([a-z])([A-Z])/g, "$1_$2");
  return [name, schema.title, schema.description].filter(isText)
    .map((label) => label.toLowerCase());
}

/** How much a branch would add: the least is taken where time is short. */
function weight(schema: unknown): number {
  if (!isObject(schema)) return 0;
  if (schema.$ref !== undefined) return 3;
  const types = [schema.type].flat();
  if (types.includes("null") || "const" in schema || "enum" in schema) return 0;
  return types.includes("object") || types.includes("array") ? 2 : 1;
}

/** One schema for what satisfies both, as far as one can say it simply. */
function merge(
  a: JsonSchema | false,
  b: JsonSchema | false,
): JsonSchema | false {
  if (a === false || b === false) return false;
  const result = { ...a };
  for (const [keyword, value] of Object.entries(b)) {
    const old = own(a, keyword);
    if (keyword === "__proto__") continue;
    result[keyword] = old === undefined ? value : combine(keyword, old, value);
  }
  for (const values of [result.type, result.enum]) {
    if (Array.isArray(values) && values.length === 0) return false;
  }
  return result;
}

function combine(keyword: string, a: unknown, b: unknown): unknown {
  switch (keyword) {
    case "type": {
      const [left, right] = [[a].flat(), [b].flat()];
      const both = left.filter((type) =>
        right.includes(type) || type === "integer" && right.includes("number")
      );
      if (left.includes("number") && right.includes("integer")) {
        both.push("integer");
      }
      return [...new Set(both)];
    }
    case "enum": {
      const texts = new Set((b as unknown[]).map((value) => stringify(value)));
      return (a as unknown[]).filter((value) => texts.has(stringify(value)));
    }
    case "required":
      return [...new Set([...a as string[], ...b as string[]])];
    case "properties": {
      const names = Object.keys({ ...a as JsonSchema, ...b as JsonSchema });
      return Object.fromEntries(names.map((name) => {
        const parts = [own(a, name), own(b, name)];
        return [name, { allOf: parts.filter((part) => part !== undefined) }];
      }));
    }
    case "uniqueItems":
      return a || b;
    case "multipleOf":
      return leastCommon(a as number, b as number);
    case "items":
    case "additionalProperties":
    case "propertyNames":
    case "contains":
      return Array.isArray(a) || Array.isArray(b) ? b : { allOf: [a, b] };
  }
  if (typeof a !== "number" || typeof b !== "number") return a;
  return /^(?:min|exclusiveMin)/.test(keyword)
    ? Math.max(a, b)
    : Math.min(a, b);
}

/** The least multiple of `unit` that is whole; 1 where there is none near. */
function leastWhole(unit: number): number {
  return leastCommon(unit, 1);
}

function leastCommon(a: number, b: number): number {
  const [large, small] = a > b ? [a, b] : [b, a];
  for (let count = 1; count <= 1_000; count++) {
    const multiple = Number((large * count).toPrecision(12));
    const quotient = multiple / small;
    if (Math.abs(quotient - Math.round(quotient)) < 1e-9) return multiple;
  }
  return large;
}

function fits(schema: JsonSchema, value: unknown): boolean {
  if (schema.type === undefined) return true;
  const types = [schema.type].flat();
  if (value === null) return types.includes("null");
  if (Array.isArray(value)) return types.includes("array");
  return types.includes(typeof value) ||
    Number.isInteger(value) && types.includes("integer");
}

function sizeOf(value: unknown): number {
  return typeof value === "object" && value !== null
    ? Object.keys(value).length
    : 1;
}

/** An object's own member, whatever its name. */
function own(object: unknown, name: string): unknown {
  return isObject(object) && Object.hasOwn(object, name)
    ? object[name]
    : undefined;
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** In Unicode characters, as JSON Schema counts. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

function stringify(value: unknown): string {
  return JSON.stringify(value);
}
