/**
 * The scripted provider: Chat Completions whose answer and pace the prompt
 * names, as `{"kind":"article","size":8192,"rate":0}`. Each token is one event,
 * one HTTP chunk and one write.
 *
 * It speaks just enough HTTP by itself to need little of the machine.
 */

import { endWithParent } from "./end_with_parent.ts";
import { article, cut, report, rows } from "./documents.ts";

/** What is asked for, by way of the prompt. */
export interface Script {
  kind: "article" | "report" | "rows" | "clock";
  /** The answer's length in UTF-16 units. */
  size: number;
  /** Tokens a second; 0 is as fast as the reader reads. */
  rate: number;
  /** How much comes as the first token, in UTF-16 units. */
  head?: number;
  /** With a pace: what is to be released before anything follows the head. */
  hold?: string;
}

/** A prompt that releases all answers that are held under a name. */
export interface Release {
  release: string;
}

const encoder = new TextEncoder();
/** One unit a byte; a script is ASCII. */
const decoder = new TextDecoder("latin1");

/** How many characters `clock` tokens have: a mark, and microseconds. */
const CLOCK_TOKEN = 12;
const MARK = "~";

async function serve(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  using _ = connection;
  const buffer = new Uint8Array(65536);
  let length = 0;
  while (true) {
    const count = await connection.read(buffer.subarray(length));
    if (count === null) return;
    length += count;
    const request = decoder.decode(buffer.subarray(0, length));
    const end = request.indexOf("\r\n\r\n") + 4;
    const [, size] = /content-length: (\d+)/i.exec(request) ?? [];
    if (end < 4 || length < end + Number(size)) continue;
    // No client sends its next request before it has this answer.
    length = 0;
    const script = readPrompt(request.slice(end));
    if ("release" in script) release(script.release);
    await answer(connection, "release" in script ? NOTHING : script);
  }
}

const NOTHING: Script = { kind: "article", size: 0, rate: 0 };

/** What holds the answers, by its name. */
const holds = new Map<string, PromiseWithResolvers<void>>();

function heldBy(name: string): Promise<void> {
  const hold = holds.get(name) ?? Promise.withResolvers<void>();
  holds.set(name, hold);
  return hold.promise;
}

function release(name: string): void {
  holds.get(name)?.resolve();
}

function readPrompt(body: string): Script | Release {
  const { content } = JSON.parse(body).messages.at(-1);
  return JSON.parse(typeof content === "string" ? content : content[0].text);
}

async function answer(to: Deno.TcpConn, script: Script): Promise<void> {
  await write(
    to,
    encoder.encode(
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" +
        "transfer-encoding: chunked\r\n\r\n",
    ),
  );
  if (script.rate === 0) {
    for (const frame of framesOf(script)) await write(to, frame);
  } else {
    // All streams have a phase of their own: tokens come one by one.
    const interval = 1000 / script.rate;
    const frames = framesOf(script)[Symbol.iterator]();
    if (script.hold !== undefined) {
      for (const _ of ["the role", "the head"]) {
        await write(to, frames.next().value!);
      }
      await heldBy(script.hold);
    }
    let due = performance.now() + Math.random() * interval;
    while (true) {
      await moment(due);
      const { done, value } = frames.next();
      if (done) break;
      await write(to, value);
      due += interval;
    }
  }
}

/** The frames of an answer. Those that hold the time are made when they are due. */
function framesOf(script: Script): Iterable<Uint8Array> {
  if (script.kind === "clock") return clockFrames(script);
  const key = JSON.stringify(script);
  let frames = cache.get(key);
  if (frames === undefined) {
    frames = [...tokens(cut(answerText(script)))].map(encodeChunk);
    cache.set(key, frames);
  }
  return frames;
}

const cache = new Map<string, Uint8Array[]>();

/** The text that a script makes the model write. */
export function answerText({ kind, size }: Script): string {
  if (kind === "rows") return rows(size);
  return kind === "report" ? report(size) : article(size);
}

/** The frame with the time is the same one each time: one is written at a time. */
function* clockFrames({ size, head = 0 }: Script): Generator<Uint8Array> {
  yield encodeChunk(event({ role: "assistant", content: "" }));
  yield encodeChunk(event({ content: `{"text":"${"x".repeat(head)}` }));
  const frame = encodeChunk(event({ content: MARK.padEnd(CLOCK_TOKEN, "0") }));
  const from = frame.lastIndexOf(MARK.charCodeAt(0)) + 1;
  const end = from + CLOCK_TOKEN - MARK.length;
  for (let sent = 0; sent < size; sent += CLOCK_TOKEN) {
    const now = Math.round((performance.timeOrigin + performance.now()) * 1000);
    const digits = now.toString(36);
    const place = end - digits.length;
    for (let at = 0; at < digits.length; at++) {
      frame[place + at] = digits.charCodeAt(at);
    }
    yield frame;
  }
  yield encodeChunk(event({ content: '"}' }));
  yield* last().map(encodeChunk);
}

function* tokens(pieces: string[]): Generator<string> {
  yield event({ role: "assistant", content: "" });
  for (const content of pieces) yield event({ content });
  yield* last();
}

function last(): string[] {
  return [
    event({}, "stop"),
    event(undefined, null, {
      prompt_tokens: 1,
      completion_tokens: 1,
      total_tokens: 2,
    }),
    "[DONE]",
    "",
  ];
}

function event(
  delta: Record<string, string> | undefined,
  reason: string | null = null,
  usage?: Record<string, number>,
): string {
  return JSON.stringify({
    id: "chatcmpl-123456789012345678901234",
    object: "chat.completion.chunk",
    created: 1790000000,
    model: "scripted",
    choices: delta === undefined
      ? []
      : [{ index: 0, delta, finish_reason: reason }],
    ...(usage && { usage }),
  });
}

/** One event as one HTTP chunk; `""` ends the response. */
function encodeChunk(data: string): Uint8Array {
  if (data === "") return encoder.encode("0\r\n\r\n");
  const body = `data: ${data}\n\n`;
  const length = encoder.encode(body).length.toString(16);
  return encoder.encode(`${length}\r\n${body}\r\n`);
}

async function write(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await to.write(bytes));
}

/** What is waited for, by the millisecond: thousands of timers would cost more. */
const moments = new Map<number, PromiseWithResolvers<void>>();
let passed = 0;

/** Resolves when it is so late, by `performance.now()`, or a millisecond later. */
function moment(time: number): Promise<void> {
  const tick = Math.max(Math.ceil(time), passed + 1);
  let waited = moments.get(tick);
  if (waited === undefined) {
    if (moments.size === 0) setTimeout(pass, 1);
    moments.set(tick, waited = Promise.withResolvers());
  }
  return waited.promise;
}

function pass(): void {
  const now = Math.floor(performance.now());
  for (const [tick, { resolve }] of moments) {
    if (tick > now) continue;
    moments.delete(tick);
    resolve();
  }
  passed = now;
  if (moments.size > 0) setTimeout(pass, 1);
}

if (import.meta.main) {
  endWithParent();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(`listens on http://127.0.0.1:${listener.addr.port}/`);
  for await (const connection of listener) serve(connection).catch(() => {});
}
