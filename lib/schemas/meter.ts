/** Judging has ended before the document: it has cost, or told, too much. */
export class Stop extends Error {}

// Work is counted in units: one subschema, or something as small, looked at for
// one value.
/** Between two pauses; 0.1 to 1 ms. */
const WORK_AT_ONCE = 2_000;
/** For a document, and for each of its values so much more. */
export const WORK = 2_000_000;
export const WORK_PER_VALUE = 32;
/** How many subschemas and links the states may hold: some 20 MB. */
const MAX_STATES = 200_000;

/** Counts what it costs to judge a document. */
export class Meter {
  work = 0;
  /** How many subschemas and links there are in the states. */
  states = 0;
  #pauseAt = WORK_AT_ONCE;
  #budget = WORK;

  /** There is one value more. */
  allow(): void {
    this.#budget += WORK_PER_VALUE;
  }

  /** Whether a `pause()` is due. */
  get due(): boolean {
    return this.work >= this.#pauseAt;
  }

  /**
   * A pause.
   *
   * @throws {Stop} If it has become too much.
   */
  *pause(): Generator<void> {
    yield;
    if (this.work > this.#budget || this.states > MAX_STATES) throw new Stop();
    this.#pauseAt = this.work + WORK_AT_ONCE;
  }
}
