/** One answer of the model: asked for, written down, judged. */

import type { Beginning } from "../beginning.ts";
import { type Clock, Deadline, type Timer } from "../clock.ts";
import {
  type Ask,
  ModelError,
  type Part,
  type Question,
} from "../models/ask.ts";
import { endingOf } from "../models/finish_reasons.ts";
import { beginningOf } from "../schemas/beginning.ts";
import type { ValidationResult } from "../schemas/judge.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import type {
  Answer,
  AttemptReport,
  FinishedAnswer,
  UpstreamReport,
} from "./answer.ts";
import {
  type AttemptLimits,
  Attempts,
  DEFAULT_ATTEMPTS,
  type NextAttempt,
} from "./attempts.ts";
import { makeGenerationId } from "./id.ts";
import type { Limits } from "./limits.ts";
import type { ErrorCode, Outcome } from "./outcome.ts";
import { Patience } from "./patience.ts";
import { Transcript } from "./transcript.ts";
import { Turns } from "./turns.ts";
import { AnswerWriter, type Halt, UNREAD, type Words } from "./writing.ts";

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

  readonly #writer: AnswerWriter;
  #finishReason: string | undefined;
  readonly #upstream: UpstreamReport = { ignored: 0 };

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
  readonly #patience: Patience;
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
    const { depth: maxDepth, outputCharacters } = context.limits;
    this.#writer = new AnswerWriter({
      transcript: this.transcript,
      attempts: this.#attempts,
      shape: { ...this.beginning, schema: question.schema, maxDepth },
      validated,
      abortInvalid: attempts.abortInvalid,
      outputCharacters,
    });
    this.#startedAt = clock.now();
    this.#patience = new Patience(
      clock,
      context.limits,
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
    return length + Math.ceil(share * this.#writer.written.pointers);
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
    const { ask } = this.#context;
    if (this.#next !== undefined) this.#begin(this.#next);
    // Whoever is told of it may have stopped it.
    if (this.transcript.outcome !== undefined) return;
    const request = new AbortController();
    this.#request = request;
    this.#patience.ask();
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
    this.#attempts.begin(attempt);
    const { id, owner } = this;
    const told = this.#writer.begin(attempt);
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
    const { hasAsked, firstWordAt } = this.#patience;
    this.#patience.clear();
    this.#lingering.clear();
    clock.clearTimeout(this.#moment);
    const { count, usage } = this.#attempts;
    const hasTold = outcome.status === "end" || count > 1;
    outcome = {
      ...outcome,
      ...(count > 1 && { attempts: count }),
      ...(hasTold && usage !== undefined && { usage }),
    };
    if (outcome.status === "error" && /_json$/.test(outcome.code)) {
      this.#upstream.unread = this.#writer.unread(outcome.code);
    }
    this.#writer.finish(outcome);
    this.#controller.abort();
    this.#request?.abort();
    const writer = this.#writer;
    this.#context.onFinish?.({
      id: this.id,
      owner: this.owner,
      question: this.#question,
      get value() {
        return writer.value;
      },
      valid: outcome.status === "end" ? outcome.valid : undefined,
      finishReason: this.#finishReason,
      outcome: outcome.status === "end" ? "end" : outcome.code,
      characters: writer.characters,
      attempts: hasAsked ? count : 0,
      usage,
      firstToken: firstWordAt && firstWordAt - this.#startedAt,
      duration: clock.now() - this.#startedAt,
      error,
      upstream: this.#upstream,
    });
  }

  /** Ends it because of something that is not the model's doing. */
  stop(code: ErrorCode): void {
    this.finish(this.#writer.failure(code));
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

  /** Ends it because the model is silent, or has gone on for too long. */
  #giveUp(): void {
    // It has said all, and only forgotten to hang up.
    if (this.#finishReason !== undefined || this.#writer.written.isComplete) {
      this.#conclude();
      return;
    }
    this.#conclude("upstream_timeout", this.#patience.fault);
  }

  #take(part: Part): void {
    if (this.#concluding || this.transcript.outcome !== undefined) return;
    this.#patience.hear();
    switch (part.type) {
      case "text":
      case "reasoning":
      case "refusal":
        return this.#write(part);
      case "finish": {
        this.#finishReason = part.reason;
        const halt = this.#writer.flush();
        return halt === undefined ? this.#patience.settle() : this.#halt(halt);
      }
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

  #write(said: Words): void {
    const writer = this.#writer;
    if (this.#patience.hearWord()) this.#attempts.hear();
    // Some give a reason for having finished with each chunk.
    if (!writer.isOver) this.#patience.unsettle();
    const wasComplete = writer.written.isComplete;
    const halt = writer.write(said);
    if (halt !== undefined) return this.#halt(halt);
    // What follows is ignored, and paid for.
    if (!wasComplete && writer.isOver) this.#patience.settle();
  }

  /** Listens to the model no longer. */
  #halt({ code, error, isFinal = false }: Halt): void {
    if (isFinal) this.finish(this.#writer.failure(code), error);
    else this.#conclude(code, error);
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
    const halt = this.#writer.flush();
    if (halt !== undefined) return this.#halt(halt);
    this.#concluding = true;
    this.#patience.clear();
    try {
      const { schema } = this;
      const judged = this.#writer.judge(this.#finishReason, code);
      const outcome = judged.status === "end" && this.#validated && schema
        ? { ...judged, ...await this.#validate(schema) }
        : judged;
      const { written } = this.#writer;
      const isEnd = outcome.status === "end";
      const violations = (isEnd ? outcome.errors : written.violations) ?? [];
      const next = this.transcript.outcome === undefined
        ? this.#attempts.next({
          ...{ outcome, error, violations },
          isShown: written.isShown,
          isFinal: this.#hasStopped,
          text: () => this.#writer.text(),
        })
        : undefined;
      error ??= written.fault;
      if (next === undefined) return this.finish(outcome, error);
      if (next.pause > 0 && next.pause >= this.#patience.rest) {
        return this.finish(outcome, tooLate(error, next.pause));
      }
      await this.#askAgain(next, error);
    } catch (error) {
      this.finish(this.#writer.failure("internal"), error);
    }
  }

  /** Holds a value that is complete against its schema. */
  async #validate(schema: JsonSchema): Promise<ValidationResult> {
    const { clock } = this.#context;
    const turns = new Turns(clock, this.#controller.signal);
    try {
      return await this.#writer.validate(schema, turns.pause);
    } finally {
      turns.done();
    }
  }

  /** Whether the model said that it had no more to say. */
  get #hasStopped(): boolean {
    const reason = this.#finishReason;
    return reason !== undefined && endingOf(reason) === "stop";
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
