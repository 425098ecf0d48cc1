/** Asks an OpenAI-compatible provider, and reads its stream. */

import { createParser } from "eventsource-parser";
import OpenAI from "openai";
import {
  type Ask,
  type Message,
  ModelError,
  type ModelErrorCode,
  type Part,
  type Question,
} from "./ask.ts";
import { isStrict } from "./structured_outputs.ts";

/** Which provider, and how it is asked. */
export interface ModelOptions {
  /** Its address, as far as `/v1`. */
  baseURL: string;
  /** `undefined` for providers that need none. */
  apiKey: string | undefined;
  /** The model, by the provider's name for it. */
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

/** Makes the function that asks one provider. */
export function createAsk(options: ModelOptions): Ask {
  const send = options.fetch ?? fetch;
  // The client's own would tell of this machine, and of the environment.
  const headers = {
    "content-type": "application/json",
    ...(options.apiKey && { authorization: `Bearer ${options.apiKey}` }),
  };
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
    fetch: (url, init) => send(url, { ...init, headers }),
  });
  return async function ask(question, signal, onPart) {
    let finished = false;
    try {
      const response = await client.chat.completions
        .create(requestBody(question, options), { signal }).asResponse();
      await readParts(response.body!, (part) => {
        finished ||= part.type === "finish";
        onPart(part);
      });
      if (!finished) throw new Error("The stream has no finish reason");
    } catch (error) {
      // Where the model has finished, a connection that breaks takes nothing.
      if (finished && !(error instanceof ModelError)) return;
      throw toModelError(error, options);
    }
  };
}

function requestBody(
  question: Question,
  options: ModelOptions,
): OpenAI.ChatCompletionCreateParamsStreaming {
  const { schema } = question;
  const byProvider = options.responseFormat === "json_schema" &&
    schema !== undefined;
  // Where no schema is given there is nothing else to hold the model to.
  const jsonObject = options.responseFormat === "json_object" ||
    (options.responseFormat === "json_schema" && schema === undefined);
  const parameters = { ...options.parameters, ...question.parameters };
  return {
    model: question.model ?? options.model,
    messages: messagesOf(
      question,
      !byProvider,
    ) as unknown as OpenAI.ChatCompletionMessageParam[],
    ...(byProvider && {
      response_format: {
        type: "json_schema",
        json_schema: { name: "answer", schema, strict: isStrict(schema) },
      },
    }),
    ...(jsonObject && { response_format: { type: "json_object" } }),
    stream_options: { include_usage: true },
    // One that is null is left out, whoever would have set it.
    ...Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [
        name,
        value ?? undefined,
      ]),
    ),
    stream: true,
  };
}

/** The messages, instructions first: in one, as many templates know only one. */
function messagesOf(
  { prompt, messages = [], schema }: Question,
  tellsSchema: boolean,
): Message[] {
  let instructions =
    "Answer with one JSON value and nothing else. Write its texts in the language of the request.";
  if (tellsSchema && schema !== undefined) {
    instructions += ` The value satisfies this JSON Schema:\n${
      JSON.stringify(schema)
    }`;
  }
  const [first, ...others] = messages;
  const isSystem = first !== undefined && typeof first.content === "string" &&
    (first.role === "system" || first.role === "developer");
  const system: Message = isSystem
    ? { ...first, content: `${first.content}\n\n${instructions}` }
    : { role: "system", content: instructions };
  return [
    system,
    ...(isSystem ? others : messages),
    ...(prompt === undefined ? [] : [{ role: "user", content: prompt }]),
  ];
}

/** How much is read at once, in bytes. */
const READ_SIZE = 65536;

/** The longest event, in UTF-16 units: one may hold a whole answer. */
const MAX_EVENT_LENGTH = 8_000_000;

/**
 * Reads a Chat Completions stream. A reader that brings its own buffer costs a
 * sixth of the default one, and a decoder of one's own a third of the client's.
 */
async function readParts(
  body: ReadableStream<Uint8Array>,
  onPart: (part: Part) => void,
): Promise<void> {
  let ended = false;
  const events = createParser({
    // Past it, the parser throws at what it is fed next.
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: ({ data }) => {
      ended ||= data === "[DONE]";
      if (!ended) readChunk(data, onPart);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader({ mode: "byob" });
  let buffer = new Uint8Array(READ_SIZE);
  try {
    while (!ended) {
      const { done, value } = await reader.read(buffer);
      // A last event whose blank line is missing counts all the same.
      events.feed(done ? "\n\n" : decoder.decode(value, { stream: true }));
      if (done) break;
      buffer = new Uint8Array(value.buffer);
    }
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
    finish_reason?: unknown;
    delta?: {
      content?: unknown;
      refusal?: unknown;
      /** DeepSeek, Ark and llama.cpp. */
      reasoning_content?: unknown;
      /** vLLM and OpenRouter. */
      reasoning?: unknown;
    };
  }[];
}

function readChunk(data: string, onPart: (part: Part) => void): void {
  const chunk: Chunk = JSON.parse(data);
  if (chunk.error) {
    throw new ModelError("upstream_unavailable", describe(chunk.error));
  }
  const onText = (type: "text" | "reasoning" | "refusal", text: unknown) => {
    if (typeof text === "string" && text !== "") onPart({ type, text });
  };
  for (const choice of chunk.choices ?? []) {
    if (choice.index) continue;
    const delta = choice.delta ?? {};
    onText("reasoning", delta.reasoning_content || delta.reasoning);
    onText("text", delta.content);
    onText("refusal", delta.refusal);
    const reason = choice.finish_reason;
    if (reason) onPart({ type: "finish", reason: wordOf(reason) });
  }
  if (chunk.usage) onPart({ type: "usage", usage: numbersOf(chunk.usage) });
}

/** A finish reason, which clients see: a provider's word, not its prose. */
function wordOf(reason: unknown): string {
  return /^\w{1,32}$/.test(String(reason)) ? String(reason) : "unknown";
}

/** The usage, which clients see: a provider's numbers, not its prose. */
function numbersOf(usage: unknown): unknown {
  return JSON.parse(JSON.stringify(
    usage,
    (_key, value) => typeof value === "string" ? undefined : value,
  ));
}

function toModelError(
  error: unknown,
  { parameters }: ModelOptions,
): ModelError {
  if (error instanceof ModelError) return error;
  if (error instanceof OpenAI.APIConnectionTimeoutError) {
    return new ModelError("upstream_timeout", error.message, { cause: error });
  }
  if (error instanceof OpenAI.APIError && error.status !== undefined) {
    const message = `${error.message}${hint(error, Object.keys(parameters))}`;
    return new ModelError(codeOf(error.status), message, { cause: error });
  }
  return new ModelError("upstream_unavailable", describe(error), {
    cause: error,
  });
}

function codeOf(status: number): ModelErrorCode {
  if (status === 401 || status === 403) return "upstream_auth";
  if (status === 429) return "upstream_rate_limited";
  return status >= 500 ? "upstream_unavailable" : "upstream_rejected";
}

/** Which setting to change, where a provider rejects what was asked. */
function hint(
  { status, message, param }: InstanceType<typeof OpenAI.APIError>,
  parameters: string[],
): string {
  if (status === 401 || status === 403) {
    return " (set ARK_API_KEY or OPENAI_API_KEY)";
  }
  if (codeOf(status!) !== "upstream_rejected") return "";
  if (/response_format|json_schema|json_object|structured/i.test(message)) {
    return " (set RESPONSE_FORMAT to json_object or text)";
  }
  if (/stream_options|include_usage/i.test(message)) {
    return ' (set MODEL_PARAMETERS to {"stream_options":null})';
  }
  const parameter = parameters.find((name) =>
    name === param || message.includes(name)
  );
  if (parameter !== undefined) {
    return ` (change ${parameter} in MODEL_PARAMETERS)`;
  }
  if (/context|too long|too large|tokens/i.test(message)) {
    return " (shorten the prompt, or set promptCharacters in LIMITS)";
  }
  if (status === 404 || /model/i.test(message)) {
    return " (set ARK_MODEL or OPENAI_MODEL; see ARK_BASE_URL and OPENAI_BASE_URL)";
  }
  return " (see MODEL_PARAMETERS)";
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error);
  return error.cause === undefined
    ? error.message
    : `${error.message} ${describe(error.cause)}`;
}
