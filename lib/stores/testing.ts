/**
 * What every store has to do, as one table of cases, for those who bring an
 * engine of their own.
 *
 * @module
 */

import { deepStrictEqual, ok } from "node:assert/strict";
import { failure } from "../answers/outcome.ts";
import {
  type Appended,
  type ClaimOptions,
  lengthOf,
  type Piece,
  PRESENCE,
  type StoredRun,
  type TranscriptStore,
} from "./store.ts";

export type * from "./store.ts";

/**
 * Opens the store under test as one more instance does. The first store of a
 * case may hold what earlier cases left; the case closes what it has opened.
 */
export type OpenStore = () => Promise<TranscriptStore>;

/** One thing that every store does. */
export interface StoreCase {
  /** A sentence. */
  name: string;
  /** Rejects if the store does not. */
  run(open: OpenStore): Promise<void>;
}

/**
 * What every store has to do.
 *
 * @example
 * ```ts ignore
 * import { storeCases } from "@fieldstream/fieldstream/testing";
 * import { openSqliteStore } from "@fieldstream/fieldstream/sqlite";
 *
 * for (const { name, run } of storeCases) {
 *   Deno.test(name, () => run(() => openSqliteStore("test.db")));
 * }
 * ```
 */
export const storeCases: readonly StoreCase[] = [
  storeCase("one claim wins, and again when it is repeated", async (a, b) => {
    const id = makeId();
    deepStrictEqual(await a.claim(id, claim("A")), WON);
    deepStrictEqual(await a.claim(id, claim("A")), WON);
    await a.append([{ id, token: "A", start: 0, runs: text("abc") }]);
    const { meta } = claim("A");
    const head = { meta, length: 3, outcome: undefined, isOver: false };
    deepStrictEqual(await b.claim(id, claim("B")), { won: false, head });
    deepStrictEqual(await b.find(id), head);
    deepStrictEqual(await a.claim(id, claim("A")), WON);
    deepStrictEqual(await b.find(id), head);
  }),

  storeCase("of many claims at once one wins", async (a, b) => {
    for (let round = 0; round < 20; round++) {
      const id = makeId();
      const claims = await Promise.all(
        [a, b, a, b, a, b].map((store, n) => store.claim(id, claim(`T${n}`))),
      );
      deepStrictEqual(claims.filter(({ won }) => won).length, 1);
    }
  }),

  storeCase("meta is kept as it is", async (a, b) => {
    const id = makeId();
    const meta = {
      owner: "ow'n\"er \u2028 é 😀",
      schema: { type: "object", properties: { "": {}, "null": [1.5, null] } },
      question: "'; DROP TABLE generations; --\n\0",
    };
    await a.claim(id, { ...claim("A"), meta });
    deepStrictEqual((await b.find(id))?.meta, meta);
  }),

  storeCase("an append goes where the transcript ends", async (a, b) => {
    const id = makeId();
    await a.claim(id, claim("A"));
    const add = (start: number, runs: StoredRun[]) =>
      appendOne(a, { id, token: "A", start, runs });
    deepStrictEqual(await add(0, text("abc")), { ...STATE, length: 3 });
    const moved = { ...STATE, status: "moved", length: 3 };
    deepStrictEqual(await add(0, text("abc")), moved);
    deepStrictEqual(await add(2, text("c")), moved);
    deepStrictEqual(await add(4, text("e")), moved);
    deepStrictEqual(await add(3, []), { ...STATE, length: 3 });
    deepStrictEqual(await add(5, []), moved);
    deepStrictEqual(await add(3, text("de")), { ...STATE, length: 5 });
    deepStrictEqual(await readAll(b, id), text("abcde"));
  }),

  storeCase("a batch is answered entry by entry", async (a) => {
    const [one, two, three] = [makeId(), makeId(), makeId()];
    await a.claim(one, claim("A"));
    await a.claim(two, claim("B"));
    const statuses = await a.append([
      { id: one, token: "A", start: 0, runs: text("a") },
      { id: three, token: "C", start: 0, runs: text("c") },
      { id: two, token: "B", start: 7, runs: text("b") },
      { id: two, token: "A", start: 0, runs: text("b") },
    ]);
    deepStrictEqual(
      statuses.map(({ status }) => status),
      ["ok", "gone", "moved", "fenced"],
    );
    deepStrictEqual(await a.append([]), []);
    deepStrictEqual(await a.find(three), undefined);
    deepStrictEqual(await a.read(three, 0), undefined);
  }),

  storeCase(
    "the first outcome counts, and nothing follows it",
    async (a, b) => {
      const id = makeId();
      await a.claim(id, claim("A"));
      const outcome = failure("refused", { words: "\ud800 “no”" });
      const end = { id, token: "A", start: 0, runs: text("ab"), outcome };
      deepStrictEqual(await appendOne(a, end), {
        ...STATE,
        length: 2,
        ended: true,
      });
      const moved = { ...STATE, status: "moved", length: 2, ended: true };
      deepStrictEqual(await appendOne(a, end), moved);
      const other = { outcome: failure("stopped"), start: 2, runs: [] };
      deepStrictEqual(await appendOne(a, { ...end, ...other }), moved);
      const more = { id, token: "A", start: 2, runs: text("c") };
      deepStrictEqual(await appendOne(a, more), moved);
      deepStrictEqual(await b.bury(id, failure("interrupted")), false);
      const reading = await b.read(id, 2);
      deepStrictEqual(reading, { pieces: [], length: 2, outcome });
      const head = { meta: claim("A").meta, length: 2, outcome, isOver: false };
      deepStrictEqual(await b.find(id), head);
    },
  ),

  storeCase("an outcome may come with no text at all", async (a, b) => {
    const id = makeId();
    await a.claim(id, claim("A"));
    const outcome = failure("upstream_auth");
    await a.append([{ id, token: "A", start: 0, runs: [], outcome }]);
    const reading = { pieces: [], length: 0, outcome };
    deepStrictEqual(await b.read(id, 0), reading);
  }),

  storeCase("runs of every kind are kept as they are", async (a, b) => {
    const id = makeId();
    await a.claim(id, claim("A"));
    // Kinds of runs that there may be one day.
    const marker = { type: "text", text: "\0", data: { attempt: 2, "": [] } };
    const runs: StoredRun[] = [
      { type: "reasoning", text: "Hm\u2028" },
      { type: "text", text: "\ud83d" },
      { type: "reasoning", text: "\ude00" },
    ];
    await a.append([{ id, token: "A", start: 0, runs }]);
    await a.append([{
      id,
      token: "A",
      start: 5,
      runs: [{ type: "reasoning", text: "." }, { type: "text", text: "[]" }],
    }]);
    deepStrictEqual((await b.read(id, 0))?.pieces, [
      { start: 0, runs },
      {
        start: 5,
        runs: [{ type: "reasoning", text: "." }, { type: "text", text: "[]" }],
      },
    ]);
    const others = [marker, { ...marker, type: "other" }];
    await a.append([{ id, token: "A", start: 8, runs: others }]);
    const piece = { start: 8, runs: others };
    deepStrictEqual((await b.read(id, 8))?.pieces, [piece]);
  }),

  storeCase("a reading begins with what covers its offset", async (a, b) => {
    const id = makeId();
    await a.claim(id, claim("A"));
    await a.append([{ id, token: "A", start: 0, runs: text("abc") }]);
    await a.append([{ id, token: "A", start: 3, runs: text("de") }]);
    const first = { start: 0, runs: text("abc") };
    const second = { start: 3, runs: text("de") };
    const expected = [
      [first, second],
      [first, second],
      [first, second],
      [second],
      [second],
      [],
      [],
    ];
    for (const [from, pieces] of expected.entries()) {
      const reading = { pieces, length: 5, outcome: undefined };
      deepStrictEqual(await b.read(id, from), reading);
    }
  }),

  storeCase(
    "a long transcript is read in parts, without a hole",
    async (a, b) => {
      const id = makeId();
      await a.claim(id, claim("A"));
      let written = "";
      for (let n = 0; n < 1200; n++) {
        const piece = `${n},`.padEnd(1 + n % 7, ".");
        const append = { id, token: "A", start: written.length };
        await a.append([{ ...append, runs: text(piece) }]);
        written += piece;
      }
      deepStrictEqual(await readAll(b, id), text(written));
      // Of each step at least one piece, and the offset may lie in one.
      const reading = await b.read(id, 1001);
      const [first] = reading!.pieces;
      ok(first!.start <= 1001 && first!.start + lengthOf(first!.runs) > 1001);
    },
  ),

  storeCase("whoever listens hears in order, to the outcome", async (a, b) => {
    const id = makeId();
    await a.claim(id, claim("A"));
    const heard: Piece[] = [];
    const stop = b.listen(id, (piece) => heard.push(piece));
    // Some may be missed before the subscription is there.
    let start = 0;
    await until(async () => {
      await a.append([{ id, token: "A", start, runs: text("ab") }]);
      start += 2;
      return heard.length > 0;
    });
    for (let n = 0; n < 50; n++) {
      await a.append([{ id, token: "A", start, runs: text(`${n % 10}`) }]);
      start++;
    }
    const outcome = failure("no_json");
    await a.append([{ id, token: "A", start, runs: [], outcome }]);
    await until(() => heard.at(-1)?.outcome !== undefined);
    let end = heard[0]!.start;
    for (const piece of heard) {
      deepStrictEqual(piece.start, end);
      end += lengthOf(piece.runs);
    }
    deepStrictEqual(end, start);
    deepStrictEqual(heard.at(-1)!.outcome, outcome);
    stop();
    stop();
  }),

  storeCase(
    "a writer knows who reads elsewhere, and is nudged",
    async (a, b) => {
      const id = makeId();
      await a.claim(id, claim("A"));
      const nudges: string[] = [];
      a.onNudge((id) => nudges.push(id));
      const beat = { id, token: "A", start: 0, runs: [] };
      deepStrictEqual(await appendOne(a, beat), STATE);
      const head = {
        meta: claim("A").meta,
        length: 0,
        outcome: undefined,
        isOver: false,
      };
      const heads = await b.attend([{ id, reading: true }, {
        id: makeId(),
        reading: true,
      }]);
      deepStrictEqual(heads, [head, undefined]);
      await until(() => nudges.length === 1);
      deepStrictEqual(await appendOne(a, beat), { ...STATE, readers: 1 });
      // It says the same again: nothing new.
      await b.attend([{ id, reading: true }]);
      deepStrictEqual(await appendOne(a, beat), { ...STATE, readers: 1 });
      await b.attend([{ id, reading: false }]);
      await until(() => nudges.length === 2);
      deepStrictEqual(await appendOne(a, beat), STATE);
      deepStrictEqual(nudges, [id, id]);
    },
  ),

  storeCase(
    "only who is silent for its lease is buried, once",
    async (a, b) => {
      const outcome = failure("interrupted");
      const alive = makeId();
      await a.claim(alive, claim("A"));
      deepStrictEqual(await b.bury(alive, outcome), false);
      const id = makeId();
      await a.claim(id, { ...claim("A"), lease: 1 });
      await a.append([{ id, token: "A", start: 0, runs: text("abc") }]);
      await until(async () => (await b.find(id))!.isOver);
      deepStrictEqual(
        (await b.attend([{ id, reading: true }]))[0]?.isOver,
        true,
      );
      // One that wakes in time goes on.
      const more = { id, token: "A", start: 3, runs: text("d") };
      deepStrictEqual((await appendOne(a, more)).status, "ok");
      await until(() => b.bury(id, outcome));
      deepStrictEqual(await b.bury(id, failure("internal")), false);
      const fenced = { status: "fenced" };
      deepStrictEqual(await appendOne(a, { ...more, start: 4 }), fenced);
      const reading = { pieces: [], length: 4, outcome };
      deepStrictEqual(await b.read(id, 4), reading);
      const { won } = await a.claim(id, claim("A"));
      deepStrictEqual(won, false);
      deepStrictEqual(await b.bury(makeId(), outcome), false);
    },
  ),

  storeCase("a burial is heard", async (a, b, c) => {
    const id = makeId();
    await a.claim(id, { ...claim("A"), lease: 1 });
    const heard: Piece[] = [];
    const stop = b.listen(id, (piece) => heard.push(piece));
    let start = 0;
    await until(async () => {
      await a.append([{ id, token: "A", start, runs: text("a") }]);
      start++;
      return heard.length > 0;
    });
    const outcome = failure("interrupted");
    await until(() => c.bury(id, outcome));
    await until(() => heard.at(-1)?.outcome !== undefined);
    deepStrictEqual(heard.at(-1), { start, runs: [], outcome });
    stop();
  }),

  storeCase("a stop is the owner's, and nudges the writer", async (a, b) => {
    const id = makeId();
    await a.claim(id, claim("A"));
    const nudges: string[] = [];
    a.onNudge((id) => nudges.push(id));
    await b.stop(id, "a stranger");
    const beat = { id, token: "A", start: 0, runs: [] };
    deepStrictEqual(await appendOne(a, beat), STATE);
    await b.stop(id, claim("A").meta.owner);
    await until(() => nudges.length === 1);
    deepStrictEqual(await appendOne(a, beat), { ...STATE, stopped: true });
    const again = { won: true, stopped: true };
    deepStrictEqual(await a.claim(id, claim("A")), again);
    // One that has ended cannot be stopped.
    const ended = makeId();
    await a.claim(ended, claim("A"));
    const outcome = failure("no_json");
    await a.append([{ ...beat, id: ended, outcome }]);
    await b.stop(ended, claim("A").meta.owner);
    deepStrictEqual(await a.claim(ended, claim("A")), WON);
  }),

  storeCase("a stop that comes before its claim is kept", async (a, b) => {
    const { owner } = claim("A").meta;
    const [one, two] = [makeId(), makeId()];
    await b.stop(one, owner);
    await b.stop(two, "a stranger");
    const stopped = { won: true, stopped: true };
    deepStrictEqual(await a.claim(one, claim("A")), stopped);
    deepStrictEqual(await a.claim(one, claim("A")), stopped);
    deepStrictEqual(await a.claim(two, claim("A")), WON);
    const beat = { id: one, token: "A", start: 0, runs: [] };
    deepStrictEqual(await appendOne(a, beat), { ...STATE, stopped: true });
  }),

  storeCase(
    "what has expired is not there, and can be claimed",
    async (a, b) => {
      const id = makeId();
      await a.claim(id, { ...claim("A"), lease: 1, retention: 1 });
      await a.append([{ id, token: "A", start: 0, runs: text("old") }]);
      await until(async () => await b.find(id) === undefined);
      const gone: Appended = { status: "gone" };
      const more = { id, token: "A", start: 3, runs: text("er") };
      deepStrictEqual(await appendOne(a, more), gone);
      deepStrictEqual(await b.read(id, 0), undefined);
      deepStrictEqual(await b.claim(id, claim("B")), WON);
      deepStrictEqual(await readAll(b, id), []);
      deepStrictEqual((await appendOne(a, more)).status, "fenced");
    },
  ),

  storeCase("a budget is shared, and fills up in a minute", async (a, b) => {
    const key = makeId();
    for (const store of [a, b, a, b]) {
      deepStrictEqual(await store.spend(key, 25, 100), 0);
    }
    const wait = await b.spend(key, 50, 100);
    ok(wait > 15_000 && wait <= 30_000, `${wait} ms`);
    // What could not be taken has not been taken.
    const less = await a.spend(key, 25, 100);
    ok(less > 0 && less <= 15_000, `${less} ms`);
    deepStrictEqual(await a.spend(makeId(), 100, 100), 0);
  }),

  storeCase("what is held is counted over all instances", async (a, b, c) => {
    const [key, other] = [makeId(), makeId()];
    const hold = async (store: TranscriptStore, count: number) =>
      (await store.hold([{ key, count, limit: 3 }]))[0];
    deepStrictEqual(await hold(a, 1), true);
    deepStrictEqual(await hold(b, 2), true);
    deepStrictEqual(await hold(c, 1), false);
    deepStrictEqual(await hold(a, 2), false);
    // The same as before, and less, always is.
    deepStrictEqual(await hold(b, 2), true);
    deepStrictEqual(await hold(b, 1), true);
    const both = [{ key, count: 2, limit: 3 }, {
      key: other,
      count: 9,
      limit: 3,
    }];
    deepStrictEqual(await a.hold(both), [true, false]);
    deepStrictEqual(await hold(c, 1), false);
    deepStrictEqual(await hold(b, 0), true);
    deepStrictEqual(await hold(c, 1), true);
  }),

  storeCase("what a dead instance has held is given back", async (a, b) => {
    const key = makeId();
    const hold = async (store: TranscriptStore, count: number) =>
      (await store.hold([{ key, count, limit: 3 }]))[0]!;
    deepStrictEqual(await hold(a, 2), true);
    // From now on nothing is heard of it, but of another.
    deepStrictEqual(await hold(b, 1), true);
    deepStrictEqual(await hold(b, 3), false);
    await until(async () => await hold(b, 1) && await hold(b, 3));
  }),
];

const WON = { won: true, stopped: false };

/** How an append is answered where nothing has happened. */
const STATE: Appended = {
  status: "ok",
  length: 0,
  ended: false,
  stopped: false,
  readers: 0,
};

/** A case that opens three instances. */
function storeCase(
  name: string,
  test: (
    a: TranscriptStore,
    b: TranscriptStore,
    c: TranscriptStore,
  ) => Promise<void>,
): StoreCase {
  return {
    name,
    async run(open) {
      for (;;) {
        const start = Date.now();
        const stores = [await open(), await open(), await open()] as const;
        try {
          return await test(...stores);
        } catch (error) {
          // On a machine that stands still, what was said may hold no more.
          if (Date.now() - start < PRESENCE || error instanceof InVain) {
            throw error;
          }
        } finally {
          for (const store of stores) await store.close();
        }
      }
    },
  };
}

/** What a generation is claimed with, for much longer than a test takes. */
function claim(token: string): ClaimOptions {
  const meta = { owner: "an owner", model: "a model" };
  return { token, meta, lease: 3_600_000, retention: 3_600_000 };
}

function text(text: string): StoredRun[] {
  return text === "" ? [] : [{ type: "text", text }];
}

/** A generation's id. */
function makeId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").slice(0, 22);
}

async function appendOne(
  store: TranscriptStore,
  append: Parameters<TranscriptStore["append"]>[0][number],
): Promise<Appended> {
  const [appended] = await store.append([append]);
  return appended!;
}

/** All of a transcript, its texts joined where they are of one kind. */
async function readAll(
  store: TranscriptStore,
  id: string,
): Promise<StoredRun[]> {
  const runs: StoredRun[] = [];
  let offset = 0;
  for (;;) {
    const reading = await store.read(id, offset);
    if (reading === undefined || reading.pieces.length === 0) {
      deepStrictEqual(offset, reading?.length ?? 0);
      return runs;
    }
    for (const piece of reading.pieces) {
      deepStrictEqual(piece.start, offset);
      offset += lengthOf(piece.runs);
      for (const run of piece.runs) {
        const last = runs.at(-1);
        if (last?.type === run.type) {
          runs.splice(-1, 1, { ...last, text: last.text + run.text });
        } else runs.push(run);
      }
    }
  }
}

/** What never came about. */
class InVain extends Error {}

/** Resolves as soon as it is so; rejects if it never is. */
async function until(
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let turn = 0; !await condition(); turn++) {
    if (turn === 5000) throw new InVain(`Waited in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
