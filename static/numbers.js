/**
 * Counts what the same answer would have cost if each event had carried whole
 * values. The work is linear in the deltas: nothing is serialized again.
 *
 * @module
 */

/** @typedef {import("./apply_delta.js").Delta} Delta */

/**
 * A value of the answer: what its JSON measures, without the values in it.
 *
 * @typedef {object} Measured
 * @property {"object" | "array" | "text" | "atom"} type
 * @property {number} bytes Of the brackets, commas and keys, or of the text.
 * @property {Map<string, Measured>} members
 */

/** Bytes of snapshots and patches, from the deltas of one answer. */
export class Comparison {
  /** If each event had carried the whole object. */
  wholeBytes = 0;
  /** If each had carried RFC 6902 operations with the whole changed values. */
  patchBytes = 0;
  /** The JSON of the answer so far. */
  size = 0;
  /** @type {Measured | undefined} */
  #root;

  /** Forgets the answer, not the sums. */
  restart() {
    this.#root = undefined;
    this.size = 0;
  }

  /**
   * @param {Delta} delta
   * @param {string} id The event's, which every way of sending needs.
   */
  add({ data, reset = [] }, id) {
    const frame = frameBytes + id.length;
    this.patchBytes += frame + 2; // [ ]
    for (const pointer of reset) this.#remove(pointer);
    if (data !== undefined) this.#root = this.#merge(this.#root, data, 0);
    this.wholeBytes += frame + this.size;
  }

  /**
   * @param {Measured | undefined} old
   * @param {unknown} data
   * @param {number} pointerBytes
   * @returns {Measured}
   */
  #merge(old, data, pointerBytes) {
    if (!old) {
      const value = this.#create(data);
      this.patchBytes += addBytes + pointerBytes + total(value);
      return value;
    }
    if (typeof data === "string") {
      const bytes = textBytes(data);
      old.bytes += bytes;
      this.size += bytes;
      this.patchBytes += replaceBytes + pointerBytes + old.bytes;
      return old;
    }
    for (const [key, value] of Object.entries(/** @type {object} */ (data))) {
      const member = old.members.get(key);
      const merged = this.#merge(
        member,
        value,
        pointerBytes + 1 + textBytes(key),
      );
      if (!member) this.#insert(old, key, merged);
    }
    return old;
  }

  /**
   * @param {unknown} data
   * @returns {Measured}
   */
  #create(data) {
    /** @type {Measured} */
    const value = { type: "atom", bytes: 2, members: new Map() };
    if (typeof data === "string") {
      value.type = "text";
      value.bytes += textBytes(data);
    } else if (typeof data !== "object" || data === null) {
      value.bytes = JSON.stringify(data).length;
    } else {
      value.type = Array.isArray(data) ? "array" : "object";
    }
    this.size += value.bytes;
    if (value.type === "object" || value.type === "array") {
      for (const [key, child] of Object.entries(/** @type {object} */ (data))) {
        this.#insert(value, key, this.#create(child));
      }
    }
    return value;
  }

  /**
   * @param {Measured} parent
   * @param {string} key
   * @param {Measured} member
   */
  #insert(parent, key, member) {
    const bytes = separatorBytes(parent, key);
    parent.members.set(key, member);
    parent.bytes += bytes;
    this.size += bytes;
  }

  /** @param {string} pointer */
  #remove(pointer) {
    this.patchBytes += removeBytes + pointer.length;
    const root = this.#root;
    if (!root) return;
    if (pointer === "") {
      this.restart();
      return;
    }
    const keys = pointer.slice(1).split("/").map((key) =>
      key.replaceAll("~1", "/").replaceAll("~0", "~")
    );
    const last = /** @type {string} */ (keys.pop());
    let parent = root;
    for (const key of keys) {
      const member = parent.members.get(key);
      if (!member) return;
      parent = member;
    }
    const member = parent.members.get(last);
    if (!member) return;
    parent.members.delete(last);
    const bytes = separatorBytes(parent, last);
    parent.bytes -= bytes;
    this.size -= bytes + total(member);
  }
}

/** `id: …\ndata: {"status":"chunk","data":…}\n\n` */
const frameBytes = 4 + 1 + 6 + 25 + 1 + 2;
/** `{"op":"add","path":"…","value":…}` */
const addBytes = 31;
/** `{"op":"replace","path":"…","value":…}` */
const replaceBytes = 35;
/** `{"op":"remove","path":"…"}` */
const removeBytes = 25;

/**
 * The key with its quotes and colon, and a comma unless it is the first.
 *
 * @param {Measured} parent
 * @param {string} key
 */
function separatorBytes(parent, key) {
  const comma = parent.members.size > 0 ? 1 : 0;
  return parent.type === "array" ? comma : comma + 3 + textBytes(key);
}

/**
 * @param {Measured} value
 * @returns {number}
 */
function total(value) {
  let bytes = value.bytes;
  for (const member of value.members.values()) bytes += total(member);
  return bytes;
}

/**
 * UTF-8 bytes of a text inside a JSON string.
 *
 * @param {string} text
 */
function textBytes(text) {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22 || code === 0x5c) bytes += 2;
    else if (code < 0x20) bytes += /[\b\f\n\r\t]/.test(text[i] ?? "") ? 2 : 6;
    else if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xe000) {
      // A pair takes four bytes; a surrogate that is alone is written \ud8xx.
      if (text.codePointAt(i) !== code) {
        bytes += 4;
        i++;
      } else bytes += 6;
    } else bytes += 3;
  }
  return bytes;
}
