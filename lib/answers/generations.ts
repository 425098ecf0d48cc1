/** All generations: started, found, kept for a while, forgotten. */

import type { Timer } from "../clock.ts";
import {
  Generation,
  type GenerationContext,
  type GenerationOptions,
} from "./generation.ts";

/** All generations of this server. */
export class Generations {
  readonly #context: GenerationContext;
  readonly #byId = new Map<string, Generation>();
  /** Those that have ended, in that order, and when each is forgotten. */
  readonly #kept = new Map<Generation, Timer>();
  #keptCharacters = 0;
  #draining: PromiseWithResolvers<void> | undefined;

  /** Makes a registry that is empty. */
  constructor(context: GenerationContext) {
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

  /** Starts one, which asks the model when it has a reader. */
  start(options: GenerationOptions): Generation {
    const generation = new Generation(options, {
      ...this.#context,
      onFinish: (report) => {
        this.#keep(generation);
        this.#context.onFinish?.(report);
      },
    });
    this.#byId.set(generation.id, generation);
    return generation;
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
   * @returns Resolves when none is running.
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
  }

  #keep(generation: Generation): void {
    const { clock, limits } = this.#context;
    const timer = clock.setTimeout(
      () => this.#forget(generation),
      limits.retentionSeconds * 1000,
    );
    this.#kept.set(generation, timer);
    this.#keptCharacters += generation.transcript.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptCharacters <= limits.retainedCharacters) break;
      this.#forget(oldest);
    }
    if (this.running === 0) this.#draining?.resolve();
  }

  #forget(generation: Generation): void {
    this.#context.clock.clearTimeout(this.#kept.get(generation));
    this.#kept.delete(generation);
    this.#byId.delete(generation.id);
    this.#keptCharacters -= generation.transcript.length;
  }
}
