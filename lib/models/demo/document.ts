/** What the demo model says: a document for any schema, about any topic. */

import { HOSTILE, type Kind, KINDS, NUMBERS } from "./dictionary.ts";
import { ORDERED, PLAIN, PROSE, USUAL } from "./dictionary.ts";
import { chooseNumber } from "./number.ts";
import { findAnswer, type Language, LANGUAGES, lookUp } from "./words.ts";
import * as schemas from "../../schemas/schema.ts";

type JsonSchema = schemas.JsonSchema;
type Numbers = Record<string, number | undefined>;

/** What a document is about, and how it is to be. */
export interface DocumentOptions {
  language: Language;
  topic: string;
  /** For how many people it is to be. */
  guests?: number | undefined;
  /** Gives numbers from 0 to 1. */
  random: () => number;
  /** How often each longer text is repeated: then nothing is said by heart. */
  repeat?: number;
  /** Whether the texts hold what should harm a careless reader. */
  hostile?: boolean;
}

/** Which value is being written. */
interface Place {
  /** What is known by heart for it, if anything. */
  known: unknown;
  /** With its parent's name, where "name" alone says little. */
  name: string;
  depth: number;
  /** The references on the way to it. */
  references: string[];
  /** Whether one came twice: only what must be there is written. */
  recurs?: boolean;
  /** How many values had been there before, in a list without duplicates. */
  again?: number;
}

/** Deeper than this there is only `null`. */
const DEPTH = 24;
/** As long as `minLength` can make a text. */
const TEXT_LENGTH = 10_000;
/** What a document may cost: characters, and members of schemas looked at. */
const BUDGET = 250_000;
const NUMBER_COST = 30;
const BOOLEANS: unknown[] = [true, false];
/** How long a paragraph is at least, without what stands at its end. */
const PARAGRAPH = { zh: 275, en: 345 };

/**
 * Writes a document as a schema asks. There are schemas which it does not
 * satisfy (`not`, `if`, `contains` and others are not looked at), and none for
 * which the work is not bounded.
 *
 * @param schema One that `checkSchema` has passed.
 * @returns A JSON value.
 */
export function writeDocument(
  schema: JsonSchema,
  options: DocumentOptions,
): unknown {
  const root = { allOf: [schema, { type: schemas.rootOf(schema) }] };
  const writer = new Writer(schema, options);
  const place = { name: "", depth: 0, references: [""] };
  return writer.value(root, { ...place, known: writer.known });
}

class Writer {
  readonly #root: JsonSchema;
  readonly #options: DocumentOptions;
  /** Which words come first, so that other prompts give others. */
  readonly #offset: number;
  /** What stands between two sentences. */
  readonly #gap: string;
  readonly #vocabulary: Record<Exclude<Kind, "blurb">, string[]>;
  /** What is known by heart on the topic, until it has been said. */
  readonly known: Record<string, unknown> = {};
  /** How many have been taken from a list. */
  readonly #taken = new Map<readonly unknown[], number>();
  /** The list of texts that was written last: an answer is one of these. */
  #offered: string[] = [];
  #budget = BUDGET;

  constructor(root: JsonSchema, options: DocumentOptions) {
    this.#root = root;
    this.#options = options;
    this.#offset = Math.floor(options.random() * 60);
    const { QUIZ: questions, WORDS } = LANGUAGES[options.language];
    this.#gap = options.language === "zh" ? "" : " ";
    this.#vocabulary = { ...PLAIN, ...WORDS };
    if (options.hostile || options.repeat) return;
    const names = Object.keys(root.properties ?? {});
    const answer = findAnswer(options.topic, options.language, names);
    this.known = { questions, servings: options.guests, ...answer };
  }

  value(given: unknown, outer: Place): unknown {
    this.#budget -= 5;
    if (this.#budget < 0 || outer.depth > DEPTH) return null;
    const place = { ...outer, depth: outer.depth + 1 };
    const schema = this.#flatten(given, place);
    const values = "const" in schema ? [schema.const] : schema.enum;
    if (Array.isArray(values)) {
      const value = values.includes(place.known)
        ? place.known
        : values.length > 1
        ? this.#next(values)
        : values[0] ?? null;
      this.#budget -= JSON.stringify(value).length;
      return value;
    }
    const type = typeOf(schema, place);
    if (type === "object") return this.#object(schema, place);
    if (type === "array") return this.#array(schema, place);
    if (type === "number") return this.#number(schema, place);
    if (type === "integer") return this.#number(schema, place, 1);
    if (type === "null") return null;
    if (type !== "boolean") return this.#string(schema, place);
    return BOOLEANS.includes(place.known)
      ? place.known
      : this.#next(BOOLEANS, 0);
  }

  /** One schema for all that apply to a value; one branch where there are many. */
  #flatten(schema: unknown, place: Place): JsonSchema {
    const flat: JsonSchema = Object.create(null);
    const parts = [schema];
    for (const part of parts) {
      if (!schemas.isObject(part) || this.#budget < 0) continue;
      for (const [keyword, value] of Object.entries(part)) {
        // What has been merged is copied each time.
        for (const part of [value, flat[keyword]]) {
          this.#budget -= 1 + Object.keys(Object(part)).length;
        }
        flat[keyword] = combine(keyword, flat[keyword], value);
      }
      const { $ref, allOf, anyOf, oneOf = [] } = part;
      if ($ref !== undefined) {
        const found = schemas.resolveReference($ref, this.#root);
        if (place.references.includes(found.pointer)) place.recurs = true;
        else place.references = [...place.references, found.pointer];
        parts.push(found.target);
      }
      if (Array.isArray(allOf)) parts.push(...allOf);
      const branches = (anyOf ?? oneOf) as JsonSchema[];
      const ends = branches.filter(({ $ref }) => $ref === undefined);
      parts.push(place.recurs ? ends[0] : branches[0]);
    }
    return flat;
  }

  #object(schema: JsonSchema, place: Place): unknown {
    const properties = (schema.properties ?? {}) as JsonSchema;
    const required = (schema.required ?? []) as string[];
    const optional = place.recurs ? [] : Object.keys(properties);
    const known = new Map(Object.entries(place.known ?? {}));
    this.#offered = [];
    const entries: [string, unknown][] = [];
    for (const name of new Set([...optional, ...required])) {
      const property = properties[name] ?? schema.additionalProperties;
      if (property === false || this.#budget < 0) continue;
      this.#budget -= name.length;
      const full = name === "name" ? `${place.name} ${name}` : name;
      const inner = { ...place, name: full, known: known.get(name) };
      entries.push([name, this.value(property, inner)]);
    }
    return Object.fromEntries(entries);
  }

  #array(schema: JsonSchema, place: Place): unknown[] {
    // In older drafts, `items` may be a list and `additionalItems` the rest.
    const { items, prefixItems = items, minItems = 0, maxItems } = schema;
    const first = Array.isArray(prefixItems) ? prefixItems : [];
    const rest = Array.isArray(items) ? schema.additionalItems : items;
    const known = Array.isArray(place.known) ? place.known : [];
    const usual = known.length ||
      (/step|option|choice/i.test(place.name) ? 4 : 3);
    const length = rest === false
      ? first.length
      : Math.max(usual, first.length);
    const wanted = Math.max(
      minItems as number,
      place.recurs ? 0 : Math.min(length, maxItems as number ?? length),
    );
    const result: unknown[] = [];
    const seen = new Set<string>();
    const isUnique = schema.uniqueItems === true;
    let again = 0;
    while (result.length < wanted && this.#budget > 0 && again < 100 + wanted) {
      const item = first[result.length] ?? rest;
      const inner = { ...place, again, known: known[result.length + again] };
      const value = this.value(item, inner);
      const text = isUnique ? JSON.stringify(value) : "";
      if (seen.has(text)) again++;
      else result.push(value);
      if (isUnique) seen.add(text);
    }
    const isText = result.every((item) => typeof item === "string");
    if (isText) this.#offered = result;
    return result;
  }

  #number(schema: JsonSchema, place: Place, ...units: number[]): number {
    const { known } = place;
    const usual = typeof known === "number"
      ? [known, known, 2] as const
      : lookUp(NUMBERS, labelsOf(schema, place)) ?? USUAL;
    const multipleOf = [...units, (schema.multipleOf ?? []) as number[]].flat();
    this.#budget -= NUMBER_COST * (1 + multipleOf.length);
    const bounds = { ...schema as Numbers, multipleOf };
    return chooseNumber(bounds, usual, this.#options.random());
  }

  #string(schema: JsonSchema, place: Place): string {
    const { minLength = 0, maxLength = Infinity } = schema as Numbers;
    // No list of words is endless.
    const end = place.again ? ` ${place.again + 1}` : "";
    const most = Math.max(0, maxLength - end.length);
    let text = this.#text(schema, place);
    if (text.length > most) {
      const shorter = [sentencesWithin(text, most), this.#word("line")];
      text = [...shorter, this.#word("tag")].find((other) =>
        other !== "" && other.length <= most
      ) ?? text;
    }
    // In Unicode characters, as JSON Schema counts.
    const characters = Array.from(text);
    while (characters.length < Math.min(minLength, TEXT_LENGTH)) {
      characters.push(...this.#gap, ...this.#word("middle"));
    }
    this.#budget -= characters.length;
    return characters.slice(0, most).join("") + end;
  }

  #text(schema: JsonSchema, place: Place): string {
    const { hostile, repeat = 1, topic } = this.#options;
    const format = schema.format as keyof typeof PLAIN;
    if (Object.hasOwn(PLAIN, format)) return this.#word(format);
    const labels = labelsOf(schema, place);
    const kind = lookUp(KINDS, labels) ?? "sentence";
    const isProse = PROSE.includes(kind);
    if (hostile) {
      const texts = isProse ? HOSTILE : [this.#next(HOSTILE)];
      return texts.join(" ").replaceAll("{}", () => topic);
    }
    // "headline" and "body" are other words for the fields that are known.
    const name = isProse ? "summary" : kind === "title" ? kind : "";
    const known = place.known ?? this.known[name];
    if (typeof known === "string") {
      if (this.known[name] === known) delete this.known[name];
      return known.replaceAll("{}", () => topic);
    }
    if (/answer|correct/.test(labels[0]!) && this.#offered.length > 0) {
      return this.#next(this.#offered, 0);
    }
    const texts = { length: isProse ? repeat : 1 };
    return Array.from(texts, () => this.#prose(kind)).join("\n\n");
  }

  #prose(kind: Kind): string {
    const gap = this.#gap;
    if (kind === "blurb") {
      return this.#word("sentence") + gap + this.#word("middle");
    }
    let text = this.#word(kind);
    if (kind !== "paragraph") return text;
    // 300 to 600 characters, and one sentence says that this is a demo.
    while (text.length < PARAGRAPH[this.#options.language]) {
      text += gap + this.#word("middle");
    }
    return text + gap + this.#word("aside") + gap + this.#word("ending");
  }

  #word(kind: Exclude<Kind, "blurb">): string {
    const first = ORDERED.includes(kind) ? 0 : this.#offset;
    return this.#next(this.#vocabulary[kind], first)
      .replaceAll("{}", () => this.#options.topic);
  }

  /** The next of a list, over and over. */
  #next<T>(list: readonly T[], first = this.#offset): T {
    const taken = this.#taken.get(list) ?? 0;
    this.#taken.set(list, taken + 1);
    return list[(first + taken) % list.length]!;
  }
}

/** As many whole sentences as fit. */
function sentencesWithin(text: string, length: number): string {
  let end = 0;
  for (const { 0: mark, index } of text.matchAll(/[.!?](?= |$)|[。！？]/g)) {
    if (index + mark.length <= length) end = index + mark.length;
  }
  return text.slice(0, end);
}

/** What is known of a value, the most telling first. */
function labelsOf(schema: JsonSchema, { name }: Place): string[] {
  return [name, schema.title, schema.description].map((label = "") =>
    String(label).slice(0, 99).replace(/[A-Z]/g, "_$&").toLowerCase()
  );
}

function typeOf(schema: JsonSchema, { recurs }: Place): unknown {
  const types = [schema.type].flat();
  if (recurs && types.includes("null")) return "null";
  if (types[0] !== undefined) return types[0];
  if (schema.properties ?? schema.required) return "object";
  return schema.items ? "array" : "string";
}

/** What a keyword is when two schemas have it; the first counts if in doubt. */
function combine(keyword: string, a: unknown, b: unknown): unknown {
  if (a === undefined) return b;
  if (keyword === "multipleOf" || keyword === "required") return [a, b].flat();
  if (keyword === "items" || keyword === "additionalProperties") {
    return a !== false && b !== false && { allOf: [a, b] };
  }
  if (typeof a === "number" && typeof b === "number") {
    return /min/i.test(keyword) ? Math.max(a, b) : Math.min(a, b);
  }
  if (keyword === "type" || keyword === "enum") {
    const others = new Set([b].flat().map((value) => JSON.stringify(value)));
    const isInBoth = (value: unknown) => others.has(JSON.stringify(value));
    const both = [a].flat().filter(isInBoth);
    const isWhole = keyword === "type" && [a, b].flat().includes("integer");
    return isWhole && both.length === 0 ? "integer" : both;
  }
  if (keyword !== "properties") return a;
  const result = { ...a as JsonSchema };
  for (const [name, schema] of Object.entries(b as JsonSchema)) {
    const isNew = !Object.hasOwn(result, name);
    result[name] = isNew ? schema : { allOf: [result[name], schema] };
  }
  return result;
}
