import { type Clock, Deadline } from "../clock.ts";
import type { Limits } from "./limits.ts";

/** How long a model that has said all may take to hang up, in milliseconds. */
const SETTLING = 900;

/** How long a model is waited for: in one request, and in all together. */
export class Patience {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #deadline: Deadline;
  #askedAt = Infinity;
  #firstWordAt: number | undefined;
  /** Whether this request has brought a word. */
  #hasSpoken = false;
  /** When the provider last sent anything. */
  #heardAt = Infinity;
  /** When it is over, unless the model goes on. */
  #settledAt = Infinity;

  /**
   * Waits for nothing yet.
   *
   * @param onDue Called when the model is waited for no longer.
   */
  constructor(clock: Clock, limits: Limits, onDue: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#deadline = new Deadline(
      clock,
      () => Math.min(this.#giveUpAt, this.#settledAt),
      onDue,
    );
  }

  /** Whether the model has been asked at all. */
  get hasAsked(): boolean {
    return this.#askedAt !== Infinity;
  }

  /** When it said its first word; `undefined` if it has said none. */
  get firstWordAt(): number | undefined {
    return this.#firstWordAt;
  }

  /** How long it is waited for yet that says nothing, in milliseconds. */
  get rest(): number {
    return this.#giveUpAt - this.#clock.now();
  }

  /** What a model that is waited for no longer has not done, for the log. */
  get fault(): Error {
    const { generationSeconds } = this.#limits;
    const isEndless =
      this.#askedAt + generationSeconds * 1000 <= this.#clock.now();
    const name = isEndless
      ? "generationSeconds"
      : this.#hasSpoken
      ? "tokenGapSeconds"
      : "firstTokenSeconds";
    const what = isEndless ? "has not finished" : "has sent nothing";
    return new Error(
      `The provider ${what} for ${
        this.#limits[name]
      } s (see ${name} in LIMITS)`,
    );
  }

  get #giveUpAt(): number {
    const { firstTokenSeconds, tokenGapSeconds, generationSeconds } =
      this.#limits;
    const silence = this.#hasSpoken ? tokenGapSeconds : firstTokenSeconds;
    return Math.min(
      this.#heardAt + silence * 1000,
      this.#askedAt + generationSeconds * 1000,
    );
  }

  /** The model is asked. */
  ask(): void {
    const now = this.#clock.now();
    if (!this.hasAsked) this.#askedAt = now;
    this.#heardAt = now;
    this.#hasSpoken = false;
    this.#settledAt = Infinity;
    this.#deadline.watch();
  }

  /** The provider has sent something. */
  hear(): void {
    this.#heardAt = this.#clock.now();
  }

  /**
   * What it has sent is a word.
   *
   * @returns Whether it is the request's first.
   */
  hearWord(): boolean {
    if (this.#hasSpoken) return false;
    this.#hasSpoken = true;
    this.#firstWordAt ??= this.#heardAt;
    this.#deadline.watch();
    return true;
  }

  /** The model has said all: it is over in a moment, unless it goes on. */
  settle(): void {
    const settledAt = this.#clock.now() + SETTLING;
    this.#settledAt = Math.min(this.#settledAt, settledAt);
    this.#deadline.watch();
  }

  /** The model goes on. */
  unsettle(): void {
    this.#settledAt = Infinity;
  }

  /** The model is not waited for until it is asked again. */
  clear(): void {
    this.#deadline.clear();
  }
}
