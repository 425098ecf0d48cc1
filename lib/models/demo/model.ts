/** The built-in model: a `fetch` that speaks Chat Completions. */

import { type Clock, systemClock, type Timer } from "../../clock.ts";
import {
  BROKEN,
  FAILURES,
  FINISH_REASONS,
  LENGTHS,
  SPEEDS,
} from "./dictionary.ts";
import { writeDocument } from "./document.ts";
import { guestsIn, LANGUAGES } from "./words.ts";
import { checkSchema, DEFAULT_SCHEMA } from "../../schemas/schema.ts";

/** The name by which the demo model goes. */
export const DEMO_MODEL = "demo";

export { DEMO_PROMPTS } from "./dictionary.ts";

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
/** In bytes, about. */
const LONG_DOCUMENT = 200_000;
const TOPIC = "科技发展新趋势";
/** How many prompts are remembered of those whose answers broke off. */
const BREAKS = 100;
const TOPIC_LENGTH = 60;

/**
 * Makes a `fetch` for the OpenAI client which answers streamed
 * `POST …/chat/completions` by itself, and anything else with 404.
 *
 * What it writes follows from the request alone, how fast it writes does too;
 * only `demo:breaks` remembers what it has broken off. A request whose last
 * message is the assistant's is for the rest of that message.
 *
 * @param options How fast it writes.
 * @returns A function to give as the client's `fetch`.
 */
export function createDemoFetch(options: DemoModelOptions = {}): typeof fetch {
  /** Prompts whose answer broke off, and is whole when it is asked for again. */
  const broken = new Set<string>();
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
    const failed = FAILURES.get(question.behavior);
    if (failed !== undefined) return failure(...failed);
    if (question.behavior === "breaks") {
      const isAgain = broken.delete(question.prompt) || question.written !== "";
      if (isAgain) question.behavior = "";
      else {
        if (broken.size >= BREAKS) broken.clear();
        broken.add(question.prompt);
      }
    }
    const steps = answer(question, options.tokensPerSecond);
    const body = streamOf(steps, options.clock ?? systemClock, signal);
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

interface RequestBody {
  model?: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean } | null;
  messages?: { role: string; content: unknown }[];
  response_format?: { json_schema?: { schema?: unknown } };
}

type Question = ReturnType<typeof readQuestion>;

function readQuestion(body: RequestBody) {
  if (body.stream !== true) throw new TypeError("stream must be true");
  const { model = DEMO_MODEL, messages = [] } = body;
  const texts = messages.map(({ role, content }) => ({
    role,
    text: typeof content === "string" ? content : "",
  }));
  const last = texts.at(-1);
  const written = last?.role === "assistant" ? texts.pop()!.text : "";
  const asked = texts.filter(({ role }) => role === "user");
  // What is said after it is a complaint.
  const asking = asked.findLast(({ text }) => /^\s*demo:/.test(text)) ??
    asked.at(-1) ?? { text: "" };
  const prompt = asking.text.trim();
  const [, named = "", rest = prompt] =
    /^demo:([a-z-]+)[\s:：，,]*(.*)$/s.exec(prompt) ?? [];
  const isTold = named === "invalid" && asking !== texts.at(-1);
  const schema = body.response_format?.json_schema?.schema ??
    schemaIn(texts.find(({ role }) => role !== "user")?.text ?? "");
  const topic = topicOf(rest);
  const isChinese = /\p{sc=Han}/u.test(rest + topic);
  return {
    model,
    prompt,
    /** What has been written of the answer before. */
    written,
    behavior: isTold ? "" : named,
    topic,
    guests: guestsIn(rest),
    language: isChinese ? "zh" as const : "en" as const,
    schema: schema === undefined ? DEFAULT_SCHEMA : checkSchema(schema),
    promptLength: JSON.stringify(messages).length,
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
    /关于([^，。\n]{1,30}?)的/.exec(prompt)?.[1] ??
    /\b(?:about|(?:articles?|essay|poem|questions|quiz|report|story|text) on)\s+([^,.;:!?\n]{2,60})/i
      .exec(prompt)?.[1];
  const text = named ?? prompt.replace(
    /^(?:请|帮我|给我)*(?:介绍|写|讲讲|谈谈|说说|生成|总结|解释)?(?:一下|一[篇段首个份])?(?:关于)?(?:(?:please )?(?:introduce|describe|explain) )?/i,
    "",
  ).split(/[\n。！？，：；！!?,;:]|\.(?:\s|$)/)[0]!;
  const characters = Array.from(text.trim() || TOPIC);
  if (characters.length <= TOPIC_LENGTH) return characters.join("");
  const cut = characters.slice(0, TOPIC_LENGTH - 1).join("");
  return `${cut.replace(/\s+\S*$/, "")}…`;
}

/** Something to send, and how long after the last, in milliseconds. */
interface Step {
  wait: number;
  data: string;
}

/** The whole answer, event by event. */
function* answer(question: Question, speed?: number): Generator<Step> {
  const { behavior, model, promptLength, random, withUsage } = question;
  const fixed = speed ?? SPEEDS.get(behavior);
  const wait = () => 1_000 / (fixed ?? 30 + 30 * random());
  const frame = {
    id: `chatcmpl-demo-${Math.floor(random() * 2 ** 32).toString(36)}`,
    object: "chat.completion.chunk",
    created: Math.floor(Date.now() / 1_000),
    model,
  };
  const chunk = (delta: object, finish: string | null, wait: number): Step => {
    const choice = { index: 0, delta, logprobs: null, finish_reason: finish };
    const usage = withUsage ? { usage: null } : {};
    const data = JSON.stringify({ ...frame, choices: [choice], ...usage });
    return { wait, data };
  };

  const role = { role: "assistant", content: "" };
  yield chunk(role, null, FIRST_TOKEN * wait());
  let tokens = 0;
  const { parts, finish } = saidBy(question);
  for (const [member, text] of parts) {
    for (const token of tokenize(text, random)) {
      tokens++;
      yield chunk({ [member]: token }, null, wait());
    }
  }
  if (behavior === "error") {
    const error = { message: "The demo model failed", type: "server_error" };
    yield { wait: wait(), data: JSON.stringify({ error }) };
  }
  if (behavior === "silence") yield { wait: Infinity, data: "" };
  if (behavior === "breaks") throw new TypeError("The demo's connection broke");
  if (BROKEN.includes(behavior)) return;
  yield chunk({}, finish, 0);
  if (withUsage) {
    const prompt_tokens = Math.ceil(promptLength / 2);
    const total_tokens = prompt_tokens + tokens;
    const usage = { prompt_tokens, completion_tokens: tokens, total_tokens };
    yield { wait: 0, data: JSON.stringify({ ...frame, choices: [], usage }) };
  }
  yield { wait: 0, data: "[DONE]" };
}

type Part = ["content" | "reasoning_content" | "refusal", text: string];

/** What the answer says, where in the message, and why it ends. */
function saidBy(question: Question): { parts: Part[]; finish: string } {
  const { behavior, language, topic, written } = question;
  const { before, after, refusal, ...remarks } = LANGUAGES[language].REMARKS;
  const thought = remarks.thought.replace("{}", () => topic);
  const prose = remarks.prose.replace("{}", () => topic);
  const whole = writeAnswer(question);
  const half = firstHalf(whole);
  const fenced = `\`\`\`json\n${whole}\n\`\`\``;
  const contents = new Map([
    ["no-json", prose],
    ["fence", `${before}\n\n${fenced}\n\n${after}`],
    ["think-tag", `<think>\n${thought}\n</think>\n\n${whole}`],
    // The string ends, and what follows it can follow no string.
    ["malformed", `${half}" oops "`],
    ...["truncated", "filter", ...BROKEN].map((name) => [name, half] as const),
  ]);
  let finish = FINISH_REASONS.get(behavior) ?? "stop";
  if (behavior === "refusal") return { parts: [["refusal", refusal]], finish };
  let content = contents.get(behavior) ?? whole;
  if (content.startsWith(written)) content = content.slice(written.length);
  const share = Math.ceil(whole.length / LENGTHS);
  if (behavior === "length" && content.length > share) {
    content = content.slice(0, share);
    finish = "length";
  }
  const parts: Part[] = [["content", content]];
  if (behavior === "think" && written === "") {
    parts.unshift(["reasoning_content", thought]);
  }
  return { parts, finish };
}

const escaped = (unit: string) =>
  `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

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
  if (behavior === "invalid") spoil(document);
  return JSON.stringify(document, null, random() < 0.3 ? 2 : 0)
    // Some write what is not ASCII as escapes, some do not.
    .replace(
      /[\ud800-\udbff][\udc00-\udfff]|[\x7f-\xff\u2028\u2029\ufeff]/g,
      (text) => random() < 0.5 ? text.replace(/[^]/g, escaped) : text,
    )
    .replace(
      /"(?:[^"\\]|\\.)*"|[,:]/g,
      (token) => token.length === 1 && random() < 0.2 ? `${token} ` : token,
    );
}

/** Puts what no schema is likely to want in the place of the first value. */
function spoil(document: unknown): void {
  for (const [name, value] of Object.entries(document ?? {}).slice(0, 1)) {
    const wrong = typeof value === "number" ? "42" : 42;
    Object.assign(document as object, { [name]: wrong });
  }
}

/** The text up to the middle of its longest string that is not a name. */
function firstHalf(text: string): string {
  const [longest] = [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)]
    .filter(([, colon]) => colon === undefined)
    .sort((a, b) => b[0].length - a[0].length);
  const { 0: part, index } = longest ?? { 0: text, index: 0 };
  return text.slice(0, index + Math.ceil(part.length / 2));
}

/** What is rarely cut: an escape, a surrogate pair, three letters. */
const ATOM =
  /\\u[0-9a-f]{4}|\\.|[\ud800-\udbff][\udc00-\udfff]|[a-z]{1,3}|\d+|\s+|./gis;

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
    if (random() < (/[\p{L} ]/u.test(atom) ? 0.97 : 0.6)) {
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
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      signal.addEventListener("abort", () => {
        clock.clearTimeout(timer);
        controller.error(signal.reason);
      }, { once: true });
    },
    async pull(controller) {
      const { done, value } = steps.next();
      if (done) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      due += value.wait;
      const delay = due - clock.now();
      if (delay > 0) {
        await new Promise<void>((resolve) => {
          if (delay < Infinity) timer = clock.setTimeout(resolve, delay);
        });
      }
      controller.enqueue(encoder.encode(`data: ${value.data}\n\n`));
    },
    cancel: () => clock.clearTimeout(timer),
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
