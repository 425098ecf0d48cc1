/** Asks an OpenAI-compatible provider. */

import type OpenAI from "openai";
import type { ClientOptions } from "openai";
import { type Ask, type Message, ModelError, type Question } from "./ask.ts";
import { readAnswer } from "./chat_completions.ts";
import {
  type Continuation,
  continuationOf,
  type Continue,
} from "./continuation.ts";
import { describe, type Fault, faultIn, modelErrorOf } from "./failures.ts";
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
  /**
   * Who tells it: a message of its own, or the user's, where a provider takes
   * none from anybody else.
   *
   * @default {"system"}
   */
  systemRole?: "system" | "developer" | "user";
  /**
   * How it is asked to go on with an answer that broke off.
   *
   * @default {what is known of the address, else "off"}
   */
  continues?: Continue | undefined;
  /** Merged into each request: `temperature`, `max_tokens` and so on. */
  parameters: Record<string, unknown>;
  /**
   * How the provider is reached. On a server that waits for many answers at once,
   * `createProviderFetch()` costs less.
   *
   * @default {fetch}
   */
  fetch?: typeof fetch;
}

/**
 * Loads the client, which is large: with the first question, not where a server
 * starts. Whoever wants to spare the first question that calls it before.
 */
export function loadClient(): Promise<typeof import("openai")> {
  return import("openai");
}

/** The longest that a timer can wait: how long is waited is not decided here. */
const NEVER = 2 ** 31 - 1;

/**
 * Makes the function that asks one provider. It asks once, and for as long as
 * its signal allows.
 */
export function createAsk(options: ModelOptions): Ask {
  const send = options.fetch ?? fetch;
  const { responseFormat, parameters, systemRole = "system" } = options;
  const context = { responseFormat, parameters, systemRole };
  const continuation = continuationOf(options);
  // The client's own would tell of this machine, and of the environment.
  const headers = {
    "content-type": "application/json",
    ...(options.apiKey && { authorization: `Bearer ${options.apiKey}` }),
  };
  // Whatever is left out here the client would take from the environment.
  const clientOptions = {
    baseURL: options.baseURL,
    apiKey: options.apiKey ?? "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: "off",
    timeout: NEVER,
    maxRetries: 0,
    fetch: async (url, init) =>
      withReadableError(await send(url, { ...init, headers })),
  } satisfies ClientOptions;
  let client: OpenAI | undefined;
  const ask = async (
    ...[question, signal, onPart]: Parameters<Ask>
  ): Promise<void> => {
    const { default: OpenAI } = await loadClient();
    client ??= new OpenAI(clientOptions);
    try {
      const body = requestBody(question, options, continuation);
      const response = await client.chat.completions.create(body, { signal })
        .asResponse();
      onPart(headOf(response.status, response.headers));
      if (response.body === null) return;
      await readAnswer(
        response.body,
        onPart,
        (fault) => modelErrorOf(fault, context),
        signal,
      );
    } catch (error) {
      if (error instanceof ModelError) throw error;
      if (error instanceof OpenAI.APIError && error.status !== undefined) {
        onPart(headOf(error.status, error.headers!));
        const fault = { ...error.error as Fault, status: error.status };
        const { headers } = error;
        throw modelErrorOf(fault, { ...context, headers });
      }
      throw new ModelError("upstream_unavailable", describe(error), {
        cause: error,
        again: true,
      });
    }
  };
  const { model } = options;
  return Object.assign(ask, { model, continues: continuation !== undefined });
}

function headOf(status: number, headers: Headers) {
  const contentType = headers.get("content-type") ?? "none";
  return { type: "response", status, contentType } as const;
}

/** How much of an error's body is read, in bytes. */
export const ERROR_SIZE = 65536;

/**
 * An error's body is bounded, and of the one form that the client knows: with a
 * fault for its error.
 */
async function withReadableError(response: Response): Promise<Response> {
  const { ok, status, headers } = response;
  if (ok) return response;
  const text = await readStart(response);
  let value: unknown;
  try {
    // Google's errors are lists of one.
    [value] = [JSON.parse(text)].flat();
  } catch {
    // Then it is text.
  }
  const error: Fault = faultIn(value, "error") ??
    { words: "", param: "", message: text };
  const plain = new Headers(headers);
  plain.delete("content-encoding");
  plain.delete("content-length");
  return Response.json({ error }, { status, headers: plain });
}

/** The first of a body, as text; what follows is not received. */
async function readStart({ body }: Response): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  let bytes = 0;
  try {
    while (bytes < ERROR_SIZE) {
      const { done, value } = await reader.read();
      if (done) break;
      const start = value.subarray(0, ERROR_SIZE - bytes);
      bytes += start.length;
      text += decoder.decode(start, { stream: true });
    }
  } catch {
    // What came before it broke says enough.
  } finally {
    await reader.cancel().catch(() => {});
  }
  return text;
}

function requestBody(
  question: Question,
  options: ModelOptions,
  continuation: Continuation | undefined,
): OpenAI.ChatCompletionCreateParamsStreaming {
  const { schema } = question;
  const byProvider = options.responseFormat === "json_schema" &&
    schema !== undefined;
  // Where no schema is given there is nothing else to hold the model to.
  const jsonObject = options.responseFormat === "json_object" ||
    (options.responseFormat === "json_schema" && schema === undefined);
  const parameters = { ...options.parameters, ...question.parameters };
  const messages = messagesOf(question, !byProvider, options.systemRole);
  const isContinued = question.continuation !== undefined &&
    continuation !== undefined;
  if (isContinued) {
    const content = question.continuation;
    messages.push({ role: "assistant", content, ...continuation.message });
  }
  return {
    model: question.model ?? options.model,
    messages: messages as unknown as OpenAI.ChatCompletionMessageParam[],
    ...(byProvider && {
      response_format: {
        type: "json_schema",
        json_schema: { name: "answer", schema, strict: isStrict(schema) },
      },
    }),
    ...(jsonObject && { response_format: { type: "json_object" } }),
    stream_options: { include_usage: true },
    ...(isContinued && continuation.request),
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
  systemRole: ModelOptions["systemRole"] = "system",
): Message[] {
  let instructions =
    "Answer with one JSON value and nothing else. Write its texts in the language of the request.";
  if (tellsSchema && schema !== undefined) {
    instructions += ` The value satisfies this JSON Schema:\n${
      JSON.stringify(schema)
    }`;
  }
  const all = prompt === undefined
    ? messages
    : [...messages, { role: "user", content: prompt }];
  const [first, ...others] = all;
  const isSystem = first !== undefined && typeof first.content === "string" &&
    (first.role === "system" || first.role === "developer");
  if (isSystem) instructions = `${first.content}\n\n${instructions}`;
  const rest = isSystem ? others : all;
  if (systemRole !== "user") {
    const role = isSystem ? first : { role: systemRole };
    return [{ ...role, content: instructions }, ...rest];
  }
  const last = rest.findLastIndex(({ role }) => role === "user");
  if (last === -1) return [...rest, { role: "user", content: instructions }];
  return rest.with(last, withText(rest[last]!, instructions));
}

/** A message with more text behind what it says. */
function withText(message: Message, text: string): Message {
  const { content } = message;
  return {
    ...message,
    content: Array.isArray(content)
      ? [...content, { type: "text", text }]
      : `${content}\n\n${text}`,
  };
}
