/**
 * Where in a model's answer the JSON value begins.
 *
 * @module
 */

import { isQuote, isSpace, Mender } from "./mending.ts";

/** What is known of the value before it comes. */
export interface Beginning {
  /**
   * Whether the value is an object or an array.
   *
   * @default {"object"}
   */
  root?: "object" | "array";
  /**
   * Whether it may be `{}` or `[]`. Where it may not, such brackets are prose.
   *
   * @default {true}
   */
  mayBeEmpty?: boolean;
  /**
   * The types that an array's first element may have, in JSON Schema's words;
   * `undefined` where it may have any.
   */
  elements?: readonly string[] | undefined;
}

/** A name longer than this is none, in prose. */
const MAX_NAME = 128;
/** What no name in prose holds. */
const NO_NAME = /[\n{}[\]<>]/;
/** The end of a name in quotes, and a colon: a member's value follows. */
const MEMBER = /["'“”‘’](?:[:：=]|=>)$/;
/**
 * How a value begins that has lost its bracket: `"title":`, `title: "` or, a
 * list, `"a",`.
 */
const LOST =
  /^(?:"(?:[^"\\]|\\.)*"\s*[:：,，]|[\p{L}_$][\w$-]*\s*[:：]\s*["'“‘])$/u;
const MAX_LOST = 128;

/**
 * Looks for the value, outside thinking.
 *
 * It is the first bracket of its kind in which a value can begin, and which
 * stands in no other bracket, but in `{{`:
 *
 * - Where nothing but white space and a fence came before it, whatever stands
 *   in it: what cannot be mended is a fault. But it is not `{}` or `[]` where
 *   the value may not be empty, nor `[1` where it holds no numbers.
 * - Behind prose, where it goes on with what only a value holds: text in
 *   quotes, or a name, a colon and a value. What prose has in brackets, too (`[1]`,
 *   `['a']`, `{}`), has to be the first on its line, or to follow a colon.
 * - Not where it is itself a member (`"author": {`), nor in an answer that
 *   begins as one that has lost its bracket (`"title": "…"`).
 *
 * The work is linear in the text.
 */
export class ValueSearch {
  readonly #bracket: string;
  readonly #mayBeEmpty: boolean;
  readonly #elements: readonly string[] | undefined;

  #prose: boolean;
  #refused = false;

  /** How many brackets are open. */
  #depth = 0;
  /** Whether they are braces, with nothing but white space between. */
  #bracesOnly = false;
  /** Whether the next unit is the first on its line, or follows a colon. */
  #isFirst = true;
  /** The last three units in this line, but for white space. */
  #last = "";
  /** How many units of a fence have come: 3 up to the end of its line. */
  #fence = 0;
  /** The first words of prose; `undefined` once they say nothing. */
  #words: string | undefined;
  /** Whether the value has lost its bracket. */
  #lost = false;

  /** Reads the bracket that is being looked at; then, the value. */
  #mender: Mender | undefined;
  /** What that has made of it. */
  #json = "";
  /** The first unit in the bracket, but for white space and comments. */
  #first = "";
  /** Whether the bracket is the first on its line, or follows a colon. */
  #wasFirst = false;

  /**
   * Makes one for what comes next.
   *
   * @param beginning What is known of the value.
   * @param prose Whether prose may have come before.
   */
  constructor(beginning: Beginning, prose: boolean) {
    this.#bracket = beginning.root === "array" ? "[" : "{";
    this.#mayBeEmpty = beginning.mayBeEmpty ?? true;
    this.#elements = beginning.elements;
    this.#prose = prose;
    this.#words = prose ? undefined : "";
  }

  /** Whether anything has come but white space, fences and `{{`. */
  get prose(): boolean {
    return this.#prose;
  }

  /** Whether a bracket is being looked at. */
  get looking(): boolean {
    return this.#mender !== undefined;
  }

  /** Whether the answer began with a bracket in which no value can begin. */
  get refused(): boolean {
    return this.#refused;
  }

  /**
   * Reads the next unit.
   *
   * @returns What reads the value, if it has begun, and what came of it so far.
   */
  read(unit: string): { mender: Mender; json: string } | undefined {
    const mender = this.#mender;
    if (mender !== undefined) {
      const begins = this.#look(mender, unit);
      if (begins === undefined) {
        this.#isFirst ||= unit === "\n";
        return undefined;
      }
      if (begins) return { mender, json: this.#json };
      this.#pass(mender, unit);
    }
    this.#readProse(unit);
    return undefined;
  }

  /**
   * The fast path: skips words.
   *
   * @returns Where in the text something else than a word or a space comes.
   */
  skip(text: string, from: number): number {
    if (
      this.#mender !== undefined || this.#words !== undefined || this.#fence > 0
    ) return from;
    let index = from;
    let hasWord = false;
    for (; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (isWord(unit)) hasWord = true;
      else if (unit !== 0x20) break;
    }
    if (hasWord) {
      this.#prose = true;
      this.#isFirst = this.#bracesOnly = false;
      this.#last = "";
    }
    return index;
  }

  /** Whether the value begins in the bracket; `undefined` if that is not clear. */
  #look(mender: Mender, unit: string): boolean | undefined {
    const isComment = mender.progress === "comment";
    this.#json += mender.write(unit, 0);
    const { progress } = mender;
    if (isComment || progress === "comment" || isSpace(unit)) {
      return progress === "fault" ? !this.#prose : undefined;
    }
    if (this.#first === "") this.#first = unit;
    const isArray = this.#bracket === "[";
    switch (progress) {
      case "end":
        return this.#mayBeEmpty && (!this.#prose || this.#wasFirst);
      case "fault":
        return !this.#prose && (isArray || this.#first !== "{");
      case "open":
        return this.#prose ? undefined : true;
    }
    if (!this.#prose) {
      return !isArray || !/[-\d]/.test(this.#first) || this.#mayHold("number");
    }
    if (isArray && !this.#mayHold(typeOf(this.#first))) return false;
    if (progress === "value") return true;
    if (progress === "element") return this.#wasFirst;
    const isName = this.#json.length <= MAX_NAME && !NO_NAME.test(unit);
    return isName ? undefined : false;
  }

  /** Passes over the brackets that were looked at; the unit is read as prose. */
  #pass({ depth, progress }: Mender, unit: string): void {
    this.#mender = undefined;
    const isDoubled = unit === "{" && this.#first === unit;
    this.#bracesOnly = isDoubled && (this.#depth === 0 || this.#bracesOnly);
    this.#depth += depth;
    // This one it has closed.
    if ((unit === "}" || unit === "]") && progress !== "fault") this.#depth++;
    if (!this.#prose && !this.#bracesOnly) this.#prose = this.#refused = true;
  }

  #readProse(unit: string): void {
    if (isSpace(unit)) {
      if (this.#words) this.#words += unit;
      if (unit === "\n" || unit === "\r") {
        this.#isFirst = true;
        this.#last = "";
        this.#fence = 0;
      }
      return;
    }
    const last = this.#last;
    this.#last = last.slice(-2) + unit;
    if (unit === "`" || unit === "~") return this.#readFence(last, unit);
    if (unit === "{" || unit === "[") return this.#open(unit, last);
    // What stands behind a fence names a language.
    if (this.#fence === 3) return;
    this.#fence = 0;
    this.#prose = true;
    this.#isFirst = unit === ":" || unit === "：";
    this.#bracesOnly = false;
    if (unit === "}" || unit === "]") {
      this.#depth = Math.max(0, this.#depth - 1);
      this.#words = undefined;
    } else if (this.#words !== undefined) {
      this.#readWords(unit);
    }
  }

  /** No JSON holds a fence: behind one, all is as at the beginning. */
  #readFence(last: string, unit: string): void {
    if (this.#fence < 3) {
      this.#fence = last.endsWith(unit) ? this.#fence + 1 : 1;
    }
    if (this.#fence < 3) return;
    this.#depth = 0;
    this.#isFirst = true;
    this.#words = "";
    this.#lost = false;
  }

  #open(bracket: string, last: string): void {
    this.#words = undefined;
    this.#fence = 0;
    if (
      bracket === this.#bracket && (this.#depth === 0 || this.#bracesOnly) &&
      !this.#lost && !MEMBER.test(last)
    ) {
      this.#mender = new Mender();
      this.#json = this.#mender.write(bracket, 0);
      this.#first = "";
      this.#wasFirst = this.#isFirst;
    } else {
      this.#depth++;
      this.#bracesOnly = false;
      this.#prose = true;
    }
    this.#isFirst = false;
  }

  #readWords(unit: string): void {
    const words = this.#words + unit;
    this.#words = words.length > MAX_LOST ? undefined : words;
    if (/[:：,，"'“‘]/.test(unit) && LOST.test(words)) {
      this.#lost = true;
      this.#words = undefined;
    }
  }

  #mayHold(type: string): boolean {
    return this.#elements === undefined || this.#elements.includes(type) ||
      (type === "number" && this.#elements.includes("integer"));
  }
}

/** A letter or digit of ASCII, or a Chinese, Japanese or Korean character. */
function isWord(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a) ||
    (unit >= 0x30 && unit <= 0x39) || (unit >= 0x3041 && unit <= 0xd7a3);
}

/** The type of a value that begins with the unit, in JSON Schema's words. */
function typeOf(unit: string): string {
  if (unit === "{") return "object";
  if (unit === "[") return "array";
  if (isQuote(unit)) return "string";
  if (/[tfTF]/.test(unit)) return "boolean";
  return /[nNu]/.test(unit) ? "null" : "number";
}
