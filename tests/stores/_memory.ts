/** A store in this process, for tests, and a way to make any store fail. */

import {
  type Append,
  type Appended,
  type Claim,
  type ClaimOptions,
  type Head,
  type Holding,
  lengthOf,
  type Meta,
  type Piece,
  PRESENCE,
  type Reading,
  type StoredOutcome,
  type StoredRun,
  TOMBSTONE,
  type TranscriptStore,
} from "../../lib/stores/store.ts";

interface Entry {
  token: string;
  meta: Meta;
  instance: string;
  lease: number;
  retention: number;
  pieces: { start: number; runs: readonly StoredRun[] }[];
  length: number;
  outcome: StoredOutcome | undefined;
  until: number;
  stopped: boolean;
  /** Instances that have readers, and until when that holds. */
  readers: Map<string, number>;
}

/** What all instances share. */
export class Memory {
  readonly entries = new Map<string, Entry>();
  readonly tombstones = new Map<string, number>();
  readonly budgets = new Map<string, number>();
  readonly held = new Map<string, Map<string, [number, number]>>();
  readonly listeners = new Map<string, Set<(piece: Piece) => void>>();
  readonly nudged = new Map<string, (id: string) => void>();
  #instances = 0;
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Opens it for one more instance. */
  open(): TranscriptStore {
    return new MemoryStore(this, `instance ${++this.#instances}`, this.#now);
  }

  /** Loses everything. */
  lose(): void {
    this.entries.clear();
    this.tombstones.clear();
  }

  /** Loses the last pieces of each transcript that is being written. */
  loseEnd(): void {
    for (const entry of this.entries.values()) {
      if (entry.outcome !== undefined) continue;
      const last = entry.pieces.pop();
      if (last !== undefined) entry.length = last.start;
    }
  }

  publish(id: string, piece: Piece): void {
    for (const listener of this.listeners.get(id) ?? []) listener(piece);
  }
}

class MemoryStore implements TranscriptStore {
  readonly #memory: Memory;
  readonly #instance: string;
  readonly #now: () => number;

  constructor(memory: Memory, instance: string, now: () => number) {
    this.#memory = memory;
    this.#instance = instance;
    this.#now = now;
  }

  // deno-lint-ignore require-await
  async claim(
    id: string,
    { token, meta, lease, retention }: ClaimOptions,
  ): Promise<Claim> {
    const entry = this.#get(id);
    if (entry !== undefined) {
      return entry.token === token
        ? { won: true, stopped: entry.stopped }
        : { won: false, head: this.#head(entry) };
    }
    const now = this.#now();
    const stopped = (this.#memory.tombstones.get(`${id} ${meta.owner}`) ?? 0) >
      now;
    this.#memory.entries.set(id, {
      token,
      meta,
      instance: this.#instance,
      lease,
      retention,
      pieces: [],
      length: 0,
      outcome: undefined,
      until: now + lease,
      stopped,
      readers: new Map(),
    });
    return { won: true, stopped };
  }

  // deno-lint-ignore require-await
  async append(batch: readonly Append[]): Promise<Appended[]> {
    return batch.map((append) => this.#append(append));
  }

  #append({ id, token, start, runs, outcome }: Append): Appended {
    const entry = this.#get(id);
    if (entry === undefined) return { status: "gone" };
    if (entry.token !== token) return { status: "fenced" };
    const now = this.#now();
    entry.until = now + entry.lease;
    const isOk = entry.length === start && entry.outcome === undefined;
    if (isOk && (runs.length > 0 || outcome !== undefined)) {
      if (runs.length > 0) entry.pieces.push({ start, runs });
      entry.length += lengthOf(runs);
      entry.outcome = outcome;
      this.#memory.publish(id, { start, runs, outcome });
    }
    const readers = [...entry.readers.values()].filter((until) => until > now);
    return {
      status: isOk ? "ok" : "moved",
      length: entry.length,
      ended: entry.outcome !== undefined,
      stopped: entry.stopped,
      readers: readers.length,
    };
  }

  // deno-lint-ignore require-await
  async find(id: string): Promise<Head | undefined> {
    const entry = this.#get(id);
    return entry && this.#head(entry);
  }

  // deno-lint-ignore require-await
  async read(id: string, from: number): Promise<Reading | undefined> {
    const entry = this.#get(id);
    if (entry === undefined) return undefined;
    const { length, outcome } = entry;
    const pieces = entry.pieces
      .filter(({ start, runs }) => start + lengthOf(runs) > from)
      // So that readers have to ask again.
      .slice(0, 3);
    return { pieces, length, outcome };
  }

  listen(id: string, onPiece: (piece: Piece) => void): () => void {
    const { listeners } = this.#memory;
    const own = listeners.get(id) ?? new Set();
    listeners.set(id, own.add(onPiece));
    return () => own.delete(onPiece);
  }

  // deno-lint-ignore require-await
  async attend(
    entries: readonly { id: string; reading: boolean }[],
  ): Promise<(Head | undefined)[]> {
    return entries.map(({ id, reading }) => {
      const entry = this.#get(id);
      if (entry === undefined) return undefined;
      const now = this.#now();
      const was = (entry.readers.get(this.#instance) ?? 0) > now;
      if (reading) entry.readers.set(this.#instance, now + PRESENCE);
      else entry.readers.delete(this.#instance);
      if (was !== reading) this.#memory.nudged.get(entry.instance)?.(id);
      return this.#head(entry);
    });
  }

  // deno-lint-ignore require-await
  async bury(id: string, outcome: StoredOutcome): Promise<boolean> {
    const entry = this.#get(id);
    if (entry === undefined || !this.#head(entry).isOver) return false;
    entry.token = "";
    entry.outcome = outcome;
    this.#memory.publish(id, { start: entry.length, runs: [], outcome });
    return true;
  }

  // deno-lint-ignore require-await
  async stop(id: string, owner: string): Promise<void> {
    const entry = this.#get(id);
    if (entry === undefined) {
      const until = this.#now() + TOMBSTONE;
      this.#memory.tombstones.set(`${id} ${owner}`, until);
    } else if (entry.meta.owner === owner && entry.outcome === undefined) {
      entry.stopped = true;
      this.#memory.nudged.get(entry.instance)?.(id);
    }
  }

  // deno-lint-ignore require-await
  async spend(key: string, cost: number, perMinute: number): Promise<number> {
    const now = this.#now();
    const full = Math.max(now, this.#memory.budgets.get(key) ?? 0) +
      cost * 60_000 / perMinute;
    if (full > now + 60_000) return full - now - 60_000;
    this.#memory.budgets.set(key, full);
    return 0;
  }

  // deno-lint-ignore require-await
  async hold(entries: readonly Holding[]): Promise<boolean[]> {
    const now = this.#now();
    return entries.map(({ key, count, limit }) => {
      const held = this.#memory.held.get(key) ?? new Map();
      this.#memory.held.set(key, held);
      let others = 0;
      for (const [instance, [number, until]] of held) {
        if (instance !== this.#instance && until > now) others += number;
      }
      const [own] = held.get(this.#instance) ?? [0];
      if (count > own && others + count > limit) return false;
      held.set(this.#instance, [count, now + PRESENCE]);
      return true;
    });
  }

  onNudge(listener: (id: string) => void): void {
    this.#memory.nudged.set(this.#instance, listener);
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#memory.nudged.delete(this.#instance);
  }

  #get(id: string): Entry | undefined {
    const entry = this.#memory.entries.get(id);
    if (entry === undefined) return undefined;
    return this.#now() < entry.until + entry.retention ? entry : undefined;
  }

  #head({ meta, length, outcome, until }: Entry): Head {
    const isOver = outcome === undefined && until < this.#now();
    return { meta, length, outcome, isOver };
  }
}
