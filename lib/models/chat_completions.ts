/**
 * Reads the answers of Chat Completions, as providers really send them: mostly
 * as server-sent events of one JSON chunk each, and in many forms beside.
 */

import { isObject } from "../schemas/schema.ts";
import { ModelError, type Part } from "./ask.ts";
import { type Fault, faultIn } from "./failures.ts";
import { wordOf } from "./finish_reasons.ts";
import { Repetition } from "./repetition.ts";
import { toSource } from "./source.ts";
import { knownUsage } from "./usage.ts";

/**
 * How much a provider may send without saying a word, in bytes: an event may
 * hold a whole answer, but no flood of comments is read to its end.
 */
export const SILENT_BYTES = 8_000_000;

/** After how many bytes others have their turn: a flood may be all there. */
export const TURN_BYTES = 1_048_576;

/** For how long the end of a body is waited for, when the answer has ended. */
const END_MILLISECONDS = 1000;

/** How many pieces may come until then. */
const END_PIECES = 16;

/** How much text of one event is said at once, in UTF-16 units: some ms. */
const SAID_AT_ONCE = 16_384;

/** The longest event by which others are known, in UTF-16 units. */
const LONGEST_KEPT = 4096;

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

const ALIVE: Part = { type: "alive" };

/** What a provider's error is turned into. */
export type ToError = (fault: Fault) => ModelError;

/**
 * Reads an answer to its end.
 *
 * @param onPart Called with what the model says.
 * @param toError Makes what is thrown of an error that the provider tells of.
 * @param signal Aborted when no more is wanted.
 */
export async function readAnswer(
  body: ReadableStream<Uint8Array>,
  onPart: (part: Part) => void,
  toError: ToError,
  signal: AbortSignal,
): Promise<void> {
  /** Parts that wait for their turn, as one of them is long. */
  const waiting: Part[] = [];
  const answer = new AnswerReader((part) => {
    const isLong = "text" in part && part.text.length > SAID_AT_ONCE;
    if (!isLong && waiting.length === 0) onPart(part);
    else waiting.push(...(isLong ? slicesOf(part) : [part]));
  }, toError);
  async function sayWaiting(): Promise<void> {
    for (let part; (part = waiting.shift()) !== undefined;) {
      onPart(part);
      await turn();
    }
  }
  const source = toSource(body);
  // Deno 2.9 forgets with the next collection of garbage that fetch listens to a
  // signal, and the provider would go on.
  const hangUp = () => void source.cancel().catch(() => {});
  signal.addEventListener("abort", hangUp);
  if (signal.aborted) hangUp();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let bytes = 0;
  let piecesBehind = 0;
  const pumped = source.pump((piece) => {
    if (answer.ended) {
      if (++piecesBehind === END_PIECES) hangUp();
      return;
    }
    answer.read(piece);
    if (answer.ended) return void resolve();
    bytes += piece.length;
    if (waiting.length > 0) return sayWaiting();
    if (bytes < TURN_BYTES) return;
    bytes = 0;
    return turn();
  });
  pumped.then(resolve, reject);
  try {
    await promise;
    signal.throwIfAborted();
    answer.readEnd();
    await sayWaiting();
  } finally {
    signal.removeEventListener("abort", hangUp);
    answer.sayThought();
    // None is left for whoever is still at it.
    waiting.splice(0).forEach(onPart);
    if (answer.ended && !signal.aborted) hangUpLater(pumped, hangUp);
    else await source.cancel().catch(() => {});
  }
}

/**
 * Waits a while for what is behind the last word: mostly the end alone. A connection
 * that was read so far can serve the next answer.
 */
function hangUpLater(pumped: Promise<void>, hangUp: () => void): void {
  const timer = setTimeout(hangUp, END_MILLISECONDS);
  pumped.catch(() => {}).finally(() => clearTimeout(timer));
}

/** Lets others have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A part whose text is long, in parts. */
function* slicesOf<P extends Part & { text: string }>(part: P): Generator<P> {
  for (let at = 0; at < part.text.length; at += SAID_AT_ONCE) {
    yield { ...part, text: part.text.slice(at, at + SAID_AT_ONCE) };
  }
}

/** The parts of a provider's chunk that are read. All else is let pass. */
interface Chunk {
  error?: unknown;
  usage?: unknown;
  /** Groq. */
  x_groq?: { usage?: unknown } | null;
  choices?: unknown;
}

interface Choice {
  index?: unknown;
  finish_reason?: unknown;
  delta?: unknown;
  /** Where the answer comes whole. */
  message?: unknown;
  text?: unknown;
  error?: unknown;
  usage?: unknown;
}

interface Delta {
  content?: unknown;
  refusal?: unknown;
  /** DeepSeek, Ark and llama.cpp. */
  reasoning_content?: unknown;
  /** vLLM and OpenRouter. */
  reasoning?: unknown;
  reasoning_details?: unknown;
  tool_calls?: unknown;
  function_call?: unknown;
}

class AnswerReader {
  readonly #onPart: (part: Part) => void;
  readonly #toError: ToError;

  readonly #decoder = new TextDecoder();
  readonly #repetition = new Repetition();

  /** Whether what comes next begins an event. */
  #isBetweenEvents = false;
  /** The last chunk that was read, if it said a piece of content alone. */
  #simple: { data: string; content: string } | undefined;
  /** The line that is being read, in pieces: joined once, at its end. */
  #line: string[] = [];
  /** Whether the last unit was a carriage return, so that a line feed is none. */
  #returned = false;
  /** Lines that are no JSON alone, and may be together. */
  #pending: string[] = [];
  /** The name of the event that is being read. */
  #event = "";
  #ended = false;

  /** Which choice is read; the first that comes. */
  #choice: number | undefined;
  /** Which tool call's arguments are read. */
  #call: { index: unknown } | undefined;
  /** Whether the model has begun its answer, as content. */
  #answering = false;
  /** The reasoning so far, while it may turn out to be the answer. */
  #thought = "";
  #thoughtIsAnswer = false;
  /** Bytes since the last word. */
  #silent = 0;
  /** Whether something has come of what is being read. */
  #heard = false;

  constructor(onPart: (part: Part) => void, toError: ToError) {
    this.#onPart = onPart;
    this.#toError = toError;
  }

  /** Whether the provider has said that nothing more comes. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Reads some of the body, cut anywhere. */
  read(bytes: Uint8Array): void {
    const known = this.#isBetweenEvents
      ? this.#repetition.textOf(bytes)
      : undefined;
    if (known !== undefined) {
      this.#sayContent(known);
      return;
    }
    this.#simple = undefined;
    const text = this.#decoder.decode(bytes, { stream: true });
    this.#heard = false;
    this.#silent += bytes.length;
    this.#readText(text);
    this.#isBetweenEvents = bytes.at(-1) === LINE_FEED &&
      this.#pending.length === 0 && this.#event === "";
    if (this.#isBetweenEvents && this.#repetition.isCurious) this.#keep(text);
  }

  #readText(text: string): void {
    if (this.#returned || text.includes("\r")) text = this.#withLineFeeds(text);
    let from = 0;
    for (;;) {
      const end = text.indexOf("\n", from);
      if (end === -1) break;
      let line = text.slice(from, end);
      if (this.#line.length > 0) {
        this.#line.push(line);
        line = this.#line.join("");
        this.#line = [];
      }
      from = end + 1;
      this.#readLine(line);
      if (this.#ended) return;
    }
    if (from < text.length) this.#line.push(text.slice(from));
    if (!this.#heard) this.#onPart(ALIVE);
    if (this.#silent > SILENT_BYTES) {
      throw new ModelError(
        "upstream_unavailable",
        `Cannot read on: the provider has sent ${this.#silent} bytes without a word`,
      );
    }
  }

  /** Keeps what was read, if it is one event that says a piece of content. */
  #keep(text: string): void {
    const { data, content } = this.#simple ?? { data: "", content: "" };
    if (content === "" || text.length > LONGEST_KEPT) return;
    if (text !== `data: ${data}\n\n`) return;
    this.#repetition.keep(text, content, (event) => {
      const chunk = parse(event.slice("data: ".length));
      return chunk && this.#contentOnly(chunk);
    });
  }

  /** Reads what has no end but that of the body. */
  readEnd(): void {
    if (!this.#ended) this.#readLine(this.#line.join(""));
    if (!this.#ended) this.#readPending();
  }

  /** Where all that came was reasoning that looks like an answer, it is one. */
  sayThought(): void {
    const thought = this.#thought;
    this.#thought = "";
    if (this.#answering || !/^\s*(?:[[{]|```)/.test(thought)) return;
    this.#thoughtIsAnswer = true;
    this.#say("text", thought);
  }

  /** Line ends may be any of three (HTML standard, "Parsing an event stream"). */
  #withLineFeeds(text: string): string {
    if (this.#returned && text.startsWith("\n")) text = text.slice(1);
    if (text !== "") this.#returned = text.endsWith("\r");
    return text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  }

  #readLine(line: string): void {
    if (line.startsWith("data:")) {
      this.#readData(line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5));
    } else if (line === "") {
      this.#readPending();
      this.#event = "";
    } else if (line.startsWith("event:")) {
      this.#event = line.slice(6).trim();
    } else if (!/^(?::|(?:id|retry|event|data)(?::|$))/.test(line)) {
      // A body that is no event stream: JSON, JSON in lines, or a proxy's word.
      this.#readData(line);
    }
  }

  /**
   * Reads a line of data. One that holds a chunk is read at once, whether or not
   * its event has ended: with some providers it never does.
   */
  #readData(data: string): void {
    const isWhole = data.charCodeAt(0) === BRACE &&
      data.charCodeAt(data.length - 1) === BRACE_END;
    const chunk = isWhole ? parse(data) : undefined;
    if (
      chunk !== undefined &&
      (this.#pending.length === 0 || chunk.choices || chunk.error)
    ) {
      this.#readChunk(chunk, data);
    } else {
      this.#readOddData(data);
    }
  }

  /** Data that is no chunk by itself: several, half of one, or none of ours. */
  #readOddData(data: string): void {
    const text = data.trim();
    if (isDone(text)) {
      this.#readPending();
      this.#ended = true;
    } else if (text.startsWith("data:")) {
      this.#readData(text.slice(5).trimStart());
    } else if (this.#pending.length > 0) {
      this.#pending.push(data);
    } else if (/^[[{]/.test(text)) {
      const { objects, rest } = cutObjects(text);
      if (rest === "") this.#readObjects(objects);
      else this.#pending.push(data);
    } else if (text !== "") {
      this.#ignore(text);
    }
  }

  #readPending(): void {
    if (this.#pending.length === 0) return;
    const { objects, rest } = cutObjects(this.#pending.join("\n"));
    this.#pending = [];
    this.#readObjects(objects);
    if (isDone(rest)) this.#ended = true;
    else if (rest !== "") this.#ignore(rest);
  }

  #readObjects(objects: string[]): void {
    for (const object of objects) {
      const chunk = parse(object);
      if (chunk === undefined) this.#ignore(object);
      else this.#readChunk(chunk, object);
    }
  }

  #ignore(text: string): void {
    this.#tell({ type: "ignored", text });
  }

  #readChunk(chunk: Chunk, data: string): void {
    const { choices } = chunk;
    // The short way: most chunks are one piece of content, and nothing else.
    const content = this.#answering ? this.#contentOnly(chunk) : undefined;
    if (content !== undefined) {
      this.#simple = { data, content };
      this.#sayContent(content);
      return;
    }
    const choice = Array.isArray(choices) ? this.#choiceOf(choices) : undefined;
    if (choice !== undefined) this.#readChoice(choice, data);
    const usage = chunk.usage || choice?.usage || chunk.x_groq?.usage;
    if (usage) this.#readUsage(usage);
    if (chunk.error || choice?.error || choice === undefined || this.#event) {
      const fault = faultIn(chunk, this.#event) ??
        (choice && faultIn({ error: choice.error }));
      if (fault !== undefined) throw this.#toError(fault);
    }
  }

  #sayContent(text: string): void {
    this.#silent = 0;
    this.#tell({ type: "text", text });
  }

  /** The content of a chunk that says nothing else; else `undefined`. */
  #contentOnly({ choices, usage, error }: Chunk): string | undefined {
    if (usage || error || !Array.isArray(choices) || choices.length !== 1) {
      return undefined;
    }
    const choice = choices[0] as Choice | null;
    if (choice?.index !== this.#choice) return undefined;
    if (choice!.finish_reason || choice!.error) return undefined;
    const delta = choice!.delta as Delta | null | undefined;
    const content = delta?.content;
    if (typeof content !== "string" || content === "") return undefined;
    for (const name in delta) {
      if (name !== "content" && name !== "role") return undefined;
    }
    return content;
  }

  #choiceOf(choices: unknown[]): Choice | undefined {
    const [first] = choices as (Choice | undefined)[];
    if (choices.length === 1 && first && first.index === this.#choice) {
      return first;
    }
    const objects: Choice[] = choices.filter(isObject);
    const indexOf = ({ index }: Choice) =>
      Number(index ?? this.#choice ?? 0) || 0;
    const choice =
      objects.find((choice) => indexOf(choice) === (this.#choice ?? 0)) ??
        (this.#choice === undefined ? objects[0] : undefined);
    if (choice !== undefined) this.#choice = indexOf(choice);
    return choice;
  }

  #readChoice(choice: Choice, data: string): void {
    const { delta } = choice;
    if (isObject(delta)) this.#readDelta(delta, data);
    // Where the answer comes whole: a chunk that repeats it all is not read.
    if (!this.#answering) {
      if (isObject(choice.message)) this.#readDelta(choice.message, data);
      else if (typeof choice.text === "string") this.#say("text", choice.text);
    }
    if (!choice.finish_reason) return;
    const reason = wordOf(choice.finish_reason);
    if (reason === undefined) return;
    this.sayThought();
    this.#tell({ type: "finish", reason });
  }

  #readDelta(delta: Delta, data: string): void {
    const { content } = delta;
    const thought = delta.reasoning_content || delta.reasoning ||
      delta.reasoning_details;
    if (thought) this.#think(textIn(thought));
    if (typeof content === "string") this.#say("text", content);
    else if (content !== null && content !== undefined) {
      this.#readContent(content, data);
    }
    if (!this.#answering) this.#readCall(delta);
    if (typeof delta.refusal === "string") this.#say("refusal", delta.refusal);
  }

  /** Content that is no string. */
  #readContent(content: unknown, data: string): void {
    if (Array.isArray(content)) {
      for (const part of content) this.#readContent(part, data);
    } else if (typeof content === "number") {
      // Workers AI sends tokens of digits so, of which these are all.
      const [, digits] = /"content"\s*:\s*(-?[\d.eE+-]+)/.exec(data) ?? [];
      this.#say("text", digits ?? String(content));
    } else if (!isObject(content)) {
      if (content !== null) this.#say("text", String(content));
    } else if (/thinking|reasoning/.test(String(content.type))) {
      this.#think(textIn(content));
    } else {
      const isRefusal = content.type === "refusal";
      this.#say(isRefusal ? "refusal" : "text", textIn(content));
    }
  }

  /** Some make a forced tool call of a wanted shape: its arguments answer. */
  #readCall({ tool_calls: calls, function_call: call }: Delta): void {
    const wanted = calls
      ? [calls].flat().filter(isObject).find((call) => {
        this.#call ??= { index: call.index };
        return call.index === this.#call.index;
      })?.function
      : call;
    if (!isObject(wanted)) return;
    const { arguments: text } = wanted;
    if (!text) return;
    this.#thought = "";
    this.#tellWord(
      "text",
      typeof text === "string" ? text : JSON.stringify(text),
    );
  }

  #readUsage(usage: unknown): void {
    const known = knownUsage(usage);
    if (known !== undefined) this.#tell({ type: "usage", usage: known });
  }

  #think(text: string): void {
    this.#tellWord("reasoning", text);
    if (this.#thoughtIsAnswer) this.#tellWord("text", text);
    else if (!this.#answering && !this.#call) this.#thought += text;
  }

  #say(type: "text" | "refusal", text: string): void {
    if (text === "") return;
    if (!this.#answering && /\S/.test(text)) {
      this.#answering = true;
      this.#thought = "";
    }
    this.#tellWord(type, text);
  }

  #tellWord(type: "text" | "reasoning" | "refusal", text: string): void {
    if (text === "") return;
    this.#silent = 0;
    this.#tell({ type, text });
  }

  #tell(part: Part): void {
    this.#heard = true;
    this.#onPart(part);
  }
}

/** Reads the text of an object. */
function parse(text: string): Chunk | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isDone(text: string): boolean {
  return /^(?:data:)?\s*"?\[?DONE\]?"?$/i.test(text);
}

/**
 * Cuts a text at its outermost braces: some send several objects at once, in
 * lines, in a list or with nothing between them. Linear in the text.
 *
 * @returns What stands in braces, and what stands outside of them, but for what
 * holds them together.
 */
function cutObjects(text: string): { objects: string[]; rest: string } {
  const objects: string[] = [];
  const others: string[] = [];
  let depth = 0;
  let from = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (inString) {
      if (unit === BACKSLASH) index++;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) {
      inString = depth > 0;
    } else if (unit === BRACE) {
      if (depth++ > 0) continue;
      others.push(text.slice(from, index));
      from = index;
    } else if (unit === BRACE_END && depth > 0 && --depth === 0) {
      objects.push(text.slice(from, index + 1));
      from = index + 1;
    }
  }
  others.push(text.slice(from));
  // Brackets and commas hold objects together, and say nothing beside them.
  const isGlue = objects.length > 0 ? /^(?:[\s[\],]|data:)*$/ : /^\s*$/;
  const rest = others.filter((other) => !isGlue.test(other)).join(" ").trim();
  return { objects, rest };
}

/** The text in a part of a message, in a list of them, or in either. */
function textIn(value: unknown, depth = 4): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (depth === 0 || typeof value !== "object" || value === null) return "";
  if (Array.isArray(value)) {
    return value.map((part) => textIn(part, depth - 1)).join("");
  }
  const { text, content, thinking, summary, reasoning } = value as Record<
    string,
    unknown
  >;
  return textIn(text ?? content ?? thinking ?? summary ?? reasoning, depth - 1);
}
