/** Who is let in: what is counted of a client, here and over all instances. */

import type { Generations } from "../answers/generations.ts";
import type { Limits } from "../answers/limits.ts";
import type { Clock } from "../clock.ts";
import type { Instances } from "../stores/instances.ts";
import { type Budgets, resumeCost } from "../wire/budgets.ts";
import { HttpError, refuse, retryAfter, tooMany } from "../wire/http_error.ts";
import { Lag } from "../wire/lag.ts";
import { WORDS } from "../wire/messages.ts";

/** A stream that is counted. */
export interface OpenStream {
  /** Counts it no more; to be called once. */
  close: () => void;
  /**
   * Rejects if all instances together have too many; `undefined`: there is one
   * instance, and nothing to wait for.
   */
  opened: Promise<void> | undefined;
}

/** What is counted, and where. */
export interface AdmissionContext {
  generations: Generations;
  budgets: Budgets;
  limits: Limits;
  clock: Clock;
  /** Those that share a store; `undefined`: there is one. */
  instances?: Instances | undefined;
}

/** Lets requests in, or throws what they are refused with. */
export class Admission {
  readonly #context: AdmissionContext;

  constructor(context: AdmissionContext) {
    this.#context = context;
  }

  /** Refuses what would start a generation where none can be; counts nothing. */
  lookForGeneration(client: string): void {
    this.#checkRoom();
    refuse(this.#context.budgets.lookForGeneration(client));
  }

  /** Counts a generation here. */
  countGeneration(client: string): void {
    this.#checkRoom();
    refuse(this.#context.budgets.countGeneration(client));
  }

  /** Counts a generation over all instances. */
  async countSharedGeneration(client: string): Promise<void> {
    const { generationsPerMinute } = this.#context.limits;
    await this.#spend(`g:${client}`, 1, generationsPerMinute);
  }

  /** Refuses a request that has asked too often already; counts nothing. */
  lookForResume(client: string): void {
    refuse(this.#context.budgets.lookForResume(client));
  }

  /** Counts a request that starts nothing, here only. */
  countResumeHere(client: string, work = 0): void {
    refuse(this.#context.budgets.countResume(client, work));
  }

  /** Counts a request that starts nothing, here and over all instances. */
  async countResume(client: string, work = 0): Promise<void> {
    this.countResumeHere(client, work);
    const { resumesPerMinute } = this.#context.limits;
    await this.#spend(`r:${client}`, resumeCost(work), resumesPerMinute);
  }

  /**
   * Opens a stream, if there is room: here at once, and over all instances, where
   * there are several, when `opened` resolves.
   */
  openStream(client: string): OpenStream {
    const { budgets, instances } = this.#context;
    const close = budgets.openStream(client);
    if (typeof close !== "function") throw tooMany(close);
    if (instances === undefined) return { close, opened: undefined };
    const shared = instances.openStream(client);
    return {
      close: () => {
        close();
        shared.close();
      },
      opened: shared.isWithin.then((isWithin) => {
        if (isWithin) return;
        throw tooMany({ code: "too_many_streams", retryAfter: 5 });
      }),
    };
  }

  /** Refuses to start anything where nothing can. */
  #checkRoom(): void {
    const { generations, limits, clock } = this.#context;
    if (generations.draining) {
      throw new HttpError(503, "draining", WORDS.draining, retryAfter(5));
    }
    if (generations.running >= limits.streams || Lag.of(clock).isTooMuch) {
      throw new HttpError(503, "overloaded", WORDS.overloaded, retryAfter(5));
    }
  }

  /** Takes from a budget of all instances, if there are several. */
  async #spend(key: string, cost: number, perMinute: number): Promise<void> {
    const wait = await this.#context.instances?.spend(key, cost, perMinute);
    if (!wait) return;
    const retryAfter = Math.ceil(wait / 1000);
    throw tooMany({ code: "too_many_streams", retryAfter });
  }
}
