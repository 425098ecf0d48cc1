/**
 * The answer as JSON while it grows. Its text is only ever added to; what would
 * close it just now stands behind it. The work is linear in the deltas.
 *
 * @module
 */

/// <reference lib="dom" />

import { applyDelta } from "./apply_delta.js";
import { element } from "./dom.js";
import { Redraw } from "./redraw.js";

/** @typedef {import("./apply_delta.js").Delta} Delta */

/**
 * A value that may still grow: the last one of the one before it.
 *
 * @typedef {object} Open
 * @property {string} key
 * @property {"object" | "array" | "string"} type
 * @property {number} count How many members it has.
 */

/** A browser lays a block out anew whenever it grows, so blocks stay small. */
const blockSize = 2_000;

export class JsonView {
  #root;
  #ending = element("span", "ending");
  /** @type {Open[]} */
  #open = [];
  /** What all deltas have made: it is written anew where one takes back. */
  #state = /** @type {unknown} */ (undefined);
  /** Text that is not on the page yet. */
  #pending = "";
  #tail = document.createTextNode("");
  #redraw = new Redraw(() => this.#flush());
  #isShown = false;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  clear() {
    this.#redraw.cancel();
    this.#open = [];
    this.#state = undefined;
    this.#pending = "";
    this.#root.replaceChildren();
    this.#tail = document.createTextNode("");
  }

  /** Nothing is put on the page that nobody sees. @param {boolean} is */
  show(is) {
    this.#isShown = is;
    this.#draw();
  }

  /** @param {Delta} delta */
  add(delta) {
    const isFirst = this.#state === undefined;
    const state = applyDelta(this.#state, delta);
    if (delta.reset?.length) {
      this.clear();
      if (state !== undefined) this.#write("", state);
    } else if (delta.data !== undefined) {
      if (isFirst) this.#write("", delta.data);
      else this.#merge(0, delta.data);
    }
    this.#state = state;
    this.#draw();
  }

  #draw() {
    if (!this.#isShown || this.#state === undefined) return;
    this.#redraw.request();
  }

  /**
   * @param {number} depth
   * @param {unknown} data
   */
  #merge(depth, data) {
    if (typeof data === "string") {
      this.#pending += escaped(data);
    } else {
      for (const [key, value] of Object.entries(/** @type {object} */ (data))) {
        const growing = this.#open[depth + 1]?.key === key;
        if (growing) this.#merge(depth + 1, value);
        else this.#insert(depth, key, value);
      }
    }
  }

  /**
   * @param {number} depth Of the container.
   * @param {string} key
   * @param {unknown} value
   */
  #insert(depth, key, value) {
    this.#pending += endOf(this.#open, depth + 1);
    this.#open.length = depth + 1;
    const parent = /** @type {Open} */ (this.#open[depth]);
    if (parent.count++ > 0) this.#pending += ",";
    this.#pending += `\n${"  ".repeat(depth + 1)}`;
    if (parent.type === "object") this.#pending += `${JSON.stringify(key)}: `;
    this.#write(key, value);
  }

  /**
   * @param {string} key
   * @param {unknown} value
   */
  #write(key, value) {
    if (typeof value === "string") {
      this.#open.push({ key, type: "string", count: 0 });
      this.#pending += `"${escaped(value)}`;
    } else if (typeof value !== "object" || value === null) {
      this.#pending += JSON.stringify(value);
    } else {
      const type = Array.isArray(value) ? "array" : "object";
      const depth = this.#open.push({ key, type, count: 0 }) - 1;
      this.#pending += type === "array" ? "[" : "{";
      for (const [name, member] of Object.entries(value)) {
        this.#insert(depth, name, member);
      }
    }
  }

  #flush() {
    for (let text = this.#pending; text !== "";) {
      if (!this.#tail.isConnected) {
        this.#root.append(element("div", "", this.#tail));
      }
      // A block ends with a line, or anywhere if that line is too long.
      const room = Math.max(blockSize - this.#tail.length, 0);
      const line = text.indexOf("\n", room);
      const end = line >= 0 && line < room + blockSize
        ? line
        : Math.min(room + blockSize, text.length);
      this.#tail.appendData(text.slice(0, end));
      if (end === text.length) break;
      text = text.slice(text[end] === "\n" ? end + 1 : end);
      this.#tail = document.createTextNode("");
    }
    this.#pending = "";
    this.#ending.textContent = endOf(this.#open, 0);
    this.#root.lastElementChild?.append(this.#ending);
  }
}

/**
 * What closes the values that are open from this depth on.
 *
 * @param {Open[]} open
 * @param {number} from
 */
function endOf(open, from) {
  let text = "";
  for (let depth = open.length - 1; depth >= from; depth--) {
    const { type, count } = /** @type {Open} */ (open[depth]);
    if (type === "string") text += '"';
    else {
      if (count > 0) text += `\n${"  ".repeat(depth)}`;
      text += type === "array" ? "]" : "}";
    }
  }
  return text;
}

/** A text's inside in JSON. @param {string} text */
function escaped(text) {
  return JSON.stringify(text).slice(1, -1);
}
