/** Transcripts that another instance writes, fed by a store. */

import { failure, type Outcome } from "../answers/outcome.ts";
import { type Run, Transcript } from "../answers/transcript.ts";
import type { Clock, Timer } from "../clock.ts";
import {
  dropUnits,
  type Head,
  type Meta,
  type Piece,
  type StoredOutcome,
  type TranscriptStore,
} from "./store.ts";

/** What mirrors need. */
export interface MirrorOptions {
  store: TranscriptStore;
  clock: Clock;
  /** How long a writer counts as alive, in milliseconds. */
  lease: number;
}

/**
 * How often the store is asked about all mirrors, in milliseconds. Four times
 * this is {@linkcode GRACE}.
 */
const LOOK = 750;

/**
 * How long a writer is seen to be silent, beyond its lease, before it is given
 * up, in milliseconds. When the store itself was away, writers get this long to
 * come back.
 */
const GRACE = 3000;

/** How long a mirror that nobody follows is kept, in milliseconds. */
const IDLE = 1500;

/** How long a poll waits for what the writer has not sent yet. */
const POLL = 100;

/**
 * The mirrors of an instance: one for each generation, however many follow it.
 * A mirror is there as long as it has readers, and that it is there is what
 * the store is told.
 */
export class Mirrors {
  readonly #options: MirrorOptions;
  readonly #mirrors = new Map<string, Mirror>();
  #timer: Timer | undefined;
  #isLooking = false;

  /** Makes a set of none. */
  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** How many there are. */
  get size(): number {
    return this.#mirrors.size;
  }

  /** The mirror of a generation, if there is one. */
  get(id: string): Mirror | undefined {
    return this.#mirrors.get(id);
  }

  /**
   * The mirror of a generation that another instance writes, or has written. It
   * has to be attached to, or refreshed, at once.
   *
   * @param id The generation's id.
   * @param head What the store has told of it.
   */
  open(id: string, head: Pick<Head, "meta" | "length">): Mirror {
    const known = this.#mirrors.get(id);
    if (known !== undefined) return known;
    const mirror = new Mirror(id, head, this.#options, () => {
      this.#mirrors.delete(id);
      if (this.size > 0) return;
      this.#options.clock.clearTimeout(this.#timer);
      this.#timer = undefined;
    });
    this.#mirrors.set(id, mirror);
    this.#timer ??= this.#options.clock.setTimeout(this.#tick, LOOK);
    return mirror;
  }

  /** Lets go of those that nobody follows just now. */
  closeIdle(): void {
    for (const mirror of this.#mirrors.values()) {
      if (mirror.readers === 0) mirror.close();
    }
  }

  readonly #tick = (): void => {
    this.#timer = this.#options.clock.setTimeout(this.#tick, LOOK);
    this.#look();
  };

  async #look(): Promise<void> {
    const mirrors = [...this.#mirrors.values()].filter(({ transcript }) =>
      transcript.outcome === undefined
    );
    if (mirrors.length === 0 || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const heads = await this.#options.store.attend(
        mirrors.map(({ id }) => ({ id, reading: true })),
      );
      for (const [n, mirror] of mirrors.entries()) mirror.look(heads[n]);
    } catch {
      for (const mirror of mirrors) mirror.lookInVain();
    } finally {
      this.#isLooking = false;
    }
  }
}

/** A generation that another instance writes. */
export class Mirror {
  readonly id: string;
  readonly meta: Meta;
  readonly transcript = new Transcript();
  readonly #store: TranscriptStore;
  readonly #clock: Clock;
  readonly #lease: number;
  readonly #onClose: () => void;
  readonly #unlisten: () => void;
  /** How long it is in the store. */
  #length: number;
  #readers = 0;
  #idle: Timer | undefined;
  #isOpen = true;
  /** Resolves when it has been read as far as it goes, or could not be. */
  #filling: Promise<void> | undefined;
  #fillAgain = false;
  /** Looks in a row that have found the writer silent, or nothing at all. */
  #lost: { since: number; last: number } | undefined;

  /** Made by {@linkcode Mirrors}. */
  constructor(
    id: string,
    head: Pick<Head, "meta" | "length">,
    { store, clock, lease }: MirrorOptions,
    onClose: () => void,
  ) {
    this.id = id;
    this.meta = head.meta;
    this.#length = head.length;
    this.#store = store;
    this.#clock = clock;
    this.#lease = lease;
    this.#onClose = onClose;
    this.#unlisten = store.listen(id, (piece) => {
      if (!this.#take(piece)) this.#fill();
    });
    this.#fill();
    this.#attend(true);
    this.#rest();
  }

  /** How many connections follow it here. */
  get readers(): number {
    return this.#readers;
  }

  /** How long it is, as far as that is known. */
  get length(): number {
    return Math.max(this.#length, this.transcript.length);
  }

  /**
   * Counts one more reader.
   *
   * @returns What counts it out again; to be called once.
   */
  attach(): () => void {
    this.#readers++;
    this.#clock.clearTimeout(this.#idle);
    this.#idle = undefined;
    return () => {
      this.#readers--;
      if (this.#readers === 0 && this.#idle === undefined) this.close();
    };
  }

  /**
   * Brings it up to date for a client that polls, which counts as a reader.
   *
   * @param offset What the client has: as long as the writer may live, that much
   * is waited for.
   */
  async refresh(offset = 0): Promise<void> {
    const isNew = this.#idle !== undefined && this.transcript.length === 0;
    this.#rest();
    const detach = this.attach();
    await this.#fill();
    // The writer hears only now that somebody reads here.
    if (isNew) await this.#waitFor(this.transcript.length + 1, POLL);
    await this.#waitFor(offset, this.#lease + 2 * GRACE);
    this.#rest();
    detach();
  }

  /** Waits until it is so long, or has an outcome, or time is over. */
  async #waitFor(length: number, time: number): Promise<void> {
    const { transcript } = this;
    let isLate = false;
    const late = Promise.withResolvers<void>();
    const timer = this.#clock.setTimeout(() => {
      isLate = true;
      late.resolve();
    }, time);
    while (
      !isLate && transcript.length < length && transcript.outcome === undefined
    ) await Promise.race([transcript.changed(), late.promise]);
    this.#clock.clearTimeout(timer);
  }

  /** Takes note of what the store has; called about once a second. */
  look(head: Head | undefined): void {
    if (!this.#isOpen || this.transcript.outcome !== undefined) return;
    if (head === undefined) {
      // Its writer, if it lives, writes it again from the beginning.
      if (this.#isLost(this.#lease + GRACE)) {
        this.transcript.finish(failure("interrupted"));
      }
      return;
    }
    this.#length = head.length;
    if (head.isOver) {
      if (this.#isLost(GRACE)) this.#bury();
    } else this.#lost = undefined;
    if (head.length > this.transcript.length || head.outcome !== undefined) {
      this.#fill();
    }
  }

  /** Takes note that the store could not be asked. */
  lookInVain(): void {
    this.#lost = undefined;
  }

  /** Lets go of it. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#clock.clearTimeout(this.#idle);
    this.#unlisten();
    this.#onClose();
    this.#attend(false);
  }

  /** Closes it if nobody follows or polls for a while. */
  #rest(): void {
    this.#clock.clearTimeout(this.#idle);
    this.#idle = this.#clock.setTimeout(() => {
      this.#idle = undefined;
      if (this.#readers === 0) this.close();
    }, IDLE);
  }

  #attend(reading: boolean): void {
    if (this.transcript.outcome !== undefined) return;
    this.#store.attend([{ id: this.id, reading }]).catch(() => {
      // The next look tells it, or the time that it holds is over.
    });
  }

  /** Whether looks have found it lost for a time, without a gap. */
  #isLost(time: number): boolean {
    const now = this.#clock.now();
    // A process that stood still has not looked.
    const isGap = this.#lost === undefined || now - this.#lost.last > 3 * LOOK;
    this.#lost = { since: isGap ? now : this.#lost!.since, last: now };
    return now - this.#lost.since >= time;
  }

  #bury(): void {
    this.#store.bury(this.id, failure("interrupted")).then(
      () => this.#fill(),
      () => this.lookInVain(),
    );
  }

  /** Reads from the store what there is. Never rejects. */
  #fill(): Promise<void> {
    this.#fillAgain = true;
    return this.#filling ??= this.#read();
  }

  async #read(): Promise<void> {
    try {
      while (this.#fillAgain && this.#isOpen) {
        this.#fillAgain = false;
        const { length: from } = this.transcript;
        const reading = await this.#store.read(this.id, from);
        if (reading === undefined || !this.#isOpen) break;
        for (const piece of reading.pieces) this.#take(piece);
        const { length } = this.transcript;
        if (length < reading.length) this.#fillAgain ||= length > from;
        else if (reading.outcome !== undefined) this.#finish(reading.outcome);
      }
    } catch {
      // The next look, or piece, tries again.
    } finally {
      this.#filling = undefined;
    }
  }

  /**
   * Appends what is new of a piece.
   *
   * @returns Whether nothing is missing before it.
   */
  #take({ start, runs, outcome }: Piece): boolean {
    const { length } = this.transcript;
    if (!this.#isOpen) return true;
    if (start > length) return false;
    // What an instance has written is what an instance can read.
    for (const run of dropUnits(runs, length - start) as Run[]) {
      this.transcript.add(run);
    }
    if (outcome !== undefined) this.#finish(outcome);
    return true;
  }

  #finish(outcome: StoredOutcome): void {
    this.transcript.finish(outcome as Outcome);
    this.#unlisten();
  }
}
