/** What tests of providers share: a request's answer, with or without a socket. */

import { assert } from "@std/assert";
import { ModelError, type Part, type Question } from "../../lib/models/ask.ts";
import { createAsk, type ModelOptions } from "../../lib/models/openai.ts";
import { DEFAULT_SCHEMA } from "../../lib/schemas/schema.ts";

/** What the model said. */
export type Said = Exclude<Part, { type: "alive" | "ignored" | "response" }>;

/** What came of a request: text that came in pieces is one part. */
export interface Answer {
  parts: Said[];
  /** What was passed over. */
  ignored: string[];
  error: ModelError | undefined;
}

export const question = { prompt: "a prompt", schema: DEFAULT_SCHEMA };
const encoder = new TextEncoder();

/** Asks, and hears the answer to its end. */
export async function answerOf(
  options: ModelOptions,
  signal = new AbortController().signal,
  asked: Question = question,
): Promise<Answer> {
  const answer: Answer = { parts: [], ignored: [], error: undefined };
  const { parts } = answer;
  try {
    await createAsk(options)(asked, signal, (part) => {
      if (part.type === "alive" || part.type === "response") return;
      if (part.type === "ignored") return answer.ignored.push(part.text);
      const last = parts.at(-1);
      if (last !== undefined && "text" in last && last.type === part.type) {
        parts.pop();
        parts.push({ ...last, text: last.text + (part as typeof last).text });
      } else {
        parts.push(part);
      }
    });
  } catch (error) {
    assert(error instanceof ModelError, String(error));
    answer.error = error;
  }
  return answer;
}

/** A provider without a socket: each piece of its body is one read. */
export function bodyOf(pieces: Iterable<Uint8Array>): typeof fetch {
  const iterator = pieces[Symbol.iterator]();
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { done, value } = iterator.next();
      if (!done) return controller.enqueue(value.slice());
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: () => void iterator.return?.(),
  });
  return () => Promise.resolve(new Response(body));
}

/** What comes of a body in these pieces. */
export function answerTo(...pieces: (string | Uint8Array)[]): Promise<Answer> {
  const bytes = pieces.map((piece) =>
    typeof piece === "string" ? encoder.encode(piece) : piece
  );
  const filled = bytes.filter(({ length }) => length > 0);
  return answerOf({ ...options, fetch: bodyOf(filled) });
}

export const options: ModelOptions = {
  baseURL: "http://127.0.0.1:1/v1",
  apiKey: undefined,
  model: "a model",
  responseFormat: "text",
  parameters: {},
};

export function event(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

export function delta(delta: unknown, rest: object = {}): string {
  return event({ choices: [{ index: 0, delta, ...rest }] });
}

export const finish = delta({}, { finish_reason: "stop" });
