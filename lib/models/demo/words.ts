/** The words of the demo model, and which fields they are for. */

/** The languages of the demo model. */
export type Language = "zh" | "en";

/** What a text is about. */
export type Kind = keyof typeof WORDS["zh"] | "blurb";

/** The same in every language. JSON Schema's formats go by their names. */
const PLAIN = {
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

/** By language; {} stands for the topic. A paragraph begins like this. */
export const WORDS = {
  zh: {
    ...PLAIN,
    title: [
      "{}：从热闹到日常",
      "{}的下一步",
      "{}，比想象中更近 🌟",
    ],
    paragraph: [
      "说起{}，多数人先想到的是几个热闹的名词，而真正的变化往往发生在安静的地方。",
      "要弄懂{}，不妨先放下宏大的词，从身边的一件小事看起。",
      "清晨的第一班地铁上，有人正在读一篇关于{}的文章，读到一半就忍不住笑了 😄。",
    ],
    middle: [
      "有人从一张手绘的草图开始，有人从一次失败的尝试开始，走着走着，路就清楚了。",
      "值得留意的是，成本在下降，门槛在变低，好点子因此来得比从前更快了 🚀。",
      "当然，速度并不等于方向：慢一点，常常看得更远，也走得更稳。",
      "最打动人的部分往往藏在细节里：一行注释、一个停顿、一杯还温着的咖啡。",
      "身处其中的人说，真正的难处不在技术，而在于彼此理解，在于把话说清楚。",
      "也有不同的声音。谨慎的人提醒大家，别让新鲜感盖过了真正的需要。",
      "如果把时间拉长，今天的每一个小改进都像落进湖里的石子，涟漪会一圈圈荡开 🌊。",
      "好的经验正在被写下来、传出去，街角 café 里的闲谈，也能变成第二天的计划。",
      "一位老师傅常说：“先把眼前这一步走好。”这句话放在这里，依然合适。",
    ],
    aside: [
      "（顺便说明：这段文字出自内置的演示模型，只为展示文字逐个出现的样子。）",
      "坦白地说，这些句子由演示模型随手写成，没有查证过任何资料，请不要当真。",
    ],
    ending: [
      "愿你读到这里时，对{}又多了一点好奇 🌱。",
      "至于{}接下来会怎样，答案大概就在愿意动手的人那里 💡。",
      "下一次再谈起{}，也许你就是那个讲故事的人 📖。",
    ],
    sentence: [
      "这里说的是{}，由演示模型写成。",
      "一句关于{}的话，朴素而清楚。",
      "从{}出发，可以想得更远一点。",
    ],
    line: ["{}，刚刚好。", "为认真生活的人准备。", "轻一点，也安静一点。"],
    name: ["晨光", "远山", "青禾", "小满", "拾光"],
    person: ["林晓", "周予安", "陈默", "苏禾", "何一"],
    ingredient: ["番茄", "鸡蛋", "小葱", "盐", "白糖"],
    amount: ["两个", "三个", "一小把", "半茶匙", "少许"],
    part: ["重量", "颜色", "续航", "材质", "尺寸"],
    value: ["250 克", "雾蓝", "30 小时", "再生铝", "18 × 16 厘米"],
    tag: ["科技", "生活", "新知", "设计", "慢读", "未来"],
    highlight: [
      "上手很快，几乎不用说明书",
      "用料扎实，细节讲究",
      "安静，不打扰旁边的人 🤫",
    ],
    step: [
      "先把要用的东西准备好，放在手边。",
      "开小火，慢慢来，不要着急。",
      "中途尝一尝、看一看，再决定下一步。",
      "关火，装盘，趁热分享 😋。",
    ],
    question: [
      "关于{}，下面哪一项最接近事实？",
      "如果向朋友介绍{}，应当先说什么？",
      "{}中最容易被忽略的是哪一点？",
    ],
    option: ["一直在变", "从未改变", "没有人知道", "要看情况", "以上都不是"],
    tip: ["不放心的话，先少放一点，不够再加。", "留一点余地，味道会更好。"],
  },
  en: {
    ...PLAIN,
    title: [
      "{}: From Buzzword to Everyday Life",
      "What Is Worth Knowing About {}",
      "The Next Step for {}",
    ],
    paragraph: [
      "Mention “{}” and most people think of a few loud words; the real change tends to happen in quiet places.",
      "“{}” may sound like a subject that has been talked through, and yet a closer look still finds something new.",
      "The best way into “{}” is to put the big words aside and begin with something small.",
    ],
    middle: [
      "Some begin with a sketch on a napkin, others with a failure, and the path becomes clear along the way.",
      "Costs are falling and doors are opening, so good ideas arrive faster than they used to 🚀.",
      "Speed is not direction, of course: going slower often means seeing further.",
      "What touches people most is in the details: a naïve question, a pause, a cup of coffee in a café.",
      "Those who do the work say that the hard part is not technology but understanding each other.",
      "Over the years each small improvement is like a pebble in a lake, and its ripples keep spreading 🌊.",
    ],
    aside: [
      "(This text comes from the built-in demo model, to show how words arrive one by one.)",
      "To be honest, a demo model wrote these lines, and it has not checked a single fact.",
    ],
    ending: [
      "May you leave “{}” a little more curious than you came 🌱.",
      "Where “{}” goes next is up to those who like to try things 💡.",
    ],
    sentence: [
      "A line about “{}”, written by the demo model.",
      "Something plain and clear about “{}”.",
      "From “{}” it is not far to the next thought.",
    ],
    line: ["{}, just right.", "Made for those who care.", "Light and quiet."],
    name: ["Aurora", "Fieldnote", "Juniper", "Lumen", "Harbour"],
    person: ["Ada Green", "Noah Weiss", "Zoë Martin", "Ivo Lindqvist"],
    ingredient: ["tomatoes", "eggs", "spring onions", "salt", "sugar"],
    amount: ["2", "3", "a handful", "half a teaspoon", "a pinch"],
    part: ["Weight", "Colour", "Battery", "Material", "Size"],
    value: ["250 g", "misty blue", "30 hours", "recycled aluminium", "18 cm"],
    tag: ["technology", "life", "ideas", "design", "slow reading", "future"],
    highlight: [
      "Ready in minutes, hardly a manual needed",
      "Solid materials, careful details",
      "Quiet enough for the person beside you 🤫",
    ],
    step: [
      "Lay out everything you need within reach.",
      "Start on a low heat and take your time.",
      "Taste, look, and decide what comes next.",
      "Take it off the heat and share it while it is warm 😋.",
    ],
    question: [
      "Which of these comes closest to the truth about “{}”?",
      "What would you tell a friend first about “{}”?",
      "Which part of “{}” is most easily overlooked?",
    ],
    option: ["It changes", "It stays", "Nobody knows", "It depends", "None"],
    tip: ["When in doubt, use less; you can always add more."],
  },
} satisfies Record<Language, Record<string, string[]>>;

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
  [/highlight|feature|benefit|pros|cons|point|亮点|要点|特点/, "highlight"],
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
  [/price|cost|价/, [19, 999, 1]],
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
