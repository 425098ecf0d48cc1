/** A transcript to the text of its value. */

import { AnswerReader } from "../answers/reading.ts";
import type { Transcript, TranscriptReader } from "../answers/transcript.ts";
import type { EnvelopeOptions } from "../envelope.ts";
import type { Events } from "./events.ts";

/** Of which transcript the text is. */
export interface TextOptions extends EnvelopeOptions {
  transcript: Transcript;
}

/** How much of the transcript is read for one piece, in UTF-16 units. */
const MAX_UNITS = 65_536;

/**
 * Makes the value's own text, mended to strict JSON, for those who read nothing
 * else. What has been sent stands: where the value begins anew it fails. The
 * work is linear in the transcript.
 */
export class TextMaker implements Events {
  readonly #transcript: Transcript;
  readonly #reader: TranscriptReader;
  readonly #answer: AnswerReader;
  /** Whether some of the value has been made. */
  #begun = false;
  /** Whether the text so far ends in a string, and there in a backslash. */
  #inString = false;
  #escaped = false;
  /** What is not sent yet: white space, or a high surrogate. */
  #held = "";

  /**
   * Makes one that begins with the value.
   *
   * @param options What the text is of.
   */
  constructor(options: TextOptions) {
    this.#transcript = options.transcript;
    this.#reader = options.transcript.read();
    this.#answer = new AnswerReader(options);
  }

  /** Whether some of the value has been made. */
  get begun(): boolean {
    return this.#begun;
  }

  get isBehind(): boolean {
    return this.#reader.offset < this.#transcript.length;
  }

  skip(): boolean {
    return false;
  }

  /**
   * Makes the next piece.
   *
   * @throws {Error} If the value begins anew.
   */
  next(): string {
    let text = "";
    const end = this.#reader.offset + MAX_UNITS;
    for (;;) {
      const run = this.#reader.next(end - this.#reader.offset);
      if (run === undefined) break;
      for (const piece of this.#answer.read(run)) {
        if (piece.type === "json") text += this.#read(piece.text);
        else if (piece.type === "restart") {
          if (this.#begun) {
            throw new Error(
              "Cannot go on with the text: the value begins anew",
            );
          }
          this.#inString = this.#escaped = false;
          text = this.#held = "";
        }
      }
    }
    this.#begun ||= text !== "";
    return text;
  }

  /**
   * A comma comes behind the white space that follows it, once it is known to be
   * none too many; a blank stands in its place until then. It goes back there.
   */
  #read(json: string): string {
    let text = "";
    for (let index = 0; index < json.length; index++) {
      const unit = json.charAt(index);
      if (!this.#inString && isSpace(unit)) {
        this.#held += unit;
        continue;
      }
      if (this.#held !== "") {
        const isComma = unit === "," && !this.#inString;
        text += isComma ? "," + this.#held.slice(1) : this.#held + unit;
        this.#held = "";
      } else if ((unit.charCodeAt(0) & 0xfc00) === 0xd800) {
        this.#held = unit;
      } else {
        text += unit;
      }
      if (this.#escaped) this.#escaped = false;
      else if (unit === '"') this.#inString = !this.#inString;
      else if (unit === "\\") this.#escaped = this.#inString;
    }
    return text;
  }
}

function isSpace(unit: string): boolean {
  return unit === " " || unit === "\n" || unit === "\r" || unit === "\t";
}
