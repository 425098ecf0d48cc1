/**
 * The last few hundred events as they came, newest last.
 *
 * @module
 */

/// <reference lib="dom" />

const shown = 300;
/** Of one event's text; the rest is only counted. */
const shownCharacters = 600;

export class WireList {
  #list;
  /** @type {HTMLElement[]} */
  #queue = [];
  #frame = 0;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  clear() {
    this.#queue = [];
    this.#list.replaceChildren();
  }

  /** @param {{ id: string, data: string }} event */
  add({ id, data }) {
    const item = document.createElement("li");
    const offset = document.createElement("span");
    offset.className = "offset";
    offset.textContent = id.slice(id.indexOf(".") + 1);
    const text = document.createElement("code");
    text.textContent = data.length > shownCharacters
      ? `${data.slice(0, shownCharacters)}… +${data.length - shownCharacters}`
      : data;
    item.append(offset, text);
    if (!data.startsWith('{"status":"chunk"')) item.className = "other";
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
    if (this.#queue.length > shown) this.#queue.shift();
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const list = this.#list;
      list.append(...this.#queue);
      this.#queue = [];
      while (list.childElementCount > shown) list.firstElementChild?.remove();
    });
  }
}
