/** Finds the words of the demo model. */

import * as en from "./answers_en.ts";
import * as zh from "./answers_zh.ts";
import { type Answer, DRESS, GUESTS } from "./dictionary.ts";

/** By language: what it says. */
export const LANGUAGES = { zh, en };

/** The languages of the demo model. */
export type Language = keyof typeof LANGUAGES;

/** What a table has for the first of the labels that it knows. */
export function lookUp<T>(
  table: [RegExp, T][],
  labels: string[],
): T | undefined {
  return labels.map((label) => table.find(([pattern]) => pattern.test(label)))
    .find((found) => found !== undefined)?.[1];
}

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
  const known = ({ fields }: Answer) =>
    names.filter((name) => Object.hasOwn(fields, name)).length;
  return LANGUAGES[language].ANSWERS
    .filter(({ topics }) => topics.some((one) => one.toLowerCase() === bare))
    .toSorted((a, b) => known(b) - known(a))[0]?.fields ?? {};
}

/** For how many a topic says that it is to be, if it does. */
export function guestsIn(topic: string): number | undefined {
  const [, en, zh] =
    /\bfor (\w+)(?: people)?$|(\d+|\p{sc=Han})[人位]/iu.exec(topic) ?? [];
  const word = (en ?? zh ?? "").toLowerCase();
  return /^[1-9]\d?$/.test(word) ? Number(word) : GUESTS.get(word);
}
