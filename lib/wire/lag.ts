/** How late the event loop is, and what follows from that. */

import type { Clock, Timer } from "../clock.ts";

/** How often it is looked, in milliseconds. */
const PERIOD = 100;

/** The longest that a pause becomes by lag, in milliseconds. */
const LONGEST_PAUSE = 250;

/**
 * What a collection of garbage takes, or another process, is no lag: by larger
 * events a loop that is not too busy would only be later.
 */
const NO_LAG = 4;

/**
 * While the loop is late a pause becomes longer with each look, from so many
 * milliseconds on, and then shorter again. To follow the lag itself is not
 * enough: a turn of a loop that is far behind need not take long, as what it has
 * not come to waits in sockets.
 */
const FIRST_STRETCH = 10;
const LONGER = 1.5;
const SHORTER = 0.9;

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
  /** How long a pause is by the lag. */
  #pause = 0;
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

  /** Stretches a pause while the loop is late, up to a quarter of a second. */
  stretch(pause: number): number {
    return Math.max(pause, this.#pause);
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
      this.#last =
        this.#mean =
        this.#pause =
        this.#tooLate =
          0;
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
    this.#pause = lag > NO_LAG
      ? Math.min(LONGEST_PAUSE, Math.max(FIRST_STRETCH, LONGER * this.#pause))
      : this.#pause < FIRST_STRETCH
      ? 0
      : SHORTER * this.#pause;
    if (late < TOO_LATE) this.#tooLate = 0;
    else if (this.#tooLate++ === 0) this.#since = this.#due;
    this.#lookLater();
  }
}
