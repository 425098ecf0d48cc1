/** An answer as others see it: who reads it, and who is told of its end. */

import type { Beginning } from "../beginning.ts";
import type { Question } from "../models/ask.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import type { ErrorCode } from "./outcome.ts";
import type { Transcript } from "./transcript.ts";

/** An answer that can be read: of this process, or of another one. */
export interface Answer {
  readonly id: string;
  /** Who may follow and stop it. */
  readonly owner: string;
  /** What tells its question from another one under the same id. */
  readonly digest: string | undefined;
  /** What is known of the value: all who read the answer decide alike. */
  readonly beginning: Beginning;
  /** Which shape it has. One that `checkSchema` has passed. */
  readonly schema: JsonSchema | undefined;
  /** How long it goes on that nobody reads, in seconds. */
  readonly linger: number;
  /** What readers get, which may be behind what has been written. */
  readonly shown: Transcript;
  /** How long that is, or is known to become. */
  readonly length: number;

  /**
   * How much work a reader makes who comes now, in UTF-16 units.
   *
   * @param offset How much of the text the reader has.
   */
  workFrom(offset: number): number;

  /**
   * Counts one more reader.
   *
   * @returns What counts it out again; to be called once.
   */
  attach(): () => void;

  /**
   * Counts a client that polls as a reader for the linger time.
   *
   * @param offset What the client has, in UTF-16 units.
   * @returns Resolves when it is up to date; `undefined` if it is.
   */
  poll(offset?: number): Promise<void> | undefined;
}

/** What there is to tell of an answer that has ended. */
export interface FinishedAnswer {
  /** The generation. */
  id: string;
  /** Whose it is. */
  owner: string;
  /** What was asked, with its `meta`. */
  question: Question & { meta?: unknown };
  /**
   * The value; as far as it goes, where the answer has not ended well. Made when
   * it is read, from the text: linear in it.
   */
  readonly value: unknown;
  /** `end`, or the error's code. */
  outcome: "end" | ErrorCode;
  /** Whether the value satisfies the schema, where it was held against it. */
  valid: boolean | undefined;
  /** What the model says of how it ended. */
  finishReason: string | undefined;
  /** UTF-16 units of text and reasoning. */
  characters: number;
  /** How often the model was asked; 0 or 1 if nothing went wrong. */
  attempts: number;
  /** What the provider says of the tokens spent, by all attempts together. */
  usage: unknown;
  /** Milliseconds from the start to the first text; `undefined` if none came. */
  firstToken: number | undefined;
  /** Milliseconds. */
  duration: number;
  /** What went wrong, for the log only. */
  error: unknown;
  /** What the provider did, for the log only. */
  upstream: UpstreamReport;
}

/** What there is to tell of a provider's answer. */
export interface UpstreamReport {
  /** The HTTP status of the last response. */
  status?: number;
  /** Its content type. */
  contentType?: string;
  /** How many events could not be read and were passed over. */
  ignored: number;
  /** The beginning of the first of them. */
  firstIgnored?: string;
  /** Of text without a value the beginning, of text that is none the end. */
  unread?: string;
}

/** What there is to tell of a model that is asked once more. */
export interface AttemptReport {
  /** The generation. */
  id: string;
  /** Whose it is. */
  owner: string;
  /** The how manieth request it is: 2 or more. */
  attempt: number;
  /** How the one before has ended. */
  reason: ErrorCode;
  /** Whether the rest of the answer is asked for. */
  continues: boolean;
  /** What went wrong, for the log only. */
  error: unknown;
}
