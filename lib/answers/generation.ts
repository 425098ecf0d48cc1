/** One answer of the model: asked for, written down, judged. */

import { type Clock, Deadline, type Timer } from "../clock.ts";
import {
  type Ask,
  ModelError,
  type Part,
  type Question,
} from "../models/ask.ts";
import { type Ending, endingOf } from "../models/finish_reasons.ts";
import {
  type ErrorCode,
  type ErrorOutcome,
  failure,
  type Outcome,
} from "./outcome.ts";
import { JsonBoundsError } from "../parser.ts";
import type { Beginning } from "../beginning.ts";
import { beginningOf } from "../schemas/beginning.ts";
import type { ValidationResult } from "../schemas/judge.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import {
  type AttemptLimits,
  Attempts,
  DEFAULT_ATTEMPTS,
  type NextAttempt,
} from "./attempts.ts";
import { makeGenerationId } from "./id.ts";
import type { Limits } from "./limits.ts";
import { Seam } from "./seam.ts";
import { type SnapshotOptions, takeSnapshot } from "./snapshot.ts";
import { MARK, type Marker, Transcript } from "./transcript.ts";
import { Turns } from "./turns.ts";
import { validateAnswer } from "./validation.ts";
import { WrittenValue } from "./value.ts";

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
  /**
   * Whether readers get only what somebody says has been stored.
   *
   * @default {false}
   */
  durable?: boolean | undefined;
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

/** What every generation needs. */
export interface GenerationContext {
  ask: Ask;
  /**
   * How often it may be asked.
   *
   * @default {DEFAULT_ATTEMPTS}
   */
  attempts?: AttemptLimits | undefined;
  limits: Limits;
  clock: Clock;
  /** Called when the model is asked once more. It must not throw. */
  onAttempt?: ((report: AttemptReport) => void) | undefined;
  /**
   * Called when one has ended. It must not throw: whoever ends one, a timer
   * perhaps, is not to hear of it.
   */
  onFinish?: (answer: FinishedAnswer) => void;
}

/** How long a model that has said all may take to hang up, in milliseconds. */
const SETTLING = 900;

/** How much white space outside of strings tells that a model is lost in it. */
const BLANKS = 2_000;

/** How much of what could not be read is kept, for the log. */
const UNREAD = 4_000;

/** How much of a refusal clients are told, in UTF-16 units. */
const MAX_REFUSAL = 10_000;

/** One answer of the model. */
export class Generation implements Answer {
  readonly id: string;
  readonly owner: string;
  readonly digest: string | undefined;
  readonly transcript: Transcript = new Transcript();
  /** Fed by whoever stores it, if it is durable. */
  readonly shown: Transcript;
  readonly #question: Question & { meta?: unknown };
  readonly #validated: boolean;
  /** What is known of the value: all who read the answer decide alike. */
  readonly beginning: Beginning;
  /** Which shape it has. */
  readonly schema: JsonSchema | undefined;
  /** How long it goes on that nobody reads, in seconds. */
  readonly linger: number;
  readonly #context: GenerationContext;
  readonly #controller = new AbortController();
  readonly #attempts: Attempts;

  readonly #written: WrittenValue;
  /** How much of the transcript is markers. */
  #marked = 0;
  /** Holds back what the model says that was asked to go on. */
  #seam: Seam | undefined;
  #refusal = "";
  #finishReason: string | undefined;
  /** How much white space stands at the end of the text so far. */
  #blanks = 0;
  readonly #upstream: UpstreamReport = { ignored: 0 };
  /** A high surrogate at the end of the reasoning so far: `""` or one unit. */
  #high = "";

  readonly #startedAt: number;
  /** Whether the model is asked, or will be by itself. */
  #asked = false;
  /** The request that is listened to. */
  #request: AbortController | undefined;
  /** What it is to be asked next, when somebody reads. */
  #next: { attempt: NextAttempt; error: unknown } | undefined;
  /** Whether the model has said its last. */
  #concluding = false;
  #moment: Timer | undefined;
  #askedAt = Infinity;
  #firstTokenAt: number | undefined;
  /** Whether this attempt has said a word. */
  #hasSpoken = false;
  /** When the provider last sent anything. */
  #heardAt = Infinity;
  /** When it is over, unless the model goes on. */
  #settledAt = Infinity;
  readonly #patience: Deadline;
  #readers = 0;
  /** When it is over, unless a reader comes. */
  #leftAt = Infinity;
  readonly #lingering: Deadline;

  /** Makes one that asks the model when it has a reader. */
  constructor(
    { id, owner, validated, digest, linger, durable, ...question }:
      GenerationOptions,
    context: GenerationContext,
  ) {
    this.id = id ?? makeGenerationId();
    this.owner = owner;
    this.digest = digest;
    this.shown = durable ? new Transcript() : this.transcript;
    this.#question = question;
    this.#validated = validated;
    this.beginning = beginningOf(question.schema);
    this.#context = context;
    this.linger = linger ?? context.limits.lingerSeconds;
    this.schema = question.schema;
    const { clock, ask, attempts = DEFAULT_ATTEMPTS } = context;
    this.#attempts = new Attempts(question, attempts, ask.continues === true);
    this.#written = new WrittenValue({
      ...this.#shape,
      schema: validated ? question.schema : undefined,
    });
    this.#startedAt = clock.now();
    this.#patience = new Deadline(
      clock,
      () => this.#dueAt(),
      () => this.#giveUp(),
    );
    this.#lingering = new Deadline(
      clock,
      () => this.#leftAt,
      () => this.stop("abandoned"),
    );
    this.#lingerOn();
  }

  /** How long it is for its readers. */
  get length(): number {
    return this.shown.length;
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
    return length + Math.ceil(share * this.#written.pointers);
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
    const { ask, clock } = this.#context;
    if (this.#askedAt === Infinity) this.#askedAt = clock.now();
    if (this.#next !== undefined) this.#begin(this.#next);
    const request = new AbortController();
    this.#request = request;
    this.#heardAt = clock.now();
    this.#patience.watch();
    // What comes behind the end of a request changes nothing.
    const isOver = () => this.#request !== request;
    try {
      await ask(this.#attempts.question, request.signal, (part) => {
        if (!isOver()) this.#take(part);
      });
      if (!isOver()) await this.#conclude();
    } catch (error) {
      if (isOver()) return;
      const code = error instanceof ModelError ? error.code : "internal";
      await this.#conclude(code, error);
    }
  }

  /** Tells all readers that the model is asked once more. */
  #begin({ attempt, error }: { attempt: NextAttempt; error: unknown }): void {
    this.#next = undefined;
    const { reason, continuation } = attempt;
    const continues = continuation !== undefined;
    this.#seam = continues ? new Seam(continuation, this.#shape) : undefined;
    this.#attempts.begin(attempt);
    const { id, owner } = this;
    const told = { attempt: this.#attempts.count, reason, continues };
    this.#mark({ type: "attempt", text: MARK, ...told });
    this.#context.onAttempt?.({ id, owner, ...told, error });
  }

  /**
   * Asks the model once more after a while, if there is somebody to ask it for;
   * else when somebody comes.
   */
  async #askAgain(attempt: NextAttempt, error: unknown): Promise<void> {
    this.#request?.abort();
    this.#request = undefined;
    this.#next = { attempt, error };
    this.#finishReason = undefined;
    this.#settledAt = Infinity;
    this.#hasSpoken = false;
    this.#blanks = 0;
    if (attempt.pause > 0) await this.#wait(attempt.pause);
    if (this.transcript.outcome !== undefined) return;
    this.#concluding = false;
    this.#asked = false;
    if (this.#readers > 0 || this.linger === Infinity) await this.#run();
  }

  /** Waits, but no longer than the generation goes on. */
  async #wait(duration: number): Promise<void> {
    const { clock } = this.#context;
    const { signal } = this.#controller;
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimeout(resolve, duration);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clock.clearTimeout(timer);
  }

  /** Appends what is said of the text. */
  #mark(marker: Marker): void {
    this.#showHigh();
    this.transcript.add(marker);
    this.#marked += marker.text.length;
    this.#written.read(marker);
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
    this.#patience.clear();
    this.#lingering.clear();
    clock.clearTimeout(this.#moment);
    this.#showHigh();
    const { count, usage } = this.#attempts;
    const hasTold = outcome.status === "end" || count > 1;
    outcome = {
      ...outcome,
      ...(count > 1 && { attempts: count }),
      ...(hasTold && usage !== undefined && { usage }),
    };
    if (outcome.status === "error" && /_json$/.test(outcome.code)) {
      this.#upstream.unread = this.#unread(outcome.code);
    }
    this.transcript.finish(outcome);
    this.#controller.abort();
    this.#request?.abort();
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
      characters: this.transcript.length - this.#marked,
      attempts: this.#askedAt === Infinity ? 0 : count,
      usage,
      firstToken: this.#firstTokenAt && this.#firstTokenAt - this.#startedAt,
      duration: clock.now() - this.#startedAt,
      error,
      upstream: this.#upstream,
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
    this.#lingering.clear();
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

  /** Counts a client that polls as a reader for the linger time. */
  poll(): undefined {
    this.#lingerOn();
    this.#run();
  }

  /** Stops the generation if no reader comes for the linger time. */
  #lingerOn(): void {
    this.#lingering.clear();
    if (this.#readers > 0 || this.linger === Infinity) return;
    if (this.transcript.outcome !== undefined) return;
    this.#leftAt = this.#context.clock.now() + this.linger * 1000;
    this.#lingering.watch();
  }

  /** Until when the model is waited for. */
  #dueAt(): number {
    const { firstTokenSeconds, tokenGapSeconds, generationSeconds } =
      this.#context.limits;
    const silence = this.#hasSpoken ? tokenGapSeconds : firstTokenSeconds;
    return Math.min(
      this.#heardAt + silence * 1000,
      this.#askedAt + generationSeconds * 1000,
      this.#settledAt,
    );
  }

  /** Ends it because the model is silent, or has gone on for too long. */
  #giveUp(): void {
    // It has said all, and only forgotten to hang up.
    if (this.#finishReason !== undefined || this.#written.isComplete) {
      this.#conclude();
      return;
    }
    const { limits, clock } = this.#context;
    const isEndless =
      this.#askedAt + limits.generationSeconds * 1000 <= clock.now();
    const name = isEndless
      ? "generationSeconds"
      : this.#hasSpoken
      ? "tokenGapSeconds"
      : "firstTokenSeconds";
    const what = isEndless ? "has not finished" : "has sent nothing";
    this.#fail(
      "upstream_timeout",
      new Error(
        `The provider ${what} for ${limits[name]} s (see ${name} in LIMITS)`,
      ),
    );
  }

  /** Ends it in a moment, unless the model goes on. */
  #settle(): void {
    const settledAt = this.#context.clock.now() + SETTLING;
    this.#settledAt = Math.min(this.#settledAt, settledAt);
    this.#patience.watch();
  }

  #take(part: Part): void {
    if (this.#concluding || this.transcript.outcome !== undefined) return;
    this.#heardAt = this.#context.clock.now();
    switch (part.type) {
      case "text":
        this.#hearWord();
        return this.#takeText(part.text);
      case "reasoning":
        this.#hearWord();
        return this.#takeReasoning(part.text);
      case "refusal":
        this.#hearWord();
        return this.#takeRefusal(part.text);
      case "finish":
        this.#finishReason = part.reason;
        this.#endSeam();
        return this.#settle();
      case "usage":
        return this.#attempts.use(part.usage);
      case "response":
        this.#upstream.status = part.status;
        this.#upstream.contentType = part.contentType;
        return;
      case "ignored":
        this.#upstream.ignored++;
        this.#upstream.firstIgnored ??= part.text.slice(0, UNREAD);
    }
  }

  #hearWord(): void {
    if (!this.#hasSpoken) {
      this.#hasSpoken = true;
      this.#firstTokenAt ??= this.#heardAt;
      this.#attempts.hear();
      this.#patience.watch();
    }
    // Some give a reason for having finished with each chunk.
    if (!this.#isOver) this.#settledAt = Infinity;
  }

  /** Whether nothing that the model may still say changes the value. */
  get #isOver(): boolean {
    return this.#written.isComplete && this.#written.isBare;
  }

  /** What is held back counts as written: it may turn out to be. */
  #takeText(text: string): void {
    if (this.#seam === undefined) return this.#write(text);
    if (!this.#hasRoom(text, this.#seam.held)) {
      return this.#fail("output_too_large");
    }
    this.#cross(this.#seam.write(text));
  }

  /** The model says no more that is held back. */
  #endSeam(): void {
    if (this.#seam !== undefined) this.#cross(this.#seam.end());
  }

  /** Writes what goes on, once that is clear; begins anew with what does not. */
  #cross(text: string): void {
    const seam = this.#seam!;
    if (!seam.isClear) return;
    this.#seam = undefined;
    const { again } = seam;
    if (again === undefined) return this.#write(text);
    const { count, reason } = this.#attempts;
    if (!this.#attempts.mayRestart()) {
      const error = new Error("The model began anew instead of going on");
      return this.finish(this.#failure(reason), error);
    }
    const told = { attempt: count, reason, continues: false };
    this.#mark({ type: "attempt", text: MARK, ...told });
    this.#write(again);
  }

  #write(text: string): void {
    if (text === "") return;
    this.#showHigh();
    if (!this.#hasRoom(text)) return this.#fail("output_too_large");
    this.transcript.append("text", text);
    const wasComplete = this.#written.isComplete;
    try {
      this.#written.read({ type: "text", text });
    } catch (error) {
      const isBound = error instanceof JsonBoundsError;
      return this.#fail(isBound ? "output_too_large" : "internal", error);
    }
    const { fault, isBare } = this.#written;
    if (fault !== undefined && isBare) this.#fail("malformed_json", fault);
    this.#tellViolations();
    // What follows is ignored, and paid for.
    if (!wasComplete && this.#isOver) this.#settle();
    this.#countBlanks(text);
    if (this.#blanks >= BLANKS && !this.#written.inString) {
      const code = this.#written.began ? "malformed_json" : "no_json";
      this.#fail(code, new Error("The model writes nothing but white space"));
    }
  }

  /** Says what cannot become valid any more, and may stop the model for it. */
  #tellViolations(): void {
    const found = this.#written.takeViolations();
    if (found.length === 0) return;
    for (const violation of found) {
      this.#mark({ type: "invalid", text: MARK, violation });
    }
    const { attempts = DEFAULT_ATTEMPTS } = this.#context;
    // Behind prose it may have been a draft.
    if (attempts.abortInvalid && this.#written.isBare) this.#fail("invalid");
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
  #takeReasoning(text: string): void {
    text = this.#high + text;
    if (!this.#hasRoom(text)) return this.#fail("output_too_large");
    const last = text.charCodeAt(text.length - 1);
    this.#high = (last & 0xfc00) === 0xd800 ? text.slice(-1) : "";
    if (this.#high !== "") text = text.slice(0, -1);
    this.transcript.append("reasoning", text);
    this.#written.read({ type: "reasoning", text });
  }

  #takeRefusal(text: string): void {
    // A value that is complete has not been declined.
    if (this.#written.isComplete) return;
    if (!this.#hasRoom(text)) return this.stop("output_too_large");
    this.#refusal += text;
  }

  #showHigh(): void {
    this.transcript.append("reasoning", this.#high);
    this.#high = "";
  }

  #hasRoom(text: string, held = ""): boolean {
    const { outputCharacters } = this.#context.limits;
    const length = this.transcript.length - this.#marked + held.length +
      this.#refusal.length;
    return length + text.length <= outputCharacters;
  }

  /**
   * Ends the generation as a model has that has said its last, which is not
   * heard from now on. Validating takes a while: it may be stopped meanwhile.
   * Never rejects.
   *
   * @param code What has gone wrong, if something has.
   * @param error What there is to tell the log.
   */
  async #conclude(code?: ErrorCode, error?: unknown): Promise<void> {
    if (this.#concluding || this.transcript.outcome !== undefined) return;
    this.#endSeam();
    if (this.#concluding || this.transcript.outcome !== undefined) return;
    this.#concluding = true;
    this.#patience.clear();
    try {
      const { schema } = this;
      const judged = this.#judge(code);
      const outcome = judged.status === "end" && this.#validated && schema
        ? { ...judged, ...await this.#validate(schema) }
        : judged;
      const isEnd = outcome.status === "end";
      const violations = (isEnd ? outcome.errors : this.#written.violations) ??
        [];
      const next = this.transcript.outcome === undefined
        ? this.#attempts.next({
          ...{ outcome, error, violations },
          isShown: this.#written.isShown,
          isFinal: this.#ending === "stop",
          text: () => this.#text(),
        })
        : undefined;
      error ??= this.#written.fault;
      if (next === undefined) return this.finish(outcome, error);
      this.#settledAt = Infinity;
      const rest = this.#dueAt() - this.#context.clock.now();
      if (next.pause > 0 && next.pause >= rest) {
        return this.finish(outcome, tooLate(error, next.pause));
      }
      await this.#askAgain(next, error);
    } catch (error) {
      this.finish(this.#failure("internal"), error);
    }
  }

  /** Holds a value that is complete against its schema. */
  async #validate(schema: JsonSchema): Promise<ValidationResult> {
    const { clock } = this.#context;
    const turns = new Turns(clock, this.#controller.signal);
    try {
      return await this.#written.validate(turns.pause) ??
        await validateAnswer(
          this.transcript,
          schema,
          this.#shape,
          turns.pause,
        );
    } finally {
      turns.done();
    }
  }

  /** What a finish reason means, if there was one. */
  get #ending(): Ending | undefined {
    const reason = this.#finishReason;
    return reason === undefined ? undefined : endingOf(reason);
  }

  /**
   * How a model that has said its last has ended; but for its validation. What
   * comes first counts.
   */
  #judge(code?: ErrorCode): Outcome {
    if (this.#refusal !== "") {
      const words = this.#refusal.slice(0, MAX_REFUSAL);
      return failure("refused", { words });
    }
    const ending = this.#ending;
    if (ending === "content_filter" || code === "content_filtered") {
      return this.#failure("content_filtered");
    }
    if (this.#written.isComplete) {
      const { mended } = this.#written;
      return {
        status: "end",
        finish_reason: this.#finishReason ?? "unknown",
        ...(mended.length > 0 && { mended }),
      };
    }
    if (code === "invalid") {
      return failure(code, { path: this.#written.violations[0]!.pointer });
    }
    const isCut = code === undefined || code === "upstream_unavailable";
    if (ending === "length" && isCut) return this.#failure("truncated");
    if (code !== undefined) return this.#failure(code);
    if (ending === undefined || ending === "failure") {
      return this.#failure("upstream_unavailable");
    }
    return this.#failure(this.#written.began ? "malformed_json" : "no_json");
  }

  /** The value so far. */
  #value(): unknown {
    return takeSnapshot(this.transcript, this.#shape);
  }

  get #shape(): SnapshotOptions {
    const { depth: maxDepth } = this.#context.limits;
    return { ...this.beginning, schema: this.schema, maxDepth };
  }

  /** Ends it because of a fault, unless that takes nothing. */
  #fail(code: ErrorCode, error?: unknown): undefined {
    this.#conclude(code, error);
  }

  /** What the model has written, since it was last asked anew. */
  #text(): string {
    const reader = this.transcript.read();
    let text = "";
    for (let run = reader.next(); run !== undefined; run = reader.next()) {
      if (run.type === "attempt" && !run.continues) text = "";
      if (run.type === "text") text += run.text;
    }
    return text;
  }

  /** What is no JSON: the text's beginning, or its end up to the fault. */
  #unread(code: ErrorCode): string {
    const text = this.#text();
    return code === "no_json" ? text.slice(0, UNREAD) : text.slice(-UNREAD);
  }

  /** A failure, with the field that was being written. */
  #failure(code: ErrorCode): ErrorOutcome {
    const { isOpen, path } = this.#written;
    return failure(code, isOpen ? { path } : {});
  }
}

/** A provider that wants to be left alone for longer than there is time. */
function tooLate(error: unknown, pause: number): unknown {
  if (!(error instanceof ModelError)) return error;
  const seconds = Math.ceil(pause / 1000);
  return new ModelError(
    error.code,
    `${error.message} (wants to be asked again in ${seconds} s, which is more than firstTokenSeconds in LIMITS leaves)`,
    { cause: error },
  );
}

/** White space, in any alphabet, and what looks like it. */
function isBlank(unit: number): boolean {
  return unit <= 0x20 || unit === 0xa0 || unit === 0x3000 || unit === 0xfeff ||
    unit === 0x200b;
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
