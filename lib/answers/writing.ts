/** What a model says, written down: what it comes to, and what is too much. */

import type { Part } from "../models/ask.ts";
import { endingOf } from "../models/finish_reasons.ts";
import { JsonBoundsError } from "../parser.ts";
import type { ValidationResult } from "../schemas/judge.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import type { Pause } from "../schemas/validation.ts";
import type { Attempts, NextAttempt } from "./attempts.ts";
import {
  type ErrorCode,
  type ErrorOutcome,
  failure,
  type Outcome,
} from "./outcome.ts";
import { Seam } from "./seam.ts";
import { type SnapshotOptions, takeSnapshot } from "./snapshot.ts";
import {
  type AttemptMarker,
  MARK,
  type Marker,
  type Transcript,
} from "./transcript.ts";
import { validateAnswer } from "./validation.ts";
import { WrittenValue } from "./value.ts";

/** How much white space outside of strings tells that a model is lost in it. */
const BLANKS = 2_000;

/** How much of what could not be read is kept, for the log. */
export const UNREAD = 4_000;

/** How much of a refusal clients are told, in UTF-16 units. */
const MAX_REFUSAL = 10_000;

/** Why a model is not listened to any longer. */
export interface Halt {
  code: ErrorCode;
  /** What there is to tell the log. */
  error?: unknown;
  /** Whether it is how the answer ends, whatever else the model has said. */
  isFinal?: boolean;
}

/** What is written down. */
export type Words = Extract<Part, { type: "text" | "reasoning" | "refusal" }>;

/** What an answer is written by. */
export interface AnswerWriterOptions {
  /** What is written into. */
  transcript: Transcript;
  /** The requests whose words come. */
  attempts: Attempts;
  /** What is known of the value. */
  shape: SnapshotOptions;
  /** Whether the value is validated. */
  validated: boolean;
  /** Whether the model is stopped at what cannot become valid. */
  abortInvalid: boolean;
  /** How much is written at most, in UTF-16 units. */
  outputCharacters: number;
}

/**
 * Writes down what a model says, in all attempts together, and judges it. The
 * work for each word is linear in it.
 */
export class AnswerWriter {
  readonly #options: AnswerWriterOptions;
  readonly #transcript: Transcript;
  readonly #attempts: Attempts;
  /** The value, as far as it goes. */
  readonly written: WrittenValue;
  /** How much of the transcript is markers. */
  #marked = 0;
  /** Holds back what the model says that was asked to go on. */
  #seam: Seam | undefined;
  #refusal = "";
  /** How much white space stands at the end of the text so far. */
  #blanks = 0;
  /** A high surrogate at the end of the reasoning so far: `""` or one unit. */
  #high = "";

  /** Begins with a transcript that is empty. */
  constructor(options: AnswerWriterOptions) {
    this.#options = options;
    const { shape, validated, transcript, attempts } = options;
    this.#transcript = transcript;
    this.#attempts = attempts;
    const schema = validated ? shape.schema : undefined;
    this.written = new WrittenValue({ ...shape, schema });
  }

  /** How much has been said, in UTF-16 units. */
  get characters(): number {
    return this.#transcript.length - this.#marked;
  }

  /** Whether nothing that the model may still say changes the value. */
  get isOver(): boolean {
    return this.written.isComplete && this.written.isBare;
  }

  /** The value so far. */
  get value(): unknown {
    return takeSnapshot(this.#transcript, this.#options.shape);
  }

  /** Tells all readers that the model is asked once more. */
  begin(
    { reason, continuation }: NextAttempt,
  ): Omit<AttemptMarker, "type" | "text"> {
    const { shape } = this.#options;
    const continues = continuation !== undefined;
    this.#seam = continues ? new Seam(continuation, shape) : undefined;
    this.#blanks = 0;
    const told = { attempt: this.#attempts.count, reason, continues };
    this.#mark({ type: "attempt", text: MARK, ...told });
    return told;
  }

  /**
   * Writes what the model says next.
   *
   * @returns Why it is to say no more; `undefined` if it may.
   */
  write({ type, text }: Words): Halt | undefined {
    switch (type) {
      case "text":
        return this.#takeText(text);
      case "reasoning":
        return this.#takeReasoning(text);
      case "refusal":
        return this.#takeRefusal(text);
    }
  }

  /** Writes what is held back: the model has said all. */
  flush(): Halt | undefined {
    if (this.#seam === undefined) return undefined;
    return this.#cross(this.#seam.end());
  }

  /** Writes the end of the answer. */
  finish(outcome: Outcome): void {
    this.#showHigh();
    this.#transcript.finish(outcome);
  }

  /** What is held back counts as written: it may turn out to be. */
  #takeText(text: string): Halt | undefined {
    if (this.#seam === undefined) return this.#write(text);
    if (!this.#hasRoom(text, this.#seam.held)) {
      return { code: "output_too_large" };
    }
    return this.#cross(this.#seam.write(text));
  }

  /** Writes what goes on, once that is clear; begins anew with what does not. */
  #cross(text: string): Halt | undefined {
    const seam = this.#seam!;
    if (!seam.isClear) return undefined;
    this.#seam = undefined;
    const { again } = seam;
    if (again === undefined) return this.#write(text);
    const { count, reason } = this.#attempts;
    if (!this.#attempts.mayRestart()) {
      const error = new Error("The model began anew instead of going on");
      return { code: reason, error, isFinal: true };
    }
    const told = { attempt: count, reason, continues: false };
    this.#mark({ type: "attempt", text: MARK, ...told });
    return this.#write(again);
  }

  #write(text: string): Halt | undefined {
    if (text === "") return undefined;
    this.#showHigh();
    if (!this.#hasRoom(text)) return { code: "output_too_large" };
    this.#transcript.append("text", text);
    try {
      this.written.read({ type: "text", text });
    } catch (error) {
      const isBound = error instanceof JsonBoundsError;
      return { code: isBound ? "output_too_large" : "internal", error };
    }
    const { fault, isBare } = this.written;
    if (fault !== undefined && isBare) {
      return { code: "malformed_json", error: fault };
    }
    const hasTold = this.#tellViolations();
    // Behind prose it may have been a draft.
    if (hasTold && this.#options.abortInvalid && isBare) {
      return { code: "invalid" };
    }
    this.#countBlanks(text);
    if (this.#blanks < BLANKS || this.written.inString) return undefined;
    const code = this.written.began ? "malformed_json" : "no_json";
    const error = new Error("The model writes nothing but white space");
    return { code, error };
  }

  /** Says what cannot become valid any more, if there is anything new. */
  #tellViolations(): boolean {
    const found = this.written.takeViolations();
    for (const violation of found) {
      this.#mark({ type: "invalid", text: MARK, violation });
    }
    return found.length > 0;
  }

  /** Linear in what is counted, and done at once where text ends in none. */
  #countBlanks(text: string): void {
    let index = text.length;
    while (index > 0 && isBlank(text.charCodeAt(index - 1))) index--;
    this.#blanks = index === 0
      ? this.#blanks + text.length
      : text.length - index;
  }

  /** No run of reasoning ends inside a surrogate pair, so no event does. */
  #takeReasoning(text: string): Halt | undefined {
    text = this.#high + text;
    if (!this.#hasRoom(text)) return { code: "output_too_large" };
    const last = text.charCodeAt(text.length - 1);
    this.#high = (last & 0xfc00) === 0xd800 ? text.slice(-1) : "";
    if (this.#high !== "") text = text.slice(0, -1);
    this.#transcript.append("reasoning", text);
    this.written.read({ type: "reasoning", text });
  }

  #takeRefusal(text: string): Halt | undefined {
    // A value that is complete has not been declined.
    if (this.written.isComplete) return undefined;
    if (!this.#hasRoom(text)) {
      return { code: "output_too_large", isFinal: true };
    }
    this.#refusal += text;
  }

  #showHigh(): void {
    this.#transcript.append("reasoning", this.#high);
    this.#high = "";
  }

  /** Appends what is said of the text. */
  #mark(marker: Marker): void {
    this.#showHigh();
    this.#transcript.add(marker);
    this.#marked += marker.text.length;
    this.written.read(marker);
  }

  #hasRoom(text: string, held = ""): boolean {
    const length = this.characters + held.length + this.#refusal.length;
    return length + text.length <= this.#options.outputCharacters;
  }

  /**
   * How a model that has said its last has ended; but for its validation. What
   * comes first counts.
   *
   * @param finishReason What the model says of it, if it does.
   * @param code What has gone wrong, if something has.
   */
  judge(finishReason: string | undefined, code?: ErrorCode): Outcome {
    if (this.#refusal !== "") {
      const words = this.#refusal.slice(0, MAX_REFUSAL);
      return failure("refused", { words });
    }
    const ending = finishReason === undefined
      ? undefined
      : endingOf(finishReason);
    if (ending === "content_filter" || code === "content_filtered") {
      return this.failure("content_filtered");
    }
    if (this.written.isComplete) {
      const { mended } = this.written;
      return {
        status: "end",
        finish_reason: finishReason ?? "unknown",
        ...(mended.length > 0 && { mended }),
      };
    }
    if (code === "invalid") {
      return failure(code, { path: this.written.violations[0]!.pointer });
    }
    const isCut = code === undefined || code === "upstream_unavailable";
    if (ending === "length" && isCut) return this.failure("truncated");
    if (code !== undefined) return this.failure(code);
    if (ending === undefined || ending === "failure") {
      return this.failure("upstream_unavailable");
    }
    return this.failure(this.written.began ? "malformed_json" : "no_json");
  }

  /**
   * Holds a value that is complete against its schema.
   *
   * @param schema What it is held against.
   * @param pause Called between two slices of work.
   */
  async validate(schema: JsonSchema, pause: Pause): Promise<ValidationResult> {
    return await this.written.validate(pause) ??
      await validateAnswer(
        this.#transcript,
        schema,
        this.#options.shape,
        pause,
      );
  }

  /** A failure, with the field that was being written. */
  failure(code: ErrorCode): ErrorOutcome {
    const { isOpen, path } = this.written;
    return failure(code, isOpen ? { path } : {});
  }

  /** What the model has written, since it was last asked anew. */
  text(): string {
    const reader = this.#transcript.read();
    let text = "";
    for (let run = reader.next(); run !== undefined; run = reader.next()) {
      if (run.type === "attempt" && !run.continues) text = "";
      if (run.type === "text") text += run.text;
    }
    return text;
  }

  /** What is no JSON: the text's beginning, or its end up to the fault. */
  unread(code: ErrorCode): string {
    const text = this.text();
    return code === "no_json" ? text.slice(0, UNREAD) : text.slice(-UNREAD);
  }
}

/** White space, in any alphabet, and what looks like it. */
function isBlank(unit: number): boolean {
  return unit <= 0x20 || unit === 0xa0 || unit === 0x3000 || unit === 0xfeff ||
    unit === 0x200b;
}
