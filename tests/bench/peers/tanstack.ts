/**
 * TanStack AI 0.58, by its documentation (tanstack.com/ai), and again as it
 * costs least.
 */

import {
  type AnyTextAdapter,
  chat,
  memoryStream,
  toHttpResponse,
  toServerSentEventsResponse,
} from "@tanstack/ai";
import { openaiCompatible } from "@tanstack/ai-openai/compatible";
import type { Peer } from "../peers.ts";
import { schemaOf } from "./schemas.ts";

/** The provider, as "OpenAI-Compatible Providers" shows it. */
export function tanStackModel(baseURL: string): AnyTextAdapter {
  const provider = openaiCompatible({
    name: "scripted",
    baseURL,
    apiKey: "none",
    models: ["scripted"],
  });
  return provider("scripted");
}

/** The peers before a provider. */
export function tanStack(baseURL: string): Record<string, Peer> {
  const adapter = tanStackModel(baseURL);
  const answer = (prompt: string) =>
    chat({
      adapter,
      messages: [{ role: "user", content: prompt }],
      outputSchema: schemaOf(prompt),
      stream: true,
    });
  return {
    /** "Streaming Structured Output UIs" (Structured Outputs). */
    "TanStack AI": ({ prompt }) => toServerSentEventsResponse(answer(prompt)),

    /** The same page's other transport: lines of JSON (`fetchHttpStream`). */
    "TanStack AI, lines": ({ prompt }) => toHttpResponse(answer(prompt)),

    /** "Resumable Streams": 32 tokens at a time, unless it is told otherwise. */
    "TanStack AI, durable": ({ prompt, request }) =>
      toServerSentEventsResponse(answer(prompt), {
        durability: { adapter: memoryStream(request) },
      }),

    /** The same, and each token as soon as it comes. */
    "TanStack AI, durable, batch: 1": ({ prompt, request }) =>
      toServerSentEventsResponse(answer(prompt), {
        durability: { adapter: memoryStream(request), batch: 1 },
      }),
  };
}
