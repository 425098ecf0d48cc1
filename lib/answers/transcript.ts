import type { Violation } from "../schemas/violations.ts";
import type { ErrorCode, Outcome } from "./outcome.ts";

/** What kind of text a model has written. */
export type TextType = "text" | "reasoning";

/** A run of text of one kind, or a marker. */
export type Run = TextRun | Marker;

/** A run of text of one kind. */
export interface TextRun {
  type: TextType;
  text: string;
}

/**
 * What is said of the text, between two runs of it. Its text says nothing: it is
 * one unit long, so that it has an offset of its own. JSON.
 */
export type Marker = AttemptMarker | InvalidMarker;

/** The model is asked once more. */
export interface AttemptMarker {
  type: "attempt";
  text: string;
  /** The how manieth request it is: 2 or more. */
  attempt: number;
  /** Why: how it would have ended otherwise. */
  reason: ErrorCode;
  /**
   * Whether the text behind it is the rest of the text before it; else it is
   * read as if nothing had come before.
   */
  continues: boolean;
}

/** The value does not satisfy its schema, for good. */
export interface InvalidMarker {
  type: "invalid";
  text: string;
  /** Why. */
  violation: Violation;
}

/** What stands in a marker's text. */
export const MARK = "\0";

/** Whether a run is no text. */
function isMarker(run: Run): run is Marker {
  return run.type === "attempt" || run.type === "invalid";
}

/** A run as it came, or several as one, and what came after. */
interface Segment {
  readonly run: Run;
  next: Segment | undefined;
}

/** How many segments a token each are kept before they are made one. */
const MAX_LOOSE = 256;

/**
 * One generation's text: append-only, and the only state that its readers
 * share. An offset counts UTF-16 units of text and reasoning alike.
 */
export class Transcript {
  /** An empty segment before the first. */
  #head: Segment = { run: { type: "text", text: "" }, next: undefined };
  #tail: Segment = this.#head;
  /** How many segments at the end are as they came: a token each. */
  #loose = 0;
  /** What leads to the first of those: readers may stand in each of them. */
  #ends: Segment[] = [this.#head];
  #length = 0;
  #outcome: Outcome | undefined;
  /** Who waits for the next change. */
  #waiting: (() => void)[] = [];

  /** How much has been written. */
  get length(): number {
    return this.#length;
  }

  /** How the generation has ended, once it has. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Appends what the model wrote next. Wakes the readers. */
  append(type: TextType, text: string): void {
    if (text === "" || this.#outcome !== undefined) return;
    if (type !== this.#tail.run.type || this.#loose === MAX_LOOSE) this.#pack();
    const segment: Segment = { run: { type, text }, next: undefined };
    if (this.#loose++ > 0) this.#tail.next = segment;
    else for (const end of this.#ends) end.next = segment;
    this.#tail = segment;
    this.#length += text.length;
    this.#wake();
  }

  /** Appends a run of any kind. A marker is one of its own, whatever it is. */
  add(run: Run): void {
    if (!isMarker(run)) return this.append(run.type, run.text);
    if (this.#outcome !== undefined) return;
    this.#pack();
    const segment: Segment = { run, next: undefined };
    for (const end of this.#ends) end.next = segment;
    this.#ends = [segment];
    this.#tail = segment;
    this.#length += run.text.length;
    this.#wake();
  }

  /** Says how the generation has ended; the first one counts. */
  finish(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#pack();
    this.#wake();
  }

  /**
   * Calls `onChange` when there is more to read, or the outcome: once, and when
   * whoever writes has written all that is there. It must not throw.
   */
  onceChanged(onChange: () => void): void {
    this.#waiting.push(onChange);
  }

  /** Whoever waited has left. */
  forget(onChange: () => void): void {
    const place = this.#waiting.indexOf(onChange);
    if (place >= 0) this.#waiting.splice(place, 1);
  }

  /** Resolves when there is more to read, or the outcome. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.onceChanged(resolve));
  }

  /** Starts reading from the beginning. */
  read(): TranscriptReader {
    return new TranscriptReader(this.#head);
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    queueMicrotask(() => {
      for (const onChange of waiting) onChange();
    });
  }

  /**
   * Makes one of the segments at the end, which are a token each: a thirtieth of
   * the memory. Readers that stand among them go on to what follows, and hold no
   * others.
   */
  #pack(): void {
    if (this.#loose === 0) return;
    this.#loose = 0;
    const last = this.#tail;
    const pieces: string[] = [];
    let segment = this.#ends[0]!.next;
    for (; segment !== undefined; segment = segment.next) {
      pieces.push(segment.run.text);
    }
    // A sum of strings would keep each of them.
    const run = { ...last.run, text: pieces.join("") };
    const packed: Segment = { run, next: undefined };
    for (const end of this.#ends) end.next = packed;
    this.#ends = [packed, last];
  }
}

/** A place in a transcript. */
export class TranscriptReader {
  #segment: Segment;
  /** How much of the segment has been read. */
  #read: number;
  #offset = 0;

  /** Made by {@linkcode Transcript.read}. */
  constructor(head: Segment) {
    this.#segment = head;
    this.#read = head.run.text.length;
  }

  /** How much has been read. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Takes the text that is there, as far as it is of one kind, or a marker.
   *
   * @param limit How much at most, in UTF-16 units. From two on, it does not cut
   * a surrogate pair in half.
   * @returns `undefined` if there is none.
   */
  next(limit = Infinity): Run | undefined {
    let text = "";
    let type: TextType | undefined;
    while (text.length < limit) {
      if (this.#read === this.#segment.run.text.length) {
        const { next } = this.#segment;
        if (
          next === undefined || (type !== undefined && next.run.type !== type)
        ) break;
        this.#segment = next;
        this.#read = 0;
      }
      const { run } = this.#segment;
      if (isMarker(run)) {
        this.#read = run.text.length;
        this.#offset += run.text.length;
        return run;
      }
      type = run.type;
      const piece = run.text.slice(
        this.#read,
        this.#read + limit - text.length,
      );
      this.#read += piece.length;
      text += piece;
    }
    if (text.length === limit && limit > 1 && endsInHighSurrogate(text)) {
      text = text.slice(0, -1);
      this.#read--;
    }
    this.#offset += text.length;
    return type === undefined || text === "" ? undefined : { type, text };
  }
}

function endsInHighSurrogate(text: string): boolean {
  return (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}
