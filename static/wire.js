/**
 * The last few hundred events as they came, newest last.
 *
 * @module
 */

/// <reference lib="dom" />

const shown = 300;
/** Of one event's text; the rest is only counted. */
const shownCharacters = 600;

/** How most events begin: shown, but not so loudly. */
const chunk = '{"status":"chunk","data":';

export class WireList {
  #list;
  #note;
  /** @type {HTMLElement[]} */
  #queue = [];
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
    const item = document.createElement("li");
    const offset = document.createElement("span");
    offset.className = "offset";
    offset.textContent = id.slice(id.indexOf(".") + 1);
    const text = document.createElement("code");
    const rest = data.length - shownCharacters;
    const start = rest > 0
      ? `${data.slice(0, shownCharacters)}… +${rest}`
      : data;
    if (start.startsWith(chunk)) {
      const frame = document.createElement("span");
      frame.className = "frame";
      frame.textContent = chunk;
      text.append(frame, start.slice(chunk.length));
    } else {
      item.className = "other";
      text.textContent = start;
    }
    item.append(offset, text);
    this.#push(item);
  }

  /**
   * Something that happened to the connection.
   *
   * @param {string} text
   * @param {string} className
   */
  note(text, className) {
    const item = document.createElement("li");
    item.className = `note ${className}`;
    item.textContent = text;
    this.#push(item);
  }

  /** @param {HTMLElement} item */
  #push(item) {
    this.#queue.push(item);
    if (this.#queue.length > shown) {
      this.#queue.shift();
      this.#note.hidden = false;
    }
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const list = this.#list;
      list.append(...this.#queue);
      this.#queue = [];
      while (list.childElementCount > shown) {
        list.firstElementChild?.remove();
        this.#note.hidden = false;
      }
    });
  }
}
