/** What a clock's `setTimeout` gives. */
export type Timer = ReturnType<typeof setTimeout>;

/** Where time comes from, so that tests can drive it. Milliseconds throughout. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Calls `callback` once, after `delay` milliseconds. */
  setTimeout(callback: () => void, delay: number): Timer;
  /** Cancels a timer; nothing happens if it has fired, or is `undefined`. */
  clearTimeout(timer: Timer | undefined): void;
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delay) => setTimeout(callback, delay),
  clearTimeout: (timer) => clearTimeout(timer),
};

/**
 * Waits, but no longer than so many milliseconds.
 *
 * @returns Whether what is waited for has come; rejects if that does in time.
 */
export async function within(
  clock: Clock,
  milliseconds: number,
  awaited: Promise<unknown>,
): Promise<boolean> {
  let timer: Timer | undefined;
  const late = new Promise<false>((resolve) => {
    timer = clock.setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([awaited.then(() => true), late]);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** From how late on a timer tells that the process stood still. */
const LATE = 1000;

/** How long it waits again then, for what came meanwhile to be read. */
const GRACE = 3000;

/**
 * A moment that can be put off for nothing: the timer looks again when it fires.
 *
 * If it fires late, the process stood still (a stopped container, a closed lid),
 * and not whoever is waited for: then it waits a little more.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #due: () => number;
  readonly #onDue: () => void;
  #timer: Timer | undefined;
  #firesAt = Infinity;
  #notBefore = 0;

  /**
   * Sets no timer yet.
   *
   * @param due Says when it is due, by the clock; `Infinity`: never.
   * @param onDue Called once it is.
   */
  constructor(clock: Clock, due: () => number, onDue: () => void) {
    this.#clock = clock;
    this.#due = due;
    this.#onDue = onDue;
  }

  /** To be called when it may be due earlier than before. */
  watch(): void {
    const due = Math.max(this.#due(), this.#notBefore);
    if (due >= this.#firesAt) return;
    this.clear();
    this.#firesAt = due;
    const delay = Math.max(0, due - this.#clock.now());
    this.#timer = this.#clock.setTimeout(() => this.#fire(), delay);
  }

  /** Ends the watch, until the next one. */
  clear(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#firesAt = Infinity;
  }

  #fire(): void {
    const now = this.#clock.now();
    const isLate = now - this.#firesAt > LATE;
    this.#firesAt = Infinity;
    if (isLate) this.#notBefore = now + GRACE;
    if (Math.max(this.#due(), this.#notBefore) > now) this.watch();
    else this.#onDue();
  }
}
