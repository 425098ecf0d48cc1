/**
 * Judges a document while it is being written.
 *
 * @module
 */

import { type Operation, unescapeKey } from "../json_patch.ts";
import { Judge, Stop, type ValidationResult } from "./judge.ts";
import { compile } from "./nodes.ts";
import type { JsonSchema } from "./schema.ts";
import type { Scalar } from "./values.ts";
import type { Violation } from "./violations.ts";

/**
 * Judges one document by the operations that a `JsonPatchParser` makes of it.
 * What can be said of a value alone and for good is known when it closes, or
 * before; whatever stands under `anyOf`, `not` or the like, when that is
 * decided.
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

  /**
   * Begins with a document.
   *
   * @param schema One that `checkSchema` has passed.
   */
  constructor(schema: JsonSchema) {
    this.#judge = new Judge(compile(schema));
  }

  /**
   * Whether a name came twice: the last one counts, as in `JSON.parse`, and
   * what was said of the first must be forgotten. From then on, nothing is
   * judged: the value as a whole has to be.
   */
  get hasDuplicates(): boolean {
    return this.#hasDuplicates;
  }

  /** What is wrong for good, so far, in the order in which it was found. */
  get violations(): Violation[] {
    return this.#judge.violations;
  }

  /** What is known when the document has ended, if no name came twice. */
  get result(): ValidationResult {
    return this.#judge.result;
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
      if (this.#hasDuplicates || this.#hasStopped) continue;
      try {
        yield* this.#take(operation);
        if (this.#judge.due) {
          yield;
          this.#judge.resume();
        }
      } catch (error) {
        if (!(error instanceof Stop)) throw error;
        this.#hasStopped = true;
      }
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
      case "append": {
        const before = this.#text!.length;
        this.#text += operation.value;
        judge.peek(this.#text!.length, before);
        return;
      }
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
