import type { Outcome } from "./outcome.ts";

/** What kind of text a model has written. */
export type TextType = "text" | "reasoning";

/** A run of text of one kind. */
export interface Run {
  type: TextType;
  text: string;
}

/** A run as it came, and what came after it. */
interface Segment extends Run {
  next: Segment | undefined;
}

/**
 * One generation's text: append-only, and the only state that its readers
 * share. An offset counts UTF-16 units of text and reasoning alike.
 */
export class Transcript {
  /** An empty segment before the first. */
  #head: Segment = { type: "text", text: "", next: undefined };
  #tail: Segment = this.#head;
  #length = 0;
  #outcome: Outcome | undefined;
  /** Resolves at the next change; `undefined` while nobody waits for it. */
  #change: PromiseWithResolvers<void> | undefined;

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
    this.#tail = this.#tail.next = { type, text, next: undefined };
    this.#length += text.length;
    this.#wake();
  }

  /** Says how the generation has ended; the first one counts. */
  finish(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#pack();
    this.#wake();
  }

  /** Resolves when there is more to read, or the outcome. */
  changed(): Promise<void> {
    this.#change ??= Promise.withResolvers();
    return this.#change.promise;
  }

  /** Starts reading from the beginning. */
  read(): TranscriptReader {
    return new TranscriptReader(this.#head);
  }

  #wake(): void {
    this.#change?.resolve();
    this.#change = undefined;
  }

  /**
   * Joins the segments, which are a token each, into runs: a tenth of the
   * memory while the transcript is kept. Readers that have begun go on in the
   * old ones.
   */
  #pack(): void {
    const head: Segment = { type: "text", text: "", next: undefined };
    let tail = head;
    let pieces: string[] = [];
    for (let from = this.#head.next; from !== undefined; from = from.next) {
      pieces.push(from.text);
      if (from.next?.type === from.type) continue;
      // A sum of strings would keep each of them.
      const text = pieces.join("");
      tail = tail.next = { type: from.type, text, next: undefined };
      pieces = [];
    }
    this.#head = head;
    this.#tail = tail;
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
    this.#read = head.text.length;
  }

  /** How much has been read. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Takes the text that is there, as far as it is of one kind.
   *
   * @param limit How much at most, in UTF-16 units. From two on, it does not cut
   * a surrogate pair in half.
   * @returns `undefined` if there is none.
   */
  next(limit = Infinity): Run | undefined {
    let text = "";
    let type: TextType | undefined;
    while (text.length < limit) {
      if (this.#read === this.#segment.text.length) {
        const { next } = this.#segment;
        if (next === undefined || (type !== undefined && next.type !== type)) {
          break;
        }
        this.#segment = next;
        this.#read = 0;
      }
      type = this.#segment.type;
      const piece = this.#segment.text.slice(
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
