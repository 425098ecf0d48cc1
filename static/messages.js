/**
 * What the page says, in Chinese and English.
 *
 * @module
 */

/** @typedef {"zh" | "en"} Language */
/** @typedef {{ title: string, advice: string, action?: string }} Advice */

const zh = {
  tagline: "模型写到哪里，页面就长到哪里",
  intro:
    "大模型用 JSON 作答，这台服务器把每个字段逐字送到浏览器：还在写，就能看；断了线，从断点续传，不重不漏。",
  readme: "说明",
  protocol: "协议",
  source: "客户端源码",
  prompt: "想让模型写什么",
  promptHint: "想让模型写什么？不填也可以",
  start: "开始接收流式响应",
  stop: "停止",
  addresses: "地址",
  pinned: "这个地址只回答一个问题，由服务器定好。",
  optional: "可不填",
  inputJson: "请写成 JSON",
  wrongInput: { title: "输入有误", advice: "改一改，再试一次。" },
  presets: "回答的样子",
  schema: "Schema",
  schemaHint: "JSON Schema：规定回答有哪些字段。留空即标题与摘要。",
  schemaWrong: "这不是一个 JSON 对象：",
  answer: "回答",
  thoughts: "思考过程",
  seal: "完",
  token: "访问令牌",
  tokenSend: "继续",
  tokenWrong: "令牌无效，请检查后再试。",
  cut: "切断连接",
  copy: "复制 JSON",
  copyPart: "复制未写完的 JSON",
  copied: "已复制",
  copyFailed: "无法复制",
  wire: "收到的数据",
  wireNote: (/** @type {number} */ shown) => `最近 ${shown} 个事件`,
  wireHint: "每个事件只带新写的字，原样列在这里。",
  wireCut: "连接断开",
  wireBusy: "服务器请求稍候",
  wireResumed: (/** @type {number} */ offset) => `从第 ${offset} 个字符续传`,
  misbehave: "让它出错",
  misbehaveHint: "演示模型会照办，看看页面和客户端如何应对：",
  /** @type {Record<string, string>} */
  faults: {
    "demo:truncated": "字数用尽，断在半句",
    "demo:refusal": "谢绝回答",
    "demo:fence": "先寒暄，再把 JSON 放进代码块",
    "demo:think": "先想后写",
    "demo:think-tag": "先想后写，想法夹在正文里",
    "demo:slow": "每秒三个词元，五秒后才开口",
    "demo:fast": "每秒两千个词元",
    "demo:long": "写上 200 KB",
    "demo:hostile": "正文里混入标签、脚本和怪字符",
    "demo:malformed": "写着写着就不是 JSON 了",
    "demo:no-json": "只聊天，不写 JSON",
    "demo:filter": "被内容过滤拦下",
    "demo:error": "中途出错",
    "demo:silence": "中途沉默，不再开口",
    "demo:cut": "没说完就断开",
    "demo:breaks": "写到一半连接断开，再问时接着写",
    "demo:length": "两次写到长度上限，再问时接着写",
    "demo:invalid": "不按 Schema 写，指出来才改",
    "demo:rate-limit": "嫌请求太多（429）",
    "demo:auth": "不认密钥（401）",
  },
  use: "用起来",
  useTitle: "同样的请求，换成你的代码",
  useServer: "服务器",
  useCopy: "复制代码",
  useAgents: "给编程智能体：llms.txt",
  close: "关闭",
  compareOpen: "对比重播",
  compare: "同一个回答，三种看法",
  compareNote:
    "按这个回答到达的快慢重放，由同一段文字算出。“别人的做法”是补全括号、每来一点就整个重新解析。",
  compareFaster: (/** @type {string} */ factor) => ` 加快到 ${factor} 倍。`,
  compareFields: "fieldstream",
  compareNone: "不用流式",
  compareUsual: "别人的做法",
  compareFacts: (
    /** @type {string} */ first,
    /** @type {number} */ taken,
    /** @type {string} */ read,
  ) => `${first} 秒看到内容 · 收回 ${taken} 次 · 解析 ${read} 字符`,
  replay: "再放一遍",
  figures: "数字",
  firstDelta: "第一个字",
  events: "事件",
  rate: "字符 / 秒",
  received: "已收到",
  tokens: "词元，读 + 写",
  timeFirst: (/** @type {string} */ time) => `${time} 看到第一个字`,
  timeWhole: (/** @type {string} */ time) => `${time} 不用流式，要等到这里`,
  timeNow: (/** @type {string} */ time) => `${time} 不用流式，还在等`,
  barFields: "按字段发送增量",
  barPatch: "JSON Patch，整个字段",
  barWhole: "每次发送整个对象",
  barsNote:
    "后两行为计算值：同一个回答、同样多的事件，若用 JSON Patch 每次发送整个字段，或每次发送整个对象，要传多少字节。",
  computed: "计算值",
  times: (/** @type {string} */ factor) => `${factor} 倍`,
  demo: "演示模型：文字出自服务器自带的演示，并非真实的大模型。",
  model: (/** @type {string} */ name) => `模型：${name}`,
  resumed: (/** @type {number} */ offset) =>
    `已从第 ${offset} 个字符续传，一字未丢`,
  cutAt: "在此处中断",
  yes: "是",
  no: "否",
  nothing: "null",

  idle: "准备好了",
  idleExpired: "准备好了，上次的回答已不在服务器上",
  connecting: "正在连接…",
  retrying: (/** @type {number} */ attempt) =>
    `正在重新连接，第 ${attempt} 次…`,
  waiting: "已连接，等待第一个字…",
  connected: "已重新连接",
  thinking: "模型正在思考…",
  silent: (/** @type {number} */ seconds) => `模型沉默 ${seconds} 秒，连接正常`,
  writing: (/** @type {string} */ field) => `正在写：${field}`,
  writingAnswer: "正在写",
  broken: (/** @type {string} */ seconds) =>
    `连接断开，${seconds} 秒后自动续传`,
  unanswered: (/** @type {string} */ seconds) =>
    `服务器没有应答，${seconds} 秒后再试`,
  busy: (/** @type {string} */ seconds) => `服务器正忙，${seconds} 秒后再试`,
  tooMany: (/** @type {string} */ seconds) =>
    `一分钟内的回答太多，${seconds} 秒后再试`,
  offline: "网络已断开，恢复后自动续传",
  complete: (/** @type {number} */ characters) =>
    `完成，共 ${characters} 个字符`,
  completeInvalid: "完成，但回答不符合 Schema",
  attempt: (/** @type {number} */ attempt, /** @type {boolean} */ continues) =>
    `第 ${attempt} 次请求模型，${continues ? "接着写" : "从头再写"}`,
  unchecked: "Schema 没有全部核对",
  uncheckedWhat: (/** @type {string} */ what) => `没有核对：${what}。`,
  /** @type {Record<string, string>} */
  reasons: { cost: "太费时的部分" },
  mended: "回答的 JSON 略有修补",
  mendedWhat: (/** @type {string} */ what) => `修补了：${what}。`,
  /** @type {Record<string, string>} */
  slips: {
    comma: "多余的逗号",
    comment: "注释",
    control: "未转义的控制字符",
    ellipsis: "省略号",
    escape: "错误的转义",
    literal: "不合规的字面量",
    name: "没有引号的字段名",
    punctuation: "全角标点",
    quote: "不合规的引号",
    space: "不合规的空白",
  },
  comma: "、",
  stopped: "已停止",
  failed: "未能完成",

  resume: "继续接收",
  again: "重新生成",
  kept: "已写出的内容保留在上面。",
  /** Between two sentences. */
  gap: "",
  /** @type {Record<string, string>} */
  presetNames: {
    article: "文章",
    product: "商品卡片",
    recipe: "食谱",
    quiz: "测验",
    custom: "自定义",
  },
  invalid: {
    title: "回答不符合 Schema",
    advice: "模型没有全按要求写，标出的地方不对：",
  },
  /** Where something had been written already. @type {Record<string, Advice>} */
  midway: {
    upstream_unavailable: {
      title: "模型写到一半断了",
      advice: "模型服务的连接中途断开。可以重新生成。",
    },
    expired: {
      title: "服务器上已没有这个回答",
      advice: "它可能刚刚重启过。可以重新生成。",
    },
  },
  /** @type {Record<string, Advice>} */
  errors: {
    upstream_auth: {
      title: "模型服务拒绝了密钥",
      advice: "请服务器的管理员检查 API 密钥。",
    },
    upstream_rejected: {
      title: "模型服务拒绝了这个请求",
      advice: "可能是提示太长，或模型、参数设置有误；服务器日志里有细节。",
    },
    upstream_rate_limited: {
      title: "模型服务太忙",
      advice: "稍等片刻，再重新生成。",
    },
    upstream_unavailable: {
      title: "模型服务暂时不可用",
      advice: "稍后可以重新生成。",
    },
    upstream_timeout: {
      title: "模型太久没有回音",
      advice: "可以重新生成。",
    },
    no_json: {
      title: "回答里没有 JSON",
      advice: "模型没有按格式作答，重新生成通常就好。",
    },
    malformed_json: {
      title: "回答的 JSON 中途坏了",
      advice: "可以重新生成。",
    },
    invalid: {
      title: "回答不符合要求的结构",
      advice: "模型写出了不可能再符合结构的值，已经停下。可以再试一次。",
    },
    truncated: {
      title: "回答被截断",
      advice: "达到了长度上限，标出的字段没有写完。可以请模型写短一些。",
    },
    refused: {
      title: "模型谢绝回答",
      advice: "换一个说法，或换一个问题。",
    },
    content_filtered: {
      title: "内容被模型服务拦截",
      advice: "换一个说法，或换一个问题。",
    },
    output_too_large: {
      title: "回答超出了大小限制",
      advice: "请模型写短一些，或简化 Schema。",
    },
    stopped: { title: "已停止", advice: "" },
    abandoned: {
      title: "许久无人读取，回答没有写完",
      advice: "没有人在读，服务器就让模型停下了。可以重新生成。",
    },
    interrupted: {
      title: "服务器中断了这个回答",
      advice: "它正在重启或更新。可以重新生成。",
    },
    internal: { title: "服务器内部出错", advice: "可以再试一次。" },
    bad_request: {
      title: "服务器看不懂这个请求",
      advice: "检查一下 Schema 与提示。",
    },
    unauthorized: {
      title: "需要访问令牌",
      advice: "这台服务器只为持有令牌的人服务。",
    },
    forbidden: {
      title: "不允许访问",
      advice: "这个令牌或这个网站没有权限。",
    },
    not_found: {
      title: "找不到接口",
      advice: "这个地址上没有 fieldstream 服务。",
    },
    method_not_allowed: {
      title: "服务器不接受这种请求",
      advice: "它的版本可能太旧，不支持自定义 Schema。",
    },
    expired: {
      title: "这个回答已不在服务器上",
      advice: "回答完成后只保留几分钟。可以重新生成。",
    },
    too_large: { title: "请求太大", advice: "缩短提示或 Schema。" },
    unsupported_media_type: {
      title: "服务器不接受这种格式",
      advice: "它的版本可能与页面不一致，请刷新页面。",
    },
    too_many_streams: {
      title: "回答太多",
      advice: "一分钟内的回答，或同时打开的流，超过了上限。稍等片刻再试。",
    },
    overloaded: { title: "服务器已满", advice: "稍等片刻再试。" },
    draining: { title: "服务器正在重启", advice: "稍等片刻再试。" },
    connection_lost: {
      title: "连不上服务器",
      advice: "请检查网络。连上后可以从断点继续。",
    },
    conflict: {
      title: "这个编号已用于另一个问题",
      advice: "可以重新生成。",
    },
    redirected: {
      title: "服务器换了地址",
      advice: "请求在转往新地址时会丢失，所以没有发出。请打开新地址。",
    },
    bad_response: {
      title: "收到了无法理解的内容",
      advice: "对方可能不是 fieldstream 服务器，或中间的代理改动了内容。",
    },
  },
};

/** @typedef {typeof zh} Messages */

/** @type {Messages} */
const en = {
  tagline: "The page grows as the model writes",
  intro:
    "This server sends a language model’s JSON answer to the browser field by field, while it is being written. A broken connection carries on where it was: nothing twice, nothing lost.",
  readme: "README",
  protocol: "Protocol",
  source: "Client source",
  prompt: "What shall the model write?",
  promptHint: "What shall the model write? (optional)",
  start: "Start streaming",
  stop: "Stop",
  addresses: "Address",
  pinned: "This address answers one question, which the server has set.",
  optional: "optional",
  inputJson: "Write this as JSON",
  wrongInput: {
    title: "This input is not accepted",
    advice: "Change it, and try again.",
  },
  presets: "Shape of the answer",
  schema: "Schema",
  schemaHint:
    "JSON Schema: the fields that the answer has. Empty: a title and a summary.",
  schemaWrong: "This is not a JSON object: ",
  answer: "Answer",
  thoughts: "Thinking",
  seal: "Fin",
  token: "Access token",
  tokenSend: "Continue",
  tokenWrong: "This token is not accepted. Check it and try again.",
  cut: "Cut the connection",
  copy: "Copy JSON",
  copyPart: "Copy unfinished JSON",
  copied: "Copied",
  copyFailed: "Cannot copy",
  wire: "What has come",
  wireNote: (shown) => `last ${shown} events`,
  wireHint: "Each event, as it came. It carries only what is new.",
  wireCut: "connection lost",
  wireBusy: "the server asks to come back later",
  wireResumed: (offset) => `resumed at character ${offset}`,
  misbehave: "Misbehave",
  misbehaveHint:
    "The demo model does as it is told: see how the page and the client take it.",
  faults: {
    "demo:truncated": "runs out of tokens in mid-sentence",
    "demo:refusal": "declines to answer",
    "demo:fence": "chats first, and puts the JSON into a code block",
    "demo:think": "thinks before it writes",
    "demo:think-tag": "thinks too, in the middle of its text",
    "demo:slow": "three tokens a second, after five seconds of silence",
    "demo:fast": "2,000 tokens a second",
    "demo:long": "writes 200 KB",
    "demo:hostile": "puts markup, scripts and odd characters into its text",
    "demo:malformed": "goes on with something that is not JSON",
    "demo:no-json": "chats, and writes no JSON at all",
    "demo:filter": "is stopped by the content filter",
    "demo:error": "fails in mid-answer",
    "demo:silence": "falls silent in mid-answer, for good",
    "demo:cut": "hangs up before it is done",
    "demo:breaks": "loses its connection in mid-answer, and goes on when asked",
    "demo:length": "runs into the length limit twice, and goes on when asked",
    "demo:invalid": "strays from the schema until it is told",
    "demo:rate-limit": "complains of too many requests (429)",
    "demo:auth": "does not know the key (401)",
  },
  use: "Use this",
  useTitle: "The same request in your code",
  useServer: "Your server",
  useCopy: "Copy the code",
  useAgents: "For coding agents: llms.txt",
  close: "Close",
  compareOpen: "Replay and compare",
  compare: "One answer, three ways",
  compareNote:
    "Replayed at the pace at which this answer came, computed from the same text. “As others show it” closes what is open and parses it all again with each token.",
  compareFaster: (factor) => ` Sped up ${factor} times.`,
  compareFields: "fieldstream",
  compareNone: "Without streaming",
  compareUsual: "As others show it",
  compareFacts: (first, taken, read) =>
    `visible after ${first} s · taken back ${taken} × · ${read} characters parsed`,
  replay: "Once more",
  figures: "Numbers",
  firstDelta: "First word",
  events: "Events",
  rate: "Characters / s",
  received: "Received",
  tokens: "Tokens, read + written",
  timeFirst: (time) => `${time} first word`,
  timeWhole: (time) => `${time} without streaming, only now`,
  timeNow: (time) => `${time} without streaming, still waiting`,
  barFields: "Each field's increments",
  barPatch: "JSON Patch, whole values",
  barWhole: "The whole object each time",
  barsNote:
    "The lower two are computed: the bytes for the same answer in as many events, had each carried its fields' whole values as JSON Patch, or the whole object.",
  computed: "computed",
  times: (factor) => `${factor} ×`,
  demo: "Demo model: these words are the server’s own, not a real model’s.",
  model: (name) => `Model: ${name}`,
  resumed: (offset) => `Resumed at ${offset}, nothing lost`,
  cutAt: "cut off here",
  yes: "yes",
  no: "no",
  nothing: "null",

  idle: "Ready",
  idleExpired: "Ready; the last answer is no longer on the server",
  connecting: "Connecting…",
  retrying: (attempt) => `Reconnecting, attempt ${attempt}…`,
  waiting: "Connected, waiting for the first word…",
  connected: "Connected again",
  thinking: "The model is thinking…",
  silent: (seconds) => `Silent for ${seconds} s, but connected`,
  writing: (field) => `Writing: ${field}`,
  writingAnswer: "Writing",
  broken: (seconds) => `Connection lost, carrying on in ${seconds} s`,
  unanswered: (seconds) =>
    `The server does not answer, next attempt in ${seconds} s`,
  busy: (seconds) => `The server is busy, next attempt in ${seconds} s`,
  tooMany: (seconds) =>
    `Too many answers in a minute, next attempt in ${seconds} s`,
  offline: "No network, carrying on when it is back",
  complete: (characters) => `Complete, ${characters} characters`,
  completeInvalid: "Complete, but the answer does not fit the schema",
  attempt: (attempt, continues) =>
    `The model is asked again (${attempt}), ${
      continues ? "to go on" : "from the start"
    }`,
  unchecked: "Not all of the schema was checked",
  uncheckedWhat: (what) => `Not checked: ${what}.`,
  reasons: { cost: "what would take too long" },
  mended: "The answer’s JSON was mended",
  mendedWhat: (what) => `Mended: ${what}.`,
  slips: {
    comma: "a comma too many",
    comment: "comments",
    control: "raw control characters",
    ellipsis: "an ellipsis",
    escape: "escapes that are none",
    literal: "literals of another language",
    name: "names without quotes",
    punctuation: "full-width punctuation",
    quote: "quotes of another kind",
    space: "unusual white space",
  },
  comma: ", ",
  stopped: "Stopped",
  failed: "Not completed",

  resume: "Carry on",
  again: "Ask again",
  kept: "What was written stays above.",
  gap: " ",
  presetNames: {
    article: "Article",
    product: "Product card",
    recipe: "Recipe",
    quiz: "Quiz",
    custom: "Custom",
  },
  invalid: {
    title: "The answer does not fit the schema",
    advice: "The model did not do all that was asked. What is wrong:",
  },
  midway: {
    upstream_unavailable: {
      title: "The model broke off",
      advice:
        "The connection to its provider broke in mid-answer. You can ask again.",
    },
    expired: {
      title: "The server has lost this answer",
      advice: "It may have been restarted. You can ask again.",
    },
  },
  errors: {
    upstream_auth: {
      title: "The model’s provider rejects the key",
      advice: "Whoever runs this server should check its API key.",
    },
    upstream_rejected: {
      title: "The model’s provider rejects the request",
      advice:
        "The prompt may be too long, or the model or a parameter wrong; the server’s log has the details.",
    },
    upstream_rate_limited: {
      title: "The model’s provider is busy",
      advice: "Wait a moment, then ask again.",
    },
    upstream_unavailable: {
      title: "The model is not available just now",
      advice: "Ask again in a while.",
    },
    upstream_timeout: {
      title: "The model has been silent for too long",
      advice: "You can ask again.",
    },
    no_json: {
      title: "The answer holds no JSON",
      advice: "The model did not keep to the format. Asking again often helps.",
    },
    malformed_json: {
      title: "The answer’s JSON broke off",
      advice: "You can ask again.",
    },
    invalid: {
      title: "The answer does not fit its schema",
      advice:
        "The model wrote what cannot fit any more, and was stopped. Try again.",
    },
    truncated: {
      title: "The answer was cut off",
      advice:
        "It reached the length limit; the marked field is not finished. Ask for something shorter.",
    },
    refused: {
      title: "The model declined to answer",
      advice: "Try other words, or another question.",
    },
    content_filtered: {
      title: "The provider filtered the answer",
      advice: "Try other words, or another question.",
    },
    output_too_large: {
      title: "The answer is larger than allowed",
      advice: "Ask for something shorter, or simplify the schema.",
    },
    stopped: { title: "Stopped", advice: "" },
    abandoned: {
      title: "Nobody read this answer, so it was not finished",
      advice:
        "The server stops the model when nobody reads. You can ask again.",
    },
    interrupted: {
      title: "The server interrupted this answer",
      advice: "It is being restarted or updated. You can ask again.",
    },
    internal: {
      title: "The server made a mistake",
      advice: "You can try again.",
    },
    bad_request: {
      title: "The server does not understand the request",
      advice: "Check the schema and the prompt.",
    },
    unauthorized: {
      title: "An access token is needed",
      advice: "This server answers only those who have one.",
    },
    forbidden: {
      title: "Not allowed",
      advice: "This token, or this site, may not do that.",
    },
    not_found: {
      title: "Nothing found there",
      advice: "There is no fieldstream server at this address.",
    },
    method_not_allowed: {
      title: "The server does not take such a request",
      advice: "It may be too old to know schemas.",
    },
    expired: {
      title: "This answer is no longer on the server",
      advice: "Answers are kept for some minutes. You can ask again.",
    },
    too_large: {
      title: "The request is too large",
      advice: "Shorten the prompt or the schema.",
    },
    unsupported_media_type: {
      title: "The server does not take this format",
      advice: "Its version may differ from the page’s: reload the page.",
    },
    too_many_streams: {
      title: "Too many answers",
      advice:
        "There is a limit to the answers in a minute, and to those open at once. Wait a moment.",
    },
    overloaded: {
      title: "The server is full",
      advice: "Try again in a moment.",
    },
    draining: {
      title: "The server is restarting",
      advice: "Try again in a moment.",
    },
    connection_lost: {
      title: "The server cannot be reached",
      advice:
        "Check the network. When it is back, this can be carried on with.",
    },
    conflict: {
      title: "This id belongs to another question",
      advice: "You can ask again.",
    },
    redirected: {
      title: "The server has moved",
      advice:
        "The question would have been lost on the way, so it was not sent. Open the new address.",
    },
    bad_response: {
      title: "Something came that makes no sense",
      advice:
        "This may not be a fieldstream server, or a proxy changes what it sends.",
    },
  },
};

/** @type {Record<Language, Messages>} */
export const messages = { zh, en };

/** @returns {Language} What the reader chose last, else the browser's. */
export function preferredLanguage() {
  try {
    const chosen = localStorage.getItem("fieldstream.language");
    if (chosen === "zh" || chosen === "en") return chosen;
  } catch {
    // Where storage is blocked, nothing was chosen.
  }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}
