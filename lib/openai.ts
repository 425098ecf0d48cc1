/**
 * OpenAI, and every provider that speaks its Chat Completions: Volcengine Ark,
 * DeepSeek, Mistral, vLLM, Ollama, llama.cpp and so on.
 *
 * @module
 */

import type { Ask } from "./models/ask.ts";
import { http1Fetch } from "./models/http1_fetch.ts";
import { createAsk, type ModelOptions } from "./models/openai.ts";

export type { Continue } from "./models/continuation.ts";
export type { ModelOptions };

/** Which provider, and how it is asked. */
export interface OpenAIOptions extends Partial<Omit<ModelOptions, "model">> {
  /** The model, by the provider's name for it. */
  model: string;
}

/**
 * Makes the model of an OpenAI-compatible provider. Nothing is read from the
 * environment.
 *
 * @param options Which one. The address is OpenAI's unless it says otherwise,
 * and the shape is asked for by Structured Outputs (`"json_schema"`), which
 * some providers do not know: `"json_object"` and `"text"` put the schema into
 * the instructions.
 * @returns What `createFieldStreams()` takes.
 *
 * @example A model on this machine
 * ```ts
 * import { openai } from "@fieldstream/fieldstream/openai";
 * import { createFieldStreams } from "@fieldstream/fieldstream/server";
 * import { assertEquals } from "@std/assert";
 *
 * const streams = createFieldStreams({
 *   ask: openai({ model: "qwen3", baseURL: "http://localhost:11434/v1" }),
 * });
 * assertEquals(streams.health.running, 0);
 * ```
 */
export function openai(options: OpenAIOptions): Ask {
  if (typeof options?.model !== "string" || options.model === "") {
    throw new TypeError(
      `Cannot make a model: expected its name as model, got ${typeof options
        ?.model}`,
    );
  }
  return createAsk({
    baseURL: "https://api.openai.com/v1",
    apiKey: undefined,
    responseFormat: "json_schema",
    parameters: {},
    fetch: http1Fetch,
    ...options,
  });
}
