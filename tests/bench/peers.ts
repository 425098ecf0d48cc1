/**
 * What else one would put between a model and a browser, each as its own
 * documentation shows it, and the floors, which do less than is needed:
 * `GET /?prompt=…` asks the model and streams.
 *
 *     peers.ts <name> <port of the provider>
 */

import { createParser } from "eventsource-parser";
import { endWithParent } from "./end_with_parent.ts";

/** Answers a request from the model's answer. */
type Peer = (prompt: string, signal: AbortSignal) => Promise<Response>;

const [name = "", upstream = ""] = Deno.args;
const baseURL = `http://127.0.0.1:${upstream}/v1`;
const headers = { "content-type": "text/event-stream" };
const encoder = new TextEncoder();

function ask(prompt: string, signal: AbortSignal): Promise<Response> {
  return fetch(`${baseURL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "scripted",
      messages: [{ role: "user", content: prompt }],
      stream: true,
    }),
    signal,
  });
}

/**
 * Reads a body in the cheapest way that Deno has, with a buffer of one's own.
 * Sends what `toBytes` makes of what has come, or nothing until the end.
 */
function readCheaply(
  body: ReadableStream<Uint8Array>,
  toBytes: (bytes: Uint8Array) => Uint8Array | undefined,
): ReadableStream<Uint8Array> {
  const reader = body.getReader({ mode: "byob" });
  let buffer = new Uint8Array(65536);
  return new ReadableStream({
    async pull(controller) {
      while (true) {
        const { done, value } = await reader.read(buffer);
        if (done) {
          controller.enqueue(encoder.encode("data: [DONE]\n\n"));
          return controller.close();
        }
        const bytes = toBytes(value);
        buffer = new Uint8Array(value.buffer);
        if (bytes !== undefined) return controller.enqueue(bytes);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

const peers: Record<string, () => Peer | Promise<Peer>> = {
  /** A proxy in the runtime's own code. */
  "native proxy": () => async (prompt, signal) => {
    const { body } = await ask(prompt, signal);
    return new Response(body, { headers });
  },

  /** A proxy in JavaScript, which could look at what it passes on. */
  "JavaScript proxy": () => async (prompt, signal) => {
    const { body } = await ask(prompt, signal);
    const reader = body!.getReader();
    const copy = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(copy, { headers });
  },

  /** No server that looks at each token can read it for less. */
  "floor: read": () => async (prompt, signal) => {
    const { body } = await ask(prompt, signal);
    return new Response(readCheaply(body!, () => undefined), { headers });
  },

  /** The yardstick, but for how it reads. */
  "floor: copy": () => async (prompt, signal) => {
    const { body } = await ask(prompt, signal);
    const copy = readCheaply(body!, (bytes) => bytes.slice());
    return new Response(copy, { headers });
  },

  /** Sends each token as an event: nothing of the answer is parsed, or kept. */
  "floor: re-send": () => async (prompt, signal) => {
    const { body } = await ask(prompt, signal);
    const decoder = new TextDecoder();
    let events = "";
    const parser = createParser({
      onEvent({ data }) {
        if (data === "[DONE]") return;
        const text = JSON.parse(data).choices[0]?.delta.content;
        if (text) events += `data: ${JSON.stringify({ data: { text } })}\n\n`;
      },
    });
    const resent = readCheaply(body!, (bytes) => {
      parser.feed(decoder.decode(bytes, { stream: true }));
      if (events === "") return undefined;
      const sent = encoder.encode(events);
      events = "";
      return sent;
    });
    return new Response(resent, { headers });
  },

  /** js.langchain.com, "How to stream": a chain's `stream` of patches. */
  "LangChain.js": async () => {
    const { ChatOpenAI } = await import("@langchain/openai");
    const { JsonOutputParser } = await import("@langchain/core/output_parsers");
    const model = new ChatOpenAI({
      model: "scripted",
      apiKey: "none",
      configuration: { baseURL },
      streamUsage: false,
    });
    const chain = model.pipe(new JsonOutputParser({ diff: true }));
    return async (prompt, signal) => {
      const patches = (await chain.stream(prompt, { signal }))
        [Symbol.asyncIterator]();
      const events = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await patches.next();
          if (done) return controller.close();
          const event = `data: ${JSON.stringify(value)}\n\n`;
          controller.enqueue(encoder.encode(event));
        },
        async cancel() {
          await patches.return?.();
        },
      });
      return new Response(events, { headers });
    };
  },

  /** ai-sdk.dev, "Object Generation": the server of `useObject`. */
  "AI SDK streamText": async () => {
    const ai = await import("ai");
    const { schema, model } = await aiSdk();
    return (prompt, abortSignal) => {
      const output = ai.Output.object({ schema });
      const { stream } = ai.streamText({ model, output, prompt, abortSignal });
      const text = ai.toTextStream({ stream });
      return Promise.resolve(ai.createTextStreamResponse({ stream: text }));
    };
  },

  /** What version 6 had instead; version 7 still does, deprecated. */
  "AI SDK streamObject": async () => {
    const { streamObject } = await import("ai");
    const { schema, model } = await aiSdk();
    return (prompt, abortSignal) =>
      Promise.resolve(
        streamObject({ model, schema, prompt, abortSignal })
          .toTextStreamResponse(),
      );
  },
};

async function aiSdk() {
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const { z } = await import("zod");
  const provider = createOpenAICompatible({ name: "scripted", baseURL });
  return {
    schema: z.object({ title: z.string(), text: z.string() }),
    model: provider("scripted"),
  };
}

// Otherwise it writes that the provider has no structured output.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

endWithParent();
const peer = await peers[name]!();
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`listens on http://127.0.0.1:${port}/`),
}, (request) => {
  const prompt = new URL(request.url).searchParams.get("prompt") ?? "";
  // Not the request's own signal: in Deno it also fires after success.
  return peer(prompt, new AbortController().signal);
});
