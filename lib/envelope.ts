/**
 * What a model writes to what it means: the thinking, and the JSON value
 * without the prose and fences around it, mended to strict JSON.
 *
 * @module
 */

/** A run of thinking, or of the JSON value's text. */
export interface Piece {
  /** What the text is. */
  type: "reasoning" | "json";
  /** Never empty. JSON is strict, as far as the mending goes. */
  text: string;
  /**
   * How much of what was written this piece and all before it account for, in
   * UTF-16 units.
   */
  end: number;
}

/** Options for {@linkcode Envelope}. */
export interface EnvelopeOptions {
  /**
   * Whether the value is an object or an array.
   *
   * @default {"object"}
   */
  root?: "object" | "array";
}

const THINK = "<think>";
const THINK_END = "</think>";
/** Longer than any white space and fence that is none to speak of. */
const LEAD_LENGTH = 1000;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Finds the JSON value in a model's answer, incrementally.
 *
 * - Before the value: anything, such as a byte order mark, prose or a code
 *   fence; `<think>` blocks are reasoning. The value starts, outside a think
 *   block, at the first `{` that is followed by white space and then `"` or `}`
 *   (for an array: at the first `[` followed by white space and then the start
 *   of a value, or `]`).
 * - In the value three slips are mended: raw control characters in strings
 *   (escaped), unknown escapes such as `\a` (the backslash is doubled) and
 *   trailing commas (a space instead). All else is passed on for the parser to
 *   judge.
 * - After the value: anything, ignored.
 *
 * What has been said after k units follows from those k units, not from how
 * they were cut. The work is linear in the text.
 */
export class Envelope {
  readonly #bracket: string;
  readonly #firstUnit: RegExp;

  #phase: "before" | "thinking" | "inside" | "after" = "before";
  /** Before: whether only white space has come since a bracket. */
  #bracketed = false;
  /** What came before the value, outside of think blocks, as far as it counts. */
  #lead = "";
  /** How many units of `<think>` or `</think>` have come. */
  #tag = 0;
  /** A high surrogate at the end of the reasoning so far: `""` or one unit. */
  #high = "";

  /** How many objects and arrays are open. */
  #depth = 0;
  #inString = false;
  /** An escape sequence that is not whole yet: `""`, or `\` and up to five more. */
  #escape = "";
  /** Whether a comma is held back, which may turn out to be a trailing one. */
  #comma = false;
  /** Whether the last token outside strings can have a comma behind it. */
  #afterValue = false;

  /**
   * Makes an envelope for one answer.
   *
   * @param options What the value is.
   */
  constructor(options: EnvelopeOptions = {}) {
    const isArray = options.root === "array";
    this.#bracket = isArray ? "[" : "{";
    this.#firstUnit = isArray ? /[\]"[{0-9tfn-]/ : /["}]/;
  }

  /** Whether a comma is held back, for which a space has been passed on. */
  get comma(): boolean {
    return this.#comma;
  }

  /** Whether what is read next stands in a string of the value. */
  get inString(): boolean {
    return this.#inString;
  }

  /** Whether only white space, a fence and thinking came before the value. */
  get bare(): boolean {
    return /^\s*(?:```\w*\s*)?[[{]\s*$/.test(this.#lead);
  }

  /** Whether the JSON value has begun. */
  get began(): boolean {
    return this.#phase === "inside" || this.#phase === "after";
  }

  /**
   * Reads the next piece of the model's text.
   *
   * @param text Any number of UTF-16 units, cut anywhere.
   * @returns The runs of reasoning and JSON in it, in order.
   */
  write(text: string): Piece[] {
    const pieces: Piece[] = [];
    let index = 0;
    while (index < text.length) {
      switch (this.#phase) {
        case "before":
          index = this.#readBefore(text, index);
          break;
        case "thinking":
          index = this.#readThinking(text, index, pieces);
          break;
        case "inside":
          index = this.#readInside(text, index, pieces);
          break;
        case "after":
          index = text.length;
      }
    }
    const last = pieces.at(-1);
    // What is behind the last piece changes nothing that is shown.
    if (last !== undefined) last.end = text.length;
    return pieces;
  }

  /** Reads up to the start of the value or of a think block. */
  #readBefore(text: string, from: number): number {
    for (let index = from; index < text.length; index++) {
      const character = text.charAt(index);
      if (this.#bracketed && !isWhiteSpace(character)) {
        this.#bracketed = false;
        if (this.#firstUnit.test(character)) {
          this.#phase = "inside";
          return index;
        }
      }
      if (this.#lead.length < LEAD_LENGTH) this.#lead += character;
      if (character === this.#bracket) this.#bracketed = true;
      if (character !== THINK.charAt(this.#tag)) {
        this.#tag = character === "<" ? 1 : 0;
      } else if (++this.#tag === THINK.length) {
        this.#tag = 0;
        this.#lead = this.#lead.slice(0, -THINK.length);
        this.#phase = "thinking";
        return index + 1;
      }
    }
    return text.length;
  }

  /** Reads a think block; no piece ends inside a surrogate pair. */
  #readThinking(text: string, from: number, pieces: Piece[]): number {
    let said = this.#high;
    let index = from;
    while (index < text.length && this.#tag < THINK_END.length) {
      const character = text.charAt(index++);
      if (character === THINK_END.charAt(this.#tag)) {
        this.#tag++;
      } else {
        said += THINK_END.slice(0, this.#tag);
        this.#tag = character === "<" ? 1 : 0;
        if (this.#tag === 0) said += character;
      }
    }
    if (this.#tag === THINK_END.length) {
      this.#tag = 0;
      this.#phase = "before";
      this.#high = "";
    } else {
      const last = said.charCodeAt(said.length - 1);
      this.#high = (last & 0xfc00) === 0xd800 ? said.slice(-1) : "";
      if (this.#high !== "") said = said.slice(0, -1);
    }
    show("reasoning", said, index, pieces);
    return index;
  }

  /** Reads the value: copies it run by run, but for what is mended. */
  #readInside(text: string, from: number, pieces: Piece[]): number {
    let json = "";
    if (this.#depth === 0) {
      json = this.#bracket;
      this.#depth = 1;
    }
    let index = from;
    while (index < text.length && this.#depth > 0) {
      if (!this.#inString) {
        json += this.#readToken(text.charAt(index++));
        continue;
      }
      if (this.#escape !== "") {
        if (isEscape(this.#escape, text.charAt(index))) {
          this.#escape += text.charAt(index++);
          if (this.#escape.length !== (this.#escape[1] === "u" ? 6 : 2)) {
            continue;
          }
        } else {
          // Its backslash stands for itself; the character is read as any other.
          json += "\\";
        }
        json += this.#escape;
        this.#escape = "";
        continue;
      }
      const start = index;
      let unit = 0;
      while (index < text.length) {
        unit = text.charCodeAt(index);
        if (unit === QUOTE || unit === BACKSLASH || unit < 0x20) break;
        index++;
      }
      json += text.slice(start, index);
      if (index++ === text.length) break;
      if (unit === QUOTE) {
        json += '"';
        this.#inString = false;
      } else if (unit === BACKSLASH) {
        this.#escape = "\\";
      } else {
        json += JSON.stringify(String.fromCharCode(unit)).slice(1, -1);
      }
    }
    if (this.#depth === 0) this.#phase = "after";
    show("json", json, index, pieces);
    return index;
  }

  /** Reads one unit outside strings, and says what to pass on. */
  #readToken(character: string): string {
    // Where no value has just ended it can only be left out, which spares the
    // snapshot's parser some it misreads.
    if (isWhiteSpace(character)) return this.#afterValue ? character : "";
    const isClosing = character === "}" || character === "]";
    const comma = this.#comma && !isClosing ? "," : "";
    this.#comma = false;
    switch (character) {
      case ",":
        this.#comma = this.#afterValue;
        this.#afterValue = false;
        // The space says what the comma says: that a number has ended.
        return this.#comma ? " " : comma + character;
      case '"':
        this.#inString = true;
        break;
      case "{":
      case "[":
        this.#depth++;
        break;
      case "}":
      case "]":
        this.#depth--;
    }
    this.#afterValue = character !== "{" && character !== "[" &&
      character !== ":";
    return comma + character;
  }
}

function show(
  type: Piece["type"],
  text: string,
  end: number,
  pieces: Piece[],
): void {
  if (text === "") return;
  const last = pieces.at(-1);
  if (last?.type === type) {
    last.text += text;
    last.end = end;
  } else {
    pieces.push({ type, text, end });
  }
}

/** Whether an escape sequence can go on with `character`. */
function isEscape(escape: string, character: string): boolean {
  return escape === "\\"
    ? '"\\/bfnrtu'.includes(character)
    : /[0-9a-fA-F]/.test(character);
}

/** JSON's white space (RFC 8259, section 2). */
function isWhiteSpace(character: string): boolean {
  return character === " " || character === "\n" || character === "\r" ||
    character === "\t";
}
