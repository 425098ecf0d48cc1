/** What the demo model is told by: prompts, and the names of fields. */

/**
 * What the demo model does on purpose for a prompt that begins with one of
 * these names; the rest of the prompt is the topic.
 */
export const DEMO_PROMPTS = {
  "demo:truncated": "runs out of tokens in the middle of a field",
  "demo:refusal": "declines to answer",
  "demo:fence": "wraps the answer in prose and a code fence",
  "demo:think": "thinks first, in `reasoning_content`",
  "demo:think-tag": "thinks first, in `<think>`",
  "demo:slow": "three tokens a second, the first after five seconds",
  "demo:fast": "2,000 tokens a second",
  "demo:long": "about 200 KB, at 500 tokens a second",
  "demo:hostile": "markup, event-stream syntax and odd characters in the text",
  "demo:malformed": "writes something that is not JSON",
  "demo:no-json": "answers in prose",
  "demo:filter": "is stopped by the content filter",
  "demo:error": "fails in the middle of the stream",
  "demo:silence": "falls silent in the middle, for good",
  "demo:cut": "ends the stream without a finish reason",
  "demo:breaks": "its connection breaks in the middle, every other time",
  "demo:length": "stops twice for length, and goes on when it is asked to",
  "demo:invalid": "violates the schema, until it is told so",
  "demo:rate-limit": "HTTP status 429",
  "demo:auth": "HTTP status 401",
};

/** Tokens a second. */
export const SPEEDS = new Map([["slow", 3], ["long", 500], ["fast", 2_000]]);

/** Why an answer stops that does not stop by itself. */
export const FINISH_REASONS = new Map([
  ["truncated", "length"],
  ["filter", "content_filter"],
]);

/** What is refused at once: status, code and message. */
export const FAILURES = new Map<string, [number, string, string]>([
  ["rate-limit", [429, "rate_limit_exceeded", "Too many requests"]],
  ["auth", [401, "invalid_api_key", "Incorrect API key provided"]],
]);

/** These end without a finish reason. */
export const BROKEN = ["error", "silence", "cut", "breaks"];

/** How many requests an answer takes that stops for length. */
export const LENGTHS = 3;

/** What it knows by heart. */
export interface Answer {
  topics: string[];
  /** By the names of fields. */
  fields: Record<string, unknown>;
}

/** What a topic may be dressed in: "the history of coffee" is about coffee. */
export const DRESS =
  /^什么是|^(?:please )?(?:(?:introduce|describe|explain|what(?: is| are|['’]s)) )?(?:(?:the )?(?:history|story|basics|world) of )?(?:(?:an?|the) )?|的?(?:历史|故事|由来|知识|奥秘|介绍|简介|科普)$|是什么$|是怎么回事$/g;

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

/** The kinds of words that go together as they are listed. */
export const ORDERED: Kind[] = [
  ...["step", "ingredient", "amount"] as const,
  ...["part", "value", "option"] as const,
];

/** The kinds that fill a longer text, and may be told by heart. */
export const PROSE: Kind[] = ["sentence", "blurb", "paragraph"];

/** What should harm a careless reader. */
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
  [/(^|_)tags?(_|$)|keyword|categor|genre|topic|role|标签|类别|关键/, "tag"],
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
  [/year|founded|established|年/, [2020, 2026, 0]],
  [/minute|分钟|时长/, [10, 45, 0]],
  [/serving|份/, [2, 4, 0]],
];

/** Numbers in words, from 0 on. */
export const COUNTS =
  "zero one two three four five six seven eight nine ten eleven twelve"
    .split(" ");

/** The same in Chinese, each of one character. */
export const DIGITS = "零一二三四五六七八九";

/** What stands behind a number that counts no people. */
export const UNITS =
  /^[\s-]*(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|times?|dollars?|euros?)\b/i;

/** Any other number. */
export const USUAL: [number, number, number] = [1, 100, 1];
