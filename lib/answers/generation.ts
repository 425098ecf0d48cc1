/** One answer of the model: asked for, written down, judged. */

import type { Clock, Timer } from "../clock.ts";
import { Envelope } from "../envelope.ts";
import {
  type Ask,
  ModelError,
  type Part,
  type Question,
} from "../models/ask.ts";
import {
  type ErrorCode,
  type ErrorOutcome,
  failure,
  type Outcome,
} from "./outcome.ts";
import {
  JsonBoundsError,
  JsonPatchParser,
  JsonSyntaxError,
} from "../parser.ts";
import type { Beginning } from "../beginning.ts";
import { beginningOf } from "../schemas/beginning.ts";
import { makeGenerationId } from "./id.ts";
import type { Limits } from "./limits.ts";
import {
  type SnapshotOptions,
  takeReasoning,
  takeSnapshot,
} from "./snapshot.ts";
import { Transcript } from "./transcript.ts";
import { Turns } from "./turns.ts";
import { validateAnswer } from "./validation.ts";

/** What a generation is started with. */
export interface GenerationOptions extends Question {
  /** Made here if the client brings none. */
  id?: string | undefined;
  /** Who may follow and stop it. */
  owner: string;
  /** Whether the value is validated at the end. */
  validated: boolean;
  /** What tells this question from another one under the same id. */
  digest?: string | undefined;
  /** Whatever the host wants back when it has ended. */
  meta?: unknown;
  /**
   * How long it goes on that nobody reads, in seconds.
   *
   * @default {limits.lingerSeconds}
   */
  linger?: number | undefined;
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
  /** What the provider says of the tokens spent. */
  usage: unknown;
  /** Milliseconds from the start to the first text; `undefined` if none came. */
  firstToken: number | undefined;
  /** Milliseconds. */
  duration: number;
  /** What went wrong, for the log only. */
  error: unknown;
}

/** What every generation needs. */
export interface GenerationContext {
  ask: Ask;
  limits: Limits;
  clock: Clock;
  /**
   * Called when one has ended. It must not throw: whoever ends one, a timer
   * perhaps, is not to hear of it.
   */
  onFinish?: (answer: FinishedAnswer) => void;
}

/** How much of a refusal clients are told, in UTF-16 units. */
const MAX_REFUSAL = 10_000;

/** One answer of the model. */
export class Generation {
  readonly id: string;
  readonly owner: string;
  readonly digest: string | undefined;
  readonly transcript: Transcript = new Transcript();
  readonly #question: Question & { meta?: unknown };
  readonly #validated: boolean;
  /** What is known of the value: all who read the answer decide alike. */
  readonly beginning: Beginning;
  /** How long it goes on that nobody reads, in seconds. */
  readonly linger: number;
  readonly #context: GenerationContext;
  readonly #controller = new AbortController();

  // What decides the outcome, whether or not anybody is following.
  readonly #envelope: Envelope;
  #parser: JsonPatchParser;
  /** Where the value stopped being JSON, which may yet turn out to be none. */
  #fault: JsonSyntaxError | undefined;
  /** How long the pointers are together that readers are sent. */
  #pointers = 0;
  #refusal = "";
  #finishReason: string | undefined;
  #usage: unknown;
  #error: unknown;
  /** A high surrogate at the end of the reasoning so far: `""` or one unit. */
  #high = "";

  readonly #startedAt: number;
  #asked = false;
  /** Whether the model has said its last. */
  #concluding = false;
  #moment: Timer | undefined;
  #firstTokenAt: number | undefined;
  #lastTokenAt: number;
  #silence: Timer | undefined;
  #readers = 0;
  #linger: Timer | undefined;

  /** Makes one that asks the model when it has a reader. */
  constructor(
    { id, owner, validated, digest, linger, ...question }: GenerationOptions,
    context: GenerationContext,
  ) {
    this.id = id ?? makeGenerationId();
    this.owner = owner;
    this.digest = digest;
    this.#question = question;
    this.#validated = validated;
    this.beginning = beginningOf(question.schema);
    this.#context = context;
    this.linger = linger ?? context.limits.lingerSeconds;
    this.#envelope = new Envelope(this.beginning);
    this.#parser = new JsonPatchParser({ maxDepth: context.limits.depth });
    this.#startedAt = this.#lastTokenAt = context.clock.now();
    this.#lingerOn();
  }

  /**
   * How much work a reader makes who comes now: the text that is read again, and
   * what is sent besides it, in UTF-16 units.
   *
   * @param offset How much of the text the reader has.
   */
  workFrom(offset: number): number {
    const { length } = this.transcript;
    const share = length === 0 ? 0 : 1 - offset / length;
    return length + Math.ceil(share * this.#pointers);
  }

  /** How many connections follow. */
  get readers(): number {
    return this.#readers;
  }

  /**
   * Asks the model and writes down what it says, until it ends or is stopped.
   * Never rejects.
   */
  async #run(): Promise<void> {
    if (this.#asked || this.transcript.outcome !== undefined) return;
    this.#asked = true;
    const { signal } = this.#controller;
    try {
      this.#lastTokenAt = this.#context.clock.now();
      this.#awaitToken();
      await this.#context.ask(
        this.#question,
        signal,
        (part) => this.#take(part),
      );
      await this.#conclude();
    } catch (error) {
      // What is thrown behind the end of it, for instance because it is over,
      // changes nothing.
      if (this.#concluding) return;
      this.#fail(error instanceof ModelError ? error.code : "internal", error);
    }
  }

  /**
   * Ends the generation now, and the request to the provider with it. The first
   * outcome counts.
   *
   * @param outcome How it has ended.
   * @param error What there is to tell the log.
   */
  finish(outcome: Outcome, error?: unknown): void {
    if (this.transcript.outcome !== undefined) return;
    const { clock } = this.#context;
    clock.clearTimeout(this.#silence);
    clock.clearTimeout(this.#linger);
    clock.clearTimeout(this.#moment);
    this.#showHigh();
    this.transcript.finish(outcome);
    this.#controller.abort();
    const value = () => this.#value();
    this.#context.onFinish?.({
      id: this.id,
      owner: this.owner,
      question: this.#question,
      get value() {
        return value();
      },
      valid: outcome.status === "end" ? outcome.valid : undefined,
      finishReason: this.#finishReason,
      outcome: outcome.status === "end" ? "end" : outcome.code,
      characters: this.transcript.length,
      usage: this.#usage,
      firstToken: this.#firstTokenAt && this.#firstTokenAt - this.#startedAt,
      duration: clock.now() - this.#startedAt,
      error,
    });
  }

  /** Ends it because of something that is not the model's doing. */
  stop(code: ErrorCode): void {
    this.finish(this.#failure(code));
  }

  /**
   * Counts one more reader, for whom the model is asked if it has not been yet.
   *
   * @returns What counts it out again; to be called once.
   */
  attach(): () => void {
    const { clock } = this.#context;
    this.#readers++;
    clock.clearTimeout(this.#linger);
    // That a client has left before it is answered shows a moment later: on its
    // behalf nothing is asked.
    if (!this.#asked && this.transcript.outcome === undefined) {
      clock.clearTimeout(this.#moment);
      this.#moment = clock.setTimeout(() => {
        if (this.#readers > 0 || this.linger === Infinity) this.#run();
      }, 0);
    }
    return () => {
      this.#readers--;
      this.#lingerOn();
    };
  }

  /**
   * The value and the thinking so far, for a client that polls; it counts as a
   * reader for the linger time.
   */
  snapshot(): { data?: unknown; reasoning?: string } {
    this.#lingerOn();
    this.#run();
    const data = this.#value();
    const reasoning = takeReasoning(this.transcript, this.beginning);
    return {
      ...(data !== undefined && { data }),
      ...(reasoning !== "" && { reasoning }),
    };
  }

  /** Stops the generation if no reader comes for the linger time. */
  #lingerOn(): void {
    const { clock } = this.#context;
    clock.clearTimeout(this.#linger);
    if (this.#readers > 0 || this.linger === Infinity) return;
    if (this.transcript.outcome !== undefined) return;
    this.#linger = clock.setTimeout(
      () => this.stop("abandoned"),
      this.linger * 1000,
    );
  }

  /** Ends the generation if the model is silent for too long. */
  #awaitToken(): void {
    const { clock, limits } = this.#context;
    const seconds = this.#firstTokenAt === undefined
      ? limits.firstTokenSeconds
      : limits.tokenGapSeconds;
    const rest = this.#lastTokenAt + seconds * 1000 - clock.now();
    if (rest > 0) {
      this.#silence = clock.setTimeout(() => this.#awaitToken(), rest);
    } else if (this.#finishReason === undefined) {
      this.#fail("upstream_timeout");
    } else {
      // It has said all, and only forgotten to hang up.
      this.#conclude();
    }
  }

  #take(part: Part): void {
    if (this.#concluding || this.transcript.outcome !== undefined) return;
    this.#lastTokenAt = this.#context.clock.now();
    if (this.#firstTokenAt === undefined && "text" in part) {
      this.#firstTokenAt = this.#lastTokenAt;
      this.#context.clock.clearTimeout(this.#silence);
      this.#awaitToken();
    }
    switch (part.type) {
      case "text":
        return this.#takeText(part.text);
      case "reasoning":
        return this.#takeReasoning(part.text);
      case "refusal":
        return this.#takeRefusal(part.text);
      case "finish":
        this.#finishReason = part.reason;
        return;
      case "usage":
        this.#usage = part.usage;
    }
  }

  #takeText(text: string): void {
    this.#showHigh();
    if (!this.#hasRoom(text)) return this.#fail("output_too_large");
    this.transcript.append("text", text);
    try {
      for (const piece of this.#envelope.write(text)) {
        if (piece.type === "restart") this.#restart();
        else if (piece.type === "json") this.#parse(piece.text);
      }
      if (this.#fault !== undefined && this.#envelope.bare) {
        this.#fail("malformed_json", this.#fault);
      }
    } catch (error) {
      if (error instanceof JsonBoundsError) {
        return this.#fail("output_too_large", error);
      }
      return this.#fail("internal", error);
    }
  }

  /** Behind prose, what is not JSON may have been thinking. */
  #parse(json: string): void {
    if (this.#fault !== undefined) return;
    try {
      for (const { op, path } of this.#parser.write(json)) {
        if (op === "complete" || op === "remove") this.#pointers += path.length;
      }
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      this.#fault = error;
    }
  }

  /** What came so far was not the value. */
  #restart(): void {
    const { depth: maxDepth } = this.#context.limits;
    this.#parser = new JsonPatchParser({ maxDepth });
    this.#fault = undefined;
  }

  /** No run of reasoning ends inside a surrogate pair, so no event does. */
  #takeReasoning(text: string): void {
    text = this.#high + text;
    if (!this.#hasRoom(text)) return this.#fail("output_too_large");
    const last = text.charCodeAt(text.length - 1);
    this.#high = (last & 0xfc00) === 0xd800 ? text.slice(-1) : "";
    if (this.#high !== "") text = text.slice(0, -1);
    this.transcript.append("reasoning", text);
  }

  #takeRefusal(text: string): void {
    if (!this.#hasRoom(text)) return this.stop("output_too_large");
    this.#refusal += text;
  }

  #showHigh(): void {
    this.transcript.append("reasoning", this.#high);
    this.#high = "";
  }

  #hasRoom(text: string): boolean {
    const { outputCharacters } = this.#context.limits;
    const length = this.transcript.length + this.#refusal.length;
    return length + text.length <= outputCharacters;
  }

  /**
   * Ends the generation as a model has that has said its last, which is not
   * heard from now on. Validating takes a while: it may be stopped meanwhile.
   * Never rejects.
   */
  async #conclude(): Promise<void> {
    if (this.#concluding || this.transcript.outcome !== undefined) return;
    this.#concluding = true;
    const { clock } = this.#context;
    clock.clearTimeout(this.#silence);
    try {
      const outcome = this.#judge();
      const { schema } = this.#question;
      if (
        outcome.status === "error" || !this.#validated || schema === undefined
      ) return this.finish(outcome, this.#fault);
      const turns = new Turns(clock, this.#controller.signal);
      const result = await validateAnswer(
        this.transcript,
        schema,
        this.#shape,
        turns.pause,
      ).finally(() => turns.done());
      this.finish({ ...outcome, ...result });
    } catch (error) {
      this.#fail("internal", error);
    }
  }

  /** How a model that has said its last has ended; but for its validation. */
  #judge(): Outcome {
    if (this.#refusal !== "") {
      const words = this.#refusal.slice(0, MAX_REFUSAL);
      return failure("refused", { words });
    }
    const reason = this.#finishReason;
    if (reason === undefined) return this.#failure("upstream_unavailable");
    if (reason === "content_filter") return this.#failure("content_filtered");
    if (this.#parser.complete && !this.#envelope.withdrawn) {
      const { mended } = this.#envelope;
      return {
        status: "end",
        finish_reason: reason,
        ...(mended.length > 0 && { mended }),
        ...(this.#usage !== undefined && { usage: this.#usage }),
      };
    }
    if (reason === "length") return this.#failure("truncated");
    return this.#failure(this.#envelope.began ? "malformed_json" : "no_json");
  }

  /** The value so far. */
  #value(): unknown {
    return takeSnapshot(this.transcript, this.#shape);
  }

  get #shape(): SnapshotOptions {
    const { depth: maxDepth } = this.#context.limits;
    return { ...this.beginning, maxDepth };
  }

  /** Ends it because of a fault, unless the model has begun to decline. */
  #fail(code: ErrorCode, error?: unknown): void {
    this.finish(
      this.#refusal === "" ? this.#failure(code) : this.#judge(),
      error,
    );
  }

  /** A failure, with the field that was being written. */
  #failure(code: ErrorCode): ErrorOutcome {
    const isInside = this.#envelope.began && !this.#parser.complete;
    return failure(code, isInside ? { path: this.#parser.path } : {});
  }
}

/**
 * Calls what may throw, now or later, and tells what it threw.
 *
 * @returns Resolves when it has settled; `undefined` if it has already.
 */
export function settle(
  callback: () => unknown,
  onError: ((error: unknown) => void) | undefined,
): Promise<void> | undefined {
  const tell = (error: unknown) => onError?.(error);
  try {
    const result = callback();
    if (!(result instanceof Promise)) return undefined;
    return result.then(() => {}, tell);
  } catch (error) {
    tell(error);
  }
}
