/** A transcript to Server-Sent Events, a bounded batch at a time. */

import { AnswerReader } from "../answers/reading.ts";
import type {
  AttemptMarker,
  Run,
  Transcript,
  TranscriptReader,
} from "../answers/transcript.ts";
import type { EnvelopeOptions } from "../envelope.ts";
import type { Operation } from "../json_patch.ts";
import type { Language } from "../language.ts";
import {
  JsonBoundsError,
  JsonPatchParser,
  JsonSyntaxError,
} from "../parser.ts";
import { IncrementalProcessor } from "../processor.ts";
import { ChoiceHold, MAX_CHOICE } from "../schemas/choices.ts";
import { compile } from "../schemas/nodes.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import type { Violation } from "../schemas/violations.ts";
import { toWords } from "./messages.ts";
import { formatEvent, formatEventId } from "./sse.ts";

/** Of which transcript events are made. */
export interface EventsOptions extends EnvelopeOptions {
  /** The generation's id. */
  id: string;
  transcript: Transcript;
  /** How many objects and arrays may stand in one another. */
  maxDepth: number;
  /** Says which strings are shown whole. One that `checkSchema` has passed. */
  schema?: JsonSchema | undefined;
  /**
   * In which language it is said what is invalid.
   *
   * @default {"zh"}
   */
  language?: Language;
}

/** Where a connection's events come from. */
export interface Events {
  /** Whether there is more. */
  readonly isBehind: boolean;
  /**
   * Reads some of what the client has, as if it had been sent.
   *
   * @returns Whether there is more of it here; until there is none, no batch is
   * made.
   */
  skip(): boolean;
  /**
   * Makes the next batch.
   *
   * @returns Events; `""` if what was looked at shows nothing.
   */
  next(): string;
}

/** How much text goes into a batch, in UTF-16 units. */
const MAX_UNITS = 65_536;

/** The most that a batch may take, in bytes; so no event is larger. */
export const MAX_BYTES = 262_144;

/** The longest pointer and the longest number, in UTF-16 units: the parser's. */
const MAX_POINTER = 1_024;
const MAX_NUMBER = 1_024;

/** The most that a UTF-16 unit takes in JSON text, in bytes: `\u0000`. */
const UNIT = 6;

/** How much of what a client has is read at a stretch, in UTF-16 units. */
const MAX_SKIP = 65_536;

/** What stands around the data of an event, and around a value in it, in bytes. */
const FRAME = 128;
const VALUE = 24;

/** The most that one of `invalid` takes, and what stands around it, in bytes. */
const MAX_FINDING = UNIT * (MAX_POINTER + 200) + 256;

/**
 * What a batch may take whatever its text, in bytes: the longest pointer in each
 * of `data`, `reset` and `complete`, a number, a string that was held back, and
 * one of `invalid`.
 */
export const BYTES_PER_BATCH = 3 * UNIT * MAX_POINTER + 2 * MAX_NUMBER +
  UNIT * MAX_CHOICE + MAX_FINDING;

/** What it may take besides for each UTF-16 unit of its text, in bytes. */
export const BYTES_PER_UNIT = 64;

/** After so much text at the latest, what was made of it is counted. */
const SLICE = 64;

/** An event that is being made, and how much text it accounts for. */
type Draft =
  | { type: "reasoning"; text: string; end: number }
  | { type: "attempt"; marker: AttemptMarker; end: number }
  | {
    type: "chunk";
    operations: Operation[];
    invalid: Violation[];
    end: number;
  };

/**
 * Makes the events for what a client does not have, as few as there are runs of
 * reasoning or of text.
 *
 * What is made is bounded, not only what is read: a batch is fed from slices of
 * the text until it is full. It cannot be cut afterwards: of two events with one
 * offset, a client that resumes would miss the second. The work is linear in the
 * text and in what is made.
 */
export class EventMaker implements Events {
  readonly #options: EventsOptions;
  readonly #transcript: Transcript;
  readonly #reader: TranscriptReader;
  readonly #answer: AnswerReader;
  #parser: JsonPatchParser;
  /** Holds back what is shown whole. */
  #hold: ChoiceHold | undefined;
  /** Whether the parser has met something that is not JSON. */
  #broken = false;
  /** Whether the client has been shown something of the value. */
  #shown = false;
  /** Whether the client has a value that was none, which the next delta resets. */
  #stale = false;
  /** Makes deltas of the parser's operations. */
  readonly #processor = new IncrementalProcessor({ keepValues: false });
  /** Up to where nothing is made: the client has it. */
  readonly #had: number;
  /** The batch that is being made, and at most how many bytes it takes. */
  #drafts: Draft[] = [];
  #bytes = 0;

  /**
   * Makes one that goes on where a client is.
   *
   * @param options What the events are made of.
   * @param offset UTF-16 units of the transcript that the client has. What of it
   * is not here yet, since another instance writes it, is waited for.
   */
  constructor(options: EventsOptions, offset: number) {
    this.#options = options;
    this.#transcript = options.transcript;
    this.#had = offset;
    this.#reader = options.transcript.read();
    this.#answer = new AnswerReader(options);
    this.#parser = this.#createParser();
    this.#hold = this.#createHold();
  }

  /** How much of the transcript has been looked at. */
  get offset(): number {
    return this.#reader.offset;
  }

  get isBehind(): boolean {
    return this.#reader.offset < this.#transcript.length;
  }

  skip(): boolean {
    const had = Math.min(this.#had, this.#transcript.length);
    const to = Math.min(had, this.#reader.offset + MAX_SKIP);
    while (this.#reader.offset < to) {
      const run = this.#reader.next(to - this.#reader.offset)!;
      for (const piece of this.#answer.read(run)) {
        if (piece.type === "restart") this.#restart();
        else if (piece.type === "json") this.#parse(piece.text);
      }
    }
    return to < had;
  }

  next(): string {
    const from = this.#reader.offset;
    this.#drafts = [];
    this.#bytes = 0;
    for (let units = 0; this.isBehind; units = this.#reader.offset - from) {
      const size = Math.min(this.#roomFor(units), MAX_UNITS - units);
      // A surrogate pair has two units, for which there is room at first.
      if (size < 2 && units > 0) break;
      this.#take(this.#reader.next(Math.max(size, 2))!);
    }
    let frames = "";
    for (const draft of this.#drafts) frames += this.#format(draft);
    return frames;
  }

  /** How much text may be taken now, whatever it is, of a batch that has some. */
  #roomFor(units: number): number {
    const bound = Math.min(MAX_BYTES, BYTES_PER_BATCH + BYTES_PER_UNIT * units);
    const { path } = this.#parser;
    // What has begun and is not in the batch yet: a key, a number, a string that
    // is held back. And what comes next may be said to be invalid.
    const held = UNIT * (MAX_POINTER - path.length) + MAX_NUMBER +
      (this.#hold?.holds ? UNIT * MAX_CHOICE : 0) + MAX_FINDING;
    // Each unit may complete a value.
    const most = bytesOf(path) + UNIT * SLICE + VALUE;
    return Math.min(SLICE, Math.floor((bound - held - this.#bytes) / most));
  }

  /** Adds the next slice of the transcript to the batch. */
  #take(run: Run): void {
    const end = this.#reader.offset;
    if (run.type === "invalid") this.#find(run.violation, end);
    if (run.type === "attempt") {
      this.#drafts.push({ type: "attempt", marker: run, end });
      this.#bytes += 2 * FRAME;
    }
    for (const piece of this.#answer.read(run)) {
      const offset = end - run.text.length + piece.end;
      switch (piece.type) {
        case "reasoning":
          this.#think(piece.text, offset);
          break;
        case "restart":
          this.#restart();
          break;
        case "json":
          this.#change(this.#parse(piece.text), offset);
      }
    }
    // What comes behind it shows nothing yet.
    const last = this.#drafts.at(-1);
    if (last !== undefined) last.end = end;
  }

  #think(text: string, end: number): void {
    const last = this.#drafts.at(-1);
    const isMore = last?.type === "reasoning";
    if (isMore) {
      last.text += text;
      last.end = end;
    } else {
      this.#drafts.push({ type: "reasoning", text, end });
    }
    if (this.isBehind) this.#bytes += bytesOf(text) + (isMore ? 0 : FRAME);
  }

  #change(operations: Operation[], end: number): void {
    if (operations.length === 0) return;
    const last = this.#drafts.at(-1);
    const isMore = last?.type === "chunk";
    if (isMore) {
      last.operations.push(...operations);
      last.end = end;
    } else {
      this.#drafts.push({ type: "chunk", operations, invalid: [], end });
    }
    // What is last is not counted any more: most tokens are.
    if (!this.isBehind) return;
    if (!isMore) this.#bytes += FRAME + nestedBytesOf(operations[0]!.path);
    for (const operation of operations) this.#bytes += costOf(operation);
  }

  /** Says beside what was changed last what is wrong with it. */
  #find(violation: Violation, end: number): void {
    const last = this.#drafts.at(-1);
    if (last?.type === "chunk") last.invalid.push(violation);
    else {
      const invalid = [violation];
      this.#drafts.push({ type: "chunk", operations: [], invalid, end });
    }
    this.#bytes += MAX_FINDING;
  }

  /** Begins the value anew. */
  #restart(): void {
    this.#parser = this.#createParser();
    this.#hold = this.#createHold();
    this.#broken = false;
    this.#stale ||= this.#shown;
    this.#shown = false;
  }

  #createParser(): JsonPatchParser {
    const { maxDepth } = this.#options;
    return new JsonPatchParser({ maxDepth, rawNumbers: true });
  }

  #createHold(): ChoiceHold | undefined {
    const { schema } = this.#options;
    return schema && new ChoiceHold(compile(schema));
  }

  /** What the text changes; where the value has begun anew, the old one goes. */
  #parse(json: string): Operation[] {
    const parsed = this.#parseMore(json);
    const operations = this.#hold?.read(parsed) ?? parsed;
    if (operations.length === 0) return operations;
    this.#shown = true;
    if (!this.#stale) return operations;
    this.#stale = false;
    return [{ op: "remove", path: "" }, ...operations];
  }

  /** What the parser makes of it; what it rejects, the generation judges. */
  #parseMore(json: string): Operation[] {
    if (this.#broken) return [];
    try {
      return this.#parser.write(json);
    } catch (error) {
      if (
        error instanceof JsonSyntaxError || error instanceof JsonBoundsError
      ) {
        this.#broken = true;
        return error.operations;
      }
      throw error;
    }
  }

  #format(draft: Draft): string {
    const { id: generation } = this.#options;
    const id = formatEventId({ generation, offset: draft.end });
    if (draft.type === "reasoning") {
      const event = { status: "reasoning", data: draft.text };
      return formatEvent(id, JSON.stringify(event));
    }
    if (draft.type === "attempt") {
      const { attempt, reason, continues } = draft.marker;
      const event = { status: "attempt", attempt, reason, continues };
      return formatEvent(id, JSON.stringify(event));
    }
    const { operations, invalid } = draft;
    // An empty object changes nothing.
    const delta = operations.length === 0
      ? { data: {} }
      : this.#processor.processPatch(operations);
    const event = { status: "chunk", ...delta, ...this.#judged(invalid) };
    return formatEvent(id, JSON.stringify(event));
  }

  #judged(invalid: Violation[]): { invalid?: unknown[] } {
    if (invalid.length === 0) return {};
    const { language = "zh" } = this.#options;
    return { invalid: toWords(invalid, language) };
  }
}

/** At most how many bytes an operation adds to an event. */
function costOf(operation: Operation): number {
  switch (operation.op) {
    case "append":
      return bytesOf(operation.value);
    case "complete":
    case "remove":
      return bytesOf(operation.path) + VALUE;
    default: {
      const { path, value } = operation;
      const key = path.slice(path.lastIndexOf("/") + 1);
      return bytesOf(key) + VALUE + lengthOf(value);
    }
  }
}

/** Numbers come as they were written, some strings whole; all else is small. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return bytesOf(value);
  const isNumber = typeof value === "object" && value !== null &&
    "rawJSON" in value;
  return isNumber ? String(value.rawJSON).length : 0;
}

/** How many bytes the objects around a value take. */
function nestedBytesOf(path: string): number {
  let depth = 0;
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    depth++;
  }
  // Each name in quotes and braces.
  return bytesOf(path) + 4 * depth;
}

/** How many bytes a text takes in an event's JSON (UTF-8), without quotes. */
function bytesOf(text: string): number {
  // A surrogate that is alone is escaped; a pair has four bytes.
  const surrogate = text.isWellFormed() ? 2 : UNIT;
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x20 && unit < 0x7f) {
      bytes += unit === 0x22 || unit === 0x5c ? 2 : 1;
    } else if ((unit & 0xf800) === 0xd800) {
      bytes += surrogate;
    } else if (unit <= 0x85 || (unit & 0xfffe) === 0x2028) {
      // Control characters, and what clients take for line ends.
      bytes += UNIT;
    } else {
      bytes += unit < 0x800 ? 2 : 3;
    }
  }
  return bytes;
}
