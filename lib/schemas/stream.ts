/**
 * Judges a document while it is being written.
 *
 * @module
 */

import { type Operation, unescapeKey } from "../json_patch.ts";
import { Judge, type ValidationResult } from "./judge.ts";
import { Stop } from "./meter.ts";
import type { Program } from "./nodes.ts";
import type { Pause } from "./validation.ts";
import type { Scalar } from "./values.ts";
import type { Violation } from "./violations.ts";

/** How many slices of work a token may cost at once. */
const SLICES_AT_ONCE = 2;
/** How many operations may wait to be judged. */
const MAX_WAITING = 5_000;
/** How much may be kept while a document is written: some 1 MB. */
const MAX_SIZE = 10_000;

/**
 * Judges one document by the operations that a `JsonPatchParser` makes of it.
 * What can be said of a value alone and for good is known when it closes, or
 * before: by its type, its length, its name. What stands under `anyOf`, `not`
 * or the like is known when that is decided.
 *
 * Nothing is kept of the document but what the verdicts need.
 */
export class StreamValidation {
  readonly #judge: Judge;
  /** Which of the open values are arrays. */
  readonly #open: boolean[] = [];
  /** A string's text so far. */
  #text: string | undefined;
  #hasStopped = false;
  #hasDuplicates = false;
  /** What has been fed and not judged yet. */
  readonly #waiting: Operation[][] = [];
  #waitingCount = 0;
  #reading: Generator<void> | undefined;
  #isLost = false;

  /**
   * Begins with a document.
   *
   * @param program What `compile` makes of a schema; it can be shared.
   */
  constructor(program: Program) {
    this.#judge = new Judge(program);
  }

  /**
   * Whether a name came twice: the last one counts, as in `JSON.parse`, and
   * what was said of the first must be forgotten. From then on, nothing is
   * judged: the value as a whole has to be.
   */
  get hasDuplicates(): boolean {
    return this.#hasDuplicates;
  }

  /**
   * What is wrong for good, so far, in the order in which it was found: ten at
   * most. (Only a name that comes twice can make it good.)
   */
  get violations(): Violation[] {
    return this.#judge.violations;
  }

  /** How many there are of those. */
  get violationCount(): number {
    return this.#judge.violationCount;
  }

  /** What is known when the document has ended, if no name came twice. */
  get result(): ValidationResult {
    return this.#judge.result;
  }

  /**
   * Takes what has just been written. It is judged at once, unless that takes
   * long: then it waits for the next call, or for `finish`.
   *
   * @param operations What a parser without `rawNumbers` makes of the text.
   */
  feed(operations: Operation[]): void {
    if (this.#isLost || operations.length === 0) return;
    const [first] = operations;
    // A string that goes on, as most do, waits for nothing.
    if (
      first!.op === "append" && operations.length === 1 &&
      this.#waiting.length === 0
    ) {
      return this.#append(first!.value);
    }
    this.#waiting.push(operations);
    this.#waitingCount += operations.length;
    for (let slices = 0; slices < SLICES_AT_ONCE; slices++) {
      if (this.#advance()) break;
    }
    if (this.#waitingCount > MAX_WAITING || this.#judge.size > MAX_SIZE) {
      this.#isLost = true;
      this.#waiting.length = 0;
      this.#reading = undefined;
    }
  }

  /**
   * Judges what waits.
   *
   * @param pause Called between two slices of work.
   * @returns What is known; `undefined` if the value as a whole has to be
   * judged: a name came twice, or it would have taken too long, or too much
   * memory, while the document was being written.
   */
  async finish(pause: Pause): Promise<ValidationResult | undefined> {
    while (!this.#advance()) await pause();
    return this.#isLost || this.#hasDuplicates ? undefined : this.result;
  }

  /** Judges what waits, up to the next pause; `true` if nothing waits. */
  #advance(): boolean {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return true;
      this.#reading ??= this.read(next);
      if (this.#reading.next().done !== true) return false;
      this.#reading = undefined;
      this.#waiting.shift();
      this.#waitingCount -= next.length;
    }
  }

  /**
   * Reads on. Each `yield` is a pause, after less than a millisecond or so;
   * it has to be read to its end before the next operations.
   *
   * @param operations What a parser without `rawNumbers` makes of the text.
   */
  *read(operations: Operation[]): Generator<void> {
    for (const operation of operations) {
      if (operation.op === "remove") this.#hasDuplicates = true;
      if (this.#isOver) continue;
      try {
        yield* this.#take(operation);
        const { meter } = this.#judge;
        if (meter.due) yield* meter.pause();
      } catch (error) {
        this.#stopAt(error);
      }
    }
  }

  /** Whether nothing is judged any more. */
  get #isOver(): boolean {
    return this.#hasDuplicates || this.#hasStopped;
  }

  #stopAt(error: unknown): void {
    if (!(error instanceof Stop)) throw error;
    this.#hasStopped = true;
  }

  /** A string goes on. */
  #append(value: string): void {
    if (this.#isOver) return;
    const before = this.#text!.length;
    this.#text += value;
    try {
      this.#judge.peek(this.#text!.length, before);
    } catch (error) {
      this.#stopAt(error);
    }
  }

  *#take(operation: Operation): Generator<void> {
    const judge = this.#judge;
    switch (operation.op) {
      case "add": {
        const { path, value } = operation;
        const isInArray = this.#open.at(-1);
        if (isInArray !== undefined) {
          const token = path.slice(path.lastIndexOf("/") + 1);
          judge.enter(isInArray ? Number(token) : unescapeKey(token));
        }
        if (typeof value === "string") {
          this.#text = value;
          judge.peek(value.length, -1);
        } else if (typeof value === "object" && value !== null) {
          this.#open.push(Array.isArray(value));
          judge.open(Array.isArray(value));
        } else judge.atom(value as Scalar);
        return;
      }
      case "append":
        return this.#append(operation.value);
      case "complete":
        if (this.#text === undefined) {
          this.#open.pop();
          yield* judge.close();
        } else {
          judge.atom(this.#text);
          this.#text = undefined;
        }
    }
  }
}
