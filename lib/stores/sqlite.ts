/**
 * Transcripts in a SQLite file, for several processes on one machine. A process
 * can die without a loss; the machine cannot (`synchronous=OFF`).
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { chmodSync, closeSync, openSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type Append,
  type Appended,
  type Claim,
  type ClaimOptions,
  type Head,
  type Holding,
  lengthOf,
  packRuns,
  type Piece,
  PRESENCE,
  type Reading,
  type StoredOutcome,
  TOMBSTONE,
  type TranscriptStore,
  unpackRuns,
} from "./store.ts";

export type * from "./store.ts";

/** The layout's version. Files of another one are refused. */
const VERSION = 1;

const LAYOUT = `
CREATE TABLE generations (
  id TEXT PRIMARY KEY, token TEXT NOT NULL, instance TEXT NOT NULL,
  owner TEXT NOT NULL, meta TEXT NOT NULL,
  lease INTEGER NOT NULL, retention INTEGER NOT NULL,
  length INTEGER NOT NULL DEFAULT 0, outcome TEXT,
  stopped INTEGER NOT NULL, until INTEGER NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX generations_expires ON generations (expires);
CREATE TABLE pieces (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
  start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  runs TEXT NOT NULL, outcome TEXT
);
CREATE INDEX pieces_end ON pieces (id, "end");
CREATE TABLE readers (
  id TEXT NOT NULL, instance TEXT NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (id, instance)
) WITHOUT ROWID;
CREATE TABLE nudges (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL,
  id TEXT NOT NULL, until INTEGER NOT NULL
);
CREATE TABLE tombstones (
  id TEXT NOT NULL, owner TEXT NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (id, owner)
) WITHOUT ROWID;
CREATE TABLE budgets (key TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE holdings (
  key TEXT NOT NULL, instance TEXT NOT NULL, count INTEGER NOT NULL,
  until INTEGER NOT NULL, PRIMARY KEY (key, instance)
) WITHOUT ROWID;
`;

/** How often other processes' commits are looked for, in milliseconds. */
const POLL = 20;

/** How often what has expired is deleted, in milliseconds. */
const SWEEP = 10_000;

/** How many generations a sweep deletes, so that it does not hold the loop. */
const SWEPT = 20;

/** How many pieces a poll reads at once. */
const POLLED = 500;

/** How much text one reading holds at least, if there is as much. */
const READ = 1_000_000;

/** How long to try again while another process writes, in milliseconds. */
const PATIENCE = 1500;

/** Options for {@linkcode openSqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * How large the file may become, in pages of 4,096 bytes.
   *
   * @default {4_294_967_294}
   */
  maxPages?: number;
}

/**
 * Opens a file, and makes it if it is not there. It is readable by its user
 * only.
 *
 * @param path The file's path. Two more lie beside it, with `-wal` and `-shm`
 * at the end of their names.
 * @param options How large it may become.
 * @returns The store. An open one keeps the process alive.
 * @throws {Error} If the file is not one of ours, or cannot be written; or if
 * the runtime has no `node:sqlite`.
 */
export async function openSqliteStore(
  path: string,
  { maxPages = 4_294_967_294 }: SqliteStoreOptions = {},
): Promise<TranscriptStore> {
  const { DatabaseSync } = await loadSqlite();
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const database = new DatabaseSync(path);
  try {
    await patiently(() => prepareFile(database));
    database.exec(`PRAGMA max_page_count=${maxPages}`);
    return new SqliteStore(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

async function loadSqlite(): Promise<typeof import("node:sqlite")> {
  try {
    return await import("node:sqlite");
  } catch (cause) {
    throw new Error(
      "Cannot use SQLite: this runtime has no node:sqlite, as Deno 2.2, Node 22.13 and Bun 1.4 have",
      { cause },
    );
  }
}

function prepareFile(database: DatabaseSync): void {
  // It can be told only before anything else has been written.
  database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
  transact(database, () => {
    const { user_version: version } = database.prepare("PRAGMA user_version")
      .get() as { user_version: number };
    if (version === 0) {
      database.exec(`${LAYOUT} PRAGMA user_version=${VERSION}`);
    } else if (version !== VERSION) {
      throw new Error(
        `Cannot use the file: its layout is version ${version}, wanted ${VERSION}`,
      );
    }
  });
}

interface GenerationRow {
  token: string;
  instance: string;
  owner: string;
  meta: string;
  lease: number;
  retention: number;
  length: number;
  outcome: string | null;
  stopped: number;
  until: number;
}

interface PieceRow {
  seq: number;
  id: string;
  start: number;
  runs: string;
  outcome: string | null;
}

class SqliteStore implements TranscriptStore {
  readonly #database: DatabaseSync;
  readonly #instance = randomUUID();
  readonly #statements = new Map<string, StatementSync>();
  readonly #listeners = new Map<string, Set<(piece: Piece) => void>>();
  #onNudge: ((id: string) => void) | undefined;
  #dataVersion: unknown;
  #lastPiece: number;
  #lastNudge: number;
  #poll: ReturnType<typeof setTimeout>;
  #sweep: ReturnType<typeof setTimeout>;
  #isOpen = true;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#lastPiece = this.#last("pieces");
    this.#lastNudge = this.#last("nudges");
    this.#poll = setTimeout(() => this.#look(), POLL);
    this.#sweep = setTimeout(() => this.#sweepOut(), SWEEP);
  }

  claim(
    id: string,
    { token, meta, lease, retention }: ClaimOptions,
  ): Promise<Claim> {
    return this.#write((now): Claim => {
      const row = this.#get(id, now);
      if (row !== undefined) {
        return row.token === token
          ? { won: true, stopped: row.stopped === 1 }
          : { won: false, head: headOf(row, now) };
      }
      // What has expired may not have been swept out yet.
      this.#delete(id);
      const stopped = this.#run(
        "DELETE FROM tombstones WHERE id=? AND owner=? AND until>?",
        id,
        meta.owner,
        now,
      );
      this.#run(
        `INSERT INTO generations (id, token, instance, owner, meta, lease,
          retention, stopped, until, expires) VALUES (?,?,?,?,?,?,?,?,?,?)`,
        id,
        token,
        this.#instance,
        meta.owner,
        JSON.stringify(meta),
        lease,
        retention,
        stopped,
        now + lease,
        now + lease + retention,
      );
      return { won: true, stopped: stopped === 1 };
    });
  }

  append(batch: readonly Append[]): Promise<Appended[]> {
    return this.#write((now) => batch.map((entry) => this.#append(entry, now)));
  }

  #append(
    { id, token, start, runs, outcome }: Append,
    now: number,
  ): Appended {
    const row = this.#get(id, now);
    if (row === undefined) return { status: "gone" };
    if (row.token !== token) return { status: "fenced" };
    const isOk = row.length === start && row.outcome === null;
    let { length, outcome: end } = row;
    if (isOk && (runs.length > 0 || outcome !== undefined)) {
      length += lengthOf(runs);
      end = outcome === undefined ? null : JSON.stringify(outcome);
      this.#insert(id, start, length, JSON.stringify(packRuns(runs)), end);
    }
    this.#run(
      "UPDATE generations SET length=?, outcome=?, until=?, expires=? WHERE id=?",
      length,
      end,
      now + row.lease,
      now + row.lease + row.retention,
      id,
    );
    const { count } = this.#statement(
      "SELECT count(*) AS count FROM readers WHERE id=? AND until>?",
    ).get(id, now) as { count: number };
    return {
      status: isOk ? "ok" : "moved",
      length,
      ended: end !== null,
      stopped: row.stopped === 1,
      readers: count,
    };
  }

  find(id: string): Promise<Head | undefined> {
    return this.#read((now) => {
      const row = this.#get(id, now);
      return row && headOf(row, now);
    });
  }

  read(id: string, from: number): Promise<Reading | undefined> {
    return this.#read((now) => {
      const row = this.#get(id, now);
      if (row === undefined) return undefined;
      const pieces: Piece[] = [];
      let units = 0;
      const rows = this.#statement(
        `SELECT start, "end", runs FROM pieces
          WHERE id=? AND "end">? AND "end">start ORDER BY "end"`,
      ).iterate(id, from);
      for (const row of rows as Iterable<PieceRow & { end: number }>) {
        pieces.push({
          start: row.start,
          runs: unpackRuns(JSON.parse(row.runs)),
        });
        units += row.end - row.start;
        if (units >= READ) break;
      }
      const { length } = row;
      return { pieces, length, outcome: parseOutcome(row.outcome) };
    });
  }

  listen(id: string, onPiece: (piece: Piece) => void): () => void {
    if (this.#listeners.size === 0) this.#lastPiece = this.#last("pieces");
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(onPiece));
    return () => {
      if (listeners.delete(onPiece) && listeners.size === 0) {
        this.#listeners.delete(id);
      }
    };
  }

  attend(
    entries: readonly { id: string; reading: boolean }[],
  ): Promise<(Head | undefined)[]> {
    return this.#write((now) =>
      entries.map(({ id, reading }) => {
        const row = this.#get(id, now);
        if (row === undefined) return undefined;
        const was = this.#run(
          "DELETE FROM readers WHERE id=? AND instance=? AND until>?",
          id,
          this.#instance,
          now,
        ) === 1;
        if (reading) {
          this.#run(
            "INSERT OR REPLACE INTO readers VALUES (?,?,?)",
            id,
            this.#instance,
            now + PRESENCE,
          );
        }
        if (was !== reading) this.#nudge(row.instance, id, now);
        return headOf(row, now);
      })
    );
  }

  bury(id: string, outcome: StoredOutcome): Promise<boolean> {
    return this.#write((now) => {
      const row = this.#get(id, now);
      if (row === undefined || !headOf(row, now).isOver) return false;
      const json = JSON.stringify(outcome);
      // No token is empty, so its writer is fenced from now on.
      this.#run(
        "UPDATE generations SET token='', outcome=?, expires=? WHERE id=?",
        json,
        now + row.retention,
        id,
      );
      this.#insert(id, row.length, row.length, "[]", json);
      return true;
    });
  }

  stop(id: string, owner: string): Promise<void> {
    return this.#write((now) => {
      const row = this.#get(id, now);
      if (row === undefined) {
        this.#run(
          "INSERT OR REPLACE INTO tombstones VALUES (?,?,?)",
          id,
          owner,
          now + TOMBSTONE,
        );
      } else if (row.owner === owner && row.outcome === null) {
        this.#run("UPDATE generations SET stopped=1 WHERE id=?", id);
        this.#nudge(row.instance, id, now);
      }
    });
  }

  spend(key: string, cost: number, perMinute: number): Promise<number> {
    return this.#write((now) => {
      const row = this.#statement("SELECT until FROM budgets WHERE key=?")
        .get(key) as { until: number } | undefined;
      const full = Math.max(now, row?.until ?? 0) +
        Math.ceil(cost * 60_000 / perMinute);
      if (full > now + 60_000) return full - now - 60_000;
      this.#run("INSERT OR REPLACE INTO budgets VALUES (?,?)", key, full);
      return 0;
    });
  }

  hold(entries: readonly Holding[]): Promise<boolean[]> {
    return this.#write((now) =>
      entries.map(({ key, count, limit }) => {
        const { own, others } = this.#statement(
          `SELECT coalesce(sum(count) FILTER (WHERE instance=?), 0) AS own,
            coalesce(sum(count) FILTER (WHERE instance<>?), 0) AS others
            FROM holdings WHERE key=? AND until>?`,
        ).get(this.#instance, this.#instance, key, now) as {
          own: number;
          others: number;
        };
        if (count > own && others + count > limit) return false;
        this.#run(
          "INSERT OR REPLACE INTO holdings VALUES (?,?,?,?)",
          key,
          this.#instance,
          count,
          now + PRESENCE,
        );
        return true;
      })
    );
  }

  onNudge(listener: (id: string) => void): void {
    this.#onNudge = listener;
  }

  close(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      clearTimeout(this.#poll);
      clearTimeout(this.#sweep);
      this.#database.close();
    }
    return Promise.resolve();
  }

  /** Hears of what other processes have committed. */
  #look(): void {
    let hasMore = false;
    try {
      hasMore = this.#hear();
    } catch {
      // What is missed here is read by whoever misses it.
    }
    this.#poll = setTimeout(() => this.#look(), hasMore ? 0 : POLL);
  }

  /** Whether there may be more to hear at once. */
  #hear(): boolean {
    // It changes with each commit but this connection's own.
    const { data_version: version } = this.#statement("PRAGMA data_version")
      .get() as { data_version: unknown };
    if (version === this.#dataVersion) return false;
    const nudges = this.#statement(
      "SELECT seq, id FROM nudges WHERE seq>? AND instance=? ORDER BY seq",
    ).all(this.#lastNudge, this.#instance) as { seq: number; id: string }[];
    this.#lastNudge = nudges.at(-1)?.seq ?? this.#lastNudge;
    for (const id of new Set(nudges.map(({ id }) => id))) this.#onNudge?.(id);
    if (this.#listeners.size > 0) {
      const rows = this.#statement(
        "SELECT seq, id, start, runs, outcome FROM pieces WHERE seq>? ORDER BY seq LIMIT ?",
      ).all(this.#lastPiece, POLLED) as unknown as PieceRow[];
      for (const { seq, id, start, runs, outcome } of rows) {
        this.#lastPiece = seq;
        const listeners = this.#listeners.get(id);
        if (listeners === undefined) continue;
        const piece: Piece = {
          start,
          runs: unpackRuns(JSON.parse(runs)),
          outcome: parseOutcome(outcome),
        };
        for (const listener of [...listeners]) listener(piece);
      }
      if (rows.length === POLLED) return true;
    }
    this.#dataVersion = version;
    return false;
  }

  async #sweepOut(): Promise<void> {
    let count = 0;
    try {
      count = await this.#write((now) => {
        const rows = this.#statement(
          "SELECT id FROM generations WHERE expires<=? LIMIT ?",
        ).all(now, SWEPT) as { id: string }[];
        for (const { id } of rows) this.#delete(id);
        for (
          const table of [
            "readers",
            "nudges",
            "tombstones",
            "budgets",
            "holdings",
          ]
        ) this.#run(`DELETE FROM ${table} WHERE until<=?`, now);
        return rows.length;
      });
    } catch {
      // The next sweep finds it again.
    }
    if (!this.#isOpen) return;
    const pause = count === SWEPT ? POLL : SWEEP;
    this.#sweep = setTimeout(() => this.#sweepOut(), pause);
  }

  #get(id: string, now: number): GenerationRow | undefined {
    return this.#statement("SELECT * FROM generations WHERE id=? AND expires>?")
      .get(id, now) as GenerationRow | undefined;
  }

  #insert(
    id: string,
    start: number,
    end: number,
    runs: string,
    outcome: string | null,
  ): void {
    this.#run(
      `INSERT INTO pieces (id, start, "end", runs, outcome) VALUES (?,?,?,?,?)`,
      id,
      start,
      end,
      runs,
      outcome,
    );
  }

  #delete(id: string): void {
    this.#run("DELETE FROM generations WHERE id=?", id);
    this.#run("DELETE FROM pieces WHERE id=?", id);
  }

  #nudge(instance: string, id: string, now: number): void {
    this.#run(
      "INSERT INTO nudges (instance, id, until) VALUES (?,?,?)",
      instance,
      id,
      now + PRESENCE,
    );
  }

  /** The number of the last row that a table has had. */
  #last(table: "pieces" | "nudges"): number {
    const row = this.#statement("SELECT seq FROM sqlite_sequence WHERE name=?")
      .get(table) as { seq: number } | undefined;
    return row?.seq ?? 0;
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** @returns How many rows it has changed. */
  #run(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** Readers wait for nobody, but see one moment only. */
  // deno-lint-ignore require-await
  async #read<T>(action: (now: number) => T): Promise<T> {
    return transact(this.#database, () => action(Date.now()), "BEGIN");
  }

  #write<T>(action: (now: number) => T): Promise<T> {
    return patiently(() => {
      // Whoever has to wait finds it closed, perhaps.
      if (!this.#isOpen) throw new Error("Cannot use the store: it is closed");
      return transact(this.#database, () => action(Date.now()));
    });
  }
}

/** Does all of it, or nothing. */
function transact<T>(
  database: DatabaseSync,
  action: () => T,
  begin = "BEGIN IMMEDIATE",
): T {
  database.exec(begin);
  try {
    const result = action();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    try {
      database.exec("ROLLBACK");
    } catch {
      // Some failures, such as a full disk, have rolled back by themselves.
    }
    throw error;
  }
}

/**
 * Tries again while another process writes. SQLite's own way to wait would hold
 * the event loop.
 */
async function patiently<T>(action: () => T): Promise<T> {
  const giveUp = Date.now() + PATIENCE;
  for (let pause = 1;; pause = Math.min(2 * pause, 50)) {
    try {
      return action();
    } catch (error) {
      const isBusy = error instanceof Error &&
        /^database( table)? is (locked|busy)/.test(error.message);
      if (!isBusy || Date.now() > giveUp) throw error;
    }
    await new Promise((resolve) =>
      setTimeout(resolve, pause * (0.5 + Math.random()))
    );
  }
}

function headOf(row: GenerationRow, now: number): Head {
  const { meta, length, outcome, until } = row;
  return {
    meta: JSON.parse(meta),
    length,
    outcome: parseOutcome(outcome),
    isOver: outcome === null && until < now,
  };
}

function parseOutcome(json: string | null): StoredOutcome | undefined {
  return json === null ? undefined : JSON.parse(json);
}
