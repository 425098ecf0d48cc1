/**
 * The seam between transcripts and the engines that carry them beyond one
 * process: a few small operations, each of them atomic. Times are in
 * milliseconds, offsets and lengths in UTF-16 units.
 */

/** How a generation has ended. Stores keep it as it is: JSON. */
export interface StoredOutcome {
  /** Whether it has ended well. */
  readonly status: string;
}

/**
 * A run of text of one kind. Stores keep it as it is: JSON, with whatever else
 * it has.
 */
export interface StoredRun {
  /** Which kind. */
  readonly type: string;
  /** It counts by its length. */
  readonly text: string;
}

/** What is kept of a generation beside its transcript. */
export interface Meta {
  /** Who may follow and stop it. */
  owner: string;
  /** What else its followers need. JSON. */
  readonly [member: string]: unknown;
}

/** How a generation's id is claimed. */
export interface ClaimOptions {
  /** A secret of the process that writes. It alone appends. */
  token: string;
  /** What is kept beside the transcript. */
  meta: Meta;
  /** How long the writer counts as alive after each append. */
  lease: number;
  /** How long the generation is kept after the last append and its lease. */
  retention: number;
}

/** Who has got an id. */
export type Claim =
  /** The caller; `stopped` if its owner has asked for that already. */
  | { won: true; stopped: boolean }
  /** Somebody else, earlier. */
  | { won: false; head: Head };

/** What there is to know of a generation without reading it. */
export interface Head {
  /** What it was claimed with. */
  meta: Meta;
  /** How long the transcript is. */
  length: number;
  /** How it has ended, once it has. */
  outcome: StoredOutcome | undefined;
  /** Whether the writer has been silent for its lease, by the store's clock. */
  isOver: boolean;
}

/** A stretch of a transcript. */
export interface Piece {
  /** The offset at which it begins. */
  start: number;
  /** What stands there. */
  runs: readonly StoredRun[];
  /** The outcome, if that came with it or after it. */
  outcome?: StoredOutcome | undefined;
}

/** What one generation's writer appends. Without runs and outcome: a beat. */
export interface Append extends Piece {
  /** The generation's id. */
  id: string;
  /** What it was claimed with. */
  token: string;
}

/** What became of an {@linkcode Append}. */
export type Appended =
  | {
    /**
     * `moved`: nothing was appended, for the transcript does not end at the
     * piece's start, or has an outcome.
     */
    status: "ok" | "moved";
    /** How long the transcript is now. */
    length: number;
    /** Whether it has its outcome. */
    ended: boolean;
    /** Whether its owner has asked for an end. */
    stopped: boolean;
    /** How many other instances have readers. */
    readers: number;
  }
  /** Somebody else has claimed or buried it. */
  | { status: "fenced" }
  /** It was lost, or has expired. */
  | { status: "gone" };

/** A part of a transcript, read. */
export interface Reading {
  /** In order and without a hole; the first covers the offset asked for. */
  pieces: Piece[];
  /** How long the transcript is, which may be more than the pieces reach. */
  length: number;
  /** How it has ended, once it has. */
  outcome: StoredOutcome | undefined;
}

/** How many streams a client has open here. */
export interface Holding {
  /** Which client. */
  key: string;
  /** How many are open here. */
  count: number;
  /** How many it may have on all instances together. */
  limit: number;
}

/**
 * Where transcripts live beyond one process. Everything but `listen`, `onNudge`
 * and `close` rejects if the store cannot be reached, and may be repeated then.
 */
export interface TranscriptStore {
  /**
   * Claims an id. One token wins, ever; when it comes again it wins again. A
   * generation that its owner has stopped before is claimed as stopped.
   */
  claim(id: string, options: ClaimOptions): Promise<Claim>;

  /**
   * Appends to several generations, to each if its token, and its length, is as
   * the writer believes. The answers come in the same order. Renews the leases.
   */
  append(batch: readonly Append[]): Promise<Appended[]>;

  /** Looks for a generation. */
  find(id: string): Promise<Head | undefined>;

  /** Reads a transcript, or a good part of it. */
  read(id: string, from: number): Promise<Reading | undefined>;

  /**
   * Hears of pieces as they are appended: in order, but some may be missed.
   *
   * @returns What ends it.
   */
  listen(id: string, onPiece: (piece: Piece) => void): () => void;

  /**
   * Says which generations of other instances have readers here, which holds
   * for {@linkcode PRESENCE}. When that changes, the writer is nudged.
   *
   * @returns Their heads, in the same order.
   */
  attend(
    entries: readonly { id: string; reading: boolean }[],
  ): Promise<(Head | undefined)[]>;

  /**
   * Says how a generation has ended whose writer is gone.
   *
   * @returns Whether it was so: it had no outcome, and its lease was over.
   */
  bury(id: string, outcome: StoredOutcome): Promise<boolean>;

  /**
   * Asks for a generation's end, and nudges its writer. Where the id is not
   * claimed yet, that is remembered for {@linkcode TOMBSTONE}. Somebody else's
   * is left alone.
   */
  stop(id: string, owner: string): Promise<void>;

  /**
   * Takes from a budget that all instances share. It fills up in a minute.
   *
   * @returns 0, or after what time there is as much.
   */
  spend(key: string, cost: number, perMinute: number): Promise<number>;

  /**
   * Says how many streams are open here, which holds for
   * {@linkcode PRESENCE}. Fewer than before are always taken down.
   *
   * @returns For each, whether all instances together stay within the limit. If
   * not, what was said before holds.
   */
  hold(entries: readonly Holding[]): Promise<boolean[]>;

  /**
   * Hears which generations of this instance have something new to them: a
   * reader elsewhere, or a stop. Their next append tells what.
   */
  onNudge(listener: (id: string) => void): void;

  /** Releases every handle. */
  close(): Promise<void>;
}

/** How long it holds what an instance says of its readers. */
export const PRESENCE = 5000;

/** How long a stop is remembered whose generation has not begun. */
export const TOMBSTONE = 60_000;

/** How much text a piece holds at most, in UTF-16 units. */
export const MAX_PIECE = 65536;

/** How long runs are together. */
export function lengthOf(runs: readonly StoredRun[]): number {
  let length = 0;
  for (const { text } of runs) length += text.length;
  return length;
}

/**
 * The runs without their first `count` units. A run of one unit is never cut,
 * so any kind of run may carry more than its text.
 */
export function dropUnits(
  runs: readonly StoredRun[],
  count: number,
): StoredRun[] {
  const rest: StoredRun[] = [];
  for (const run of runs) {
    if (count < run.text.length) {
      rest.push(count === 0 ? run : { ...run, text: run.text.slice(count) });
    }
    count = Math.max(0, count - run.text.length);
  }
  return rest;
}

/** A run as it is stored: JSON, and of the commonest kind its text alone. */
export type PackedRun = string | StoredRun;

/**
 * Makes runs ready for JSON, which keeps a lone surrogate, unlike UTF-8.
 */
export function packRuns(runs: readonly StoredRun[]): PackedRun[] {
  return runs.map((run) => run.type === "text" && isBare(run) ? run.text : run);
}

/** Reads what {@linkcode packRuns} has made. */
export function unpackRuns(packed: readonly PackedRun[]): StoredRun[] {
  return packed.map((run) =>
    typeof run === "string" ? { type: "text", text: run } : run
  );
}

/** Whether a run has its type and its text, and no more. */
function isBare(run: StoredRun): boolean {
  for (const member in run) {
    if (member !== "type" && member !== "text") return false;
  }
  return true;
}
