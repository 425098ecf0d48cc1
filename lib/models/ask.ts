/** The seam to models: what is asked, and what is said in answer. */

import type { JsonSchema } from "../schemas/schema.ts";

/**
 * A message as the model takes it: history, images, whatever it knows. (Chat
 * Completions, `messages`.)
 */
export interface Message {
  /** Who says it: `"system"`, `"user"`, `"assistant"`. */
  role: string;
  /** What is said. */
  content?: unknown;
  /** Whatever else the model knows. */
  [member: string]: unknown;
}

/** What is asked for. */
export interface Question {
  /** What the user says; the last message, where there are others. */
  prompt?: string | undefined;
  /** What was said before it, or instead of it. */
  messages?: Message[] | undefined;
  /** Which shape the answer has. Without one: any object. */
  schema?: JsonSchema | undefined;
  /** Another model than the provider's usual one. */
  model?: string | undefined;
  /** Merged into the request: `temperature`, `max_tokens` and so on. */
  parameters?: Record<string, unknown> | undefined;
  /**
   * The answer so far, of which only the rest is wanted. Only for a model that
   * {@linkcode Ask.continues}.
   */
  continuation?: string | undefined;
}

/**
 * One thing that a model said, as small as the provider sent it, or did beside.
 * Each tells that it is there.
 */
export type Part =
  | { type: "text" | "reasoning" | "refusal"; text: string }
  | { type: "finish"; reason: string }
  | { type: "usage"; usage: unknown }
  /** Anything that says nothing: a comment, an empty chunk, half an event. */
  | { type: "alive" }
  /** What was passed over because it could not be read, for the log. */
  | { type: "ignored"; text: string }
  /** The head of the provider's response, for the log. */
  | { type: "response"; status: number; contentType: string };

/**
 * Asks a model. Resolves when it has said all, whether or not it gave a reason
 * for having finished.
 */
export interface Ask {
  /**
   * @param question What is asked for.
   * @param signal Aborted when no more is wanted.
   * @param onPart Called with what it says, in the order it says it. With an
   * async iterator in its place, a token would cost the server 7 % more.
   * @throws {ModelError} If the provider fails.
   */
  (
    question: Question,
    signal: AbortSignal,
    onPart: (part: Part) => void,
  ): Promise<void>;
  /** The model's name, as clients see it. */
  readonly model?: string;
  /**
   * Whether it can go on with a {@linkcode Question.continuation}.
   *
   * @default {false}
   */
  readonly continues?: boolean;
}

/** How a provider can fail, in the terms of the wire protocol. */
export type ModelErrorCode =
  | "upstream_auth"
  | "upstream_rejected"
  | "upstream_rate_limited"
  | "upstream_unavailable"
  | "upstream_timeout"
  | "content_filtered";

/** Options for {@linkcode ModelError}. */
export interface ModelErrorOptions extends ErrorOptions {
  /**
   * Whether the same question is worth asking again.
   *
   * @default {false}
   */
  again?: boolean;
  /** How long it wants to be left alone before that, in milliseconds. */
  retryAfter?: number | undefined;
}

/** The provider failed. Its message is for the log, not for clients. */
export class ModelError extends Error {
  /** Which kind of error it is. */
  override name = "ModelError";
  /** Which failure it was. */
  readonly code: ModelErrorCode;
  /** Whether the same question is worth asking again. */
  readonly again: boolean;
  /** How long the provider wants to be left alone, in milliseconds. */
  readonly retryAfter: number | undefined;

  /** Made where a provider is asked. */
  constructor(
    code: ModelErrorCode,
    message: string,
    { again = false, retryAfter, ...options }: ModelErrorOptions = {},
  ) {
    super(message, options);
    this.code = code;
    this.again = again;
    this.retryAfter = retryAfter;
  }
}
