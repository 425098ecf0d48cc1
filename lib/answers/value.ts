import type { Mending } from "../mending.ts";
import { JsonPatchParser, JsonSyntaxError } from "../parser.ts";
import type { ValidationResult } from "../schemas/judge.ts";
import { compile } from "../schemas/nodes.ts";
import { StreamValidation } from "../schemas/stream.ts";
import type { Pause } from "../schemas/validation.ts";
import type { Violation } from "../schemas/violations.ts";
import { AnswerReader } from "./reading.ts";
import type { SnapshotOptions } from "./snapshot.ts";
import type { Run } from "./transcript.ts";

/**
 * The value as far as a model has written it: what decides the outcome, whether
 * or not anybody is following. Nothing is kept of it.
 */
export class WrittenValue {
  readonly #options: SnapshotOptions;
  readonly #answer: AnswerReader;
  #parser: JsonPatchParser;
  #validation: StreamValidation | undefined;
  /** How many violations have been told of. */
  #told = 0;
  #fault: JsonSyntaxError | undefined;
  #isShown = false;
  #pointers = 0;

  /**
   * Begins with an answer.
   *
   * @param options What is known of its value. With a schema, it is judged.
   */
  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#answer = new AnswerReader(options);
    this.#parser = new JsonPatchParser(options);
    this.#validation = this.#validate();
  }

  /** Where it stopped being JSON, which may yet turn out to be none. */
  get fault(): JsonSyntaxError | undefined {
    return this.#fault;
  }

  /** Whether readers have seen any of it, or of the thinking. */
  get isShown(): boolean {
    return this.#isShown;
  }

  /** How long the pointers are together that readers are sent. */
  get pointers(): number {
    return this.#pointers;
  }

  /** Whether it is whole, as far as the model has said. */
  get isComplete(): boolean {
    return this.#parser.complete && !this.#answer.envelope.withdrawn;
  }

  /** Whether nothing that the model may still say takes it back. */
  get isBare(): boolean {
    return this.#answer.envelope.bare;
  }

  /** Whether it has begun, or a bracket came that holds none. */
  get began(): boolean {
    return this.#answer.envelope.began;
  }

  /** Whether it has begun and not ended. */
  get isOpen(): boolean {
    return this.began && !this.#parser.complete;
  }

  /** Whether what is read next stands in one of its strings. */
  get inString(): boolean {
    return this.#answer.envelope.inString;
  }

  /** The kinds of slips that have been mended. */
  get mended(): Mending[] {
    return this.#answer.envelope.mended;
  }

  /** The field that is being written. */
  get path(): string {
    return this.#parser.path;
  }

  /**
   * Reads the next run.
   *
   * @throws {JsonBoundsError} If it is too deep, or has too long a pointer.
   */
  read(run: Run): void {
    for (const piece of this.#answer.read(run)) {
      switch (piece.type) {
        case "reasoning":
          this.#isShown ||= piece.text !== "";
          break;
        case "restart":
          this.#restart();
          break;
        case "json":
          this.#parse(piece.text);
      }
    }
  }

  /** What has been found wrong with it, for good, and has not been told of. */
  takeViolations(): Violation[] {
    const count = this.#validation?.violationCount ?? 0;
    if (count === this.#told || this.#validation!.hasDuplicates) return [];
    const found = this.#validation!.violations.slice(this.#told);
    this.#told = count;
    for (const { pointer } of found) this.#pointers += pointer.length;
    return found;
  }

  /** What has been found wrong with it, for good. */
  get violations(): Violation[] {
    return this.#validation?.violations ?? [];
  }

  /**
   * Judges what has not been judged yet.
   *
   * @param pause Called between two slices of work.
   * @returns What is known; `undefined` if that takes reading it once more.
   */
  async validate(pause: Pause): Promise<ValidationResult | undefined> {
    return await this.#validation?.finish(pause);
  }

  /** Behind prose, what is not JSON may have been thinking. */
  #parse(json: string): void {
    if (this.#fault !== undefined) return;
    try {
      const operations = this.#parser.write(json);
      this.#isShown ||= operations.length > 0;
      for (const { op, path } of operations) {
        if (op === "complete" || op === "remove") this.#pointers += path.length;
      }
      this.#validation?.feed(operations);
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      this.#fault = error;
    }
  }

  /** What came so far was not the value. */
  #restart(): void {
    this.#parser = new JsonPatchParser(this.#options);
    this.#validation = this.#validate();
    this.#told = 0;
    this.#fault = undefined;
  }

  #validate(): StreamValidation | undefined {
    const { schema } = this.#options;
    return schema && new StreamValidation(compile(schema));
  }
}
