import type { Clock } from "../clock.ts";

/** How long work may keep others waiting, in milliseconds. */
const TURN = 5;

/** Work that asks more often whether its turn is over is long. */
const SHORT = 32;

/**
 * Resolves when all long work is done that has begun. There is one queue in a
 * process, for it is the process's memory that it is about.
 */
let queue: Promise<void> = Promise.resolve();

/**
 * Cuts work into turns, between which the event loop serves others. Long work
 * is done one at a time: its memory does not add up.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** When the turn is over. */
  #end: number;
  #calls = 0;
  #leave: (() => void) | undefined;

  /**
   * The first turn begins now.
   *
   * @param clock Tells how long a turn has been, and waits for the next one.
   * @param signal Says that the work is not wanted any more.
   */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#end = clock.now() + TURN;
  }

  /**
   * To be called after each small piece of work: gives what to wait for if the
   * turn is over, which rejects with the signal's reason if that is aborted.
   */
  readonly pause = (): Promise<void> | undefined => {
    if (++this.#calls === SHORT) return this.#queueUp();
    return this.#clock.now() < this.#end ? undefined : this.#wait();
  };

  /** The work is done, or has been given up. */
  done(): void {
    this.#leave?.();
  }

  async #queueUp(): Promise<void> {
    const before = queue;
    const { promise, resolve } = Promise.withResolvers<void>();
    queue = before.then(() => promise);
    this.#leave = resolve;
    await before;
    await this.#wait();
  }

  async #wait(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, 0));
    this.#signal.throwIfAborted();
    this.#end = this.#clock.now() + TURN;
  }
}
