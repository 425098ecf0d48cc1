/**
 * The last few hundred events as they came, newest last.
 *
 * @module
 */

/// <reference lib="dom" />

import { element } from "./dom.js";

const shown = 300;
/** The newest are in sight; the others are laid out and painted once they are. */
const recent = 60;
/** Milliseconds between two updates: painting hundreds of lines is work. */
const updates = 80;
/** Of one event's text; the rest is only counted. */
const shownCharacters = 600;

/** How most events begin: shown, but not so loudly. */
const chunk = '{"status":"chunk","data":';

export class WireList {
  #list;
  #note;
  /** @type {HTMLElement[]} */
  #queue = [];
  #timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #frame = 0;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} note Says that there were more.
   */
  constructor(list, note) {
    this.#list = list;
    this.#note = note;
  }

  clear() {
    this.#queue = [];
    this.#list.replaceChildren();
    this.#note.hidden = true;
  }

  /** @param {{ id: string, data: string }} event */
  add({ id, data }) {
    const rest = data.length - shownCharacters;
    const start = rest > 0
      ? `${data.slice(0, shownCharacters)}… +${rest}`
      : data;
    const isChunk = start.startsWith(chunk);
    const text = element("code");
    if (isChunk) text.append(element("span", "frame", chunk));
    text.append(isChunk ? start.slice(chunk.length) : start);
    const offset = id.slice(id.indexOf(".") + 1);
    const item = element("li", isChunk ? "" : "other");
    item.append(element("span", "offset", offset), text);
    this.#push(item);
  }

  /**
   * Something that happened to the connection.
   *
   * @param {string} text
   * @param {string} className
   */
  note(text, className) {
    this.#push(element("li", `note ${className}`, text));
  }

  /** @param {HTMLElement} item */
  #push(item) {
    this.#queue.push(item);
    if (this.#queue.length > shown) {
      this.#queue.shift();
      this.#note.hidden = false;
    }
    this.#timer ??= setTimeout(
      () => this.#frame = requestAnimationFrame(() => this.flush()),
      updates,
    );
  }

  /** Shows what has been added. */
  flush() {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#timer = undefined;
    const list = this.#list;
    list.append(...this.#queue);
    let old = list.children[list.childElementCount - recent - 1];
    for (; old && !old.classList.contains("old");) {
      old.classList.add("old");
      old = /** @type {Element} */ (old.previousElementSibling);
    }
    this.#queue = [];
    while (list.childElementCount > shown) {
      list.firstElementChild?.remove();
      this.#note.hidden = false;
    }
  }
}
