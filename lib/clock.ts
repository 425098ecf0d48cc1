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
