/**
 * AI SDK 7, by its documentation (ai-sdk.dev; also in the package `ai`, under
 * `docs/`), and again as it costs least.
 */

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  createTextStreamResponse,
  createUIMessageStreamResponse,
  experimental_streamTextLowMemory,
  type LanguageModel,
  Output,
  streamObject,
  streamText,
  toTextStream,
  toUIMessageStream,
} from "ai";
import type { Peer } from "../peers.ts";
import { row, schemaOf } from "./schemas.ts";

// Otherwise it writes warnings of what is experimental.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

/** The provider, as "OpenAI Compatible Providers" shows it. */
export function aiSdkModel(baseURL: string): LanguageModel {
  const provider = createOpenAICompatible({
    name: "scripted",
    baseURL,
    supportsStructuredOutputs: true,
  });
  return provider("scripted");
}

/** The peers before a provider. */
export function aiSdk(baseURL: string): Record<string, Peer> {
  const model = aiSdkModel(baseURL);
  const objectOf = (prompt: string) =>
    Output.object({ schema: schemaOf(prompt) });
  const array = Output.array({ element: row });
  return {
    /** "Object Generation" (AI SDK UI): the server of `useObject`. */
    "AI SDK, text": ({ prompt }) => {
      const output = objectOf(prompt);
      const { stream } = streamText({ model, output, prompt });
      return createTextStreamResponse({ stream: toTextStream({ stream }) });
    },

    /** "streamTextLowMemory" (reference): the same, and nothing is kept. */
    "AI SDK, text, low memory": ({ prompt }) => {
      const output = objectOf(prompt);
      const { stream } = experimental_streamTextLowMemory({
        ...{ model, output, prompt },
      });
      return createTextStreamResponse({ stream: toTextStream({ stream }) });
    },

    /**
     * "Chatbot" (AI SDK UI): the server of `useChat`. It is what
     * `toUIMessageStreamResponse`, now deprecated, is by itself.
     */
    "AI SDK, UI messages": ({ prompt }) => {
      const output = objectOf(prompt);
      const { stream } = streamText({ model, output, prompt });
      return createUIMessageStreamResponse({
        stream: toUIMessageStream({ stream }),
      });
    },

    "AI SDK, UI messages, low memory": ({ prompt }) => {
      const output = objectOf(prompt);
      const { stream } = experimental_streamTextLowMemory({
        ...{ model, output, prompt },
      });
      return createUIMessageStreamResponse({
        stream: toUIMessageStream({ stream }),
      });
    },

    /** "Generating Structured Data" (AI SDK Core), `elementStream`. */
    "AI SDK, elements": ({ prompt }) => {
      const { elementStream } = streamText({ model, output: array, prompt });
      return lines(elementStream);
    },

    "AI SDK, elements, low memory": ({ prompt }) => {
      const { elementStream } = experimental_streamTextLowMemory({
        ...{ model, output: array, prompt },
      });
      return lines(elementStream);
    },

    /** What version 6 had instead; version 7 still does, deprecated. */
    "AI SDK, streamObject": ({ prompt }) =>
      streamObject({ model, schema: schemaOf(prompt), prompt })
        .toTextStreamResponse(),
  };
}

/** Each element as a line of JSON: the page leaves open how they are sent. */
function lines(elements: ReadableStream<unknown>): Response {
  const encoder = new TextEncoder();
  const reader = elements.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body);
}
