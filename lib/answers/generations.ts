/** All generations: started, found, kept for a while, forgotten. */

import { type Timer, within } from "../clock.ts";
import type { AttemptReport, FinishedAnswer } from "./answer.ts";
import { guarded, settle } from "./callbacks.ts";
import {
  Generation,
  type GenerationContext,
  type GenerationOptions,
} from "./generation.ts";
import { makeGenerationId } from "./id.ts";
import { type GenerationWatch, type Observer, watchedAsk } from "./observer.ts";

/** How long it is remembered that one was stopped before it was started. */
const STOPPED_AHEAD_SECONDS = 60;

/** How many of those are remembered; the oldest goes first. */
const MAX_STOPPED_AHEAD = 10_000;

/** What all generations share, and what becomes of their answers. */
export interface GenerationsContext
  extends Omit<GenerationContext, "onFinish" | "onAttempt"> {
  /** Called whenever a model is asked once more. */
  onAttempt?: ((report: AttemptReport) => unknown) | undefined;
  /**
   * Called once for each answer; awaited before it is forgotten, and by
   * `drain()`, but for no longer than `retentionSeconds` and `drainSeconds`.
   */
  onFinish?: ((answer: FinishedAnswer) => unknown) | undefined;
  /** Called with what these two threw, and where one never settled. */
  onError?: ((error: unknown) => void) | undefined;
  /** Who watches. */
  observer?: Observer | undefined;
}

/** All generations of this server. */
export class Generations {
  readonly #context: GenerationsContext;
  readonly #byId = new Map<string, Generation>();
  /** Those that have ended, in that order, and when each is forgotten. */
  readonly #kept = new Map<Generation, Timer>();
  /** Those of them that count: one whose `onFinish` hangs pushes none out. */
  readonly #settled = new Set<Generation>();
  #settledCharacters = 0;
  /** Each `onFinish` that is still at work. */
  readonly #settling = new Set<Promise<void>>();
  /** Those that were stopped ahead, and when each is forgotten. */
  readonly #stoppedAhead = new Map<string, number>();
  #draining: PromiseWithResolvers<void> | undefined;

  /** Makes a registry that is empty. */
  constructor(context: GenerationsContext) {
    this.#context = context;
  }

  /** Whether no more generations are started. */
  get draining(): boolean {
    return this.#draining !== undefined;
  }

  /** How many are running. */
  get running(): number {
    return this.#byId.size - this.#kept.size;
  }

  /** How many have ended and can still be followed. */
  get kept(): number {
    return this.#kept.size;
  }

  /**
   * Starts one, which asks the model when it has a reader; one that was stopped
   * ahead has ended.
   */
  start(options: GenerationOptions): Generation {
    const { id = makeGenerationId() } = options;
    const { ask, observer, onAttempt, onError } = this.#context;
    const model = options.model ?? ask.model;
    const watch = guarded(
      () => observer?.onGeneration?.({ id, model }),
      onError,
    );
    const generation = new Generation({ ...options, id }, {
      ...this.#context,
      ask: watch === undefined ? ask : watchedAsk(ask, watch),
      onAttempt: (report) => settle(() => onAttempt?.(report), onError),
      onFinish: (answer) => this.#onFinish(generation, answer, watch),
    });
    this.#byId.set(generation.id, generation);
    const key = keyOf(generation.owner, generation.id);
    const forgottenAt = this.#stoppedAhead.get(key) ?? -Infinity;
    this.#stoppedAhead.delete(key);
    if (forgottenAt > this.#context.clock.now()) generation.stop("stopped");
    return generation;
  }

  /**
   * Remembers for a while that one which is not there is not wanted: what stops
   * it may overtake what starts it.
   */
  stopAhead(owner: string, id: string): void {
    const now = this.#context.clock.now();
    const key = keyOf(owner, id);
    this.#stoppedAhead.delete(key);
    this.#stoppedAhead.set(key, now + STOPPED_AHEAD_SECONDS * 1000);
    for (const [oldest, forgottenAt] of this.#stoppedAhead) {
      if (
        forgottenAt > now && this.#stoppedAhead.size <= MAX_STOPPED_AHEAD
      ) break;
      this.#stoppedAhead.delete(oldest);
    }
  }

  /** Finds one that runs or is kept. */
  get(id: string): Generation | undefined {
    return this.#byId.get(id);
  }

  /** Stops all that are running: this server is going. */
  stopAll(): void {
    for (const generation of this.#byId.values()) {
      generation.stop("interrupted");
    }
  }

  /**
   * Lets running generations finish for a while, and starts no more.
   *
   * @returns Resolves when none is running, and each `onFinish` has, or has had as
   * long again.
   */
  async drain(): Promise<void> {
    const { clock, limits } = this.#context;
    this.#draining ??= Promise.withResolvers();
    if (this.running > 0) {
      const timer = clock.setTimeout(
        () => this.stopAll(),
        limits.drainSeconds * 1000,
      );
      await this.#draining.promise;
      clock.clearTimeout(timer);
    }
    for (const timer of this.#kept.values()) clock.clearTimeout(timer);
    await this.#waitForSettling();
  }

  /** Waits for each `onFinish`, though for no longer than a drain may take. */
  async #waitForSettling(): Promise<void> {
    if (this.#settling.size === 0) return;
    const { clock, limits, onError } = this.#context;
    const settled = Promise.all(this.#settling);
    if (await within(clock, limits.drainSeconds * 1000, settled)) return;
    const error = neverSettled(limits.drainSeconds);
    guarded(() => onError?.(error), undefined);
  }

  #onFinish(
    generation: Generation,
    answer: FinishedAnswer,
    watch: GenerationWatch | undefined,
  ): void {
    const { onFinish, onError } = this.#context;
    guarded(() => watch?.onEnd?.(answer), onError);
    const settled = settle(() => onFinish?.(answer), onError);
    this.#keep(generation);
    if (settled === undefined) return this.#count(generation);
    this.#settling.add(settled);
    settled.then(() => {
      this.#settling.delete(settled);
      this.#count(generation);
    });
  }

  /** Keeps one that has ended. */
  #keep(generation: Generation): void {
    const { clock, limits, onError } = this.#context;
    const timer = clock.setTimeout(() => {
      const hasSettled = this.#settled.has(generation);
      this.#forget(generation);
      if (hasSettled) return;
      const error = neverSettled(limits.retentionSeconds);
      guarded(() => onError?.(error), undefined);
    }, limits.retentionSeconds * 1000);
    this.#kept.set(generation, timer);
    if (this.running === 0) this.#draining?.resolve();
  }

  /** Counts one whose `onFinish` has settled, for which the oldest may go. */
  #count(generation: Generation): void {
    if (!this.#kept.has(generation)) return;
    this.#settled.add(generation);
    this.#settledCharacters += generation.transcript.length;
    for (const oldest of this.#settled) {
      if (this.#settledCharacters <= this.#context.limits.retainedCharacters) {
        break;
      }
      this.#forget(oldest);
    }
  }

  #forget(generation: Generation): void {
    this.#context.clock.clearTimeout(this.#kept.get(generation));
    this.#kept.delete(generation);
    this.#byId.delete(generation.id);
    if (!this.#settled.delete(generation)) return;
    this.#settledCharacters -= generation.transcript.length;
  }
}

function neverSettled(seconds: number): Error {
  return new Error(
    `Cannot wait for onFinish: it has not settled in ${seconds} s`,
  );
}

function keyOf(owner: string, id: string): string {
  return `${id} ${owner}`;
}
