/** Where a model goes on with an answer that broke off. */

import {
  JsonBoundsError,
  JsonPatchParser,
  JsonSyntaxError,
} from "../parser.ts";
import { AnswerReader } from "./reading.ts";
import type { SnapshotOptions } from "./snapshot.ts";

/** How much of what was written last is looked for, in UTF-16 units. */
const MAX_REPEATED = 500;

/** How much has to come before it is believed that it goes on. */
const CLEAR = 32;

/** So much that comes again is no accident, in units of ASCII. */
const NO_ACCIDENT = 8;

/** A fence: in a string, JSON has no line end. */
const FENCE = /^\s*```[\w-]*[ \t]*\r?\n/;

/** What may become one. */
const PART_OF_FENCE = /^\s*(?:`{0,3}|```[\w-]{0,32}[ \t]*\r?)$/;

/**
 * Holds back the first words of a model that was asked to go on, until it is
 * clear that it does: some say the last words once more, begin anew, or open a
 * fence. What was said before is dropped.
 *
 * What tells it is whether the text is JSON if it goes on at once; and if it is,
 * whether it begins with as much of what was written last as is no accident.
 * Where values of an array are alike, an accident is possible: literals and single
 * digits that come again are taken for values.
 *
 * The work is linear in the text before and in what is held back, but for a
 * bounded search.
 */
export class Seam {
  readonly #before: string;
  readonly #options: SnapshotOptions;
  /** The end of the text before, which may come again. */
  readonly #tail: string;
  /** The text before, from where its value begins. */
  #head = "";
  /** What goes on at once. */
  readonly #direct: Probe;
  #held = "";
  /** How much of what is held the text before begins with. */
  #same = 0;
  #state: "held" | "open" | "again" = "held";

  /**
   * Stands behind a text.
   *
   * @param before What was written, with a value that is not complete.
   * @param options What is known of the value.
   */
  constructor(before: string, options: SnapshotOptions) {
    this.#before = before;
    this.#options = options;
    this.#tail = before.slice(-MAX_REPEATED);
    this.#direct = new Probe(options);
    this.#direct.write(before);
    this.#head = before.slice(beginningIn(before, options));
  }

  /** Whether it is clear what has come. */
  get isClear(): boolean {
    return this.#state !== "held";
  }

  /** What is held back. */
  get held(): string {
    return this.#held;
  }

  /** The text of a model that has begun anew; `undefined` if it has not. */
  get again(): string | undefined {
    return this.#state === "again" ? this.#held : undefined;
  }

  /**
   * Takes what the model says next.
   *
   * @returns What goes on; `""` as long as that is not clear.
   */
  write(text: string): string {
    this.#held += text;
    return this.#look(false);
  }

  /**
   * The model says no more.
   *
   * @returns What goes on of what is held back.
   */
  end(): string {
    return this.#state === "held" ? this.#look(true) : "";
  }

  #look(isLast: boolean): string {
    if (!isLast && PART_OF_FENCE.test(this.#held)) return "";
    const said = this.#held.replace(FENCE, "");
    if (!isLast && (said.length < CLEAR || this.#mayRepeat(said))) return "";
    const repeated = this.#repeatedIn(said);
    if (repeated === undefined) {
      this.#state = "again";
      return "";
    }
    this.#state = "open";
    const rest = said.slice(repeated);
    // The half of a pair was not sent.
    const isTwice = /[\ud800-\udbff]$/.test(this.#before) &&
      /^[\ud800-\udbff]/.test(rest);
    return isTwice ? rest.slice(1) : rest;
  }

  /** Whether what was said may still be the beginning of a repetition. */
  #mayRepeat(said: string): boolean {
    const at = this.#tail.indexOf(said);
    if (at >= 0 && at + said.length < this.#tail.length) return true;
    // Each unit is compared once.
    if (this.#head.startsWith(said.slice(this.#same), this.#same)) {
      this.#same = said.length;
      return said.length < this.#head.length;
    }
    return false;
  }

  /** How much of it was said before; `undefined` if it begins anew. */
  #repeatedIn(said: string): number | undefined {
    this.#direct.write(said);
    const overlaps = this.#overlapsIn(said);
    const [longest] = overlaps;
    if (!this.#direct.isBroken) {
      return longest !== undefined && this.#isNoAccident(said, longest) &&
          this.#fits(said.slice(longest.end))
        ? longest.end
        : 0;
    }
    const name = this.#sharedBeginning(said);
    if (name <= (longest?.end ?? 0)) {
      for (const { end } of overlaps) {
        if (this.#fits(said.slice(end))) return end;
      }
    }
    return undefined;
  }

  /** What it begins with that the text before ends with, the longest first. */
  #overlapsIn(said: string): { start: number; end: number }[] {
    // The other half of a pair goes on with the one that was written.
    const isHalf = /[\ud800-\udbff]$/.test(this.#before);
    if (isHalf && /^[\udc00-\udfff]/.test(said)) return [];
    const blanks = said.length - said.trimStart().length;
    const overlaps: { start: number; end: number }[] = [];
    // Half of a pair may have been written that was not sent.
    const before = this.#before.replace(/[\ud800-\udbff]$/, "");
    for (const start of new Set([0, blanks])) {
      const most = Math.min(MAX_REPEATED, said.length - start);
      for (let length = most; length > 0; length--) {
        const end = start + length;
        if (before.endsWith(said.slice(start, end))) {
          overlaps.push({ start, end });
        }
      }
    }
    if (this.#head !== "" && said.startsWith(this.#head)) {
      overlaps.push({ start: 0, end: this.#head.length });
    }
    return overlaps.sort((a, b) => b.end - a.end).slice(0, 8);
  }

  /** Whether so much would not come again by itself. */
  #isNoAccident(
    said: string,
    { start, end }: { start: number; end: number },
  ): boolean {
    const text = said.slice(start, end);
    // What came more than once already may come once more.
    if (this.#before.endsWith(text + text)) return false;
    if (text.length > MAX_REPEATED) return true;
    // Behind the string that it ends in come values, too.
    const [inString] = this.#isInString()
      ? /^(?:[^"\\]|\\.)*/.exec(text)!
      : [""];
    if (!isLong(inString + valuesIn(text.slice(inString.length)))) return false;
    for (let period = 1; period <= text.length / 2; period++) {
      if (text.startsWith(text.slice(period))) return false;
    }
    return true;
  }

  /** Whether the text before ends in a string, or in half of an escape. */
  #isInString(): boolean {
    const whole = this.#before.replace(/\\(?:u[\da-f]{0,3})?$/i, "");
    return [this.#before, whole].some((before) => {
      const probe = new Probe(this.#options);
      // Nothing but a string goes on with it.
      probe.write(`${before};`);
      return !probe.isBroken;
    });
  }

  /** Whether the text goes on with it, as far as that can be told. */
  #fits(text: string): boolean {
    const probe = new Probe(this.#options);
    probe.write(this.#before);
    probe.write(text);
    return !probe.isBroken;
  }

  /** How long it is up to the first name, if the value has the same one there. */
  #sharedBeginning(said: string): number {
    const name = /^\s*[[{]\s*(?:"(?:[^"\\]|\\.)*")?/;
    const [own] = name.exec(this.#head.slice(0, MAX_REPEATED)) ?? [""];
    const [other] = name.exec(said) ?? [""];
    const isSame = own.replaceAll(/\s/g, "") === other.replaceAll(/\s/g, "");
    return isSame ? other.length : 0;
  }
}

/**
 * What tells values from others in the same array: a literal does no more than a
 * digit; names, and what stands between values, do nothing.
 */
function valuesIn(json: string): string {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"\s*:/g, "")
    .replaceAll(/\b(?:true|false|null)\b/g, "0")
    .replaceAll(/[\s,[\]{}]/g, "");
}

function isLong(text: string): boolean {
  let weight = 0;
  for (let at = 0; at < text.length && weight < NO_ACCIDENT; at++) {
    weight += text.charCodeAt(at) < 0x80 ? 1 : 2;
  }
  return weight >= NO_ACCIDENT;
}

/** Reads a text to see whether it is JSON. */
class Probe {
  readonly #answer: AnswerReader;
  readonly #options: SnapshotOptions;
  #parser: JsonPatchParser;
  #isBroken = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#answer = new AnswerReader(options);
    this.#parser = new JsonPatchParser(options);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  write(text: string): void {
    for (const piece of this.#answer.read({ type: "text", text })) {
      if (piece.type === "restart") {
        this.#parser = new JsonPatchParser(this.#options);
        this.#isBroken = false;
      } else if (piece.type === "json") this.#parse(piece.text);
    }
  }

  #parse(json: string): void {
    if (this.#isBroken) return;
    try {
      this.#parser.write(json);
    } catch (error) {
      const isFault = error instanceof JsonSyntaxError ||
        error instanceof JsonBoundsError;
      if (!isFault) throw error;
      this.#isBroken = true;
    }
  }
}

/** Where its value begins in a text. */
function beginningIn(text: string, options: SnapshotOptions): number {
  const answer = new AnswerReader(options);
  let start = 0;
  for (let at = 0; at < text.length && !answer.envelope.began; at++) {
    const unit = text.charAt(at);
    if (unit === (options.root === "array" ? "[" : "{")) start = at;
    answer.read({ type: "text", text: unit });
  }
  return start;
}
