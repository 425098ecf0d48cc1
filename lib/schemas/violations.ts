/**
 * What a document did not satisfy: kept as data, put into words for a reader.
 *
 * @module
 */

import type { Language, Words } from "../language.ts";

/** Where and why a document does not satisfy its schema. */
export interface Violation {
  /** JSON Pointer (RFC 6901) of a value that the document holds. */
  pointer: string;
  /** The keyword of JSON Schema that is not satisfied. */
  keyword: string;
  /** Parameters of the words for it; each is short, so it can be stored. */
  values: (string | number)[];
}

const MAX_MESSAGE = 200;
const MAX_VALUE = 150;

/** A text of a schema or a document, cut to where a violation may hold it. */
export function short(text: string): string {
  const cut = text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
  return cut.toWellFormed();
}

/** What to say, by keyword. */
const SENTENCES: Record<string, (...values: Violation["values"]) => Words> = {
  type: (found, ...wanted) => ({
    zh: `类型为 ${found}，应为 ${wanted.join(" 或 ")}。`,
    en: `Instance type "${found}" is invalid. Expected ${
      wanted.map(quote).join(", ")
    }.`,
  }),
  enum: (values) => ({
    zh: `应为 ${values} 之一。`,
    en: `Instance does not match any of ${values}.`,
  }),
  const: (value) => ({
    zh: `应为 ${value}。`,
    en: `Instance does not match ${value}.`,
  }),
  required: (name) => ({
    zh: `缺少成员 ${quote(name)}。`,
    en: `Instance does not have required property ${quote(name)}.`,
  }),
  dependentRequired: (name, other) => ({
    zh: `有成员 ${quote(name)}，却缺少 ${quote(other)}。`,
    en: `Instance has ${quote(name)} but does not have ${quote(other)}.`,
  }),
  minimum: (limit) => ({
    zh: `数字不应小于 ${limit}。`,
    en: `Number is less than ${limit}.`,
  }),
  maximum: (limit) => ({
    zh: `数字不应大于 ${limit}。`,
    en: `Number is greater than ${limit}.`,
  }),
  exclusiveMinimum: (limit) => ({
    zh: `数字应大于 ${limit}。`,
    en: `Number is less than or equal to ${limit}.`,
  }),
  exclusiveMaximum: (limit) => ({
    zh: `数字应小于 ${limit}。`,
    en: `Number is greater than or equal to ${limit}.`,
  }),
  multipleOf: (divisor) => ({
    zh: `数字应为 ${divisor} 的倍数。`,
    en: `Number is not a multiple of ${divisor}.`,
  }),
  minLength: (limit) => ({
    zh: `字符串过短：至少 ${limit} 个字符。`,
    en: `String is too short: fewer than ${limit} characters.`,
  }),
  maxLength: (limit) => ({
    zh: `字符串过长：至多 ${limit} 个字符。`,
    en: `String is too long: more than ${limit} characters.`,
  }),
  minItems: (limit) => ({
    zh: `数组元素过少：至少 ${limit} 个。`,
    en: `Array has too few items: fewer than ${limit}.`,
  }),
  maxItems: (limit) => ({
    zh: `数组元素过多：至多 ${limit} 个。`,
    en: `Array has too many items: more than ${limit}.`,
  }),
  minProperties: (limit) => ({
    zh: `对象成员过少：至少 ${limit} 个。`,
    en: `Object has too few properties: fewer than ${limit}.`,
  }),
  maxProperties: (limit) => ({
    zh: `对象成员过多：至多 ${limit} 个。`,
    en: `Object has too many properties: more than ${limit}.`,
  }),
  uniqueItems: (first, second) => ({
    zh: `下标 ${first} 与 ${second} 的元素相同。`,
    en: `Duplicate items at indexes ${first} and ${second}.`,
  }),
  contains: () => ({
    zh: "数组里没有符合要求的元素。",
    en: "Array does not contain an item matching schema.",
  }),
  minContains: (limit) => ({
    zh: `符合要求的元素过少：至少 ${limit} 个。`,
    en: `Array has too few items matching schema: fewer than ${limit}.`,
  }),
  maxContains: (limit) => ({
    zh: `符合要求的元素过多：至多 ${limit} 个。`,
    en: `Array has too many items matching schema: more than ${limit}.`,
  }),
  propertyNames: (name) => ({
    zh: `成员名 ${quote(name)} 不符合要求。`,
    en: `Property name ${quote(name)} does not match schema.`,
  }),
  anyOf: () => ({
    zh: "不符合任何一个可选的 schema。",
    en: "Instance does not match any subschemas.",
  }),
  oneOf: (count) => ({
    zh: `应恰好符合一个可选的 schema，实际符合 ${count} 个。`,
    en: `Instance does not match exactly one subschema (${count} matches).`,
  }),
  not: () => ({
    zh: `符合了 "not" 里的 schema。`,
    en: `Instance matched "not" schema.`,
  }),
};

/** Where the schema itself is `false`. */
const NOT_ALLOWED: Words = {
  zh: "不允许有这个值。",
  en: "Value is not allowed.",
};

/**
 * Puts a violation into words.
 *
 * @param violation What is wrong; nothing else is looked at.
 * @param language In which language to say it.
 * @returns A sentence of at most 200 UTF-16 units.
 */
export function describeViolation(
  { keyword, values }: Pick<Violation, "keyword" | "values">,
  language: Language,
): string {
  const words = Object.hasOwn(SENTENCES, keyword)
    ? SENTENCES[keyword]!(...values)
    : NOT_ALLOWED;
  return words[language].slice(0, MAX_MESSAGE).toWellFormed();
}

function quote(name: string | number | undefined): string {
  return JSON.stringify(name);
}
