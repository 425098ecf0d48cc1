/**
 * Replays an answer beside what it would have looked like without streaming,
 * and with the usual way of streaming.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, element } from "./dom.js";

/** @typedef {import("./messages.js").Messages} Messages */

/**
 * How the answer came: milliseconds since it was asked for, and how many
 * characters the model had written by then.
 *
 * @typedef {[at: number, offset: number][]} Pace
 */

/** A longer answer is replayed faster. In milliseconds. */
const longest = 10_000;

/** What each way shows of the first part of a text, and when. */
const ways = {
  fields: (/** @type {string} */ text) => shownOf(text),
  none: (/** @type {string} */ text, /** @type {boolean} */ isWhole) =>
    isWhole ? shownOf(text) : undefined,
  usual: (/** @type {string} */ text) => repaired(text),
};

export class Comparison {
  #say;
  #frame = 0;
  /** Says again what is said now, in another language. */
  #describe = () => {};
  /** What is replayed. @type {{ state: unknown, pace: Pace } | undefined} */
  #answer;

  /** @param {Messages} say */
  constructor(say) {
    this.#say = say;
    button("replay").addEventListener("click", () => this.#play());
  }

  /** @param {Messages} say */
  speak(say) {
    this.#say = say;
    this.#describe();
  }

  clear() {
    cancelAnimationFrame(this.#frame);
    byId("compare").hidden = true;
    this.#describe = () => {};
  }

  /**
   * @param {unknown} state
   * @param {Pace} pace
   */
  open(state, pace) {
    this.#answer = { state, pace };
    byId("compare").hidden = false;
    byId("compare").scrollIntoView({ block: "start" });
    this.#play();
  }

  #play() {
    if (!this.#answer) return;
    cancelAnimationFrame(this.#frame);
    const { state, pace } = this.#answer;
    const text = JSON.stringify(state);
    const steps = stepsOf(text, pace);
    const time = steps.at(-1)?.at ?? 0;
    const speed = Math.max(1, time / longest);
    const columns = Object.entries(ways).map(([name, show]) =>
      new Column(byId(`compare-${name}`), show)
    );
    this.#describe = () => {
      byId("compare-note").textContent = this.#say.compareNote +
        (speed > 1 ? this.#say.compareFaster(speed.toFixed(1)) : "");
      for (const column of columns) column.describe(this.#say);
    };
    this.#describe();
    const start = performance.now();
    let next = 0;
    const frame = () => {
      const now = (performance.now() - start) * speed;
      let step;
      for (; (steps[next]?.at ?? Infinity) <= now; next++) {
        step = /** @type {typeof steps[0]} */ (steps[next]);
        for (const column of columns) column.read(step.offset);
      }
      if (step) {
        const sofar = text.slice(0, step.length);
        const isWhole = next === steps.length;
        for (const column of columns) column.show(sofar, step.at, isWhole);
        this.#describe();
      }
      if (next < steps.length) this.#frame = requestAnimationFrame(frame);
    };
    frame();
  }
}

/** One way to show the answer. */
class Column {
  #body;
  #facts;
  #show;
  /** @type {unknown} */
  #shown;
  #firstAt = 0;
  #taken = 0;
  #read = 0;

  /**
   * @param {HTMLElement} root
   * @param {(text: string, isWhole: boolean) => unknown} show
   */
  constructor(root, show) {
    this.#body = /** @type {HTMLElement} */ (root.querySelector(".replay"));
    this.#facts = /** @type {HTMLElement} */ (root.querySelector(".facts"));
    this.#show = show;
    this.#body.replaceChildren();
  }

  /**
   * Repairing reads all of it again with each token, the others each character
   * once.
   *
   * @param {number} offset Of what the model has written.
   */
  read(offset) {
    this.#read = this.#show === ways.usual ? this.#read + offset : offset;
  }

  /**
   * @param {string} text So far.
   * @param {number} at
   * @param {boolean} isWhole
   */
  show(text, at, isWhole) {
    const shown = this.#show(text, isWhole);
    if (shown === undefined) return;
    this.#firstAt ||= at;
    this.#taken += takenBack(this.#shown, shown);
    this.#shown = shown;
    this.#body.replaceChildren(drawing(shown));
    this.#body.scrollTop = this.#body.scrollHeight;
  }

  /** @param {Messages} say */
  describe(say) {
    this.#facts.classList.toggle("bad", this.#taken > 0);
    this.#facts.textContent = this.#firstAt
      ? say.compareFacts(
        (this.#firstAt / 1_000).toFixed(1),
        this.#taken,
        this.#read.toLocaleString("en"),
      )
      : "–";
  }
}

/**
 * When how much of the text was there.
 *
 * @param {string} text
 * @param {Pace} pace
 */
function stepsOf(text, pace) {
  const first = pace[0]?.[1] ?? 0;
  const whole = (pace.at(-1)?.[1] ?? 0) - first;
  const steps = pace.slice(1).map(([at, offset]) => ({
    at,
    offset,
    length: Math.round(text.length * (offset - first) / (whole || 1)),
  }));
  const last = steps.at(-1);
  if (last) last.length = text.length;
  const { length } = text;
  return steps.length > 0 ? steps : [{ at: 0, offset: length, length }];
}

/** A value as text on the page. @param {unknown} value @returns {HTMLElement} */
function drawing(value) {
  if (typeof value !== "object" || value === null) {
    return element("span", typeof value, String(value));
  }
  const isEmpty = Object.keys(value).length === 0;
  if (isEmpty) return element("code", "", JSON.stringify(value));
  const list = element(Array.isArray(value) ? "ul" : "dl");
  for (const [key, member] of Object.entries(value)) {
    if (Array.isArray(value)) list.append(element("li", "", drawing(member)));
    else {
      list.append(element("dt", "", key), element("dd", "", drawing(member)));
    }
  }
  return list;
}

/**
 * How many values that were shown are gone, or are others now.
 *
 * @param {unknown} before
 * @param {unknown} now
 * @returns {number}
 */
function takenBack(before, now) {
  if (before === undefined) return 0;
  if (typeof before === "string") {
    return typeof now === "string" && now.startsWith(before) ? 0 : 1;
  }
  if (typeof before !== "object" || before === null) {
    return Object.is(before, now) ? 0 : 1;
  }
  if (typeof now !== "object" || now === null) return 1;
  let count = 0;
  for (const [key, value] of Object.entries(before)) {
    count += Object.hasOwn(now, key)
      ? takenBack(value, /** @type {Record<string, unknown>} */ (now)[key])
      : 1;
  }
  return count;
}

/**
 * What this project shows of the beginning of a JSON text: only what stays.
 *
 * @param {string} text
 */
export function shownOf(text) {
  return read(text, false);
}

/**
 * What is shown by those who close what is open, and parse it all again with
 * each token: half a number is a number, half a key has the value null, and of
 * half an escape the half is shown.
 *
 * @param {string} text
 */
export function repaired(text) {
  return read(text, true);
}

/**
 * Reads the beginning of a text that `JSON.stringify` made.
 *
 * @param {string} text
 * @param {boolean} guesses
 */
function read(text, guesses) {
  let at = 0;
  /** @returns {unknown} undefined if there is nothing to show. */
  function value() {
    const start = text[at];
    if (start === undefined) return guesses && at > 0 ? null : undefined;
    if (start === '"') return string().value;
    if (start === "[" || start === "{") return container(start === "[");
    const [atom = ""] = /^[^,\]}]*/.exec(text.slice(at)) ?? [];
    at += atom.length;
    const isLiteral = /^(?:true|false|null)$/.test(atom);
    if (at < text.length || isLiteral) return JSON.parse(atom);
    return guesses || atom === text ? guess(atom) : undefined;
  }
  function string() {
    const literal = /"(?:[^"\\]|\\.)*"/y;
    literal.lastIndex = at;
    const whole = literal.exec(text)?.[0];
    if (whole) {
      at += whole.length;
      return { value: JSON.parse(whole), isWhole: true };
    }
    const rest = text.slice(at + 1);
    at = text.length;
    const [end = "", slashes = ""] = /(\\+)(?:u[\da-f]{0,3})?$/.exec(rest) ??
      [];
    const half = slashes.length % 2 ? end.slice(slashes.length - 1) : "";
    const sure = rest.slice(0, rest.length - half.length);
    const known = JSON.parse(`"${sure}"`);
    if (guesses) return { value: known + half, isWhole: false };
    return { value: known.replace(/[\ud800-\udbff]$/, ""), isWhole: false };
  }
  /** @param {boolean} isArray */
  function container(isArray) {
    /** @type {any} */
    const result = isArray ? [] : Object.create(null);
    at++;
    while (at < text.length && !/[\]}]/.test(text[at] ?? "")) {
      if (text[at] === ",") at++;
      let key = result.length;
      if (!isArray) {
        if (at === text.length) break;
        const name = string();
        key = name.value;
        if (!name.isWhole && !guesses) break;
        at++; // the colon
      }
      if (isArray && at === text.length) break;
      const member = value();
      if (member !== undefined) result[key] = member;
    }
    at++;
    return result;
  }
  return value();
}

/** What a repair makes of half an atom. @param {string} atom */
function guess(atom) {
  if (atom.startsWith("t")) return true;
  if (atom.startsWith("f")) return false;
  if (atom.startsWith("n")) return null;
  return Number.parseFloat(atom) || 0;
}
