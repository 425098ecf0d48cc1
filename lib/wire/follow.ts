/** One connection: a transcript and an offset to Server-Sent Events. */

import type { Clock, Timer } from "../clock.ts";
import { Envelope, type EnvelopeOptions } from "../envelope.ts";
import type { Operation } from "../json_patch.ts";
import type { Language } from "../language.ts";
import {
  JsonBoundsError,
  JsonPatchParser,
  JsonSyntaxError,
} from "../parser.ts";
import { type Delta, processPatches } from "../processor.ts";
import { describeOutcome } from "./messages.ts";
import { formatEvent, formatEventId, formatRetry, PING } from "./sse.ts";
import type {
  Run,
  Transcript,
  TranscriptReader,
} from "../answers/transcript.ts";

/** Whom to follow, from where, and how long. */
export interface FollowOptions extends EnvelopeOptions {
  /** The generation's id. */
  id: string;
  transcript: Transcript;
  /** The data of the `start` event, if the connection gets one. */
  start: Record<string, unknown> | undefined;
  /** UTF-16 units of the transcript that the client has. */
  offset: number;
  /** In which language the terminal event is. */
  language: Language;
  /** How many objects and arrays may stand in one another. */
  maxDepth: number;
  /** How long the connection may be silent, in milliseconds. */
  heartbeat: number;
  /** How old the connection may become, in milliseconds. */
  maxAge: number;
  clock: Clock;
  /** Called once, when the connection has ended or the client has left. */
  onClose: () => void;
}

/** A connection gets at most one event in this time, in milliseconds. */
const PAUSE = 2;

/**
 * How much text goes into one pull, in UTF-16 units: what a connection that
 * reads nothing takes up does not grow with what it is behind.
 */
const MAX_RUN = 65536;

/**
 * Clients that have lost their connection come back after one to three times
 * this, in milliseconds: not all at once.
 */
const RETRY = 1000;

const encoder = new TextEncoder();

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
  readonly #reader: TranscriptReader;
  readonly #envelope: Envelope;
  #parser!: JsonPatchParser;
  /** Whether the parser has met something that is not JSON. */
  #broken = false;
  /** Whether the client has been shown a value that was none. */
  #stale = false;
  /** Where the parser's operations go in, and the deltas come out. */
  #operations!: ReadableStreamDefaultController<Operation[]>;
  readonly #deltas: ReadableStreamDefaultReader<Delta>;

  #open = true;
  #begun = false;
  /** Whether a pull waits for the model. */
  #waiting = false;
  #lastEvent = -Infinity;
  #lastByte: number;
  readonly #closeAt: number;
  #heartbeat: Timer | undefined;
  #pause: Timer | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#transcript = options.transcript;
    this.#reader = options.transcript.read();
    this.#envelope = new Envelope(options);
    this.#restart();
    const operations = new ReadableStream<Operation[]>({
      start: (controller) => {
        this.#operations = controller;
      },
    });
    this.#deltas = processPatches(operations, { keepValues: false })
      .getReader();
    this.#lastByte = this.#clock.now();
    this.#closeAt = this.#lastByte + options.maxAge;
    this.#skip(options.offset);
    // What it has seen, it has seen reset.
    this.#stale = false;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#setHeartbeat(controller);
  }

  async pull(
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    try {
      await this.#pull(controller);
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  async #pull(
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    if (!this.#begun) {
      this.#begun = true;
      const { start } = this.#options;
      const retry = formatRetry(RETRY * (1 + 2 * Math.random()));
      this.#send(
        controller,
        start === undefined ? retry : retry + this.#event(start, 0),
      );
      return;
    }
    while (this.#open) {
      const { outcome } = this.#transcript;
      const isBehind = this.#reader.offset < this.#transcript.length;
      if (!isBehind && outcome === undefined) {
        this.#waiting = true;
        await this.#transcript.changed();
        this.#waiting = false;
        continue;
      }
      const rest = this.#lastEvent + PAUSE - this.#clock.now();
      if (rest > 0) {
        await new Promise<void>((resolve) => {
          this.#pause = this.#clock.setTimeout(resolve, rest);
        });
        continue;
      }
      if (!isBehind) {
        const end = describeOutcome(outcome!, this.#options.language);
        this.#send(controller, this.#event(end, "end"));
        this.#close(controller);
        return;
      }
      const frames = await this.#frames(this.#reader.next(MAX_RUN)!);
      if (frames !== "" && this.#open) {
        this.#lastEvent = this.#clock.now();
        this.#send(controller, frames);
        return;
      }
    }
  }

  /** Also called when the body has been closed, or has failed. */
  cancel(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#clock.clearTimeout(this.#heartbeat);
    this.#clock.clearTimeout(this.#pause);
    this.#options.onClose();
  }

  #close(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (!this.#open) return;
    this.cancel();
    controller.close();
  }

  /** Sends a comment into silence, and closes a connection that is too old. */
  #setHeartbeat(
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): void {
    const due = Math.max(
      this.#lastByte + this.#options.heartbeat,
      this.#clock.now() + 1,
    );
    this.#heartbeat = this.#clock.setTimeout(() => {
      const now = this.#clock.now();
      if (now >= this.#closeAt) return this.#close(controller);
      if (now >= this.#lastByte + this.#options.heartbeat) {
        // One that reads nothing does not need to hear that we live.
        if (this.#waiting) this.#send(controller, PING);
        else this.#lastByte = now;
      }
      if (this.#open) this.#setHeartbeat(controller);
    }, Math.min(due, this.#closeAt) - this.#clock.now());
  }

  /**
   * Sends something. A client that has left shows by this too: afterwards the
   * connection may be closed.
   */
  #send(
    controller: ReadableStreamDefaultController<Uint8Array>,
    frames: string,
  ): void {
    controller.enqueue(encoder.encode(frames));
    this.#lastByte = this.#clock.now();
  }

  /** Reads what the client has, as if it had been sent. */
  #skip(offset: number): void {
    while (this.#reader.offset < offset) {
      const run = this.#reader.next(offset - this.#reader.offset);
      if (run === undefined) {
        throw new RangeError(
          `Cannot follow from ${offset}: the transcript has ${this.#reader.offset}`,
        );
      }
      if (run.type === "reasoning") continue;
      for (const piece of this.#envelope.write(run.text)) {
        if (piece.type === "restart") this.#restart();
        else if (piece.type === "json") this.#parse(piece.text);
      }
    }
  }

  /** The events for a run of the transcript; `""` if it shows nothing. */
  async #frames({ type, text }: Run): Promise<string> {
    const end = this.#reader.offset;
    if (type === "reasoning") {
      return this.#event({ status: "reasoning", data: text }, end);
    }
    let frames = "";
    for (const piece of this.#envelope.write(text)) {
      const offset = end - text.length + piece.end;
      if (piece.type === "reasoning") {
        const { text: data } = piece;
        frames += this.#event({ status: "reasoning", data }, offset);
        continue;
      }
      if (piece.type === "restart") this.#restart();
      const operations = piece.type === "json" ? this.#parse(piece.text) : [];
      if (operations.length === 0 && !this.#stale) continue;
      if (this.#stale) operations.unshift({ op: "remove", path: "" });
      this.#stale = false;
      this.#operations.enqueue(operations);
      const { value } = await this.#deltas.read();
      frames += this.#event({ status: "chunk", ...value }, offset);
    }
    return frames;
  }

  /**
   * Begins the value anew; the next event resets what the client has been shown.
   */
  #restart(): void {
    const { maxDepth } = this.#options;
    this.#parser = new JsonPatchParser({ maxDepth, rawNumbers: true });
    this.#broken = false;
    this.#stale = true;
  }

  /** What the parser makes of it; what it rejects, the generation judges. */
  #parse(json: string): Operation[] {
    if (this.#broken) return [];
    try {
      return this.#parser.write(json);
    } catch (error) {
      if (
        error instanceof JsonSyntaxError || error instanceof JsonBoundsError
      ) {
        this.#broken = true;
        return error.operations;
      }
      throw error;
    }
  }

  #event(data: object, offset: number | "end"): string {
    const id = formatEventId({ generation: this.#options.id, offset });
    return formatEvent(id, JSON.stringify(data));
  }
}
