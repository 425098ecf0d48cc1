/** Finds the words of the demo model. */

import * as en from "./answers_en.ts";
import * as zh from "./answers_zh.ts";
import { type Answer, COUNTS, DIGITS, DRESS, UNITS } from "./dictionary.ts";

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

/** For how many people a prompt says that it is to be, if it does: 1 to 999. */
export function guestsIn(prompt: string): number | undefined {
  const said = /\bfor (\w+)\b|(\d+|[一二两三四五六七八九十]+) ?个?[人位]/gi;
  for (const { 0: all, 1: en, 2: zh, index } of prompt.matchAll(said)) {
    if (UNITS.test(prompt.slice(index + all.length))) continue;
    const word = (en ?? zh)!.toLowerCase();
    const count = /^\d+$/.test(word)
      ? Number(word)
      : zh === undefined
      ? COUNTS.indexOf(word)
      : chineseNumber(word);
    if (count > 0 && count < 1_000) return count;
  }
  return undefined;
}

/** A number from 1 to 99. */
function chineseNumber(word: string): number {
  const [ones = "", tens] = word.replace("两", "二").split("十").reverse();
  const digit = (text: string) => DIGITS.indexOf(text);
  if (tens === undefined) return digit(ones);
  return 10 * (tens === "" ? 1 : digit(tens)) + (ones === "" ? 0 : digit(ones));
}
