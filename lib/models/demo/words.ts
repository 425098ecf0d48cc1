/** Finds the words of the demo model. */

import * as en from "./answers_en.ts";
import * as zh from "./answers_zh.ts";

/** By language: what it says. */
export const LANGUAGES = { zh, en };

/** The languages of the demo model. */
export type Language = keyof typeof LANGUAGES;

/** What it knows by heart. */
export interface Answer {
  topics: string[];
  /** By the names of fields. */
  fields: Record<string, unknown>;
}

/** What a table has for the first of the labels that it knows. */
export function lookUp<T>(
  table: [RegExp, T][],
  labels: string[],
): T | undefined {
  return labels.map((label) => table.find(([pattern]) => pattern.test(label)))
    .find((found) => found !== undefined)?.[1];
}

/** What a topic may be dressed in: "the history of coffee" is about coffee. */
const DRESS =
  /^(?:please )?(?:(?:introduce|describe|explain|what(?: is| are|['’]s)) )?(?:(?:the )?(?:history|story|basics|world) of )?(?:(?:an?|the) )?|^什么是|的?(?:历史|故事|由来|知识|奥秘|介绍|简介|科普)$|是什么$|是怎么回事$/g;

/**
 * Finds what is known by heart: of several answers on a topic, the first of
 * those that know most of the fields asked for.
 *
 * @returns Fields by name; none for other topics.
 */
export function findAnswer(
  topic: string,
  language: Language,
  names: string[],
): Record<string, unknown> {
  const bare = topic.toLowerCase().replace(DRESS, "");
  let best: Record<string, unknown> = {};
  let most = -1;
  for (const { topics, fields } of LANGUAGES[language].ANSWERS) {
    if (!topics.some((name) => name.toLowerCase() === bare)) continue;
    const known = names.filter((name) => Object.hasOwn(fields, name)).length;
    if (known > most) [best, most] = [fields, known];
  }
  return best;
}
