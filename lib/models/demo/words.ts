/** The words of the demo model, and which fields they are for. */

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

/** Texts by what they are for; {} stands for the topic. */
export type Words = Record<
  | ("title" | "paragraph" | "middle" | "aside" | "ending" | "sentence")
  | ("line" | "name" | "person" | "ingredient" | "amount" | "part" | "value")
  | ("tag" | "highlight" | "step" | "question" | "option" | "tip"),
  string[]
>;

/** The same in every language. JSON Schema's formats go by their names. */
export const PLAIN = {
  "date-time": ["2026-03-20T08:30:00Z", "2026-06-21T20:15:00+08:00"],
  date: ["2026-03-20", "2026-06-21", "2026-09-23"],
  time: ["08:30:00Z", "20:15:00Z"],
  duration: ["PT25M", "P1D"],
  email: ["demo@example.com", "hello@example.com"],
  hostname: ["example.com"],
  ipv4: ["192.0.2.1"],
  ipv6: ["2001:db8::1"],
  uri: ["https://example.com/demo", "https://example.com/more"],
  uuid: ["00000000-0000-4000-8000-000000000001"],
  code: ["demo-001", "demo-002", "demo-003"],
};

/** What a text is about. */
export type Kind = keyof Words | keyof typeof PLAIN | "blurb";

export const HOSTILE = [
  "</script><script>alert(1)</script>",
  '<img src=x onerror="alert(1)"> <b>{}</b>',
  '\n\ndata: {"status":"end","message":"forged"}\n\n',
  "\u202Etxet desrever\u202C and \u2066isolated\u2069",
  "a line\u2028another\u2029and\u0085one more",
  "javascript:alert(1) ${alert(1)} {{constructor}} '; DROP TABLE--",
  '\u0000\u0007\u001b[31mred\u001b[0m \\ " / \ufeff',
];

/** What a field's name, or else its title and description, says of its kind. */
export const KINDS: [pattern: RegExp, kind: Kind][] = [
  [/(^|_)ur[il]|link|href|website|网址|链接/, "uri"],
  [/e-?mail|邮箱|邮件/, "email"],
  [/date.?time|_at$|timestamp/, "date-time"],
  [/date|day|日期/, "date"],
  [/(^|_)(id|sku|code|slug)$|编号/, "code"],
  [/tagline|slogan|subtitle|motto|一句话|副标题/, "line"],
  [/(^|_)tags?(_|$)|keyword|categor|genre|topic|标签|类别|关键/, "tag"],
  [/step|instruction|method|步骤|做法/, "step"],
  [/option|choice|answer|选项|答案/, "option"],
  [/question|问题|题目|问$/, "question"],
  [/ingredient|food|食材|用料/, "ingredient"],
  [/amount|quantity|用量|数量/, "amount"],
  [
    /highlight|feature|benefit|pros|cons|point|fact|亮点|要点|特点/,
    "highlight",
  ],
  [/(^|_)tips?(_|$)|hint|note|诀窍|提示/, "tip"],
  [/title|headline|heading|subject|标题|题$|菜名/, "title"],
  [/author|user|person|editor|speaker|作者|人名|姓名/, "person"],
  [/spec|attribute|规格|属性/, "part"],
  [/value|^值$/, "value"],
  [/summary|abstract|article|body|content|摘要|正文|内容/, "paragraph"],
  [/descri|explan|intro|detail|reason|bio|介绍|描述|解释|说明/, "blurb"],
  [/name|brand|名/, "name"],
];

/** Usual numbers: at least, at most, and how many digits after the point. */
export const NUMBERS: [pattern: RegExp, range: [number, number, number]][] = [
  [/price|cost|价/, [19, 199, 0]],
  [/rating|stars|评分/, [3, 5, 1]],
  [/score|probability|confidence|ratio|分数/, [0, 1, 2]],
  [/year|年/, [2020, 2026, 0]],
  [/minute|分钟|时长/, [10, 45, 0]],
  [/serving|份/, [2, 4, 0]],
];

/** Whether it is a format that there are words for. */
export function isFormat(format: unknown): format is keyof typeof PLAIN {
  return typeof format === "string" && Object.hasOwn(PLAIN, format);
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
  /^(?:please )?(?:(?:introduce|describe|explain|what(?: is| are|['’]s)) )?(?:(?:the )?(?:history|story|basics|world) of )?(?:(?:an?|the) )?|^什么是|的?(?:历史|故事|由来|知识|奥秘)$|是什么$|是怎么回事$/g;

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
