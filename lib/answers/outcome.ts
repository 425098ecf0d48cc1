/** How a generation can end. The words for it are chosen for each reader. */

import type { Mending } from "../mending.ts";
import type { ValidationResult } from "../schemas/judge.ts";

/** What the terminal event of a generation says. */
export type Outcome = EndOutcome | ErrorOutcome;

/** The value is complete. Where a schema was given, it has been validated. */
export interface EndOutcome extends ValidationResult {
  status: "end";
  finish_reason: string;
  /**
   * The kinds of slips that were mended, where there were any: then the value is
   * what the model meant, not what it wrote.
   */
  mended?: Mending[];
  /** How often the model was asked, if that was more than once. */
  attempts?: number;
  /** What the provider said of the tokens spent, by all attempts together. */
  usage?: unknown;
}

/** The value is not complete, and will not be. */
export interface ErrorOutcome {
  status: "error";
  code: ErrorCode;
  /** The model's own, where it declined. */
  words?: string;
  /** JSON Pointer of the field that was being written, or that is invalid. */
  path?: string;
  /** How often the model was asked, if that was more than once. */
  attempts?: number;
  /** What the provider said of the tokens spent, by more than one attempt. */
  usage?: unknown;
}

/** Why a generation failed. */
export type ErrorCode =
  | "upstream_auth"
  | "upstream_rejected"
  | "upstream_rate_limited"
  | "upstream_unavailable"
  | "upstream_timeout"
  | "no_json"
  | "malformed_json"
  | "truncated"
  | "invalid"
  | "refused"
  | "content_filtered"
  | "output_too_large"
  | "stopped"
  | "abandoned"
  | "interrupted"
  | "internal";

/** Whether asking again may help. */
export const RETRYABLE: Readonly<Record<ErrorCode, boolean>> = {
  upstream_auth: false,
  upstream_rejected: false,
  upstream_rate_limited: true,
  upstream_unavailable: true,
  upstream_timeout: true,
  no_json: true,
  malformed_json: true,
  truncated: true,
  invalid: true,
  refused: false,
  content_filtered: false,
  output_too_large: false,
  stopped: false,
  abandoned: true,
  interrupted: true,
  internal: true,
};

/** Makes the outcome of a failure; some words and paths are its own. */
export function failure(
  code: ErrorCode,
  own: { words?: string; path?: string } = {},
): ErrorOutcome {
  return { status: "error", code, ...own };
}
