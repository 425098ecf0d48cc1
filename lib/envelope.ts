/**
 * What a model writes to what it means: the thinking, and the JSON value
 * without the prose and fences around it, mended to strict JSON.
 *
 * @module
 */

import { type Beginning, ValueSearch } from "./beginning.ts";
import type { Mender, Mending } from "./mending.ts";
import { notText } from "./not_text.ts";
import { beginsTag, findTag, HARMONY, readTag, type Tag } from "./thinking.ts";

/** A run of thinking, or of the JSON value's text; or that it begins anew. */
export type Piece = TextPiece | RestartPiece;

/** A run of thinking, or of the JSON value's text. */
export interface TextPiece {
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

/**
 * The JSON so far was not the value, which begins now: what reads it begins anew,
 * and a client resets what it has been shown.
 */
export interface RestartPiece {
  /** It has no text. */
  type: "restart";
  /** As in {@linkcode TextPiece}. */
  end: number;
}

/** Options for {@linkcode Envelope}: what is known of the value. */
export type EnvelopeOptions = Beginning;

/**
 * Finds the JSON value in a model's answer, incrementally.
 *
 * - Before the value: anything, such as a byte order mark, prose or a code
 *   fence ({@linkcode ValueSearch}); what stands in the tags of lib/thinking.ts
 *   is reasoning.
 * - In the value slips are mended ({@linkcode Mender}). All else is passed on
 *   for the parser to judge.
 * - After the value: anything, ignored, but for a closing tag that was never
 *   opened: all before it was thinking, and so was what has been shown, once
 *   another value begins. (Where none does, it is an answer's if nothing stood
 *   before it, and a draft if prose did.)
 *
 * What has been said after k units follows from those k units, not from how
 * they were cut. The work is linear in the text.
 */
export class Envelope {
  readonly #beginning: Beginning;
  #phase: "before" | "thinking" | "inside" | "after" = "before";

  #search: ValueSearch;
  /** What reads the value, once it has begun. */
  #mender: Mender | undefined;
  /** Whether the value was part of the thinking; it has to go once another comes. */
  #isDraft: "no" | "perhaps" | "surely" = "no";

  /** The first units of the answer, as many as tell Harmony's. */
  #head = "";
  /** What may become a tag: `""`, or its first units. */
  #tag = "";
  /** Whose closing tag ends the thinking. */
  #family: Tag["family"] = "<";
  /** How many blocks of thinking have been opened and not closed. */
  #opened = 0;
  /** How many of them behind the value. */
  #openedBehind = 0;
  /** A high surrogate at the end of the reasoning so far: `""` or one unit. */
  #high = "";

  /**
   * Makes an envelope for one answer.
   *
   * @param options What is known of the value.
   */
  constructor(options: EnvelopeOptions = {}) {
    this.#beginning = options;
    this.#search = new ValueSearch(options, false);
  }

  /** Whether the JSON value has begun, or a bracket came that holds none. */
  get began(): boolean {
    const hasValue = this.#mender !== undefined && !this.withdrawn;
    return hasValue || this.#search.refused;
  }

  /** Whether what has been shown was thinking, and nothing is in its place yet. */
  get withdrawn(): boolean {
    return this.#isDraft === "surely";
  }

  /** Whether what is read next stands in a string of the value. */
  get inString(): boolean {
    return this.#phase === "inside" && this.#mender!.inString;
  }

  /**
   * Whether the value has begun, with nothing but white space, a fence or
   * thinking before it: then nothing has to be waited for behind it. Behind
   * prose, a closing tag may still say that all was thinking.
   */
  get bare(): boolean {
    if (this.#mender === undefined) return false;
    return this.#isDraft === "no"
      ? !this.#search.prose
      : this.#isDraft === "perhaps";
  }

  /** The kinds of slips that have been mended in the value, each once. */
  get mended(): Mending[] {
    return this.withdrawn ? [] : [...this.#mender?.kinds ?? []];
  }

  /**
   * Reads the next piece of the model's text.
   *
   * @param text Any number of UTF-16 units, cut anywhere.
   * @returns The runs of reasoning and JSON in it, in order.
   */
  write(text: string): Piece[] {
    if (typeof text !== "string") throw notText(text);
    const pieces: Piece[] = [];
    if (this.#head.length < HARMONY.length) {
      this.#head += text.slice(0, HARMONY.length - this.#head.length);
    }
    let index = 0;
    while (index < text.length) {
      if (this.#phase === "inside") {
        index = this.#readValue(text, index, undefined, pieces);
        continue;
      }
      if (this.#tag === "") index = this.#readRun(text, index, pieces);
      if (index === text.length) break;
      this.#readUnit(text.charAt(index++), index, pieces);
    }
    const last = pieces.at(-1);
    // What is behind the last piece changes nothing that is shown.
    if (last !== undefined) last.end = text.length;
    return pieces;
  }

  /** The fast path outside the value: text in which nothing begins. */
  #readRun(text: string, from: number, pieces: Piece[]): number {
    if (this.#head === HARMONY) return from;
    if (this.#phase === "before") return this.#search.skip(text, from);
    const end = findTag(text, from);
    if (this.#phase === "thinking" && end > from) {
      this.#think(text.slice(from, end), end, pieces);
    }
    return end;
  }

  /** Reads a unit outside the value: of a tag, or of what is around the tags. */
  #readUnit(unit: string, end: number, pieces: Piece[]): void {
    if (this.#tag !== "") return this.#readTag(this.#tag + unit, end, pieces);
    const family = this.#phase === "thinking" ? this.#family : undefined;
    // A bracket in another one is no tag's.
    const isInner = unit === "[" && this.#phase === "before" &&
      this.#search.looking;
    if (!isInner && this.#beginsTag(unit, family)) this.#tag = unit;
    else this.#readText(unit, end, pieces);
  }

  #beginsTag(unit: string, family?: Tag["family"]): boolean {
    return beginsTag(unit, family) || (unit === "a" && this.#head === HARMONY);
  }

  #readTag(text: string, end: number, pieces: Piece[]): void {
    const tag = readTag(text);
    if (tag === "part") {
      this.#tag = text;
      return;
    }
    this.#tag = "";
    if (tag !== undefined) return this.#takeTag(tag, text, end, pieces);
    // None, after all: its first unit is text; another tag may begin behind it.
    this.#readText(text.charAt(0), end, pieces);
    for (const unit of text.slice(1).split("")) {
      if (this.#phase === "inside") this.#readValue(unit, 0, end, pieces);
      else this.#readUnit(unit, end, pieces);
    }
  }

  #takeTag(tag: Tag, text: string, end: number, pieces: Piece[]): void {
    const { role, family } = tag;
    if (role === "frame") return;
    switch (this.#phase) {
      case "before":
        if (role === "open") {
          this.#opened++;
          this.#phase = "thinking";
          this.#family = family;
        } else if (role === "close") {
          this.#endThinking();
        }
        return;
      case "thinking":
        if (family !== this.#family) return this.#think(text, end, pieces);
        if (role !== "open") {
          this.#think("", end, pieces);
          this.#endThinking();
        } else if (family !== "channel") {
          this.#opened++;
          this.#think(text, end, pieces);
        }
        return;
      case "after":
        if (role === "open") {
          this.#openedBehind++;
        } else if (this.#openedBehind > 0) {
          this.#openedBehind--;
        } else if (role === "close") {
          this.#isDraft = this.#search.prose ? "surely" : "perhaps";
          this.#endThinking();
        }
    }
  }

  /** What came so far was thinking. Where blocks are open, it may go on. */
  #endThinking(): void {
    this.#opened = Math.max(0, this.#opened - 1);
    this.#phase = "before";
    this.#search = new ValueSearch(this.#beginning, this.#opened > 0);
  }

  #readText(unit: string, end: number, pieces: Piece[]): void {
    if (this.#phase === "thinking") return this.#think(unit, end, pieces);
    if (this.#phase === "after") return;
    const begun = this.#search.read(unit);
    if (begun === undefined) return;
    if (this.#isDraft !== "no") pieces.push({ type: "restart", end });
    this.#isDraft = "no";
    this.#mender = begun.mender;
    this.#phase = "inside";
    show("json", begun.json, end, pieces);
    if (begun.mender.ended) this.#endValue(unit);
  }

  /** Says what was thought; no piece ends inside a surrogate pair. */
  #think(text: string, end: number, pieces: Piece[]): void {
    const said = this.#high + text;
    const last = said.charCodeAt(said.length - 1);
    this.#high = text !== "" && (last & 0xfc00) === 0xd800
      ? text.slice(-1)
      : "";
    const whole = this.#high === "" ? said : said.slice(0, -1);
    show("reasoning", whole, end, pieces);
  }

  /** Reads the value. */
  #readValue(
    text: string,
    from: number,
    end: number | undefined,
    pieces: Piece[],
  ): number {
    const mender = this.#mender!;
    const json = mender.write(text, from);
    const { index } = mender;
    show("json", json, end ?? index, pieces);
    if (mender.ended) this.#endValue(text.charAt(index - 1));
    return index;
  }

  /** The value has ended, or stopped being JSON at a unit that may begin a tag. */
  #endValue(unit: string): void {
    this.#phase = "after";
    this.#openedBehind = 0;
    if (this.#mender!.progress === "fault" && this.#beginsTag(unit)) {
      this.#tag = unit;
    }
  }
}

function show(
  type: TextPiece["type"],
  text: string,
  end: number,
  pieces: Piece[],
): void {
  const last = pieces.at(-1);
  if (last?.type === type) {
    last.text += text;
    last.end = end;
  } else if (text !== "") {
    pieces.push({ type, text, end });
  }
}
