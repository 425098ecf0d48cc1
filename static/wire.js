/**
 * The last few hundred events as they came, newest last.
 *
 * @module
 */

/// <reference lib="dom" />

import { element } from "./dom.js";
import { Redraw } from "./redraw.js";

const shown = 300;
/**
 * The lines stand in lists of this many. All but the last two lists are laid
 * out and painted once they are in sight; for each line by itself a browser
 * takes longer to find out than the painting would.
 */
const listSize = 30;
/** Milliseconds between two updates: painting hundreds of lines is work. */
const updates = 80;
/** Of one event's text; the rest is only counted. */
const shownCharacters = 600;

/** How most events begin: shown, but not so loudly. */
const chunk = '{"status":"chunk","data":';

export class WireList {
  #root;
  #note;
  /** @type {HTMLElement[]} */
  #queue = [];
  /** Of the lines on the page. */
  #count = 0;
  #redraw = new Redraw(() => this.flush(), updates);

  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} note Says that there were more.
   */
  constructor(root, note) {
    this.#root = root;
    this.#note = note;
  }

  clear() {
    this.#queue = [];
    this.#root.replaceChildren();
    this.#count = 0;
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
    this.#redraw.request();
  }

  /** Shows what has been added. */
  flush() {
    this.#redraw.cancel();
    for (const item of this.#queue) this.#lastList().append(item);
    this.#count += this.#queue.length;
    this.#queue = [];
    for (; this.#count > shown; this.#count--) {
      const oldest = this.#root.firstElementChild;
      oldest?.firstElementChild?.remove();
      if (!oldest?.hasChildNodes()) oldest?.remove();
      this.#note.hidden = false;
    }
  }

  /** With room for one more. */
  #lastList() {
    const last = this.#root.lastElementChild;
    if (last && last.childElementCount < listSize) return last;
    last?.previousElementSibling?.classList.add("old");
    const list = element("ol");
    this.#root.append(list);
    return list;
  }
}
