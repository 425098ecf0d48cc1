/** What tests of the server share: a driven clock, a scripted model, a server. */

import { EventSourceParserStream } from "eventsource-parser/stream";
import { applyDelta } from "../static/apply_delta.js";
import type { Clock, Timer } from "../lib/clock.ts";
import { systemClock } from "../lib/clock.ts";
import { DEFAULT_ATTEMPTS } from "../lib/answers/attempts.ts";
import { DEFAULT_LIMITS, type Limits } from "../lib/answers/limits.ts";
import type { Config } from "../lib/app/config.ts";
import type { FinishedAnswer } from "../lib/answers/answer.ts";
import { Generations } from "../lib/answers/generations.ts";
import { Instances } from "../lib/stores/instances.ts";
import type { TranscriptStore } from "../lib/stores/store.ts";
import { createHandler } from "../lib/app/handler.ts";
import type { Ask, Part, Question } from "../lib/models/ask.ts";
import { DEFAULT_SCHEMA } from "../lib/schemas/schema.ts";
import { Addresses } from "../lib/server.ts";
import { Budgets } from "../lib/wire/budgets.ts";

/**
 * A clock that stands still until it is told to go on. Only pauses of a few
 * milliseconds, such as those between two events, pass by themselves.
 */
export class TestClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Map<number, { due: number; callback: () => void }>();
  readonly #pauses = new Map<number, Timer>();
  readonly #pause: number;
  #lastTimer = 0;

  /**
   * Makes one that stands still.
   *
   * @param options `pause`: the longest that passes by itself; that between two
   * events, if it is not set.
   */
  constructor({ pause = DEFAULT_LIMITS.eventMilliseconds } = {}) {
    this.#pause = pause;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size + this.#pauses.size;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delay: number): Timer {
    const timer = ++this.#lastTimer;
    if (delay <= this.#pause) {
      const pause = setTimeout(() => {
        this.#pauses.delete(timer);
        this.#now += delay;
        callback();
      }, 0);
      this.#pauses.set(timer, pause);
    } else {
      this.#timers.set(timer, { due: this.#now + delay, callback });
    }
    return timer as unknown as Timer;
  }

  clearTimeout(timer: Timer | undefined): void {
    const id = timer as unknown as number;
    this.#timers.delete(id);
    clearTimeout(this.#pauses.get(id));
    this.#pauses.delete(id);
  }

  /** Lets time pass in which nothing happens, as for a process that stands still. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass, and calls what is due, in order. */
  tick(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers]
        .filter(([, { due }]) => due <= end)
        .sort(([, a], [, b]) => a.due - b.due);
      if (next === undefined) break;
      const [timer, { due, callback }] = next;
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, due);
      callback();
    }
    this.#now = end;
  }
}

/** One request to the scripted model. */
export class ModelCall {
  readonly question: Question;
  readonly signal: AbortSignal;
  readonly #parts: TransformStreamDefaultController<Part[]>;
  readonly stream: ReadableStream<Part[]>;

  constructor(question: Question, signal: AbortSignal) {
    this.question = question;
    this.signal = signal;
    let parts!: TransformStreamDefaultController<Part[]>;
    const { readable } = new TransformStream<Part[], Part[]>(
      {
        start(controller) {
          parts = controller;
        },
      },
      undefined,
      { highWaterMark: Infinity },
    );
    this.stream = readable;
    this.#parts = parts;
    signal.addEventListener("abort", () => this.fail(signal.reason));
  }

  /** Says some text, in one piece. */
  say(text: string): void {
    this.send({ type: "text", text });
  }

  /** Sends parts, in one piece. */
  send(...parts: Part[]): void {
    this.#parts.enqueue(parts);
  }

  /** Ends as models do. */
  end(reason = "stop"): void {
    this.send({ type: "finish", reason });
    this.#parts.terminate();
  }

  /** Breaks off. */
  fail(error: unknown): void {
    try {
      this.#parts.error(error);
    } catch {
      // It had ended already.
    }
  }
}

/** A model that says what the test tells it to. */
export class ScriptedModel {
  readonly calls: ModelCall[] = [];
  readonly #script: ((call: ModelCall) => void) | undefined;
  #called = Promise.withResolvers<ModelCall>();

  /** @param script Called with each request, if the test does not drive it. */
  constructor(script?: (call: ModelCall) => void) {
    this.#script = script;
  }

  readonly ask: Ask = async (question, signal, onPart) => {
    const call = new ModelCall(question, signal);
    this.calls.push(call);
    this.#called.resolve(call);
    this.#called = Promise.withResolvers();
    this.#script?.(call);
    for await (const parts of call.stream) parts.forEach(onPart);
  };

  /** The next request that comes. Call this before it can come. */
  nextCall(): Promise<ModelCall> {
    return this.#called.promise;
  }
}

/** A configuration for tests: the demo's, but for what is given. */
export function testConfig(
  { limits, ...rest }: Partial<Omit<Config, "limits">> & {
    limits?: Partial<Limits>;
  } = {},
): Config {
  return {
    host: "127.0.0.1",
    port: 0,
    isProxied: false,
    model: {
      baseURL: "http://127.0.0.1:1/v1",
      apiKey: undefined,
      model: "scripted",
      responseFormat: "text",
      parameters: {},
    },
    attempts: DEFAULT_ATTEMPTS,
    prompt: "a prompt",
    schema: DEFAULT_SCHEMA,
    schemaGiven: false,
    idleKey: undefined,
    addresses: new Map([["/helloworld", "open" as const]]),
    accessTokens: [],
    corsOrigins: "*",
    trustProxy: false,
    logPrompts: false,
    logFormat: "text",
    metrics: false,
    store: undefined,
    durable: false,
    ...rest,
    limits: {
      ...DEFAULT_LIMITS,
      streamsPerClient: 2000,
      ...unlimited,
      ...limits,
    },
  };
}

/** Tests are one client, and in more of a hurry than any other. */
const unlimited = {
  streams: 5000,
  generationsPerMinute: 1_000_000,
  resumesPerMinute: 1_000_000,
};

/** Lets what is due happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Resolves as soon as it is so; rejects if it never is. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns === 30_000) throw new Error(`Waited in vain for ${condition}`);
    await turn();
  }
}

/** The server of one test. */
export interface TestServer extends AsyncDisposable {
  /** With no slash at its end. */
  url: string;
  generations: Generations;
  budgets: Budgets;
  /** What has been told of generations that have ended. */
  reports: FinishedAnswer[];
  /** What nobody expected. */
  errors: unknown[];
  /**
   * The handler, for tests that need no socket. When it resolves the model has
   * been asked, if it is to be.
   */
  handle(request: Request): Promise<Response>;
}

/** Starts a server on a free port of this machine. */
export function startServer(
  { ask, config = testConfig(), clock = systemClock, store }: {
    ask: Ask;
    config?: Config;
    clock?: Clock;
    /** Shared with other servers. The test closes it. */
    store?: TranscriptStore;
  },
): TestServer {
  const reports: FinishedAnswer[] = [];
  const errors: unknown[] = [];
  const budgets = new Budgets(config.limits);
  const generations = new Generations({
    ask,
    attempts: config.attempts,
    limits: config.limits,
    clock,
    onFinish: (report) => reports.push(report),
    onError: (error) => errors.push(error),
  });
  const onError = (error: unknown) => errors.push(error);
  const { limits, durable } = config;
  const instances = store &&
    new Instances({ store, durable, limits, clock, onError });
  const streams = new Addresses({
    generations,
    budgets,
    model: config.model.model,
    limits,
    clock,
    instances,
  });
  const handler = createHandler({
    config,
    streams,
    clock,
    onError,
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    handler,
  );
  const { port } = server.addr;
  const remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port } as const;
  return {
    url: `http://127.0.0.1:${port}`,
    generations,
    budgets,
    reports,
    errors,
    async handle(request) {
      const response = await handler(request, { remoteAddr });
      await turn();
      return response;
    },
    async [Symbol.asyncDispose]() {
      generations.stopAll();
      await streams.drain();
      await server.shutdown();
    },
  };
}

/** An event as a client sees it. */
export interface ServerEvent {
  id: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

/** The events of a response, as they come. */
export async function* readEvents(
  response: Response,
): AsyncGenerator<ServerEvent> {
  const events = response.body!
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new EventSourceParserStream());
  for await (const { id, data } of events) {
    yield { id: id ?? "", data: JSON.parse(data) };
  }
}

/** The state that a client has after some events. */
export function stateAfter(events: ServerEvent[]): unknown {
  let state: unknown;
  for (const { data } of events) {
    if (data.status === "start") state = undefined;
    if (data.status === "chunk") state = applyDelta(state, data);
  }
  return state;
}
