/** Asks an OpenAI-compatible provider, and reads its stream. */

import { createParser } from "eventsource-parser";
import OpenAI from "openai";
import type { ErrorCode } from "./outcome.ts";
import { isStrict, type JsonSchema } from "./schema.ts";

/** Which provider, and how it is asked. */
export interface ModelOptions {
  baseURL: string;
  /** `undefined` for providers that need none. */
  apiKey: string | undefined;
  model: string;
  /** How the provider is told which shape the answer has. */
  responseFormat: "json_schema" | "json_object" | "text";
  /** Merged into each request: `temperature`, `max_tokens` and so on. */
  parameters: Record<string, unknown>;
  /** How long the provider may take to begin its response, in milliseconds. */
  timeout: number;
  /**
   * How the provider is reached. Response bodies must be byte streams.
   *
   * @default {fetch}
   */
  fetch?: typeof fetch;
}

/** What is asked for. */
export interface Question {
  prompt: string;
  schema: JsonSchema;
}

/** One thing that a model said, as small as the provider sent it. */
export type Part =
  | { type: "text" | "reasoning" | "refusal"; text: string }
  | { type: "finish"; reason: string }
  | { type: "usage"; usage: unknown };

/**
 * Asks a model.
 *
 * @returns What it says, in the order it says it: a list for each piece of the
 * provider's response.
 * @throws {ModelError} If the provider fails.
 */
export type Ask = (
  question: Question,
  signal: AbortSignal,
) => AsyncIterable<Part[]>;

/** The provider failed. Its message is for the log, not for clients. */
export class ModelError extends Error {
  override name = "ModelError";
  /** The failure, in the terms of the wire protocol. */
  readonly code: ErrorCode;

  /** Made where a provider is asked. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Makes the function that asks one provider. */
export function createAsk(options: ModelOptions): Ask {
  const send = options.fetch ?? fetch;
  // Whatever is left out here the client would take from the environment.
  const client = new OpenAI({
    baseURL: options.baseURL,
    apiKey: options.apiKey ?? "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: "off",
    timeout: options.timeout,
    fetch: (url, init) => send(url, { ...init, headers: ownHeaders(init) }),
  });
  return async function* ask(question, signal) {
    try {
      const response = await client.chat.completions
        .create(requestBody(question, options), { signal }).asResponse();
      yield* readParts(response.body!);
    } catch (error) {
      throw toModelError(error);
    }
  };
}

/**
 * The headers that a provider needs. The client would add some about this
 * machine, and those of a variable in the environment.
 */
function ownHeaders(init: RequestInit | undefined): Headers {
  const headers = new Headers();
  for (const [name, value] of new Headers(init?.headers)) {
    if (name === "authorization" || name === "content-type") {
      headers.set(name, value);
    }
  }
  return headers;
}

function requestBody(
  { prompt, schema }: Question,
  { model, responseFormat, parameters }: ModelOptions,
): OpenAI.ChatCompletionCreateParamsStreaming {
  const byProvider = responseFormat === "json_schema";
  const instructions =
    "Answer with one JSON value and nothing else. Write its texts in the language of the request.";
  const system = byProvider
    ? instructions
    : `${instructions} The value satisfies this JSON Schema:\n${
      JSON.stringify(schema)
    }`;
  return {
    model,
    messages: [
      { role: "system", content: system },
      { role: "user", content: prompt },
    ],
    ...(byProvider && {
      response_format: {
        type: "json_schema",
        json_schema: { name: "answer", schema, strict: isStrict(schema) },
      },
    }),
    ...(responseFormat === "json_object" && {
      response_format: { type: "json_object" },
    }),
    stream_options: { include_usage: true },
    ...parameters,
    stream: true,
  };
}

/** How much is read at once, in bytes. */
const READ_SIZE = 65536;

/**
 * Reads a Chat Completions stream. A reader that brings its own buffer costs a
 * sixth of the default one, and a decoder of one's own a third of the client's.
 */
async function* readParts(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<Part[]> {
  let parts: Part[] = [];
  const events = createParser({
    onEvent: ({ data }) => {
      if (data !== "[DONE]") addParts(data, parts);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader({ mode: "byob" });
  let buffer = new Uint8Array(READ_SIZE);
  try {
    while (true) {
      const { done, value } = await reader.read(buffer);
      if (done) break;
      buffer = new Uint8Array(value.buffer);
      events.feed(decoder.decode(value, { stream: true }));
      if (parts.length > 0) yield parts;
      parts = [];
    }
    // A last event whose blank line is missing counts all the same.
    events.feed("\n\n");
    if (parts.length > 0) yield parts;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** The parts of a provider's chunk that are read. All else is let pass. */
interface Chunk {
  error?: unknown;
  usage?: unknown;
  choices?: {
    index?: number;
    finish_reason?: string | null;
    delta?: {
      content?: string | null;
      refusal?: string | null;
      /** DeepSeek, Ark and llama.cpp. */
      reasoning_content?: string | null;
      /** vLLM and OpenRouter. */
      reasoning?: string | null;
    };
  }[];
}

function addParts(data: string, parts: Part[]): void {
  const chunk: Chunk = JSON.parse(data);
  if (chunk.error) {
    throw new ModelError("upstream_unavailable", describe(chunk.error));
  }
  for (const choice of chunk.choices ?? []) {
    if (choice.index) continue;
    const { content, refusal, ...delta } = choice.delta ?? {};
    const reasoning = delta.reasoning_content ?? delta.reasoning;
    if (reasoning) parts.push({ type: "reasoning", text: reasoning });
    if (content) parts.push({ type: "text", text: content });
    if (refusal) parts.push({ type: "refusal", text: refusal });
    const reason = choice.finish_reason;
    if (reason) parts.push({ type: "finish", reason });
  }
  if (chunk.usage) parts.push({ type: "usage", usage: chunk.usage });
}

function toModelError(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  if (error instanceof OpenAI.APIConnectionTimeoutError) {
    return new ModelError("upstream_timeout", error.message, { cause: error });
  }
  if (error instanceof OpenAI.APIError && error.status !== undefined) {
    return new ModelError(
      codeOf(error.status),
      `${error.message}${hint(error)}`,
      { cause: error },
    );
  }
  return new ModelError("upstream_unavailable", describe(error), {
    cause: error,
  });
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return "upstream_auth";
  if (status === 429) return "upstream_rate_limited";
  return status >= 500 ? "upstream_unavailable" : "upstream_rejected";
}

/** Which setting to change, where a provider rejects what was asked. */
function hint(
  { status, message }: InstanceType<typeof OpenAI.APIError>,
): string {
  if (status === 401 || status === 403) {
    return " (set ARK_API_KEY or OPENAI_API_KEY)";
  }
  if (status === undefined || status < 400 || status >= 500 || status === 429) {
    return "";
  }
  if (/response_format|json_schema|json_object|structured/i.test(message)) {
    return " (set RESPONSE_FORMAT to json_object or text)";
  }
  if (/stream_options|include_usage/i.test(message)) {
    return ' (set MODEL_PARAMETERS to {"stream_options":null})';
  }
  if (/model/i.test(message)) return " (set ARK_MODEL or OPENAI_MODEL)";
  return " (see MODEL_PARAMETERS)";
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}
