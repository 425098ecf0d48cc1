/**
 * What a model writes where it means JSON, to JSON: the slips whose meaning is
 * plain, mended in one pass, unit by unit.
 *
 * @module
 */

/** The kinds of what is mended, each with an example; strict JSON has none. */
export type Mending =
  /** `[1,2,]` is `[1,2]`. */
  | "comma"
  /** `1, // one`, `1, # one` and C's comments are white space. */
  | "comment"
  /** A line end, a tab or the like in a string: as it would be escaped. */
  | "control"
  /** `[1,2,...]` is `[1,2]`. */
  | "ellipsis"
  /** `"\(x\)"` is `"\\(x\\)"`, and `"It\'s"` is `"It's"`. */
  | "escape"
  /** `True`, `None` and `NaN` are `true`, `null` and `null`. */
  | "literal"
  /** `{title:1}` is `{"title":1}`. */
  | "name"
  /** `：` and `，` are `:` and `,`. */
  | "punctuation"
  /** `'a'` and `“a”` are `"a"`. */
  | "quote"
  /** U+00A0, U+3000, U+FEFF, U+200B and the like are white space. */
  | "space";

// What comes next between tokens; from STRING on, which token is being read.
const FIRST_KEY = 0;
const NEXT_KEY = 1;
const FIRST_ITEM = 2;
const NEXT_ITEM = 3;
const VALUE = 4;
const COLON = 5;
/** A comma, or the end of the object or array. */
const COMMA = 6;
/** `]`, behind three dots. */
const BRACKET = 7;
const STRING = 8;
const NAME = 9;
const NUMBER = 10;
/** `true`, `false` or `null`, passed on as it comes. */
const LITERAL = 11;
/** A word that stands for a literal, held back until it is whole. */
const WORD = 12;
const DOTS = 13;
const SLASH = 14;
const LINE_COMMENT = 15;
const BLOCK_COMMENT = 16;
const STAR = 17;
/** The value has ended, or stopped being JSON: nothing more is read. */
const END = 18;
const FAULT = 19;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What opens a string, and what closes it. */
const QUOTES: Record<string, string> = {
  '"': '"',
  "'": "'",
  "`": "`",
  "“": "”",
  "”": "”",
  "„": "“",
  "‘": "’",
  "’": "’",
  "«": "»",
  "「": "」",
  "＂": "＂",
  "＇": "＇",
};

const LITERALS: Record<string, string> = {
  t: "true",
  f: "false",
  n: "null",
};

/** Python's, R's and JavaScript's words; JSON has no number that is none. */
const WORDS = new Map([
  ["True", "true"],
  ["TRUE", "true"],
  ["False", "false"],
  ["FALSE", "false"],
  ["None", "null"],
  ["NULL", "null"],
  ["NaN", "null"],
  ["Infinity", "null"],
  ["-Infinity", "null"],
  ["undefined", "null"],
]);
const WORD_BEGINNINGS = new Set(
  [...WORDS.keys()].flatMap((word) =>
    Array.from(word, (_, index) => word.slice(0, index + 1))
  ),
);

const NAME_START = /[\p{L}_$]/u;
const NAME_PART = /[\p{L}\p{N}_$-]/u;
const LETTER = /[A-Za-z]/;
const HEX = /[0-9a-fA-F]/;
/** White space that is not JSON's, and what takes no room. */
const OTHER_SPACE = /[\v\f\u0085\u200b-\u200d\u2060\p{Z}\ufeff]/u;

/** Whether the unit is white space, JSON's or not. */
export function isSpace(unit: string): boolean {
  if (unit > " " && unit < "\x7f") return false;
  return isJsonSpace(unit) || OTHER_SPACE.test(unit);
}

/** Whether the unit opens a string. */
export function isQuote(unit: string): boolean {
  return Object.hasOwn(QUOTES, unit);
}

/** How far a value has come, for whoever decides whether it is one. */
export type Progress =
  /** Nothing but brackets and white space. */
  | "open"
  | "comment"
  /** Something that may be a name and what follows it, or a word. */
  | "name"
  /** An element that prose can hold in brackets, too: `[1`, `['a'`, `[true`. */
  | "element"
  /** What only a value holds: a string in quotes, or a member. */
  | "value"
  | "end"
  | "fault";

/**
 * Mends one object or array.
 *
 * It knows what can come next, as a parser does, because a slip is one only in
 * its place. What is no slip it knows is passed on as it is, for the parser to
 * refuse; nothing is read behind that. So the text is strict JSON, or where it
 * is not, that is the model's.
 *
 * What has been said after k units follows from these k units. The work is
 * linear in the text, and no unit waits for more than its token or the next one.
 */
export class Mender {
  /** What has been mended. */
  readonly kinds: Set<Mending> = new Set();
  /** Where in the text that was read last the reading stopped. */
  index = 0;

  #state = VALUE;
  /** Whether the innermost of the open objects and arrays is an object. */
  #isObject = false;
  /** The same of those around them, outermost first. */
  readonly #open: boolean[] = [];
  /** Whether a comma is held back, which may turn out to be a trailing one. */
  #comma = false;

  /** What closes the string. */
  #closer = QUOTE;
  #isKey = false;
  /** An escape sequence that is not whole yet: `""`, or `\` and up to five more. */
  #escape = "";
  /**
   * Whether the string has shown a backslash that escapes nothing: then `\f`
   * before a letter is no form feed, but `\frac`.
   */
  #latex = false;
  /** The literal that is being read, or the word or dots held back. */
  #held = "";
  /** What comes next behind a comment. */
  #behind = VALUE;

  /** Whether what is read next stands in a string. */
  get inString(): boolean {
    return this.#state === STRING;
  }

  /** How many objects and arrays are open. */
  get depth(): number {
    return this.#open.length;
  }

  /** Whether nothing more is read. */
  get ended(): boolean {
    return this.#state >= END;
  }

  /** How far it has come. */
  get progress(): Progress {
    switch (this.#state) {
      case STRING:
        if (this.#closer === QUOTE) return "value";
        if (this.#isKey) return "name";
        // falls through: a value, as in the other cases.
      case NUMBER:
      case NEXT_ITEM:
      case NEXT_KEY:
      case COMMA:
        return this.#isObject ? "value" : "element";
      case FIRST_KEY:
      case FIRST_ITEM:
        return "open";
      case END:
        return "end";
      case FAULT:
        return "fault";
    }
    return this.#state < SLASH ? "name" : "comment";
  }

  /**
   * Reads the next piece of the text, up to the value's end.
   *
   * @param from Where in `text` it begins.
   * @returns The piece, mended.
   */
  write(text: string, from: number): string {
    let json = "";
    let index = from;
    while (index < text.length && this.#state < END) {
      if (this.#state <= BRACKET) {
        json += this.#readToken(text.charAt(index++));
        continue;
      }
      // The fast path: text that stands for itself is copied as one.
      const end = this.#endOfRun(text, index);
      if (end - index === text.length) {
        this.index = end;
        return text;
      }
      if (end > index) json += text.slice(index, end);
      index = end;
      if (index < text.length) json += this.#read(text.charAt(index++));
    }
    this.index = index;
    return json;
  }

  /** Where in a token something comes that has to be looked at. */
  #endOfRun(text: string, from: number): number {
    if (this.#state === STRING && this.#escape === "") {
      return endOfPlain(text, from, this.#closer);
    }
    let index = from;
    if (this.#state === LITERAL && text.startsWith(this.#held, from)) {
      this.#state = COMMA;
      return from + this.#held.length;
    }
    if (this.#state === NUMBER) {
      while (index < text.length && isNumberUnit(text.charCodeAt(index))) {
        index++;
      }
    }
    return index;
  }

  /** Reads one unit, and says what to pass on. */
  #read(unit: string): string {
    switch (this.#state) {
      case STRING:
        return this.#escape === ""
          ? this.#readString(unit)
          : this.#readEscape(unit);
      case NAME:
        if (NAME_PART.test(unit)) return unit;
        this.#state = COLON;
        return '"' + this.#readToken(unit);
      case NUMBER:
        if (isNumberUnit(unit.charCodeAt(0))) return unit;
        this.#state = COMMA;
        return this.#readToken(unit);
      case LITERAL:
        if (!this.#held.startsWith(unit)) return this.#fail(unit);
        this.#held = this.#held.slice(1);
        if (this.#held === "") this.#state = COMMA;
        return unit;
      case WORD:
        return this.#readWord(unit);
      case DOTS:
        return this.#readDots(unit);
      case SLASH:
        if (unit !== "/" && unit !== "*") return this.#fail(`/${unit}`);
        this.kinds.add("comment");
        this.#state = unit === "/" ? LINE_COMMENT : BLOCK_COMMENT;
        return "";
      case LINE_COMMENT:
        if (unit === "\n" || unit === "\r") this.#state = this.#behind;
        return "";
      case BLOCK_COMMENT:
        if (unit === "*") this.#state = STAR;
        return "";
      case STAR:
        if (unit === "/") this.#state = this.#behind;
        else if (unit !== "*") this.#state = BLOCK_COMMENT;
        return "";
      default:
        return this.#readToken(unit);
    }
  }

  /** Reads a unit between tokens, or the first of a token. */
  #readToken(unit: string): string {
    switch (unit) {
      case " ":
      case "\n":
      case "\r":
      case "\t":
        return unit;
      case '"':
        if (this.#state <= VALUE) return this.#beginString(unit);
        return this.#fail(unit);
      case ",":
        if (this.#state !== COMMA) return this.#fail(unit);
        this.#comma = true;
        this.#state = this.#isObject ? NEXT_KEY : NEXT_ITEM;
        // It says what the comma says: that a number has ended.
        return " ";
      case ":":
        if (this.#state !== COLON) return this.#fail(unit);
        this.#state = VALUE;
        return unit;
      case "{":
      case "[":
        return this.#expectsValue() ? this.#enter(unit) : this.#fail(unit);
      case "}":
      case "]":
        return this.#close(unit);
    }
    if (unit >= "0" && unit <= "9" && this.#expectsValue()) {
      this.#state = NUMBER;
      return this.#takeComma() + unit;
    }
    return this.#readSlip(unit) ?? this.#begin(unit);
  }

  /** Reads what JSON has not between tokens; `undefined` if it is no slip. */
  #readSlip(unit: string): string | undefined {
    const state = this.#state;
    switch (unit) {
      case "，":
      case "：":
        if (state !== (unit === "，" ? COMMA : COLON)) return undefined;
        this.kinds.add("punctuation");
        return this.#readToken(unit === "，" ? "," : ":");
      case "#":
      case "/":
        this.#behind = state;
        this.#state = unit === "#" ? LINE_COMMENT : SLASH;
        if (unit === "#") this.kinds.add("comment");
        return " ";
      case ".":
      case "…":
        if (
          this.#open.length === 0 || this.#isObject ||
          (state !== FIRST_ITEM && state !== NEXT_ITEM && state !== COMMA)
        ) return undefined;
        this.#held = unit;
        this.#state = unit === "." ? DOTS : BRACKET;
        return "";
    }
    if (unit <= "\x7f" || !OTHER_SPACE.test(unit)) return undefined;
    this.kinds.add("space");
    return " ";
  }

  /** Reads the first unit of a name or value. */
  #begin(unit: string): string {
    if (this.#state > VALUE) return this.#fail(unit);
    if (isQuote(unit)) return this.#beginString(unit);
    return this.#state <= NEXT_KEY
      ? this.#beginName(unit)
      : this.#beginValue(unit);
  }

  #expectsValue(): boolean {
    return this.#state > NEXT_KEY && this.#state <= VALUE;
  }

  #enter(bracket: string): string {
    this.#open.push(this.#isObject);
    this.#isObject = bracket === "{";
    this.#state = this.#isObject ? FIRST_KEY : FIRST_ITEM;
    return this.#takeComma() + bracket;
  }

  #close(bracket: string): string {
    const isObject = bracket === "}";
    const state = this.#state;
    const canClose = state === COMMA || state === (
          isObject ? FIRST_KEY : FIRST_ITEM
        ) ||
      state === (isObject ? NEXT_KEY : NEXT_ITEM) ||
      (state === BRACKET && !isObject);
    if (!canClose || this.#isObject !== isObject) return this.#fail(bracket);
    if (state === BRACKET) this.kinds.add("ellipsis");
    else if (this.#comma) this.kinds.add("comma");
    this.#comma = false;
    this.#isObject = this.#open.pop()!;
    this.#state = this.#open.length === 0 ? END : COMMA;
    return bracket;
  }

  #readDots(unit: string): string {
    const dots = this.#held + unit;
    if (unit === ".") {
      this.#held = dots;
      if (dots === "...") this.#state = BRACKET;
      return "";
    }
    this.#state = NUMBER;
    return this.#takeComma() + this.#held + this.#read(unit);
  }

  #beginName(unit: string): string {
    if (!NAME_START.test(unit)) return this.#fail(unit);
    this.kinds.add("name");
    this.#state = NAME;
    return this.#takeComma() + '"' + unit;
  }

  #beginValue(unit: string): string {
    const literal = LITERALS[unit];
    if (literal !== undefined) {
      this.#held = literal.slice(1);
      this.#state = LITERAL;
    } else if (WORD_BEGINNINGS.has(unit)) {
      this.#held = unit;
      this.#state = WORD;
      return "";
    } else if (isNumberUnit(unit.charCodeAt(0))) {
      this.#state = NUMBER;
    } else {
      return this.#fail(unit);
    }
    return this.#takeComma() + unit;
  }

  #readWord(unit: string): string {
    const word = this.#held + unit;
    const literal = WORDS.get(word);
    if (literal !== undefined) {
      this.kinds.add("literal");
      this.#state = COMMA;
      return this.#takeComma() + literal;
    }
    if (WORD_BEGINNINGS.has(word)) {
      this.#held = word;
      return "";
    }
    if (this.#held !== "-") return this.#fail(word);
    this.#state = NUMBER;
    return `${this.#takeComma()}-${this.#read(unit)}`;
  }

  #beginString(quote: string): string {
    if (quote !== '"') this.kinds.add("quote");
    this.#closer = QUOTES[quote]!.charCodeAt(0);
    this.#isKey = this.#state <= NEXT_KEY;
    this.#latex = false;
    this.#state = STRING;
    return this.#takeComma() + '"';
  }

  /** Reads a unit of a string, outside escape sequences. */
  #readString(unit: string): string {
    if (unit.charCodeAt(0) === this.#closer) {
      this.#state = this.#isKey ? COLON : COMMA;
      return '"';
    }
    if (unit === "\\") {
      this.#escape = unit;
      return "";
    }
    if (unit === '"') return '\\"';
    if (unit >= " ") return unit;
    this.kinds.add("control");
    return JSON.stringify(unit).slice(1, -1);
  }

  /** Reads a unit of an escape sequence, or the one behind it. */
  #readEscape(unit: string): string {
    const escape = this.#escape;
    if (escape === "\\") {
      if (unit === "u" || (this.#latex && "bfnrt".includes(unit))) {
        this.#escape += unit;
        return "";
      }
      const isOwnQuote = unit.charCodeAt(0) === this.#closer;
      if ('"\\/bfnrt'.includes(unit)) {
        this.#escape = "";
        return escape + unit;
      }
      if (unit === "'" || isOwnQuote) {
        this.#escape = "";
        this.kinds.add("escape");
        return unit;
      }
    } else if (escape[1] !== "u") {
      // `\f` where backslashes are not escaped: `\frac` before a letter.
      this.#escape = "";
      const backslash = LETTER.test(unit) ? "\\" : "";
      return backslash + escape + this.#readString(unit);
    } else if (HEX.test(unit)) {
      const whole = escape + unit;
      this.#escape = whole.length === 6 ? "" : whole;
      return this.#escape === "" ? whole : "";
    }
    // Its backslash stands for itself; the unit is read as any other.
    this.#escape = "";
    this.#latex = true;
    this.kinds.add("escape");
    return `\\${escape}${this.#readString(unit)}`;
  }

  #takeComma(): string {
    const comma = this.#comma ? "," : "";
    this.#comma = false;
    return comma;
  }

  /** Passes on what is not JSON; a number of dots needs an end to be none. */
  #fail(text: string): string {
    const dots = this.#state === BRACKET ? `${this.#held} ` : "";
    this.#state = FAULT;
    return `${this.#takeComma()}${dots}${text}`;
  }
}

/** Where a string's text has a unit that does not stand for itself. */
function endOfPlain(text: string, from: number, closer: number): number {
  let index = from;
  for (; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (
      unit === QUOTE || unit === BACKSLASH || unit < 0x20 || unit === closer
    ) break;
  }
  return index;
}

/** JSON's white space (RFC 8259, section 2). */
function isJsonSpace(unit: string): boolean {
  return unit === " " || unit === "\n" || unit === "\r" || unit === "\t";
}

/** Whether a number can hold the unit: a digit, `+`, `-`, `.`, `e` or `E`. */
function isNumberUnit(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || unit === 0x2b || unit === 0x2d ||
    unit === 0x2e || unit === 0x65 || unit === 0x45;
}
