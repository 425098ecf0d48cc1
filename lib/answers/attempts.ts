/** How often a model is asked for one answer, and what for. */

import { type Message, ModelError, type Question } from "../models/ask.ts";
import { describeViolation, type Violation } from "../schemas/violations.ts";
import type { ErrorCode, Outcome } from "./outcome.ts";

/** How often a model may be asked for one answer, and why. */
export interface AttemptLimits {
  /**
   * How often it is asked for the rest of an answer that broke off, or was cut
   * for its length, if it can go on.
   *
   * @default {4}
   */
  continuations: number;
  /**
   * How often it is asked anew for an answer that broke off when some of it had
   * been shown. Clients that only append would show both.
   *
   * @default {0}
   */
  restarts: number;
  /**
   * How often it is asked anew, and told what was wrong, where a value does not
   * satisfy its schema.
   *
   * @default {0}
   */
  retriesInvalid: number;
  /**
   * Whether it is stopped at once where a value cannot satisfy its schema any
   * more.
   *
   * @default {false}
   */
  abortInvalid: boolean;
}

/** What is done where nothing else is said. */
export const DEFAULT_ATTEMPTS: Readonly<AttemptLimits> = {
  continuations: 4,
  restarts: 0,
  retriesInvalid: 0,
  abortInvalid: false,
};

/** How often a model is asked that has failed before it showed anything. */
const ASKED_IN_VAIN = 3;

/** The pause after a failure, in milliseconds; after the next one it doubles. */
const FIRST_PAUSE = 500;

/** How a request has ended. */
export interface EndedAttempt {
  outcome: Outcome;
  /** What the provider threw. */
  error: unknown;
  /** Whether the model said that it had no more to say. */
  isFinal: boolean;
  /** Whether readers have seen anything, of whichever attempt. */
  isShown: boolean;
  /** What the model has written, since it was last asked anew. */
  text: () => string;
  /** Why the value is not what the schema asks for. */
  violations: Violation[];
}

/** One more request. */
export interface NextAttempt {
  reason: ErrorCode;
  /** What the answer goes on behind; `undefined` if it is asked for anew. */
  continuation: string | undefined;
  /** How long to wait before, in milliseconds. */
  pause: number;
}

/** The requests for one answer. */
export class Attempts {
  readonly #limits: AttemptLimits;
  readonly #canContinue: boolean;
  /** With what was wrong before. */
  #base: Question;
  #question: Question;
  #count = 1;
  #reason: ErrorCode = "upstream_unavailable";
  #continued = 0;
  #restarted = 0;
  #corrected = 0;
  /** How many have failed in a row. */
  #failed = 0;
  /** Of the attempts before this one. */
  #spent: unknown;
  /** Of this one; the last word counts. */
  #usage: unknown;

  /**
   * Begins with the first.
   *
   * @param question What is asked for.
   * @param limits How often, and why.
   * @param canContinue Whether the model can go on with an answer.
   */
  constructor(
    question: Question,
    limits: AttemptLimits,
    canContinue: boolean,
  ) {
    this.#base = question;
    this.#question = question;
    this.#limits = limits;
    this.#canContinue = canContinue;
  }

  /** How many there have been. */
  get count(): number {
    return this.#count;
  }

  /** Why the one before this was not enough. */
  get reason(): ErrorCode {
    return this.#reason;
  }

  /** What the model is asked now. */
  get question(): Question {
    return this.#question;
  }

  /** What all of them have used, as far as the provider told. */
  get usage(): unknown {
    return sum(this.#spent, this.#usage);
  }

  /** Takes note of what this one has used so far. */
  use(usage: unknown): void {
    this.#usage = usage;
  }

  /** Takes note that the model speaks. */
  hear(): void {
    this.#failed = 0;
  }

  /** Whether what begins again may do so; to be asked once for each time. */
  mayRestart(): boolean {
    return this.#restarted++ < this.#limits.restarts;
  }

  /**
   * Decides whether there is another one, which it counts.
   */
  next(ending: EndedAttempt): NextAttempt | undefined {
    const { outcome, error } = ending;
    if (outcome.status === "end") {
      return outcome.valid === false ? this.#correct(ending) : undefined;
    }
    const { code } = outcome;
    switch (code) {
      case "invalid":
        return this.#correct(ending);
      case "truncated":
        return this.#continue(code, 0, ending);
      case "upstream_unavailable":
      case "upstream_rate_limited": {
        const isKnown = error instanceof ModelError;
        if (ending.isFinal || (isKnown && !error.again)) return undefined;
        const pause = (isKnown ? error.retryAfter : undefined) ??
          FIRST_PAUSE * 2 ** this.#failed * (0.75 + 0.25 * Math.random());
        this.#failed++;
        const mayAsk = ending.isShown
          ? () => this.mayRestart()
          : () => isKnown && this.#count < ASKED_IN_VAIN;
        return this.#continue(code, pause, ending) ??
          (mayAsk()
            ? { reason: code, continuation: undefined, pause }
            : undefined);
      }
      default:
        return undefined;
    }
  }

  /** It begins. */
  begin({ reason, continuation }: NextAttempt): void {
    this.#count++;
    this.#reason = reason;
    this.#spent = this.usage;
    this.#usage = undefined;
    this.#question = continuation === undefined
      ? this.#base
      : { ...this.#base, continuation: withoutHalf(continuation) };
  }

  #continue(
    reason: ErrorCode,
    pause: number,
    ending: EndedAttempt,
  ): NextAttempt | undefined {
    if (!this.#canContinue || this.#continued >= this.#limits.continuations) {
      return undefined;
    }
    const continuation = ending.text();
    // Nothing cannot be continued, nor can thinking.
    if (continuation.trim() === "") return undefined;
    this.#continued++;
    return { reason, continuation, pause };
  }

  /** The model is told what was wrong. */
  #correct({ text, violations }: EndedAttempt): NextAttempt | undefined {
    if (this.#corrected >= this.#limits.retriesInvalid) return undefined;
    this.#corrected++;
    this.#base = withComplaint(this.#base, text(), violations);
    return { reason: "invalid", continuation: undefined, pause: 0 };
  }
}

/** Providers take no half of a surrogate pair. */
function withoutHalf(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}

/** The question, its answer, and what is wrong with that. */
function withComplaint(
  { prompt, messages = [], ...rest }: Question,
  answer: string,
  violations: Violation[],
): Question {
  const faults = violations.map((violation) =>
    `- ${violation.pointer || "the whole value"}: ${
      describeViolation(violation, "en")
    }`
  );
  const asked: Message[] = prompt === undefined
    ? messages
    : [...messages, { role: "user", content: prompt }];
  const content = `That value does not satisfy the JSON Schema:\n${
    faults.join("\n")
  }\nAnswer again, with the whole value, corrected.`;
  return {
    ...rest,
    messages: [
      ...asked,
      { role: "assistant", content: answer },
      { role: "user", content },
    ],
  };
}

/** Adds up what is a number in both, and keeps what is in one. */
function sum(a: unknown, b: unknown): unknown {
  if (a === undefined || b === undefined) return a ?? b;
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (!isRecord(a) || !isRecord(b)) return b;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(
    [...names].map((name) => [name, sum(own(a, name), own(b, name))]),
  );
}

function own(record: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
