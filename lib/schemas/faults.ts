/** Why a schema is not taken, in words. */

import type { Words } from "../language.ts";

/** Reasons that stand behind the place in the schema. */
export const FAULTS = {
  object: { zh: "应为对象", en: "expected an object" },
  keywords: {
    zh: "没有任何 JSON Schema 关键字",
    en: "has no keyword of JSON Schema",
  },
  root: {
    zh: "应描述一个对象，或一个数组",
    en: "must describe an object, or an array",
  },
  deep: { zh: "嵌套过深", en: "nested too deep" },
  schema: {
    zh: "应为 schema（对象或布尔值）",
    en: "expected a schema (an object or a boolean)",
  },
  refused: { zh: "不被支持", en: "not supported" },
  schemas: {
    zh: "应为非空的 schema 数组",
    en: "expected an array of schemas that is not empty",
  },
  schemaMap: {
    zh: "应为对象，每个成员是一个 schema",
    en: "expected an object whose members are schemas",
  },
  items: { zh: "应为 schema", en: "expected a schema" },
  values: { zh: "应为非空数组", en: "expected an array that is not empty" },
  names: { zh: "应为字符串数组", en: "expected an array of strings" },
  nameMap: {
    zh: "应为对象，每个成员是字符串数组",
    en: "expected an object whose members are arrays of strings",
  },
  number: { zh: "应为数字", en: "expected a number" },
  positive: { zh: "应为大于 0 的数字", en: "expected a number more than 0" },
  count: { zh: "应为非负整数", en: "expected a whole number, 0 or more" },
  boolean: { zh: "应为布尔值", en: "expected a boolean" },
  string: { zh: "应为字符串", en: "expected a string" },
  unicode: {
    zh: "的名称不是合法的 Unicode",
    en: "has a name that is not valid Unicode",
  },
  reference: {
    zh: "只能引用本文档内的位置（# 或 #/…）",
    en: "may only refer to a place in this document (# or #/…)",
  },
  missing: {
    zh: "引用的位置不存在",
    en: "refers to a place that does not exist",
  },
  rebased: { zh: "之下不能有 $ref", en: "must not have a $ref below it" },
  circle: { zh: "引用了它自己", en: "refers to itself" },
} satisfies Record<string, Words>;

/** That subschemas stand too deep in one another. */
export function tooDeep(limit: number): Words {
  return {
    zh: `嵌套过深：超过 ${limit} 层`,
    en: `nested too deep: more than ${limit} levels`,
  };
}

/** That there are too many JSON values. */
export function tooLarge(limit: number): Words {
  return {
    zh: `过大：超过 ${limit} 个值`,
    en: `too large: more than ${limit} values`,
  };
}

/** That there are too many subschemas. */
export function tooMany(limit: number): Words {
  return {
    zh: `超过 ${limit} 个子 schema`,
    en: `has more than ${limit} subschemas`,
  };
}

/** That too many subschemas apply to one value. */
export function tooMuch(limit: number): Words {
  return {
    zh: `对同一个值要应用超过 ${limit} 个子 schema`,
    en: `applies more than ${limit} subschemas to one value`,
  };
}

/** That a `type` is not one of those there are. */
export function notAType(types: string[]): Words {
  return {
    zh: `应为 ${types.join("、")} 之一，或其数组，每种至多一次`,
    en: `expected one of ${types.join(", ")}, or an array of them, each once`,
  };
}
