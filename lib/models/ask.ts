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
}

/** One thing that a model said, as small as the provider sent it. */
export type Part =
  | { type: "text" | "reasoning" | "refusal"; text: string }
  | { type: "finish"; reason: string }
  | { type: "usage"; usage: unknown };

/**
 * Asks a model. Resolves when it has said all.
 *
 * @param onPart Called with what it says, in the order it says it. With an
 * async iterator in its place, a token would cost the server 7 % more.
 * @throws {ModelError} If the provider fails.
 */
export interface Ask {
  (
    question: Question,
    signal: AbortSignal,
    onPart: (part: Part) => void,
  ): Promise<void>;
  /** The model's name, as clients see it. */
  readonly model?: string;
}

/** How a provider can fail, in the terms of the wire protocol. */
export type ModelErrorCode =
  | "upstream_auth"
  | "upstream_rejected"
  | "upstream_rate_limited"
  | "upstream_unavailable"
  | "upstream_timeout";

/** The provider failed. Its message is for the log, not for clients. */
export class ModelError extends Error {
  /** Which kind of error it is. */
  override name = "ModelError";
  /** Which failure it was. */
  readonly code: ModelErrorCode;

  /** Made where a provider is asked. */
  constructor(code: ModelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
