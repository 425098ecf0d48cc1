/**
 * Shows an answer of any shape while it grows. Deltas are collected and put on
 * the page together; text is appended, never rewritten, and always text:
 * no markup from a model is ever parsed.
 *
 * @module
 */

/// <reference lib="dom" />

import { element } from "./dom.js";
import { Redraw } from "./redraw.js";

/** @typedef {import("./apply_delta.js").Delta} Delta */

/**
 * What the view reads of a JSON Schema.
 *
 * @typedef {object} Schema
 * @property {string} [title]
 * @property {string} [type]
 * @property {Record<string, Schema>} [properties]
 * @property {Schema} [items]
 */

/**
 * A value on the page.
 *
 * @typedef {object} Field
 * @property {"object" | "array" | "text" | "atom"} type
 * @property {Slot} slot
 * @property {HTMLElement} body What holds its text or its members' slots.
 * @property {"fields" | "row" | "list" | "chips" | "table" | "text"} layout
 * @property {Map<string, Slot>} members
 * @property {string} pending Text that is not on the page yet.
 * @property {Text | undefined} tail Where its text grows; none in a new block.
 * @property {number} blockLength Characters in the last block.
 * @property {unknown} atom Its value, if it is one.
 * @property {boolean} isClosed Whether nothing can be added to it.
 */

/**
 * The place of a value, which may be there before the value is.
 *
 * @typedef {object} Slot
 * @property {string} label
 * @property {string} key
 * @property {number} depth
 * @property {Slot | undefined} parent
 * @property {Schema | undefined} schema
 * @property {HTMLElement} box Gets the classes pending, writing, done, cut and
 * wrong.
 * @property {HTMLElement} hole Where the value goes.
 * @property {Field | undefined} field
 * @property {boolean} planned Whether the schema foresaw it.
 */

/** Texts are split into blocks of about this many characters. */
const blockSize = 1_000;

/** What is shown of a value that stays empty. */
const empty = { object: "{}", array: "[]", text: '""' };

export class AnswerView {
  /** The label of the top-level field that is being written, or "". */
  field = "";
  /** Called when `field` changes. */
  onField = () => {};
  /** How booleans and null are shown. */
  words = { yes: "true", no: "false", nothing: "null", cutAt: "…" };

  #root;
  /** @type {Slot} */
  #slot;
  /** @type {Delta[]} */
  #queue = [];
  #redraw = new Redraw(() => this.flush());
  /** Texts with something pending. @type {Set<Field>} */
  #grown = new Set();
  /** @type {Field | undefined} */
  #current;
  /** The root holds places for an object that may not come. */
  #expecting = false;
  /** Whether those places are a guess: nobody said which fields come. */
  #guessing = false;
  #caret = element("i", "caret");
  /** Where the caret was when its field ended, on the page, and when it flew. */
  #left = { x: 0, y: 0, height: 0, at: 0 };
  #language = "";
  /** Whether the page scrolls along with the caret. */
  #following = true;
  /** Where this has scrolled to: whatever else scrolls is the reader. */
  #scrolledTo = -1;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#caret.setAttribute("aria-hidden", "true");
    this.#slot = this.#rootSlot(undefined);
    // Who scrolls up wants to read there; who comes back wants to watch.
    addEventListener("scroll", () => {
      if (!this.#caret.isConnected || scrollY === this.#scrolledTo) return;
      const { bottom } = this.#caret.getBoundingClientRect();
      this.#following = bottom < innerHeight + 80;
    }, { passive: true });
  }

  /**
   * Empties the view, and makes room for the fields that are expected.
   *
   * @param {Schema} [schema]
   * @param {boolean} [isGuess] Whether others may come in their place.
   */
  prepare(schema, isGuess = false) {
    this.#redraw.cancel();
    this.#queue = [];
    this.#following = true;
    this.#guessing = isGuess;
    this.#clear(schema);
  }

  /**
   * Names the fields anew, and says `words` anew.
   *
   * @param {Schema} [schema]
   */
  relabel(schema) {
    this.flush();
    this.#relabel(this.#slot, schema);
    for (const mark of this.#root.querySelectorAll(".cut-mark")) {
      mark.textContent = this.words.cutAt;
    }
    if (this.field !== "") this.field = topLabel(this.#current?.slot);
  }

  /** @param {Delta} delta */
  add(delta) {
    this.#queue.push(delta);
    // A browser that translates the page is to wait until it is all there.
    this.#root.translate = false;
    this.#redraw.request();
  }

  /** Empties the view when the deltas before have been shown. */
  restart() {
    this.flush();
    this.#clear(this.#slot.schema);
  }

  /** Puts on the page what has been collected. */
  flush() {
    this.#redraw.cancel();
    const queue = this.#queue;
    if (queue.length === 0) return;
    this.#queue = [];
    for (const delta of queue) this.#apply(delta);
    for (const field of this.#grown) this.#append(field);
    this.#grown.clear();
    this.#moveCaret();
    // Once this is laid out, and before anything else is written: a place that
    // is asked for in between would have all of it laid out twice.
    requestAnimationFrame(() => this.#keepInSight());
  }

  /** Nothing more comes: the caret leaves, and the places of what never came. */
  finish() {
    this.flush();
    this.#root.removeAttribute("translate");
    this.#setCurrent(undefined);
    this.#moveCaret();
    this.#settle(this.#slot);
    if (!this.#expecting) return;
    this.#expecting = false;
    this.#slot.field = undefined;
    this.#root.replaceChildren();
  }

  /**
   * Marks the value that was cut off.
   *
   * @param {string} pointer
   */
  markCut(pointer) {
    let slot = this.#find(pointer) ?? this.#slot;
    slot.box.classList.add("cut");
    slot.box.classList.remove("pending");
    // The mark stands where the writing ended.
    for (let last = slot; last?.field; slot = last) {
      const member = [...last.field.members.values()].findLast((member) =>
        member.field
      );
      if (!member) break;
      last = member;
    }
    const mark = element("em", "cut-mark", this.words.cutAt);
    const { type, body } = slot.field ?? {};
    (type === "text" && body ? body.lastElementChild ?? body : slot.hole)
      .append(mark);
  }

  /**
   * Marks a value that is not as the schema wants it.
   *
   * @param {string} pointer
   */
  markWrong(pointer) {
    for (let at = this.#find(pointer); at?.parent; at = at.parent) {
      at.box.classList.add("wrong");
    }
  }

  /** @param {Schema | undefined} schema */
  #clear(schema) {
    this.#current = undefined;
    this.#grown.clear();
    this.#caret.remove();
    this.#left.height = 0;
    this.field = "";
    this.#language = "";
    this.#root.removeAttribute("lang");
    this.#root.replaceChildren();
    this.#slot = this.#rootSlot(schema);
    this.#expecting = schema?.properties !== undefined;
    if (this.#expecting) this.#fill(this.#slot, {});
  }

  /** @param {Schema | undefined} schema @returns {Slot} */
  #rootSlot(schema) {
    const root = this.#root;
    root.classList.remove("done");
    return {
      label: "",
      key: "",
      depth: 0,
      parent: undefined,
      schema,
      box: root,
      hole: root,
      field: undefined,
      planned: true,
    };
  }

  /** @param {Delta & { invalid?: { pointer: string }[] }} delta */
  #apply({ data, reset = [], complete = [], invalid = [] }) {
    for (const pointer of reset) this.#reset(pointer);
    if (data !== undefined) this.#merge(this.#slot, data);
    for (const pointer of complete) {
      const slot = this.#find(pointer);
      if (!slot) continue;
      if (pointer === "" || slot.box.tagName === "TR") this.#settle(slot);
      slot.box.classList.add("done");
      slot.box.classList.remove("writing");
      for (let at = this.#current?.slot; at; at = at.parent) {
        if (at === slot) this.#setCurrent(undefined);
      }
      this.#close(slot);
    }
    for (const { pointer } of invalid) this.markWrong(pointer);
  }

  /** Shows of what is empty that it is: looks at each value once. @param {Slot} slot */
  #close({ hole, field }) {
    if (!field || field.isClosed) return;
    field.isClosed = true;
    for (const member of field.members.values()) this.#close(member);
    const { type, body, pending } = field;
    if (type === "atom" || pending || body.hasChildNodes()) return;
    hole.replaceChildren(element("code", "empty", empty[type]));
  }

  /**
   * @param {Slot} slot
   * @param {unknown} data
   */
  #merge(slot, data) {
    if (this.#expecting && slot === this.#slot) {
      this.#expecting = false;
      if (typeof data !== "object" || Array.isArray(data)) {
        slot.field = undefined;
      }
    }
    const field = slot.field ?? this.#fill(slot, data);
    if (typeof data === "string") {
      field.pending += data;
      if (data !== "") this.#grown.add(field);
      this.#setCurrent(field);
    } else if (typeof data === "object" && data !== null) {
      for (const [key, value] of Object.entries(data)) {
        let member = field.members.get(key);
        if (!member) {
          if (this.#guessing && slot === this.#slot) this.#settle(slot);
          member = this.#open(field, key);
          field.members.set(key, member);
        }
        this.#merge(member, value);
      }
    }
  }

  /** Takes away the places of what never came. @param {Slot} slot */
  #settle({ field }) {
    for (const [key, member] of field?.members ?? []) {
      if (member.field) this.#settle(member);
      else if (member.box.classList.contains("cut")) continue;
      else if (field?.layout === "row") member.box.classList.remove("pending");
      else {
        member.box.remove();
        field?.members.delete(key);
      }
    }
  }

  /**
   * @param {Slot} slot
   * @param {Schema | undefined} schema
   */
  #relabel(slot, schema) {
    const { box, field, key, parent } = slot;
    slot.schema = schema;
    slot.label = schema?.title ?? key;
    if (parent?.field?.layout === "fields") {
      box.firstElementChild?.replaceChildren(...labelParts(slot.label, key));
    }
    if (!field) return;
    if (field.type === "atom") {
      field.body.textContent = this.#atom(field.atom);
    }
    if (field.layout === "table") {
      const columns = schema?.items?.properties ?? {};
      field.body.previousElementSibling?.replaceWith(tableHead(columns));
    }
    for (const [key, member] of field.members) {
      this.#relabel(member, memberSchema(field, key));
    }
  }

  /**
   * Puts an empty value of the kind of `data` into a slot.
   *
   * @param {Slot} slot
   * @param {unknown} data
   * @returns {Field}
   */
  #fill(slot, data) {
    slot.hole.replaceChildren();
    slot.box.classList.remove("pending");
    const { schema } = slot;
    /** @type {Field} */
    const field = {
      type: "atom",
      slot,
      body: slot.hole,
      layout: "text",
      members: new Map(),
      pending: "",
      tail: undefined,
      blockLength: 0,
      atom: data,
      isClosed: false,
    };
    slot.field = field;
    if (slot.box.tagName === "TR" && (typeof data !== "object" || !data)) {
      // Not the row that the schema foresaw.
      slot.hole = element("td", "cell");
      slot.box.append(slot.hole);
      field.body = slot.hole;
    }
    if (typeof data === "string") {
      field.type = "text";
      field.body = element("div", "text");
      field.body.dir = "auto";
      slot.hole.append(field.body);
    } else if (typeof data !== "object" || data === null) {
      field.body = element("span", `atom ${typeof data}`);
      field.body.textContent = this.#atom(data);
      slot.hole.append(field.body);
      slot.box.classList.add("done");
    } else if (Array.isArray(data)) {
      field.type = "array";
      field.layout = arrayLayout(slot);
      field.body = element(...listElement(field.layout, slot.key));
      if (field.layout === "table") {
        slot.hole.append(table(schema?.items?.properties ?? {}, field.body));
      } else {
        slot.hole.append(field.body);
      }
    } else {
      field.type = "object";
      const row = slot.box.tagName === "TR";
      field.layout = row ? "row" : "fields";
      if (!row) {
        field.body = element("dl", "fields");
        slot.hole.append(field.body);
      }
      // What the schema foresees is there before it is written.
      if (row || slot.depth === 0) {
        for (const key of Object.keys(schema?.properties ?? {})) {
          const member = this.#open(field, key);
          member.planned = true;
          member.box.classList.add("pending");
          field.members.set(key, member);
        }
      }
    }
    return field;
  }

  /**
   * Makes the slot of a member.
   *
   * @param {Field} parent
   * @param {string} key
   * @returns {Slot}
   */
  #open(parent, key) {
    const { slot, layout, body } = parent;
    const schema = memberSchema(parent, key);
    const label = schema?.title ?? key;
    const depth = slot.depth + 1;
    let box;
    let hole;
    if (layout === "fields") {
      box = element("div", "field");
      const term = element("dt", "label");
      term.append(...labelParts(label, key));
      hole = element("dd", "value");
      box.append(term, hole);
      const role = roleOf(key, depth, schema);
      if (role) box.classList.add(role);
    } else if (layout === "row") {
      box = hole = element("td", "cell");
    } else if (layout === "table") {
      box = hole = element("tr", "row");
    } else {
      box = hole = element("li", "item");
    }
    body.append(box);
    return {
      label,
      key,
      depth,
      parent: slot,
      schema,
      box,
      hole,
      field: undefined,
      planned: false,
    };
  }

  /** @param {string} pointer */
  #reset(pointer) {
    if (pointer === "") {
      this.#clear(this.#slot.schema);
      return;
    }
    const slot = this.#find(pointer);
    if (!slot) return;
    for (let at = this.#current?.slot; at; at = at.parent) {
      if (at === slot) this.#setCurrent(undefined);
    }
    slot.field = undefined;
    slot.box.classList.remove("done", "writing");
    if (slot.planned) {
      slot.hole.replaceChildren();
      slot.box.classList.add("pending");
    } else {
      slot.box.remove();
      slot.parent?.field?.members.delete(slot.key);
    }
  }

  /**
   * @param {string} pointer
   * @returns {Slot | undefined}
   */
  #find(pointer) {
    /** @type {Slot | undefined} */
    let slot = this.#slot;
    for (const token of pointer.split("/").slice(1)) {
      const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
      slot = slot?.field?.members.get(key);
    }
    return slot;
  }

  /** @param {Field} field */
  #append(field) {
    const { body } = field;
    let text = field.pending;
    field.pending = "";
    this.#guessLanguage(text);
    // A browser lays a block out anew whenever it grows, so blocks stay small.
    // A line feed at a block's end shows as that end, and as nothing more.
    while (text !== "") {
      if (!field.tail) {
        field.tail = document.createTextNode("");
        field.blockLength = 0;
        const block = element("p", "block");
        block.append(field.tail);
        body.append(block);
      } else if (!field.tail.isConnected) {
        // Whoever translated the page has put other text in its place.
        field.tail = document.createTextNode("");
        (body.lastElementChild ?? body).append(field.tail);
      }
      const end = blockEnd(text, blockSize - field.blockLength);
      const piece = end < 0 ? text : text.slice(0, end);
      text = text.slice(piece.length);
      field.blockLength += piece.length;
      field.tail.appendData(piece);
      if (end >= 0) field.tail = undefined;
    }
  }

  /** @param {Field | undefined} field */
  #setCurrent(field) {
    if (this.#current === field) return;
    this.#current?.slot.box.classList.remove("writing");
    if (this.#current) this.#liftCaret();
    this.#current = field;
    field?.slot.box.classList.add("writing");
    const label = topLabel(field?.slot);
    if (label !== "" && label !== this.field) {
      this.field = label;
      this.onField();
    }
  }

  #moveCaret() {
    const caret = this.#caret;
    const field = this.#current;
    if (!field) {
      caret.remove();
      return;
    }
    const block = field.body.lastElementChild ?? field.body;
    if (caret.parentElement !== block) {
      const flies = caret.parentElement?.parentElement !== field.body;
      block.append(caret);
      if (flies) this.#fly();
    }
  }

  /** Scrolls along with the caret. */
  #keepInSight() {
    if (!this.#following || !this.#caret.isConnected) return;
    const below = this.#caret.getBoundingClientRect().bottom + 96 - innerHeight;
    if (below <= 0) return;
    scrollBy({ top: below, behavior: "instant" });
    this.#scrolledTo = scrollY;
  }

  /** The caret leaves its field, and is remembered there. */
  #liftCaret() {
    const caret = this.#caret;
    if (!caret.isConnected) return;
    const { x, y, height } = caret.getBoundingClientRect();
    this.#left = { x, y: y + scrollY, height, at: this.#left.at };
    caret.remove();
  }

  /** Shows the way from the last field to this one: not too often. */
  #fly() {
    const from = this.#left;
    const now = performance.now();
    if (from.height === 0 || now - from.at < 400) return;
    from.at = now;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const to = this.#caret.getBoundingClientRect();
    const x = from.x - to.x;
    const y = from.y - scrollY - to.y;
    const scale = from.height / (to.height || 1);
    this.#caret.animate(
      [
        { transform: `translate(${x}px, ${y}px) scale(${scale})` },
        { transform: "none" },
      ],
      { duration: 320, easing: "cubic-bezier(.3, 0, .1, 1)" },
    );
  }

  /** Fonts and line breaking depend on the language. @param {string} text */
  #guessLanguage(text) {
    if (this.#language) return;
    if (/[\u3040-\u30ff]/.test(text)) this.#language = "ja";
    else if (/[\uac00-\ud7af]/.test(text)) this.#language = "ko";
    else if (/[\u3400-\u9fff]/.test(text)) this.#language = "zh-CN";
    else if (/[a-z]{2}/i.test(text)) this.#language = "en";
    else return;
    this.#root.lang = this.#language;
  }

  /** @param {unknown} value */
  #atom(value) {
    if (value === null) return this.words.nothing;
    if (value === true) return this.words.yes;
    if (value === false) return this.words.no;
    return String(value);
  }
}

/** The label of the top-level field that a slot is in. @param {Slot} [slot] */
function topLabel(slot) {
  let label = "";
  for (let at = slot; at?.parent; at = at.parent) label = at.label;
  return label;
}

/**
 * A label, and the key where it is another.
 *
 * @param {string} label
 * @param {string} key
 */
function labelParts(label, key) {
  const name = element("span", "name");
  name.textContent = label;
  if (label === key) return [name];
  const code = element("code", "key");
  code.textContent = key;
  return [name, " ", code];
}

/**
 * @param {Field} parent
 * @param {string} key
 */
function memberSchema({ type, slot }, key) {
  return type === "array"
    ? slot.schema?.items
    : own(slot.schema?.properties, key);
}

/**
 * @param {Record<string, Schema>} columns
 * @param {HTMLElement} body
 */
function table(columns, body) {
  const result = element("table");
  result.append(tableHead(columns), body);
  return result;
}

/** @param {Record<string, Schema>} columns */
function tableHead(columns) {
  const row = element("tr");
  for (const [key, { title = key }] of Object.entries(columns)) {
    const head = element("th");
    head.setAttribute("scope", "col");
    head.textContent = title;
    row.append(head);
  }
  const head = element("thead");
  head.append(row);
  return head;
}

/** @param {Slot} slot @returns {"list" | "chips" | "table"} */
function arrayLayout({ key, schema }) {
  if (/^(tags|keywords|labels|categories)$/i.test(key)) return "chips";
  const columns = Object.values(schema?.items?.properties ?? {});
  const flat = columns.every(({ type }) =>
    type !== "object" && type !== "array"
  );
  return flat && columns.length >= 2 && columns.length <= 3 ? "table" : "list";
}

/**
 * The element of an array, and its class.
 *
 * @param {string} layout
 * @param {string} key
 * @returns {[string, string]}
 */
function listElement(layout, key) {
  if (layout === "table") return ["tbody", layout];
  if (/^steps$/i.test(key)) return ["ol", layout];
  if (/^(options|choices)$/i.test(key)) return ["ol", `${layout} lettered`];
  return ["ul", layout];
}

/**
 * How a field is set, which its name tells.
 *
 * @param {string} key
 * @param {number} depth
 * @param {Schema | undefined} schema
 */
function roleOf(key, depth, schema) {
  if (/^(title|name|headline|question)$/i.test(key)) {
    return depth === 1 ? "headline" : "subhead";
  }
  if (depth === 1 && /^(summary|abstract|description)$/i.test(key)) {
    return "lead";
  }
  if (depth === 1 && /^(tagline|subtitle)$/i.test(key)) return "tagline";
  if (/^(number|integer|boolean)$/.test(schema?.type ?? "")) return "fact";
  return "";
}

/**
 * Where a block may end: behind a line feed, else behind a sentence, and in the
 * end anywhere between two characters. -1 if it need not end in this text.
 *
 * @param {string} text
 * @param {number} from
 */
function blockEnd(text, from) {
  if (text.length <= from) return -1;
  const line = text.indexOf("\n", Math.max(from, 0));
  if (line >= 0 && line < from + blockSize) return line + 1;
  const sentence = /[。！？…][”’」』）]*|[!?.]["')]*\s+/g;
  sentence.lastIndex = Math.max(from, 0);
  if (sentence.exec(text)) return sentence.lastIndex;
  const limit = from + 2 * blockSize;
  if (text.length <= limit) return -1;
  return Math.max(limit, 1) +
    (isLowSurrogate(text, Math.max(limit, 1)) ? 1 : 0);
}

/**
 * @param {string} text
 * @param {number} index
 */
function isLowSurrogate(text, index) {
  return (text.charCodeAt(index) & 0xfc00) === 0xdc00;
}

/**
 * @template T
 * @param {Record<string, T> | undefined} record
 * @param {string} key
 * @returns {T | undefined}
 */
function own(record, key) {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}
