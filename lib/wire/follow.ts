/** One connection: a transcript and an offset to the body of a response. */

import type { Traffic } from "../answers/observer.ts";
import type { Outcome } from "../answers/outcome.ts";
import type { Transcript } from "../answers/transcript.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Language } from "../language.ts";
import { EventMaker, type Events, type EventsOptions } from "./events.ts";
import { type Format, toLines } from "./forms.ts";
import type { Lag } from "./lag.ts";
import { describeOutcome } from "./messages.ts";
import {
  countEvents,
  formatEvent,
  formatEventId,
  formatRetry,
  PING,
  shortenIds,
} from "./sse.ts";
import { TextMaker } from "./text.ts";

/** Whom to follow, from where, and how long. */
export interface FollowOptions extends EventsOptions {
  /**
   * In which form it is sent. Text begins with the value, whatever the client
   * has, and fails where the answer does.
   *
   * @default {"events"}
   */
  format?: Format | undefined;
  /**
   * Whether an event's id is the offset alone: the client knows the generation.
   *
   * @default {false}
   */
  shortIds?: boolean | undefined;
  /** The data of the `start` event, if the connection gets one. */
  start: Record<string, unknown> | undefined;
  /** UTF-16 units of the transcript that the client has. */
  offset: number;
  /** Where the events from there on come from, if not from here. */
  events?: Events | undefined;
  /** In which language the terminal event is, and what is invalid. */
  language: Language;
  /** How long the connection may be silent, in milliseconds. */
  heartbeat: number;
  /** The connection gets at most one event in this time, in milliseconds. */
  pause: number;
  /** What stretches that, where the event loop is late. */
  lag?: Lag | undefined;
  /** How old the connection may become, in milliseconds. */
  maxAge: number;
  clock: Clock;
  /** Where it is noted what is sent, if anybody wants to know. */
  traffic?: Traffic | undefined;
  /** Called once, when the connection has ended or the client has left. */
  onClose: () => void;
}

/**
 * Clients that have lost their connection come back after one to three times
 * this, in milliseconds: not all at once.
 */
const RETRY = 1000;

const encoder = new TextEncoder();

/** Up to how many units a text is encoded unit by unit, if it is ASCII. */
const SHORT = 128;

/**
 * Follows a generation: what the client does not have yet, merged into as few
 * events as there are runs of reasoning or of text, then each token as it
 * comes. A connection that is behind gets all that has come since as one event.
 *
 * Each pull makes one piece of the response, and nothing is made ahead of it.
 * The work is linear in the text.
 *
 * @param options Whom to follow, from where, and how long.
 * @returns The response's body.
 */
export function follow(options: FollowOptions): ReadableStream<Uint8Array> {
  return new ReadableStream(new Follower(options), { highWaterMark: 0 });
}

/** The source of a response's body. */
class Follower implements UnderlyingDefaultSource<Uint8Array> {
  readonly #options: FollowOptions;
  readonly #clock: Clock;
  readonly #transcript: Transcript;
  readonly #events: Events;
  /** Where the value's text comes from, if that is what is sent. */
  readonly #text: TextMaker | undefined;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  #open = true;
  #begun = false;
  /** Whether a piece is waited for. */
  #isWanted = false;
  /** What is done to have one. */
  #state: "idle" | "working" | "waiting" = "idle";
  #lastEvent = -Infinity;
  #lastByte: number;
  readonly #closeAt: number;
  #heartbeat: Timer | undefined;
  #pause: Timer | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#transcript = options.transcript;
    if (options.format === "text") this.#text = new TextMaker(options);
    this.#events = this.#text ?? options.events ??
      new EventMaker(options, options.offset);
    this.#lastByte = this.#clock.now();
    this.#closeAt = this.#lastByte + options.maxAge;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#setHeartbeat();
  }

  pull(): void {
    this.#isWanted = true;
    if (this.#state === "idle") this.#work();
  }

  /**
   * Works until a piece has been sent, or there is something to wait for. By
   * callbacks: each promise would cost every event.
   *
   * @param woken When it was woken, if it was just now: one look at the clock is
   * enough for an event, each of them is an operation of the runtime's.
   */
  #work(woken?: number): void {
    this.#state = "working";
    try {
      while (this.#open && this.#isWanted && this.#state === "working") {
        this.#step(woken);
      }
      if (this.#state === "working") this.#state = "idle";
    } catch (error) {
      this.#ends("fault");
      this.cancel();
      this.#controller.error(error);
    }
  }

  #step(woken?: number): void {
    if (!this.#begun) {
      this.#begun = true;
      return this.#send(this.#beginning());
    }
    if (this.#events.skip()) return this.#pauseFor(0);
    const { outcome } = this.#transcript;
    const { isBehind } = this.#events;
    if (!isBehind && outcome === undefined) return this.#waitForModel();
    const now = woken ?? this.#clock.now();
    const rest = this.#lastEvent + this.#pauseLength - now;
    if (rest > 0) return this.#pauseFor(rest);
    if (!isBehind) return this.#end(outcome!);
    const frames = this.#events.next();
    if (frames !== "") {
      this.#lastEvent = now;
      this.#send(frames, now);
    } else if (this.#events.isBehind) {
      // Much text that shows nothing is read in turns, too.
      this.#pauseFor(0);
    }
  }

  #waitForModel(): void {
    const { traffic } = this.#options;
    if (traffic !== undefined) traffic.behindSince = undefined;
    this.#state = "waiting";
    this.#transcript.onceChanged(this.#onChange);
  }

  readonly #onChange = (): void => {
    if (!this.#open) return;
    const now = this.#clock.now();
    const { traffic } = this.#options;
    if (traffic !== undefined) traffic.behindSince = now;
    // What else has come is read first, and goes into the same event.
    if (this.#isLate) this.#pauseFor(0);
    else this.#work(now);
  };

  /** Lets others have their turn. */
  #pauseFor(delay: number): void {
    this.#state = "waiting";
    this.#pause = this.#clock.setTimeout(this.#onTurn, delay);
  }

  readonly #onTurn = (): void => this.#work();

  /** What the response begins with. */
  #beginning(): string {
    if (this.#text !== undefined) return "";
    const { start } = this.#options;
    const retry = formatRetry(RETRY * (1 + 2 * Math.random()));
    return start === undefined ? retry : retry + this.#event(start, 0);
  }

  /** What it ends with. */
  #end(outcome: Outcome): void {
    const end = describeOutcome(outcome, this.#options.language);
    this.#ends("answer");
    if (this.#text === undefined) {
      this.#send(this.#event(end, "end"));
    } else if (end.status !== "end") {
      throw new Error(`Cannot send the whole text: ${end.code}`);
    }
    this.#close();
  }

  /** How long it is from one event to the next; longer where the loop is late. */
  get #pauseLength(): number {
    const { pause, lag } = this.#options;
    return lag?.stretch(pause) ?? pause;
  }

  get #isLate(): boolean {
    return this.#pauseLength > this.#options.pause;
  }

  /** Also called when the body has been closed, or has failed. */
  cancel(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#clock.clearTimeout(this.#heartbeat);
    this.#clock.clearTimeout(this.#pause);
    this.#transcript.forget(this.#onChange);
    this.#options.onClose();
  }

  #close(): void {
    if (!this.#open) return;
    this.cancel();
    this.#controller.close();
  }

  /** Sends a comment into silence, and closes a connection that is too old. */
  #setHeartbeat(): void {
    const due = Math.max(
      this.#lastByte + this.#options.heartbeat,
      this.#clock.now() + 1,
    );
    this.#heartbeat = this.#clock.setTimeout(() => {
      const now = this.#clock.now();
      if (now >= this.#closeAt) {
        this.#ends("age");
        return this.#expire();
      }
      if (now >= this.#lastByte + this.#options.heartbeat) {
        // One that reads nothing does not need to hear that we live.
        if (this.#isWanted) this.#ping();
        else this.#lastByte = now;
      }
      if (this.#open) this.#setHeartbeat();
    }, Math.min(due, this.#closeAt) - this.#clock.now());
  }

  /** Closes a connection that is too old; text would seem to be whole. */
  #expire(): void {
    if (this.#text === undefined) return this.#close();
    this.cancel();
    this.#controller.error(
      new Error("Cannot send the whole text: the connection is too old"),
    );
  }

  #ping(): void {
    // White space may stand before a value, not anywhere in it.
    if (this.#text === undefined) this.#send(PING);
    else if (!this.#text.begun) this.#send("\n");
    else this.#lastByte = this.#clock.now();
  }

  /**
   * Sends something, if there is anything. A client that has left shows by this
   * too: afterwards the connection may be closed.
   */
  #send(frames: string, now = this.#clock.now()): void {
    const sent = this.#text === undefined ? this.#formed(frames) : frames;
    if (sent === "") return;
    const bytes = encode(sent);
    const { traffic } = this.#options;
    if (traffic !== undefined) {
      traffic.bytes += bytes.length;
      if (this.#text === undefined) traffic.events += countEvents(frames);
    }
    this.#lastByte = now;
    // The next piece may be asked for at once.
    this.#isWanted = false;
    this.#controller.enqueue(bytes);
  }

  /** The first that ends it counts. */
  #ends(how: Traffic["ended"]): void {
    const { traffic } = this.#options;
    if (this.#open && traffic?.ended === "left") traffic.ended = how;
  }

  /** Events as the client wants them. */
  #formed(frames: string): string {
    const { shortIds, format } = this.#options;
    const events = shortIds ? shortenIds(frames) : frames;
    return format === "ndjson" ? toLines(events) : events;
  }

  #event(data: object, offset: number | "end"): string {
    const id = formatEventId({ generation: this.#options.id, offset });
    return formatEvent(id, JSON.stringify(data));
  }
}

/** A short text in ASCII, which most are, is had for less without the encoder. */
function encode(text: string): Uint8Array {
  if (text.length > SHORT) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return encoder.encode(text);
    bytes[at] = unit;
  }
  return bytes;
}
