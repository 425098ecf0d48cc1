/** The proxies, and the floors, which do less than is needed. */

import { createParser } from "eventsource-parser";
import type { Peer } from "../peers.ts";

const headers = { "content-type": "text/event-stream" };
const encoder = new TextEncoder();

function ask(
  baseURL: string,
  prompt: string,
): Promise<Response> {
  return fetch(`${baseURL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "scripted",
      messages: [{ role: "user", content: prompt }],
      stream: true,
    }),
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

/** The peers before a provider. */
export function proxies(baseURL: string): Record<string, Peer> {
  return {
    /** A proxy in the runtime's own code. */
    "native proxy": async ({ prompt }) => {
      const { body } = await ask(baseURL, prompt);
      return new Response(body, { headers });
    },

    /** A proxy in JavaScript, which could look at what it passes on. */
    "JavaScript proxy": async ({ prompt }) => {
      const { body } = await ask(baseURL, prompt);
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
    "floor: read": async ({ prompt }) => {
      const { body } = await ask(baseURL, prompt);
      return new Response(readCheaply(body!, () => undefined), { headers });
    },

    /** The yardstick, but for how it reads. */
    "floor: copy": async ({ prompt }) => {
      const { body } = await ask(baseURL, prompt);
      const copy = readCheaply(body!, (bytes) => bytes.slice());
      return new Response(copy, { headers });
    },

    /** Sends each token as an event: nothing of the answer is parsed, or kept. */
    "floor: re-send": async ({ prompt }) => {
      const { body } = await ask(baseURL, prompt);
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
  };
}
