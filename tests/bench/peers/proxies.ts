/** The proxies, and the floors, which do less than is needed. */

import http, { type IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";
import type { Peer } from "../peers.ts";

const headers = { "content-type": "text/event-stream" };
const encoder = new TextEncoder();
const agent = new http.Agent({ keepAlive: true });

function ask(
  baseURL: string,
  prompt: string,
): Promise<Response> {
  return fetch(`${baseURL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: bodyOf(prompt),
  });
}

function bodyOf(prompt: string): string {
  return JSON.stringify({
    model: "scripted",
    messages: [{ role: "user", content: prompt }],
    stream: true,
  });
}

/**
 * Asks, and reads in the cheapest way that Deno has, by `node:http`. Sends what
 * `toBytes` makes of what has come, or nothing until the end.
 */
async function askCheaply(
  baseURL: string,
  prompt: string,
  toBytes: (bytes: Uint8Array) => Uint8Array | undefined,
): Promise<Response> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = http.request(`${baseURL}/chat/completions`, {
      agent,
      method: "POST",
      headers: { "content-type": "application/json" },
    }, resolve);
    request.on("error", reject);
    request.end(bodyOf(prompt));
  });
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      message.on("data", (data) => {
        const bytes = toBytes(data);
        if (bytes !== undefined) controller.enqueue(bytes);
      });
      message.on("end", () => {
        controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        controller.close();
      });
      message.on("error", (error) => controller.error(error));
    },
    cancel() {
      message.removeAllListeners("data");
      message.removeAllListeners("end");
      message.destroy();
    },
  });
  return new Response(body, { headers });
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
    "floor: read": ({ prompt }) => askCheaply(baseURL, prompt, () => undefined),

    /** The yardstick, but for how it reads. */
    "floor: copy": ({ prompt }) =>
      askCheaply(baseURL, prompt, (bytes) => bytes.slice()),

    /** Sends each token as an event: nothing of the answer is parsed, or kept. */
    "floor: re-send": ({ prompt }) => {
      const decoder = new TextDecoder();
      let events = "";
      const parser = createParser({
        onEvent({ data }) {
          if (data === "[DONE]") return;
          const text = JSON.parse(data).choices[0]?.delta.content;
          if (text) events += `data: ${JSON.stringify({ data: { text } })}\n\n`;
        },
      });
      return askCheaply(baseURL, prompt, (bytes) => {
        parser.feed(decoder.decode(bytes, { stream: true }));
        if (events === "") return undefined;
        const sent = encoder.encode(events);
        events = "";
        return sent;
      });
    },
  };
}
