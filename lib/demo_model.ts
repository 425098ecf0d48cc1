/** The built-in model: a `fetch` that speaks Chat Completions. */

import { type Clock, systemClock, type Timer } from "./clock.ts";
import { writeDocument } from "./demo_document.ts";
import type { Language } from "./demo_words.ts";
import { checkSchema, DEFAULT_SCHEMA, type JsonSchema } from "./schema.ts";

/** The name by which the demo model goes. */
export const DEMO_MODEL = "demo";

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
  "demo:rate-limit": "HTTP status 429",
  "demo:auth": "HTTP status 401",
};

/** Options for {@linkcode createDemoFetch}. */
export interface DemoModelOptions {
  /**
   * How fast it writes, whatever the prompt says. `Infinity` waits for nothing.
   *
   * @default {30 to 60, at random for each token}
   */
  tokensPerSecond?: number;
  /**
   * Where time comes from.
   *
   * @default {systemClock}
   */
  clock?: Clock;
}

/** The first token takes as long as this many later ones: a third of a second. */
const FIRST_TOKEN = 15;
const LONG_DOCUMENT = 200_000;
const TOPIC = "科技发展新趋势";
const TOPIC_LENGTH = 60;

const REMARKS = {
  zh: {
    refusal: "很抱歉，这个请求我不能帮忙。（演示模型按要求拒绝。）",
    before: "好的，下面就是你要的内容：",
    after: "希望对你有帮助！如果想换个角度，随时告诉我。",
    thought:
      '先想一想：读者想看的是{}。可以写成 {"title": "草稿"} 这样，不过还要更具体、更有画面感一些。好，开始写。',
    prose:
      "关于{}，三言两语说不完。这一次，演示模型不写 JSON，只想和你聊聊天。",
  },
  en: {
    refusal:
      "I'm sorry, but I can't help with that. (The demo model declines.)",
    before: "Sure! Here is what you asked for:",
    after: "I hope this helps! Tell me if you would like another angle.",
    thought:
      'Let me think: the reader wants to know about {}. It could be {"title": "draft"}, but it should be more vivid than that. All right.',
    prose:
      "There is a lot to say about {}. This time the demo model just chats.",
  },
};

/**
 * Makes a `fetch` for the OpenAI client which answers streamed
 * `POST …/chat/completions` by itself, and anything else with 404.
 *
 * What it writes follows from the request alone, how fast it writes does too.
 *
 * @param options How fast it writes.
 * @returns A function to give as the client's `fetch`.
 */
export function createDemoFetch(options: DemoModelOptions = {}): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const signal = init?.signal ?? request.signal;
    signal.throwIfAborted();
    const { pathname } = new URL(request.url);
    if (request.method !== "POST" || !pathname.endsWith("/chat/completions")) {
      return failure(404, "not_found", `No such endpoint: ${pathname}`);
    }
    let question: Question;
    try {
      question = readQuestion(await request.json());
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return failure(400, "invalid_request_error", message);
    }
    if (question.behavior === "rate-limit") {
      return failure(429, "rate_limit_exceeded", "Too many requests");
    }
    if (question.behavior === "auth") {
      return failure(401, "invalid_api_key", "Incorrect API key provided");
    }
    const body = streamOf(
      answer(question, options.tokensPerSecond),
      options.clock ?? systemClock,
      signal,
    );
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8" },
    });
  };
}

/** An error in OpenAI's shape. */
function failure(status: number, code: string, message: string): Response {
  // The client honours the header: its own retries need not take long here.
  const headers = { "retry-after-ms": "200" };
  const error = { message, type: code, param: null, code };
  return Response.json({ error }, { status, headers });
}

interface Question {
  model: string;
  behavior: string;
  topic: string;
  language: Language;
  schema: JsonSchema;
  promptLength: number;
  withUsage: boolean;
  random: () => number;
}

interface RequestBody {
  model?: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean } | null;
  messages?: { role: string; content: unknown }[];
  response_format?: { json_schema?: { schema?: unknown } };
}

function readQuestion(body: RequestBody): Question {
  if (body.stream !== true) throw new TypeError("stream must be true");
  const messages = body.messages ?? [];
  const textOf = (role: string) =>
    messages.filter((message) => message.role === role)
      .map(({ content }) => typeof content === "string" ? content : "").join();
  const prompt = textOf("user").trim();
  const [, behavior = "", rest = prompt] =
    /^demo:([a-z-]+)[\s:：，,]*(.*)$/s.exec(prompt) ?? [];
  const schema = body.response_format?.json_schema?.schema ??
    schemaIn(textOf("system"));
  return {
    model: body.model ?? DEMO_MODEL,
    behavior,
    topic: topicOf(rest),
    language: rest === "" || /\p{sc=Han}/u.test(rest) ? "zh" : "en",
    schema: schema === undefined ? DEFAULT_SCHEMA : checkSchema(schema),
    promptLength: messages.reduce(
      (sum, { content }) => sum + String(content).length,
      0,
    ),
    withUsage: body.stream_options?.include_usage === true,
    random: randomFrom(prompt),
  };
}

/** The JSON text that a message ends with. */
function schemaIn(message: string): unknown {
  for (const { index } of message.matchAll(/^[ \t]*\{/gm)) {
    try {
      return JSON.parse(message.slice(index));
    } catch {
      // Then it begins further on.
    }
  }
  return undefined;
}

/** What a prompt is about, in a few words. */
function topicOf(prompt: string): string {
  const named = /[“「《"]([^”」》"\n]{2,60})[”」》"]/.exec(prompt)?.[1] ??
    /关于([^，。\n]{2,30}?)的/.exec(prompt)?.[1] ??
    /\b(?:about|on)\s+([^,.;:!?\n]{2,60})/i.exec(prompt)?.[1];
  const text = named ?? prompt.split(/[\n。！？，：；!?,;:]|\.\s/)[0]!.replace(
    /^(?:请|帮我|给我)*(?:介绍|写|讲讲|谈谈|说说|生成|总结)?(?:一下|一篇|一段)?(?:关于)?/,
    "",
  );
  const characters = Array.from(text.trim());
  if (characters.length === 0) return TOPIC;
  if (characters.length <= TOPIC_LENGTH) return characters.join("");
  return `${characters.slice(0, TOPIC_LENGTH - 1).join("")}…`;
}

/** Something to send, and how long after the last, in milliseconds. */
interface Step {
  wait: number;
  data: string;
}

/** The whole answer, event by event. */
function* answer(question: Question, speed?: number): Generator<Step> {
  const { behavior, language, topic, random } = question;
  const remarks = REMARKS[language];
  const fixed = speed ?? { slow: 3, long: 500, fast: 2_000 }[behavior];
  const wait = () => 1_000 / (fixed ?? 30 + 30 * random());
  let tokens = 0;
  const frame = {
    id: `chatcmpl-demo-${Math.floor(random() * 2 ** 32).toString(36)}`,
    object: "chat.completion.chunk",
    created: Math.floor(Date.now() / 1_000),
    model: question.model,
  };
  const chunk = (delta: object, finish: string | null, wait: number): Step => {
    const choice = { index: 0, delta, logprobs: null, finish_reason: finish };
    const usage = question.withUsage ? { usage: null } : {};
    const data = JSON.stringify({ ...frame, choices: [choice], ...usage });
    return { wait, data };
  };
  function* say(
    text: string,
    member: "content" | "reasoning_content" | "refusal" = "content",
  ): Generator<Step> {
    for (const token of tokenize(text, random)) {
      tokens++;
      yield chunk({ [member]: token }, null, wait());
    }
  }

  const role = { role: "assistant", content: "" };
  yield chunk(role, null, FIRST_TOKEN * wait());
  const thought = remarks.thought.replace("{}", () => topic);
  const text = writeAnswer(question);
  let finish = "stop";
  switch (behavior) {
    case "refusal":
      yield* say(remarks.refusal, "refusal");
      break;
    case "no-json":
      yield* say(remarks.prose.replace("{}", () => topic));
      break;
    case "fence":
      yield* say(`${remarks.before}\n\n\`\`\`json\n`);
      yield* say(text);
      yield* say(`\n\`\`\`\n\n${remarks.after}`);
      break;
    case "think":
      yield* say(thought, "reasoning_content");
      yield* say(text);
      break;
    case "think-tag":
      yield* say(`<think>\n${thought}\n</think>\n\n`);
      yield* say(text);
      break;
    case "malformed":
      yield* say(firstHalf(text));
      // The string ends, and what follows it can follow no string.
      yield* say('" oops "');
      break;
    case "truncated":
    case "filter":
      yield* say(firstHalf(text));
      finish = behavior === "filter" ? "content_filter" : "length";
      break;
    case "error": {
      yield* say(firstHalf(text));
      const error = { message: "The demo model failed", type: "server_error" };
      yield { wait: wait(), data: JSON.stringify({ error }) };
      return;
    }
    case "silence":
    case "cut":
      yield* say(firstHalf(text));
      if (behavior === "silence") yield { wait: Infinity, data: "" };
      return;
    default:
      yield* say(text);
  }
  yield chunk({}, finish, 0);
  if (question.withUsage) {
    const prompt = Math.ceil(question.promptLength / 2);
    const usage = {
      prompt_tokens: prompt,
      completion_tokens: tokens,
      total_tokens: prompt + tokens,
    };
    const data = JSON.stringify({ ...frame, choices: [], usage });
    yield { wait: 0, data };
  }
  yield { wait: 0, data: "[DONE]" };
}

/** The document's text. */
function writeAnswer(question: Question): string {
  const { schema, behavior, random } = question;
  const options = { ...question, hostile: behavior === "hostile" };
  let document = writeDocument(schema, options);
  if (behavior === "long") {
    const size = new TextEncoder().encode(JSON.stringify(document)).length;
    const repeat = Math.ceil(LONG_DOCUMENT / size);
    document = writeDocument(schema, { ...options, repeat });
  }
  const indent = [0, 0, 2][Math.floor(random() * 3)];
  return JSON.stringify(document, null, indent)
    // Some write what is not ASCII as escapes, some do not.
    .replace(
      /[\ud800-\udbff][\udc00-\udfff]|[\x7f-\xff\u2028\u2029\ufeff]/g,
      (character) => random() < 0.5 ? escape(character) : character,
    )
    .replace(
      /"(?:[^"\\]|\\.)*"|[,:]/g,
      (token) => token.length === 1 && random() < 0.2 ? `${token} ` : token,
    );
}

function escape(character: string): string {
  return character.split("").map((unit) =>
    `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  ).join("");
}

/** The text up to the middle of its longest string that is not a name. */
function firstHalf(text: string): string {
  let end = Math.floor(text.length / 2);
  let longest = 0;
  const strings = text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g);
  for (const { 0: string, 1: colon, index } of strings) {
    if (colon !== undefined || string.length <= longest) continue;
    longest = string.length;
    end = index + Math.ceil(longest / 2);
  }
  return text.slice(0, end);
}

/** What is rarely cut: an escape, a surrogate pair, a word. */
const ATOM =
  /\\u[0-9a-f]{4}|\\.|[\ud800-\udbff][\udc00-\udfff]| ?[a-z]+|\d+|\s+|./gis;

/**
 * Cuts text where models cut it: between any two characters, now and then
 * within an escape or a surrogate pair, and with much in one token at times.
 */
function* tokenize(text: string, random: () => number): Generator<string> {
  let token = "";
  for (const [atom] of text.matchAll(ATOM)) {
    const cuttable = atom.startsWith("\\") || /^[\ud800-\udbff]/.test(atom);
    if (cuttable && random() < 0.6) {
      const at = 1 + Math.floor(random() * (atom.length - 1));
      yield token + atom.slice(0, at);
      token = atom.slice(at);
    } else {
      token += atom;
    }
    if (random() < 0.6) {
      yield token;
      token = "";
    }
  }
  if (token !== "") yield token;
}

/**
 * Sends each step when its time has come: a byte stream, which does nothing
 * unless it is read, and leaves no timer behind.
 */
function streamOf(
  steps: Iterator<Step>,
  clock: Clock,
  signal: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let timer: Timer | undefined;
  let due = clock.now();
  let abort: () => void;
  function stop(): void {
    clock.clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      abort = () => {
        stop();
        controller.error(signal.reason);
      };
      signal.addEventListener("abort", abort);
    },
    pull(controller) {
      const step = steps.next();
      if (step.done) {
        stop();
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      const bytes = encoder.encode(`data: ${step.value.data}\n\n`);
      due += step.value.wait;
      const delay = due - clock.now();
      if (delay <= 0) {
        controller.enqueue(bytes);
        return;
      }
      return new Promise((resolve) => {
        if (delay === Infinity) return;
        timer = clock.setTimeout(() => {
          controller.enqueue(bytes);
          resolve();
        }, delay);
      });
    },
    cancel: stop,
  });
}

/** Numbers from 0 to 1 that follow from a text (mulberry32). */
function randomFrom(text: string): () => number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
