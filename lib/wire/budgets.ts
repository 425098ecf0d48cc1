/** How much a client may: streams at a time, generations and resumes a minute. */

import { RateLimiter } from "limiter";
import { LRUCache } from "lru-cache";
import type { Limits } from "../answers/limits.ts";

/** Why a request has to wait. */
export interface Refusal {
  code: "too_many_streams" | "overloaded";
  /** After how many seconds it may come again. */
  retryAfter: number;
}

/** Which limits the budgets go by. */
export type BudgetLimits = Pick<
  Limits,
  "streams" | "streamsPerClient" | "generationsPerMinute" | "resumesPerMinute"
>;

/** What the clients of one server have used up. */
export class Budgets {
  readonly #limits: BudgetLimits;
  readonly #generations: Budget;
  readonly #resumes: Budget;
  readonly #streams = new Map<string, number>();
  #open = 0;

  /** Makes budgets of which nothing is used up. */
  constructor(limits: BudgetLimits) {
    this.#limits = limits;
    this.#generations = new Budget(limits.generationsPerMinute);
    this.#resumes = new Budget(limits.resumesPerMinute);
  }

  /** How many streams are open. */
  get openStreams(): number {
    return this.#open;
  }

  /** Whether one more generation could be counted now; counts nothing. */
  lookForGeneration(client: string): Refusal | undefined {
    return this.#generations.look(client, 1);
  }

  /** Counts one more generation. */
  countGeneration(client: string): Refusal | undefined {
    return this.#generations.spend(client);
  }

  /** Whether one more request that starts nothing could be counted now. */
  lookForResume(client: string): Refusal | undefined {
    return this.#resumes.look(client, 1);
  }

  /**
   * Counts one more request that starts nothing, and the work it makes.
   *
   * @param work How much is read again and sent for it, in UTF-16 units.
   */
  countResume(client: string, work = 0): Refusal | undefined {
    return this.#resumes.spend(client, resumeCost(work));
  }

  /**
   * Opens a stream, if there is room.
   *
   * @returns What closes it again, once; or why it cannot be opened.
   */
  openStream(client: string): (() => void) | Refusal {
    const { streams, streamsPerClient } = this.#limits;
    if (this.#open >= streams) return { code: "overloaded", retryAfter: 5 };
    const own = this.#streams.get(client) ?? 0;
    if (own >= streamsPerClient) {
      return { code: "too_many_streams", retryAfter: 5 };
    }
    this.#open++;
    this.#streams.set(client, own + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#open--;
      const rest = this.#streams.get(client)! - 1;
      if (rest === 0) this.#streams.delete(client);
      else this.#streams.set(client, rest);
    };
  }
}

/** So much work, in UTF-16 units, counts as one resume more. */
export const RESUMED_UNITS = 50_000;

/** As how many requests a resume counts. */
export function resumeCost(work: number): number {
  return 1 + Math.floor(work / RESUMED_UNITS);
}

/** How many clients a budget remembers; the one unseen for longest goes. */
export const CLIENTS = 10_000;

/** So many requests a minute for each client. */
class Budget {
  readonly #perMinute: number;
  readonly #limiters = new LRUCache<string, RateLimiter>({ max: CLIENTS });

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  look(client: string, requests: number): Refusal | undefined {
    // What waits for none has it.
    const wait = this.#limiters.get(client)?.getWaitTime(requests) ?? 0;
    if (wait === 0) return undefined;
    return { code: "too_many_streams", retryAfter: Math.ceil(wait / 1000) };
  }

  spend(client: string, requests = 1): Refusal | undefined {
    requests = Math.min(requests, this.#perMinute);
    let limiter = this.#limiters.get(client);
    if (limiter === undefined) {
      const tokensPerInterval = this.#perMinute;
      limiter = new RateLimiter({ tokensPerInterval, interval: "minute" });
      this.#limiters.set(client, limiter);
    }
    return limiter.tryRemoveTokens(requests)
      ? undefined
      : this.look(client, requests);
  }
}
