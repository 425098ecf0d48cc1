/**
 * The numbers, the bars and the timeline under the answer.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId, element } from "./dom.js";
import { Comparison } from "./numbers.js";

/** @typedef {import("./apply_delta.js").Delta} Delta */
/** @typedef {import("./messages.js").Messages} Messages */
/** @typedef {import("./compare.js").Pace} Pace */
/** @typedef {"wait" | "think" | "write" | "gap"} Kind */

/**
 * What survives a reload.
 *
 * @typedef {object} Tally
 * @property {number} startedAt Milliseconds since 1970, as all times here.
 * @property {number} firstAt 0 before the first delta.
 * @property {number} endedAt 0 before the end.
 * @property {number} events
 * @property {number} received Bytes.
 * @property {number} [offset] Characters that the model has written.
 * @property {Pace} pace When how many of them were there.
 * @property {Record<string, unknown>} [usage] Tokens, as the provider counts.
 * @property {number} patch
 * @property {number} whole
 * @property {{ kind: Kind, from: number }[]} spans Each lasts until the next.
 */

/** Milliseconds between two updates: numbers that flicker cannot be read. */
const updates = 120;
/** Of a long answer, so many steps are remembered. */
const mostSteps = 800;

export class Meter {
  /** @type {Messages} */
  #messages;
  /** @type {Tally | undefined} */
  #tally;
  #comparison = new Comparison();
  /** Bytes that earlier loads of the page received. */
  #receivedBefore = 0;
  /** @type {{ at: number, offset: number }[]} The last seconds' progress. */
  #progress = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #running = false;
  /** The offset before the last event. */
  #before = 0;
  /** What has ended is only shown, however often it is read again. */
  #isOver = false;
  /** When it stopped for now, with more to come. */
  #pausedAt = 0;

  /** @param {Messages} messages */
  constructor(messages) {
    this.#messages = messages;
    this.#draw();
  }

  /** @param {Messages} messages */
  speak(messages) {
    this.#messages = messages;
    this.#draw();
  }

  /** @param {Tally} [tally] Of the same answer before the page was reloaded. */
  start(tally) {
    const now = Date.now();
    this.#comparison = new Comparison();
    this.#progress = [];
    this.#tally = tally ?? {
      startedAt: now,
      firstAt: 0,
      endedAt: 0,
      events: 0,
      received: 0,
      patch: 0,
      whole: 0,
      pace: [],
      spans: [{ kind: "wait", from: now }],
    };
    this.#comparison.patchBytes = this.#tally.patch;
    this.#comparison.wholeBytes = this.#tally.whole;
    this.#isOver = this.#tally.endedAt > 0;
    this.resume();
  }

  /** The answer goes on after all. */
  resume() {
    this.#receivedBefore = this.#tally?.received ?? 0;
    this.#pausedAt = 0;
    this.#running = !this.#isOver;
    clearInterval(this.#timer);
    if (this.#running) {
      this.#timer = setInterval(
        () => requestAnimationFrame(() => this.#running && this.#draw()),
        updates,
      );
    }
    this.#draw();
  }

  /** To be given to `start` after a reload. */
  get tally() {
    return this.#tally;
  }

  /** The answer begins anew. */
  restart() {
    this.#comparison.restart();
  }

  /** @param {{ id: string }} event */
  event({ id }) {
    const tally = this.#tally;
    if (!tally || this.#isOver) return;
    tally.events++;
    // The offset stands alone, or behind the generation.
    const offset = Number(id.slice(id.indexOf(".") + 1));
    if (Number.isNaN(offset)) return;
    this.#before = tally.offset ?? 0;
    tally.offset = offset;
    const at = Date.now();
    const last = this.#progress.at(-1);
    if (last && at - last.at < 50) last.offset = offset;
    else this.#progress.push({ at, offset });
    while ((this.#progress[0]?.at ?? at) < at - 2_000) this.#progress.shift();
  }

  /**
   * @param {Delta} delta
   * @param {string} id
   */
  delta(delta, id) {
    const tally = this.#tally;
    if (!tally || this.#isOver) return;
    this.#comparison.add(delta, id);
    tally.patch = this.#comparison.patchBytes;
    tally.whole = this.#comparison.wholeBytes;
    const now = Date.now();
    if (!tally.firstAt && holdsWords(delta.data)) tally.firstAt = now;
    // What comes once more, after a reload, has been there before.
    const { pace, startedAt, offset = 0 } = tally;
    if (offset <= (pace.at(-1)?.[1] ?? -1)) return;
    // The first is where the text begins: there may be thinking before it.
    if (pace.length === 0) pace.push([now - startedAt, this.#before]);
    pace.push([now - startedAt, offset]);
    if (pace.length > mostSteps) {
      tally.pace = pace.filter((_, index) => index % 2 === 0);
    }
  }

  /** @param {Record<string, unknown> | undefined} usage */
  usage(usage) {
    if (this.#tally && usage) this.#tally.usage = usage;
  }

  /** @param {number} bytes By this load of the page. */
  received(bytes) {
    if (!this.#tally || this.#isOver) return;
    this.#tally.received = this.#receivedBefore + bytes;
  }

  /** @param {Kind} kind What happens from now on. */
  span(kind) {
    const spans = this.#tally?.spans;
    if (!this.#isOver && spans && spans.at(-1)?.kind !== kind) {
      spans.push({ kind, from: Date.now() });
    }
  }

  /** @param {boolean} isOver Whether nothing more can come. */
  stop(isOver) {
    clearInterval(this.#timer);
    this.#running = false;
    this.#pausedAt = Date.now();
    if (isOver && this.#tally) {
      this.#isOver = true;
      this.#tally.endedAt ||= this.#pausedAt;
    }
    this.#draw();
  }

  #draw() {
    const messages = this.#messages;
    const tally = this.#tally;
    const now = tally?.endedAt || this.#pausedAt || Date.now();
    const first = tally?.firstAt ? tally.firstAt - tally.startedAt : 0;
    text("n-first", first ? seconds(first) : "–");
    text("n-events", tally ? tally.events.toLocaleString("en") : "–");
    text("n-received", tally ? bytes(tally.received) : "–");
    text("n-rate", tally ? this.#rate(now) : "–");
    const tokens = tokensOf(tally?.usage);
    byId("tokens").hidden = tokens === undefined;
    text("n-tokens", tokens ?? "");
    text("time-first", first ? messages.timeFirst(seconds(first)) : "");
    const elapsed = tally
      ? seconds(now - tally.startedAt - delayOf(tally.spans, now))
      : "";
    const late = this.#running ? messages.timeNow : messages.timeWhole;
    text("time-whole", first ? late(elapsed) : "");
    this.#drawTimeline(now);
    this.#drawBars();
  }

  /** @param {number} now */
  #rate(now) {
    if (!this.#running) {
      const tally = this.#tally;
      const offset = tally?.offset ?? 0;
      const time = tally?.firstAt ? now - tally.firstAt : 0;
      return time > 0 && offset > 0
        ? String(Math.round(offset / time * 1e3))
        : "–";
    }
    const [from] = this.#progress;
    const to = this.#progress.at(-1);
    if (!from || !to || to === from) return "–";
    const time = Math.max(now - from.at, 250);
    return String(Math.round((to.offset - from.offset) / time * 1e3));
  }

  /** @param {number} now */
  #drawTimeline(now) {
    const line = byId("timeline");
    const spans = this.#tally?.spans ?? [];
    while (line.childElementCount > spans.length) {
      line.lastElementChild?.remove();
    }
    while (line.childElementCount < spans.length) {
      line.append(document.createElement("i"));
    }
    spans.forEach(({ kind, from }, index) => {
      const item = /** @type {HTMLElement} */ (line.children[index]);
      const to = spans[index + 1]?.from ?? now;
      item.className = kind;
      item.style.flexGrow = String(Math.max(to - from, 1));
    });
  }

  #drawBars() {
    const messages = this.#messages;
    // Before the first word there is nothing to compare.
    const { received = 0, patch = 0, whole = 0 } = this.#tally?.firstAt
      ? this.#tally
      : {};
    const most = Math.max(received, patch, whole, 1);
    const bars = byId("bars");
    /** @type {[string, string, number][]} */
    const rows = [
      ["fields", messages.barFields, received],
      ["patch", messages.barPatch, patch],
      ["whole", messages.barWhole, whole],
    ];
    for (const [name, label, size] of rows) {
      let row = /** @type {HTMLElement | null} */ (
        bars.querySelector(`[data-bar=${name}]`)
      );
      if (!row) {
        row = element("div", "bar");
        row.dataset["bar"] = name;
        row.append(
          element("span", "bar-label"),
          element("span", "bar-track", element("i")),
          element("span", "bar-size"),
        );
        bars.append(row);
      }
      const [labelPart, track, sizePart] = row.children;
      if (labelPart) labelPart.textContent = label;
      const fill = /** @type {HTMLElement} */ (track?.firstElementChild);
      fill.style.transform = `scaleX(${size / most})`;
      const factor = received > 0 ? size / received : 0;
      if (sizePart) {
        sizePart.textContent = size === 0
          ? "–"
          : name === "fields" || factor < 1
          ? bytes(size)
          : `${bytes(size)} · ${
            messages.times(factor.toFixed(factor < 10 ? 1 : 0))
          }`;
      }
    }
  }
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return `${(milliseconds / 1_000).toFixed(milliseconds < 995 ? 2 : 1)} s`;
}

/** @param {number} count */
function bytes(count) {
  if (count < 1_000) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(count < 1e4 ? 1 : 0)} KB`;
  return `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} MB`;
}

/** Whether there is anything to be read. @param {unknown} data @returns {boolean} */
function holdsWords(data) {
  return typeof data === "object" && data !== null
    ? Object.values(data).some(holdsWords)
    : data !== undefined && data !== "";
}

/**
 * How much later the end came because the reader was not connected: the model
 * had ended by then if all that was missing came at once.
 *
 * @param {Tally["spans"]} spans
 * @param {number} end
 */
function delayOf(spans, end) {
  const last = spans.findLastIndex(({ kind }) => kind === "gap");
  const back = spans[last + 1]?.from;
  if (back === undefined || end - back > 300) return 0;
  return back - (spans[last]?.from ?? back);
}

/**
 * What the provider says of tokens: read + written.
 *
 * @param {Record<string, unknown> | undefined} usage
 */
function tokensOf(usage) {
  const { prompt_tokens: read, completion_tokens: written } = usage ?? {};
  if (typeof written !== "number") return undefined;
  const parts = typeof read === "number" ? [read, written] : [written];
  return parts.map((count) => count.toLocaleString("en")).join(" + ");
}

/**
 * @param {string} id
 * @param {string} value
 */
function text(id, value) {
  const node = byId(id);
  if (node.textContent !== value) node.textContent = value;
}
