/** What late followers of finished answers are sent, made once for all of them. */

import type { Transcript } from "../answers/transcript.ts";
import { EventMaker, type Events, type EventsOptions } from "./events.ts";

/** Some events, and how much of the transcript they account for. */
interface Batch {
  frames: string;
  end: number;
}

/** The batches of one finished answer, as far as somebody has wanted them. */
class Replay {
  readonly #events: EventMaker;
  /** By the offset from which on each is. */
  readonly #batches = new Map<number, Batch>();
  readonly #onGrow: (characters: number) => void;
  #open = true;
  /** How much is held, in UTF-16 units, the transcript included. */
  size: number;

  readonly transcript: Transcript;

  constructor(options: EventsOptions, onGrow: (characters: number) => void) {
    this.transcript = options.transcript;
    this.#events = new EventMaker(options, 0);
    this.#onGrow = onGrow;
    this.size = options.transcript.length;
  }

  /**
   * Finds the batch that begins where a reader is, or makes it.
   *
   * @returns `undefined` if it is not held, and is not the next one either.
   */
  from(offset: number): Batch | undefined {
    const held = this.#batches.get(offset);
    if (held !== undefined) return held;
    return this.#open && offset === this.#events.offset
      ? this.#make()
      : undefined;
  }

  /** Lets go of what is held: whoever reads on makes the rest alone. */
  close(): void {
    this.#open = false;
    this.#batches.clear();
  }

  #make(): Batch {
    const { offset } = this.#events;
    try {
      const frames = this.#events.next();
      const batch = { frames, end: this.#events.offset };
      this.#batches.set(offset, batch);
      this.size += frames.length;
      this.#onGrow(frames.length);
      return batch;
    } catch (error) {
      this.close();
      throw error;
    }
  }
}

/** How much all replays hold together, in UTF-16 units. */
export const MAX_SIZE = 16_000_000;

/** The replays of one server; what was wanted last is held. */
export class Replays {
  readonly #maxSize: number;
  /** By answer and language. */
  readonly #replays = new Map<string, Replay>();
  #size = 0;

  /** @param maxSize How much they hold together, in UTF-16 units. */
  constructor(maxSize = MAX_SIZE) {
    this.#maxSize = maxSize;
  }

  /** How much they hold, in UTF-16 units. */
  get size(): number {
    return this.#size;
  }

  /**
   * Makes the events of a finished answer for one reader, from what others were
   * sent where that is held.
   */
  read(options: EventsOptions, offset: number): Events {
    const { id, transcript, language } = options;
    const key = `${id} ${language}`;
    const held = this.#replays.get(key);
    // An id that was forgotten may have been given to another answer.
    if (held !== undefined && held.transcript !== transcript) {
      this.#drop(key, held);
    }
    const known = this.#replays.get(key);
    // The others stand before it.
    this.#replays.delete(key);
    const replay = known ?? new Replay(options, (size) => this.#grow(size));
    this.#replays.set(key, replay);
    if (known === undefined) this.#grow(replay.size);
    return new SharedEvents(replay, options, offset);
  }

  #grow(size: number): void {
    this.#size += size;
    for (const [key, replay] of this.#replays) {
      if (this.#size <= this.#maxSize) break;
      this.#drop(key, replay);
    }
  }

  #drop(key: string, replay: Replay): void {
    this.#replays.delete(key);
    this.#size -= replay.size;
    replay.close();
  }
}

/** The events for one reader of a finished answer. */
class SharedEvents implements Events {
  readonly #replay: Replay;
  readonly #options: EventsOptions;
  #offset: number;
  /** What makes them for this reader alone, where they are not held. */
  #own: EventMaker | undefined;

  constructor(replay: Replay, options: EventsOptions, offset: number) {
    this.#replay = replay;
    this.#options = options;
    this.#offset = offset;
  }

  get isBehind(): boolean {
    return this.#own?.isBehind ??
      this.#offset < this.#options.transcript.length;
  }

  skip(): boolean {
    return this.#own?.skip() ?? false;
  }

  next(): string {
    if (this.#own !== undefined) return this.#own.next();
    const batch = this.#replay.from(this.#offset);
    if (batch === undefined) {
      this.#own = new EventMaker(this.#options, this.#offset);
      return "";
    }
    this.#offset = batch.end;
    return batch.frames;
  }
}
