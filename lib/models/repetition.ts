/**
 * Most of a provider's events are as the last one was, but for their text. What
 * such an event says is then known without reading its JSON: the text, which
 * stands where it stood.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** Up to how many bytes a text is put together byte by byte. */
const SHORT = 32;

const NONE = new Uint32Array();

/** How often in a row an event may be kept to which the next one is not alike. */
const ATTEMPTS = 8;

/** OpenAI makes its events equally long by a string that means nothing. */
const PADDING = /(?<="obfuscation":\s*")[^"\\]*(?=")/;

const encoder = new TextEncoder();
/** A mark that begins a text is a part of it. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Knows events by one that was read. */
export class Repetition {
  /** What an event has before its text. */
  #head: Uint8Array | undefined;
  /** The same, as far as it goes, in fours: so they are compared for a third. */
  #words = new Uint32Array();
  /** What it has behind its text; and behind the padding, if there is one. */
  #tails: Uint8Array[] = [];
  #attempts = 0;

  /** Whether an event that was read is to be told. */
  get isCurious(): boolean {
    return this.#attempts < ATTEMPTS;
  }

  /** The text of an event, if it is like the known one in all else. */
  textOf(event: Uint8Array): string | undefined {
    if (this.#head === undefined || !this.#begins(event, this.#head)) {
      return undefined;
    }
    const start = this.#head.length;
    const end = endOfString(event, start);
    const [behind, last] = this.#tails as [Uint8Array, Uint8Array | undefined];
    if (end === start || !standsAt(behind, event, end)) return undefined;
    let at = end + behind.length;
    if (last !== undefined) {
      const from = at;
      at = endOfString(event, from);
      if (!standsAt(last, event, at)) return undefined;
      // What is escaped wrongly is no JSON.
      if (event.subarray(from, at).includes(BACKSLASH)) return undefined;
      at += last.length;
    }
    if (at !== event.length) return undefined;
    this.#attempts = 0;
    return textIn(event, start, end);
  }

  #begins(event: Uint8Array, head: Uint8Array): boolean {
    if (event.length < head.length) return false;
    // Node gives a place in what was read, which may be any.
    const isAligned = event.byteOffset % 4 === 0;
    const words = isAligned ? this.#words : NONE;
    const others = isAligned
      ? new Uint32Array(event.buffer, event.byteOffset, words.length)
      : NONE;
    let difference = 0;
    for (let at = 0; at < words.length; at++) {
      difference |= words[at]! ^ others[at]!;
    }
    for (let at = 4 * words.length; at < head.length; at++) {
      difference |= head[at]! ^ event[at]!;
    }
    return difference === 0;
  }

  /**
   * Keeps an event, to know others by it.
   *
   * @param event The event as it came.
   * @param text Its text.
   * @param read Reads the text of such an event. It is asked once more, about
   * another text: that it stands in this place is then no guess.
   */
  keep(
    event: string,
    text: string,
    read: (event: string) => string | undefined,
  ): void {
    const quoted = JSON.stringify(text);
    const at = event.indexOf(quoted);
    if (at === -1) return;
    this.#attempts++;
    this.#head = undefined;
    const rest = event.slice(at + quoted.length - 1);
    const padding = PADDING.exec(rest);
    const parts = [event.slice(0, at + 1)].concat(
      padding === null ? rest : [
        rest.slice(0, padding.index),
        rest.slice(padding.index + padding[0].length),
      ],
    );
    const other = text === "?" ? "!" : "?";
    if (read(parts.join(other)) !== other) return;
    const [head, ...tails] = parts.map((part) => encoder.encode(part));
    this.#head = head!;
    this.#words = new Uint32Array(head!.slice(0, head!.length & ~3).buffer);
    this.#tails = tails;
  }
}

/** Where a string that has begun ends: at a quote; else at what is not in one. */
function endOfString(bytes: Uint8Array, at: number): number {
  while (at < bytes.length) {
    const byte = bytes[at]!;
    if (byte === QUOTE || byte < SPACE) break;
    at += byte === BACKSLASH ? 2 : 1;
  }
  return at;
}

function standsAt(part: Uint8Array, bytes: Uint8Array, at: number): boolean {
  if (at + part.length > bytes.length) return false;
  for (let place = 0; place < part.length; place++) {
    if (bytes[at + place] !== part[place]) return false;
  }
  return true;
}

/** What a string's bytes say; `undefined` if it is none. */
function textIn(
  bytes: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  // Short ones in ASCII, as most are, are had for less without the decoder.
  let text = "";
  for (let at = start; end - start <= SHORT; at++) {
    if (at === end) return text;
    const byte = bytes[at]!;
    if (byte === BACKSLASH || byte >= 0x80) break;
    text += String.fromCharCode(byte);
  }
  text = decoder.decode(bytes.subarray(start, end));
  return text.includes("\\") ? parseString(text) : text;
}

function parseString(text: string): string | undefined {
  try {
    return JSON.parse(`"${text}"`);
  } catch {
    return undefined;
  }
}
