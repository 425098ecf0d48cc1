/**
 * What the readers of `readers.ts` read from: each peer as its own
 * documentation shows it for structured output that is streamed to a page, and
 * again with what the documentation offers for those who leave.
 *
 * The pages are those of ai-sdk.dev for AI SDK 7 (they are also in the package
 * `ai`, under `docs/`), and of tanstack.com/ai/latest as of TanStack AI 0.58.
 */

import {
  chat,
  memoryStream,
  resumeServerSentEventsResponse,
  toServerSentEventsResponse,
} from "@tanstack/ai";
import {
  createTextStreamResponse,
  createUIMessageStreamResponse,
  Output,
  streamText,
  toTextStream,
  toUIMessageStream,
  UI_MESSAGE_STREAM_HEADERS,
} from "ai";
import { createResumableStreamContext } from "resumable-stream/generic";
import { z } from "zod";
import { aiSdkModel } from "./peers/ai_sdk.ts";
import { tanStackModel } from "./peers/tanstack.ts";
import { startFieldstream } from "./process.ts";

/** A request as a page sends it. */
export interface Sent {
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Where a reader is that comes back. */
export interface Place {
  /** The name of the answer, which the page has chosen. */
  id: string;
  /** Of the last event that the page has seen; "" without one. */
  lastEventId: string;
}

/** A server that streams an answer, and what its pages say to it. */
export interface Contender {
  name: string;
  /** Starts it before a provider. */
  start(baseURL: string): Promise<AsyncDisposable & { url: string }>;
  /** Asks the model. */
  ask(id: string): Sent;
  /** Comes back; without it a page can only ask again. */
  comeBack?(place: Place): Sent;
  /** Whether what comes back begins with what was there already. */
  replays?: boolean;
  /** Comes later than another reader; without it a page can only ask. */
  comeLate?(id: string): Sent;
  /** Asks the server to stop; without it the client only hangs up. */
  stop?(id: string): Sent;
  /** The text in an event's data; without it the body is the text. */
  // deno-lint-ignore no-explicit-any
  textIn?(data: any): string | undefined;
  /** The whole text, where it is not that of the model. */
  whole?(text: string): string;
}

const PROMPT = "Write a text";
const schema = z.object({ text: z.string() });

/** Serves a peer. */
function serve(
  handler: (request: Request) => Response | Promise<Response>,
): Promise<AsyncDisposable & { url: string }> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    handler,
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  return Promise.resolve({
    url,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}

function post(path: string, body: unknown, headers = {}): Sent {
  return {
    path,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

const fieldstream: Contender = {
  name: "fieldstream",
  async start(baseURL) {
    const { server } = await startFieldstream(baseURL.replace(/\/v1$/, ""), {
      limits: {},
    });
    const url = await server.url();
    return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
  ask: (id) =>
    post(`/helloworld?id=${id}`, {
      prompt: PROMPT,
      schema: z.toJSONSchema(schema),
    }),
  comeBack: ({ id, lastEventId }) => ({
    path: `/helloworld?id=${id}`,
    headers: { "last-event-id": lastEventId },
  }),
  comeLate: (id) => ({
    path: `/helloworld?id=${id}`,
    headers: { "last-event-id": `${id}.0` },
  }),
  stop: (id) => ({ path: `/helloworld?id=${id}`, method: "DELETE" }),
  textIn: ({ data }) => data?.text,
  whole: (text) => JSON.parse(text).text,
};

const output = Output.object({ schema });

/** "Object Generation" (ai-sdk-ui/object-generation): the server of `useObject`. */
const aiSdk: Contender = {
  name: "AI SDK",
  start(baseURL) {
    const model = aiSdkModel(baseURL);
    return serve(async (request) => {
      const prompt = await request.json();
      const { stream } = streamText({ model, output, prompt });
      return createTextStreamResponse({ stream: toTextStream({ stream }) });
    });
  },
  ask: () => post("/", PROMPT),
};

/** "Stopping Streams" (advanced/stopping-streams): the same, and the signal. */
const aiSdkAbort: Contender = {
  ...aiSdk,
  name: "AI SDK, abortSignal: request.signal",
  start(baseURL) {
    const model = aiSdkModel(baseURL);
    return serve(async (request) => {
      const prompt = await request.json();
      const abortSignal = request.signal;
      const { stream } = streamText({ model, output, prompt, abortSignal });
      return createTextStreamResponse({ stream: toTextStream({ stream }) });
    });
  },
};

/**
 * "Chatbot Resume Streams" (ai-sdk-ui/chatbot-resume-streams): both handlers,
 * with a `Map` for the chats. What would be Redis is in this process, by
 * `resumable-stream/generic` (its README, "Usage with custom Redis clients").
 */
const aiSdkResumable: Contender = {
  name: "AI SDK, resumable-stream",
  start(baseURL) {
    const model = aiSdkModel(baseURL);
    const active = new Map<string, string>();
    const streams = createResumableStreamContext({
      waitUntil: null,
      ...inProcessRedis(),
    });
    return serve(async (request) => {
      const id = new URL(request.url).pathname;
      if (request.method === "GET") {
        const streamId = active.get(id);
        if (streamId === undefined) return new Response(null, { status: 204 });
        const stream = await streams.resumeExistingStream(streamId);
        const bytes = stream?.pipeThrough(new TextEncoderStream()) ?? null;
        return new Response(bytes, { headers: UI_MESSAGE_STREAM_HEADERS });
      }
      const prompt = await request.json();
      const { stream } = streamText({ model, output, prompt });
      return createUIMessageStreamResponse({
        stream: toUIMessageStream({
          stream,
          onEnd: () => void active.delete(id),
        }),
        async consumeSseStream({ stream }) {
          const streamId = crypto.randomUUID();
          await streams.createNewResumableStream(streamId, () => stream);
          active.set(id, streamId);
        },
      });
    });
  },
  ask: (id) => post(`/${id}`, PROMPT),
  comeBack: ({ id }) => ({ path: `/${id}` }),
  replays: true,
  comeLate: (id) => ({ path: `/${id}` }),
  textIn: ({ type, delta }) => type === "text-delta" ? delta : undefined,
};

/** As much of Redis as `resumable-stream` uses. */
function inProcessRedis() {
  const values = new Map<string, string>();
  const listeners = new Map<string, (message: string) => void>();
  const connect = () => Promise.resolve();
  return {
    publisher: {
      connect,
      publish(channel: string, message: string) {
        const listener = listeners.get(channel);
        if (listener) queueMicrotask(() => listener(message));
        return Promise.resolve(listener ? 1 : 0);
      },
      set(key: string, value: string) {
        values.set(key, value);
        return Promise.resolve("OK");
      },
      get: (key: string) => Promise.resolve(values.get(key) ?? null),
      incr(key: string) {
        const next = Number(values.get(key) ?? 0) + 1;
        values.set(key, String(next));
        return Promise.resolve(next);
      },
    },
    subscriber: {
      connect,
      subscribe(channel: string, listener: (message: string) => void) {
        listeners.set(channel, listener);
        return Promise.resolve();
      },
      unsubscribe(channel: string) {
        listeners.delete(channel);
        return Promise.resolve();
      },
    },
  };
}

const messages = [{ role: "user", content: PROMPT }];

/** "Streaming Structured Output UIs" (structured-outputs/streaming). */
const tanStack: Contender = {
  name: "TanStack AI",
  start(baseURL) {
    const adapter = tanStackModel(baseURL);
    return serve(async (request) => {
      const { messages } = await request.json();
      return toServerSentEventsResponse(
        chat({ adapter, messages, outputSchema: schema, stream: true }),
      );
    });
  },
  ask: () => post("/", { messages }),
  textIn: ({ type, delta }) =>
    type === "TEXT_MESSAGE_CONTENT" ? delta : undefined,
};

/** "Resumable Streams" (resumable-streams/overview), in one process. */
const tanStackResumable: Contender = {
  ...tanStack,
  name: "TanStack AI, memoryStream",
  start(baseURL) {
    const adapter = tanStackModel(baseURL);
    return serve(async (request) => {
      const durable = memoryStream(request);
      if (request.method === "GET") {
        return resumeServerSentEventsResponse({ adapter: durable });
      }
      const { messages } = await request.json();
      return toServerSentEventsResponse(
        chat({ adapter, messages, outputSchema: schema, stream: true }),
        { durability: { adapter: durable } },
      );
    });
  },
  ask: (id) => post("/", { messages }, { "x-run-id": id }),
  comeBack: ({ id, lastEventId }) =>
    post("/", { messages }, { "x-run-id": id, "last-event-id": lastEventId }),
  comeLate: (id) => ({ path: `/?offset=-1&runId=${id}` }),
};

/** Ours first, then each peer as it is, then with what it offers. */
export const CONTENDERS: Contender[] = [
  fieldstream,
  aiSdk,
  aiSdkAbort,
  aiSdkResumable,
  tanStack,
  tanStackResumable,
];
