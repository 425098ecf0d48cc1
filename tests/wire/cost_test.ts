// What a token costs, from the provider's bytes to the client's, counted and not
// timed: a change that adds a promise, a timer, an event or a stream operation
// to each token fails here. What the test itself does is in it, always the same.

import { assert, assertEquals } from "@std/assert";
import { Readable } from "node:stream";
import { DEFAULT_ATTEMPTS } from "../../lib/answers/attempts.ts";
import { Generations } from "../../lib/answers/generations.ts";
import { DEFAULT_LIMITS } from "../../lib/answers/limits.ts";
import { createAsk } from "../../lib/models/openai.ts";
import { sourceOf } from "../../lib/models/plain_http.ts";
import { toStream } from "../../lib/models/source.ts";
import { connect } from "../../lib/wire/connection.ts";
import { TestClock, turn } from "../_server.ts";

/** What is counted. */
interface Counts {
  promises: number;
  timers: number;
  events: number;
  reads: number;
  enqueues: number;
}

const none: Counts = {
  ...{ promises: 0, timers: 0, events: 0, reads: 0, enqueues: 0 },
};
let counts = { ...none };

class CountingClock extends TestClock {
  override setTimeout(callback: () => void, delay: number) {
    counts.timers++;
    return super.setTimeout(callback, delay);
  }
}

/** V8's own hooks, which see the promises of async functions, too. */
const { setPromiseHooks } = (Deno as unknown as Record<symbol, {
  core: {
    setPromiseHooks(...hooks: (() => void)[]): void;
  };
}>)[(Deno as unknown as { internal: symbol }).internal]!.core;

/** Counts what is done meanwhile. */
async function counting(act: () => Promise<void>): Promise<Counts> {
  counts = { ...none };
  const ends = [
    [ReadableStreamDefaultReader.prototype, "read", "reads"],
    [ReadableStreamBYOBReader.prototype, "read", "reads"],
    [ReadableStreamDefaultController.prototype, "enqueue", "enqueues"],
    [ReadableByteStreamController.prototype, "enqueue", "enqueues"],
  ].map(([owner, name, what]) => {
    const functions = owner as unknown as Record<
      string,
      (...all: unknown[]) => unknown
    >;
    const original = functions[name as string]!;
    functions[name as string] = function (...all) {
      counts[what as keyof Counts]++;
      return original.apply(this, all);
    };
    return () => functions[name as string] = original;
  });
  const ignore = () => {};
  setPromiseHooks(() => counts.promises++, ignore, ignore, ignore);
  try {
    await act();
  } finally {
    setPromiseHooks();
    for (const end of ends) end();
  }
  return { ...counts };
}

const encoder = new TextEncoder();

/** A provider's event with one token. */
function chunkOf(token: string): Uint8Array<ArrayBuffer> {
  const choices = [{ index: 0, delta: { content: token } }];
  return encoder.encode(`data: ${JSON.stringify({ choices })}\n\n`);
}

/** A provider's body, and what it is written by. */
interface Provider {
  body: ReadableStream<Uint8Array>;
  write(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** As Deno's fetch gives it. */
function fetched(): Provider {
  let provider!: ReadableByteStreamController;
  const body = new ReadableStream({
    type: "bytes",
    start: (controller) => {
      provider = controller;
    },
  });
  const write = (bytes: Uint8Array<ArrayBuffer>) => provider.enqueue(bytes);
  return { body, write, close: () => provider.close() };
}

/** As it comes by `node:http`. */
function plain(): Provider {
  const source = new Readable({ read() {} });
  return {
    body: toStream(sourceOf(source, undefined)),
    write: (bytes) => void source.push(bytes),
    close: () => void source.push(null),
  };
}

/** An answer that is being written, and a client that follows it. */
async function setUp({ body, write, close }: Provider) {
  const clock = new CountingClock();
  const generations = new Generations({
    ask: createAsk({
      ...{ baseURL: "http://127.0.0.1:1/v1", apiKey: undefined, model: "m" },
      ...{ responseFormat: "text", parameters: {} },
      fetch: () => Promise.resolve(new Response(body)),
    }),
    attempts: DEFAULT_ATTEMPTS,
    limits: DEFAULT_LIMITS,
    clock,
  });
  const generation = generations.start({ owner: "", validated: false });
  const reader = connect(
    generation,
    { language: "en", shortIds: true, onClose: () => {} },
    { model: "m", limits: DEFAULT_LIMITS, clock },
  ).getReader();
  await reader.read();
  await turn();
  const read = async () => {
    const { value } = await reader.read();
    counts.events++;
    return new TextDecoder().decode(value);
  };
  const say = (token: string) => write(chunkOf(token));
  say('{"a":"');
  await read();
  /** Paced: longer than a frame after the one before. */
  const pace = async (tokens: number) => {
    for (let n = 0; n < tokens; n++) {
      clock.jump(20);
      say("abcd");
      const event = await read();
      assert(event.endsWith('{"a":"abcd"}}\n\n'), event);
    }
  };
  /** Flooded: all at once. */
  const flood = async (tokens: number) => {
    clock.jump(20);
    for (let n = 0; n < tokens; n++) say("abcd");
    let length = 0;
    while (length < 4 * tokens) {
      const event = await read();
      length += /"a":"(.*?)"/.exec(event)![1]!.length;
    }
  };
  const end = async () => {
    say('"}');
    write(encoder.encode("data: [DONE]\n\n"));
    close();
    while (!(await reader.read()).done);
    await generations.drain();
  };
  return { pace, flood, end };
}

/** What each of 100 more costs, if each costs the same. */
async function each(
  act: (tokens: number) => Promise<void>,
): Promise<Counts> {
  await act(20);
  const few = await counting(() => act(100));
  const many = await counting(() => act(200));
  return Object.fromEntries(
    Object.entries(many).map(([name, count]) => [
      name,
      (count - few[name as keyof Counts]) / 100,
    ]),
  ) as unknown as Counts;
}

/** What one token costs, by how it is read and how it comes. */
const costs: {
  name: string;
  by: () => Provider;
  how: "pace" | "flood";
  expected: Omit<Counts, "promises">;
  /** Most are of Deno's streams and of Node's: another version may make more. */
  promises: number;
}[] = [
  {
    name: "by fetch a paced token: an event, a read and a piece at each end",
    by: fetched,
    how: "pace",
    expected: { timers: 0, events: 1, reads: 2, enqueues: 2 },
    promises: 27,
  },
  {
    name: "by fetch a token in a flood: the provider's piece alone",
    by: fetched,
    how: "flood",
    expected: { timers: 0, events: 0, reads: 0, enqueues: 1 },
    promises: 0.99,
  },
  {
    name: "by node:http a paced token: an event, a read and a piece to send it",
    by: plain,
    how: "pace",
    expected: { timers: 0, events: 1, reads: 1, enqueues: 1 },
    promises: 46,
  },
  {
    name: "by node:http a token in a flood: nothing of this",
    by: plain,
    how: "flood",
    expected: { timers: 0, events: 0, reads: 0, enqueues: 0 },
    promises: 0.99,
  },
];

for (const { name, by, how, expected, promises: most } of costs) {
  Deno.test(`costs ${name}`, async () => {
    const { end, ...acts } = await setUp(by());
    const { promises, ...rest } = await each(acts[how]);
    assertEquals(rest, expected);
    assert(promises <= most, `${promises}`);
    await end();
  });
}
