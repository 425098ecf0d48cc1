/** How late the event loop is, and what follows from that. */

import type { Clock, Timer } from "../clock.ts";

/** How often it is looked, in milliseconds. */
const PERIOD = 100;

/** The longest that a pause becomes by lag, in milliseconds. */
const LONGEST_PAUSE = 250;

/**
 * A pause is so many times the lag: most of the time is left for reading. What a
 * collection of garbage takes, or another process, is none: by larger events a
 * loop that is not too busy would only be later.
 */
const STRETCH = 4;
const NO_LAG = 10;

/** From how late on the loop serves everybody badly, in milliseconds. */
const TOO_LATE = 1000;

/** How long that has to go on, in milliseconds, and how often it is seen. */
const ENDURING = 5000;
const SEEN = 3;

/** By their clocks: there is one event loop, so all who use one share it. */
const lags = new WeakMap<Clock, Lag>();

/**
 * The lag of an event loop: by how much a timer fires late. Looked at while
 * anybody wants to know, by one timer however many do.
 *
 * A single late look is none: a closed lid, or a container that was stopped.
 */
export class Lag {
  readonly #clock: Clock;
  #watchers = 0;
  #timer: Timer | undefined;
  #due = 0;
  /** How late the last look was. */
  #last = 0;
  /** The mean, in which the last looks weigh most. */
  #mean = 0;
  /** How many looks in a row were far too late, and since when. */
  #tooLate = 0;
  #since = 0;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The lag of the loop that a clock belongs to. */
  static of(clock: Clock): Lag {
    const lag = lags.get(clock) ?? new Lag(clock);
    lags.set(clock, lag);
    return lag;
  }

  /** How late the loop is, in milliseconds; 0 while nobody watches. */
  get milliseconds(): number {
    return this.#mean;
  }

  /** Whether it has been so late for seconds on end that nobody is served well. */
  get isTooMuch(): boolean {
    return this.#tooLate >= SEEN &&
      this.#clock.now() - this.#since >= ENDURING;
  }

  /** Stretches a pause by what the loop is late, up to a quarter of a second. */
  stretch(pause: number): number {
    const lag = this.#mean - NO_LAG;
    return Math.max(pause, Math.min(LONGEST_PAUSE, STRETCH * lag));
  }

  /**
   * Looks from now on.
   *
   * @returns What ends it; to be called once.
   */
  watch(): () => void {
    if (this.#watchers++ === 0) this.#lookLater();
    return () => {
      if (--this.#watchers > 0) return;
      this.#clock.clearTimeout(this.#timer);
      this.#last = this.#mean = this.#tooLate = 0;
    };
  }

  #lookLater(): void {
    this.#due = this.#clock.now() + PERIOD;
    this.#timer = this.#clock.setTimeout(() => this.#look(), PERIOD);
  }

  #look(): void {
    const late = Math.max(0, this.#clock.now() - this.#due);
    // Of two that follow each other the smaller one: one alone says nothing.
    const lag = Math.min(late, this.#last, TOO_LATE);
    this.#last = late;
    this.#mean += (lag - this.#mean) / 4;
    if (late < TOO_LATE) this.#tooLate = 0;
    else if (this.#tooLate++ === 0) this.#since = this.#due;
    this.#lookLater();
  }
}
