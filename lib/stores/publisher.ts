/** Transcripts that are written here, to a store: one more reader of each. */

import type {
  Run,
  Transcript,
  TranscriptReader,
} from "../answers/transcript.ts";
import type { Clock, Timer } from "../clock.ts";
import {
  type Append,
  type Appended,
  type ClaimOptions,
  MAX_PIECE,
  type TranscriptStore,
} from "./store.ts";

/** How transcripts are published. Times are in milliseconds. */
export interface PublisherOptions {
  store: TranscriptStore;
  clock: Clock;
}

/** A transcript that is written here. */
export interface PublicationOptions {
  id: string;
  /** What it is claimed with. */
  claim: ClaimOptions;
  /**
   * Whether it has been claimed. If not, nobody else knows the id, and it is
   * claimed as soon as the store is there.
   *
   * @default {true}
   */
  isClaimed?: boolean;
  transcript: Transcript;
  /** Gets what the store is known to have, and nothing before. */
  shown?: Transcript | undefined;
  /** Called when the number of other instances that have readers has changed. */
  onReaders: (count: number) => void;
  /** Called when its owner has asked for an end elsewhere. */
  onStop: () => void;
  /** Called when it belongs to somebody else, who has ended it. */
  onFenced: () => void;
}

/** How often it is seen what there is to send, in milliseconds. */
const TICK = 50;

/** How long text may wait that nobody waits for, in milliseconds. */
const PATIENCE = 250;

/** How often a writer says that it lives, within a lease. */
const BEATS = 10;

/** How much text goes into one batch, in UTF-16 units. */
const MAX_BATCH = 1_000_000;

/** What is known of a transcript in the store. */
interface Publication extends PublicationOptions {
  reader: TranscriptReader;
  /** Where `shown` ends. */
  cursor: TranscriptReader;
  /** What has been sent and not been answered. Repeated as it is. */
  pending: Append | undefined;
  /** Whether it is to be sent at the next opportunity, whatever it is. */
  isUrgent: boolean;
  sentAt: number;
  /** When the store last said that it is ours; `undefined` if it never has. */
  ownedAt: number | undefined;
  readers: number;
  isStopped: boolean;
}

/**
 * Appends what transcripts have grown by to a store: all of them together, one
 * batch at a time. Appending costs nothing for each token, and writers never
 * wait for it.
 *
 * Whatever the store answers, or does not, the length that it names is where it
 * goes on: a reply that was lost, and data that was lost, heal alike.
 */
export class Publisher {
  readonly #store: TranscriptStore;
  readonly #clock: Clock;
  readonly #publications = new Map<string, Publication>();
  #timer: Timer | undefined;
  #isSending = false;
  #idle: PromiseWithResolvers<void> | undefined;

  /** Makes one that publishes nothing yet. */
  constructor({ store, clock }: PublisherOptions) {
    this.#store = store;
    this.#clock = clock;
    store.onNudge((id) => this.flush(id));
  }

  /** How many transcripts are not stored to their end. */
  get size(): number {
    return this.#publications.size;
  }

  /** Publishes a transcript until the store has its outcome. */
  publish(options: PublicationOptions): void {
    const now = this.#clock.now();
    this.#publications.set(options.id, {
      ...options,
      reader: options.transcript.read(),
      cursor: options.transcript.read(),
      pending: undefined,
      isUrgent: false,
      sentAt: now,
      ownedAt: options.isClaimed === false ? undefined : now,
      readers: 0,
      isStopped: false,
    });
    this.#timer ??= this.#clock.setTimeout(this.#tick, TICK);
  }

  /** Sends a transcript's news now, for instance because it has ended. */
  flush(id: string): void {
    const publication = this.#publications.get(id);
    if (publication === undefined) return;
    publication.isUrgent = true;
    this.#send();
  }

  /** Resolves when the store has all outcomes, or when it is closed. */
  async idle(): Promise<void> {
    if (this.size === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  /** Publishes none of those that it has any more. */
  close(): void {
    this.#publications.clear();
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#idle?.resolve();
  }

  readonly #tick = (): void => {
    this.#timer = this.#clock.setTimeout(this.#tick, TICK);
    this.#send();
  };

  #send(): void {
    if (this.#isSending) return;
    const now = this.#clock.now();
    const due: Publication[] = [];
    const batch: Append[] = [];
    let units = 0;
    for (const publication of this.#publications.values()) {
      if (units >= MAX_BATCH) break;
      if (!isDue(publication, now)) continue;
      const { reader } = publication;
      const start = reader.offset;
      publication.pending ??= nextAppend(publication);
      publication.isUrgent = false;
      publication.sentAt = now;
      units += reader.offset - start;
      due.push(publication);
      batch.push(publication.pending);
    }
    if (batch.length === 0) return;
    // Those that did not fit come first the next time.
    if (units >= MAX_BATCH) {
      for (const publication of due) {
        this.#publications.delete(publication.id);
        this.#publications.set(publication.id, publication);
      }
    }
    this.#isSending = true;
    this.#store.append(batch).then((answers) => {
      this.#isSending = false;
      for (const [n, publication] of due.entries()) {
        this.#settle(publication, answers[n]!);
      }
      this.#sendUrgent();
    }, () => {
      this.#isSending = false;
      // What is pending goes again when it is due.
    });
  }

  #sendUrgent(): void {
    for (const { isUrgent } of this.#publications.values()) {
      if (isUrgent) return this.#send();
    }
  }

  #settle(publication: Publication, answer: Appended): void {
    const { id, claim, transcript } = publication;
    if (this.#publications.get(id) !== publication) return;
    const now = this.#clock.now();
    publication.pending = undefined;
    if (answer.status === "fenced") return this.#fence(publication);
    if (answer.status === "gone") {
      const { ownedAt = now } = publication;
      // Its readers elsewhere have been told by now that it is over.
      if (now - ownedAt > claim.lease) this.#fence(publication);
      else this.#claimAgain(publication);
      return;
    }
    publication.ownedAt = now;
    const { length, ended, stopped, readers } = answer;
    if (length > transcript.length || (ended && !transcript.outcome)) {
      // No writer of ours can have written that.
      return this.#fence(publication);
    }
    if (answer.status === "moved" && !ended) {
      publication.reader = readFrom(transcript, length);
      publication.isUrgent = true;
    }
    show(publication, length);
    if (ended) {
      publication.shown?.finish(transcript.outcome!);
      this.#remove(publication);
      return;
    }
    publication.isUrgent ||= transcript.outcome !== undefined ||
      transcript.length - length > MAX_PIECE;
    if (readers !== publication.readers) {
      publication.readers = readers;
      publication.onReaders(readers);
    }
    if (stopped && !publication.isStopped) {
      publication.isStopped = true;
      publication.onStop();
    }
  }

  /** The store has lost it: it is written again from the beginning. */
  #claimAgain(publication: Publication): void {
    const { id, claim } = publication;
    // Where it begins, and whether it is still ours, the next answer tells.
    this.#store.claim(id, claim).then(() => this.flush(id), () => {});
  }

  #fence(publication: Publication): void {
    this.#remove(publication);
    publication.onFenced();
    // It has the outcome that `onFenced` gives it, if it had none before.
    const { shown, transcript: { outcome } } = publication;
    if (outcome !== undefined) shown?.finish(outcome);
  }

  #remove(publication: Publication): void {
    this.#publications.delete(publication.id);
    if (this.size === 0) this.close();
  }
}

function isDue(publication: Publication, now: number): boolean {
  const { isUrgent, sentAt, claim, readers, shown } = publication;
  const { transcript, reader, pending } = publication;
  if (isUrgent || transcript.outcome !== undefined) return true;
  const hasNews = pending !== undefined || transcript.length > reader.offset;
  const wait = !hasNews
    ? claim.lease / BEATS
    : readers > 0 || shown !== undefined
    ? 0
    : PATIENCE;
  return now - sentAt >= wait;
}

/** Reads what comes next, up to a piece's size. */
function nextAppend(
  { id, claim: { token }, reader, transcript }: Publication,
): Append {
  const start = reader.offset;
  const runs: Run[] = [];
  while (reader.offset - start < MAX_PIECE) {
    const run = reader.next(MAX_PIECE - (reader.offset - start));
    if (run === undefined) break;
    runs.push(run);
  }
  const isWhole = reader.offset === transcript.length;
  return {
    id,
    token,
    start,
    runs,
    outcome: isWhole ? transcript.outcome : undefined,
  };
}

/** A reader that has read as far as that. */
function readFrom(transcript: Transcript, offset: number): TranscriptReader {
  const reader = transcript.read();
  while (reader.offset < offset) reader.next(offset - reader.offset);
  return reader;
}

/** Shows what the store has, as far as it has not been shown. */
function show({ shown, cursor }: Publication, length: number): void {
  if (shown === undefined) return;
  while (cursor.offset < length) {
    const run = cursor.next(length - cursor.offset);
    if (run === undefined) return;
    shown.add(run);
  }
}
