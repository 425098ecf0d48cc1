/**
 * Strict JSON text, cut anywhere, to JSON Patch operations.
 *
 * @module
 */

import { joinPointer, type Operation } from "./json_patch.ts";
import { keyOf } from "./keys.ts";
import { notText } from "./not_text.ts";

/** Options for {@linkcode JsonPatchParser}. Each bound is a whole number. */
export interface JsonPatchParserOptions {
  /**
   * How many objects and arrays may stand in one another.
   *
   * @default {128}
   */
  maxDepth?: number;
  /**
   * The longest JSON Pointer, in UTF-16 units.
   *
   * @default {1024}
   */
  maxPointerLength?: number;
  /**
   * The longest number, in UTF-16 units.
   *
   * @default {1024}
   */
  maxNumberLength?: number;
  /**
   * The longest text, in UTF-16 units.
   *
   * @default {Infinity}
   */
  maxLength?: number;
  /**
   * Gives numbers as `JSON.rawJSON` objects: `JSON.stringify` then writes the
   * digits that stood in the text (`1.10`, `1e400`). They are for sending: a
   * client that merges them has parsed them as JSON before.
   *
   * @default {false}
   */
  rawNumbers?: boolean;
}

/** The text is not JSON (RFC 8259), or ended before its value did. */
export class JsonSyntaxError extends SyntaxError {
  /** Which kind of error it is. */
  override name = "JsonSyntaxError";
  /** Where the text stops being JSON: UTF-16 units from its beginning. */
  readonly position: number;
  /** What the same piece of text said before that. */
  readonly operations: Operation[];

  /** Made by {@linkcode JsonPatchParser}. */
  constructor(message: string, position: number, operations: Operation[]) {
    super(message);
    this.position = position;
    this.operations = operations;
  }
}

/**
 * The text is longer, nested deeper, or has longer pointers or numbers than
 * allowed.
 */
export class JsonBoundsError extends RangeError {
  /** Which kind of error it is. */
  override name = "JsonBoundsError";
  /** Where the bound was passed: UTF-16 units from the text's beginning. */
  readonly position: number;
  /** What the same piece of text said before that. */
  readonly operations: Operation[];

  /** Made by {@linkcode JsonPatchParser}. */
  constructor(message: string, position: number, operations: Operation[]) {
    super(message);
    this.position = position;
    this.operations = operations;
  }
}

/** An open object or array. */
interface Container {
  readonly path: string;
  /** The keys of the names so far, to tell a duplicate; `undefined` for an array. */
  readonly keys: Set<string> | undefined;
  /** An array's next index. */
  length: number;
}

// What comes next. STRING, KEY, NUMBER and LITERAL are inside a token, the
// others between two.
const STRING = 0;
const KEY = 1;
const NUMBER = 2;
const LITERAL = 3;
const VALUE = 4;
const FIRST_ELEMENT = 5;
const FIRST_KEY = 6;
const NEXT_KEY = 7;
const COLON = 8;
const COMMA = 9;
const NOTHING = 10;

const EXPECTED: Record<number, string> = {
  [VALUE]: "a value",
  [FIRST_ELEMENT]: "a value or ]",
  [FIRST_KEY]: "a name or }",
  [NEXT_KEY]: "a name",
  [COLON]: ":",
  [COMMA]: ", or the end of the object or array",
  [NOTHING]: "nothing more",
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const LITERALS: Record<string, [text: string, value: boolean | null]> = {
  t: ["true", true],
  f: ["false", false],
  n: ["null", null],
};

const ESCAPES: Record<string, string> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

const NUMBER_TEXT = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/**
 * Parses JSON incrementally: each piece of text gives the JSON Patch
 * operations that it makes certain, at once and never again.
 *
 * - A string comes as `add` of `""`, then as `append`s; a number, a boolean or
 *   null as one `add` when it is whole; an object or array as `add` of an empty
 *   one, then its members. `complete` marks the end of a string, object or
 *   array.
 * - A duplicate name comes as `remove` of the old value and `add` of the new:
 *   the last one wins, as in `JSON.parse`.
 * - What has been said after k units of text follows from those k units, not
 *   from how they were cut. No `append` ends inside a surrogate pair or an
 *   escape sequence; a surrogate that is alone is passed on.
 * - The work is linear in the text; nothing is ever read twice. What is kept
 *   are the open objects and arrays, the names in them, and the token that is
 *   not whole yet.
 *
 * @example Parse a document in two pieces
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JsonPatchParser } from "@fieldstream/fieldstream";
 *
 * const parser = new JsonPatchParser();
 * assertEquals(parser.write('{"title":"Hel'), [
 *   { op: "add", path: "", value: {} },
 *   { op: "add", path: "/title", value: "" },
 *   { op: "append", path: "/title", value: "Hel" },
 * ]);
 * assertEquals(parser.write('lo"}'), [
 *   { op: "append", path: "/title", value: "lo" },
 *   { op: "complete", path: "/title" },
 *   { op: "complete", path: "" },
 * ]);
 * assertEquals(parser.end(), []);
 * ```
 */
export class JsonPatchParser {
  readonly #maxDepth: number;
  readonly #maxPointerLength: number;
  readonly #maxNumberLength: number;
  readonly #maxLength: number;
  readonly #rawNumbers: boolean;

  #state = VALUE;
  /** The open objects and arrays, outermost first. */
  readonly #open: Container[] = [];
  /** The pointer of the value that is being read, or was read last. */
  #path = "";
  /** UTF-16 units read in earlier writes. */
  #position = 0;
  /** Whether the member that is being read replaces one of the same name. */
  #duplicate = false;
  /** Why the text was given up. */
  #failure: string | undefined;

  /** The string's text that is not in an operation yet, or the whole key so far. */
  #text = "";
  /** A high surrogate whose other half may follow: `""` or one unit. */
  #high = "";
  /** The escape sequence so far: `""`, or `\` and at most five more units. */
  #escape = "";
  /** The number or literal so far. */
  #atom = "";
  /** Where the number, literal or key that is being read began. */
  #start = 0;

  /**
   * Makes a parser for one document.
   *
   * @param options Bounds, and how numbers are given.
   */
  constructor(options: JsonPatchParserOptions = {}) {
    this.#maxDepth = options.maxDepth ?? 128;
    this.#maxPointerLength = options.maxPointerLength ?? 1024;
    this.#maxNumberLength = options.maxNumberLength ?? 1024;
    this.#maxLength = options.maxLength ?? Infinity;
    this.#rawNumbers = options.rawNumbers ?? false;
  }

  /** Whether the document's value has ended; a number alone ends with the text. */
  get complete(): boolean {
    return this.#state === NOTHING;
  }

  /**
   * The JSON Pointer of the innermost value that has begun and not ended; `""`
   * where there is none.
   */
  get path(): string {
    if (this.#state <= LITERAL && this.#state !== KEY) return this.#path;
    return this.#open.at(-1)?.path ?? "";
  }

  /**
   * Reads the next piece of the text.
   *
   * @param text Any number of UTF-16 units, cut anywhere.
   * @returns What the text so far makes certain, and has not been said before.
   * @throws {JsonSyntaxError} If the text is not JSON. Its `operations` are
   * those that came before the fault.
   * @throws {JsonBoundsError} If a bound is passed; likewise.
   */
  write(text: string): Operation[] {
    if (typeof text !== "string") throw notText(text);
    if (this.#isPlainText(text)) {
      this.#position += text.length;
      return [{ op: "append", path: this.#path, value: text }];
    }
    this.#checkUsable();
    const operations: Operation[] = [];
    const room = this.#maxLength - this.#position;
    const length = Math.min(text.length, room);
    let index = 0;
    while (index < length) {
      if (this.#state <= KEY) {
        index = this.#escape === ""
          ? this.#readString(text, index, length, operations)
          : this.#readEscape(text, index, operations);
      } else if (this.#state === NUMBER) {
        index = this.#readNumber(text, index, length, operations);
      } else if (this.#state === LITERAL) {
        index = this.#readLiteral(text, index, length, operations);
      } else {
        this.#readToken(text, index++, operations);
      }
    }
    this.#showText(operations);
    if (text.length > room) {
      this.#exceed(`longer than ${this.#maxLength} units`, room, operations);
    }
    this.#position += text.length;
    return operations;
  }

  /**
   * Says that the text has ended.
   *
   * @returns The document's value, where it is a number, which only the end of
   * the text completes; else nothing.
   * @throws {JsonSyntaxError} If the value has not ended.
   */
  end(): Operation[] {
    this.#checkUsable();
    const operations: Operation[] = [];
    if (this.#state === NUMBER && this.#open.length === 0) {
      this.#endNumber(operations);
    }
    if (this.#state !== NOTHING) {
      this.#fail("unexpected end of the text", 0, operations);
    }
    return operations;
  }

  /**
   * The fast path, which most tokens take: whether the piece is nothing but text
   * in the middle of a string.
   */
  #isPlainText(text: string): boolean {
    return this.#state === STRING && this.#escape === "" &&
      this.#high === "" && this.#failure === undefined && text !== "" &&
      text.length <= this.#maxLength - this.#position &&
      endOfPlain(text, 0, text.length) === text.length &&
      !isHighSurrogate(text.charCodeAt(text.length - 1));
  }

  /** Reads a string's or key's text up to its end, an escape or the piece's end. */
  #readString(
    text: string,
    from: number,
    length: number,
    operations: Operation[],
  ): number {
    const index = endOfPlain(text, from, length);
    if (index > from) {
      const last = index - 1;
      const held = isHighSurrogate(text.charCodeAt(last));
      this.#text += this.#high + text.slice(from, held ? last : index);
      this.#high = held ? text.charAt(last) : "";
      if (this.#state === KEY) this.#checkKey(operations);
    }
    if (index === length) return index;
    const unit = text.charCodeAt(index);
    if (unit === BACKSLASH) {
      this.#escape = "\\";
    } else if (unit === QUOTE) {
      this.#text += this.#high;
      this.#high = "";
      if (this.#state === KEY) this.#endKey(operations);
      else this.#endString(operations);
    } else {
      this.#fail("a control character in a string", index, operations);
    }
    return index + 1;
  }

  #readEscape(text: string, index: number, operations: Operation[]): number {
    const character = text.charAt(index);
    if (this.#escape.length === 1 && character !== "u") {
      const unit = ESCAPES[character];
      if (unit === undefined) {
        this.#fail("an unknown escape sequence", index, operations);
      }
      this.#endEscape(unit, operations);
    } else if (this.#escape.length > 1 && !/[0-9a-fA-F]/.test(character)) {
      this.#fail("not a hexadecimal digit", index, operations);
    } else if (this.#escape.length === 5) {
      const digits = this.#escape.slice(2) + character;
      this.#endEscape(String.fromCharCode(parseInt(digits, 16)), operations);
    } else {
      this.#escape += character;
    }
    return index + 1;
  }

  #endEscape(unit: string, operations: Operation[]): void {
    this.#escape = "";
    this.#text += this.#high;
    if (isHighSurrogate(unit.charCodeAt(0))) {
      this.#high = unit;
    } else {
      this.#text += unit;
      this.#high = "";
    }
    if (this.#state === KEY) this.#checkKey(operations);
  }

  #showText(operations: Operation[]): void {
    if (this.#text === "" || this.#state !== STRING) return;
    operations.push({ op: "append", path: this.#path, value: this.#text });
    this.#text = "";
  }

  #endString(operations: Operation[]): void {
    this.#showText(operations);
    operations.push({ op: "complete", path: this.#path });
    this.#endValue();
  }

  /** Keeps a key that never ends from growing without bound. */
  #checkKey(operations: Operation[]): void {
    const { path } = this.#open.at(-1)!;
    if (path.length + 1 + this.#text.length > this.#maxPointerLength) {
      this.#exceedPointer(this.#start - this.#position, operations);
    }
  }

  #endKey(operations: Operation[]): void {
    const { path, keys } = this.#open.at(-1)!;
    const name = this.#text;
    this.#text = "";
    this.#path = joinPointer(path, name);
    if (this.#path.length > this.#maxPointerLength) {
      this.#exceedPointer(this.#start - this.#position, operations);
    }
    const key = keyOf(name);
    this.#duplicate = keys!.has(key);
    keys!.add(key);
    this.#state = COLON;
  }

  #readNumber(
    text: string,
    from: number,
    length: number,
    operations: Operation[],
  ): number {
    let index = from;
    while (index < length && isNumberUnit(text.charCodeAt(index))) index++;
    this.#atom += text.slice(from, index);
    if (this.#atom.length > this.#maxNumberLength) {
      const bound = `a number longer than ${this.#maxNumberLength} units`;
      this.#exceed(bound, this.#start - this.#position, operations);
    }
    if (index < length) this.#endNumber(operations);
    return index;
  }

  #endNumber(operations: Operation[]): void {
    const text = this.#atom;
    if (!NUMBER_TEXT.test(text)) {
      this.#fail("not a number", this.#start - this.#position, operations);
    }
    const value = this.#rawNumbers ? rawJson(text) : Number(text);
    this.#add(value, operations);
    this.#endValue();
  }

  #readLiteral(
    text: string,
    from: number,
    length: number,
    operations: Operation[],
  ): number {
    let index = from;
    const [wanted, value] = LITERALS[this.#atom.charAt(0)]!;
    while (index < length && this.#atom.length < wanted.length) {
      this.#atom += text.charAt(index++);
    }
    if (!wanted.startsWith(this.#atom)) {
      const index = this.#start - this.#position;
      this.#fail(`not ${wanted}`, index, operations);
    }
    if (this.#atom.length === wanted.length) {
      this.#add(value, operations);
      this.#endValue();
    }
    return index;
  }

  /** Reads one unit between tokens, or the first of a token. */
  #readToken(text: string, index: number, operations: Operation[]): void {
    const state = this.#state;
    const character = text.charAt(index);
    switch (character) {
      case " ":
      case "\n":
      case "\r":
      case "\t":
        return;
      case '"':
        if (state === FIRST_KEY || state === NEXT_KEY) {
          this.#start = this.#position + index;
          this.#state = KEY;
          return;
        }
        break;
      case ":":
        if (state === COLON) {
          this.#state = VALUE;
          return;
        }
        break;
      case ",":
        if (state === COMMA) {
          this.#state = this.#open.at(-1)!.keys ? NEXT_KEY : VALUE;
          return;
        }
        break;
      case "}":
      case "]": {
        const isObject = character === "}";
        if (
          state === (isObject ? FIRST_KEY : FIRST_ELEMENT) ||
          state === COMMA &&
            (this.#open.at(-1)!.keys !== undefined) === isObject
        ) {
          const { path } = this.#open.pop()!;
          operations.push({ op: "complete", path });
          this.#endValue();
          return;
        }
      }
    }
    if (state !== VALUE && state !== FIRST_ELEMENT) {
      this.#failAt(character, index, operations);
    }
    this.#beginValue(character, index, operations);
  }

  #beginValue(character: string, index: number, operations: Operation[]): void {
    const parent = this.#open.at(-1);
    if (parent !== undefined && parent.keys === undefined) {
      this.#path = joinPointer(parent.path, parent.length++);
      if (this.#path.length > this.#maxPointerLength) {
        this.#exceedPointer(index, operations);
      }
    }
    switch (character) {
      case '"':
        this.#add("", operations);
        this.#state = STRING;
        return;
      case "{":
      case "[": {
        if (this.#open.length >= this.#maxDepth) {
          const bound = `nested deeper than ${this.#maxDepth}`;
          this.#exceed(bound, index, operations);
        }
        const isObject = character === "{";
        this.#add(isObject ? {} : [], operations);
        const keys = isObject ? new Set<string>() : undefined;
        this.#open.push({ path: this.#path, keys, length: 0 });
        this.#state = isObject ? FIRST_KEY : FIRST_ELEMENT;
        return;
      }
      case "t":
      case "f":
      case "n":
        this.#state = LITERAL;
        break;
      default:
        if (!isNumberUnit(character.charCodeAt(0))) {
          this.#failAt(character, index, operations);
        }
        this.#state = NUMBER;
    }
    this.#atom = character;
    this.#start = this.#position + index;
  }

  #add(value: unknown, operations: Operation[]): void {
    const path = this.#path;
    if (this.#duplicate) operations.push({ op: "remove", path });
    this.#duplicate = false;
    operations.push({ op: "add", path, value });
  }

  #endValue(): void {
    this.#state = this.#open.length === 0 ? NOTHING : COMMA;
  }

  #failAt(character: string, index: number, operations: Operation[]): never {
    const found = JSON.stringify(character);
    const expected = EXPECTED[this.#state];
    this.#fail(`expected ${expected}, found ${found}`, index, operations);
  }

  /** `index` is in the piece; negative where the token began before it. */
  #fail(reason: string, index: number, operations: Operation[]): never {
    this.#showText(operations);
    this.#failure = reason;
    const position = this.#position + index;
    const message = `Cannot parse JSON: ${reason} at position ${position}`;
    throw new JsonSyntaxError(message, position, operations);
  }

  #exceed(bound: string, index: number, operations: Operation[]): never {
    this.#failure = bound;
    const position = this.#position + index;
    const message = `Cannot parse JSON: ${bound} at position ${position}`;
    throw new JsonBoundsError(message, position, operations);
  }

  #exceedPointer(index: number, operations: Operation[]): never {
    const bound = `a JSON Pointer longer than ${this.#maxPointerLength} units`;
    this.#exceed(bound, index, operations);
  }

  #checkUsable(): void {
    if (this.#failure === undefined) return;
    throw new TypeError(
      `Cannot parse more JSON: the parser has failed (${this.#failure})`,
    );
  }
}

/** Where a string's text has a unit that does not stand for itself. */
function endOfPlain(text: string, from: number, length: number): number {
  let index = from;
  for (; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === QUOTE || unit === BACKSLASH || unit < 0x20) break;
  }
  return index;
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

/** Whether a number can hold the unit: a digit, `+`, `-`, `.`, `e` or `E`. */
function isNumberUnit(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || unit === 0x2b || unit === 0x2d ||
    unit === 0x2e || unit === 0x65 || unit === 0x45;
}

/** A value that `JSON.stringify` writes as `text`. */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
