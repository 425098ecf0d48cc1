import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { openSqliteStore } from "../../lib/stores/sqlite.ts";
import type { Append } from "../../lib/stores/store.ts";

/** A file of the test's own. */
class Folder implements AsyncDisposable {
  readonly #path: string = Deno.makeTempDirSync();
  readonly file: string = `${this.#path}/answers.db`;

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}

const claim = {
  token: "T",
  meta: { owner: "me" },
  lease: 60_000,
  retention: 60_000,
};

function append(id: string, start: number, text: string): Append {
  return { id, token: "T", start, runs: [{ type: "text", text }] };
}

Deno.test("the file is its user's alone", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file, "");
  await Deno.chmod(folder.file, 0o644);
  const store = await openSqliteStore(folder.file);
  const id = makeGenerationId();
  await store.claim(id, claim);
  for (const name of ["", "-wal", "-shm"]) {
    const { mode } = await Deno.stat(folder.file + name);
    assertEquals((mode! & 0o777).toString(8), "600", name);
  }
  await store.close();
  // What it holds outlives it.
  const again = await openSqliteStore(folder.file);
  assertEquals((await again.find(id))?.meta, claim.meta);
  await again.close();
});

Deno.test("a file that is none of ours is refused, with a sentence", async () => {
  await using folder = new Folder();
  const database = new DatabaseSync(folder.file);
  database.exec("PRAGMA user_version=7");
  database.close();
  await assertRejects(
    () => openSqliteStore(folder.file),
    Error,
    "Cannot use the file: its layout is version 7, wanted 1",
  );
  await Deno.writeTextFile(folder.file, "no database at all".repeat(100));
  await assertRejects(() => openSqliteStore(folder.file), Error, "not a data");
  await assertRejects(() => openSqliteStore(`${folder.file}/none`));
});

Deno.test("many may open a file at once that is not there yet", async () => {
  await using folder = new Folder();
  const stores = await Promise.all(
    Array.from({ length: 8 }, () => openSqliteStore(folder.file)),
  );
  const id = makeGenerationId();
  await stores[0]!.claim(id, claim);
  for (const store of stores) assert(await store.find(id) !== undefined);
  for (const store of stores) await store.close();
});

Deno.test("while another process holds a transaction, writing waits and fails, reading goes on, and the loop runs", async () => {
  await using folder = new Folder();
  const store = await openSqliteStore(folder.file);
  const id = makeGenerationId();
  await store.claim(id, claim);
  // As one does that was suspended in the middle of a transaction.
  const other = new DatabaseSync(folder.file);
  other.exec("BEGIN IMMEDIATE; UPDATE generations SET length=9");
  let turns = 0;
  const counting = setInterval(() => turns++, 1);
  const appending = store.append([append(id, 0, "ab")]);
  assertEquals((await store.find(id))?.length, 0);
  await assertRejects(() => appending, Error, "database is locked");
  // SQLite's own way to wait would let it turn once.
  assert(turns > 5, `${turns} turns of the loop`);
  // Whoever waits when it goes on is served.
  const waiting = store.append([append(id, 0, "ab")]);
  other.exec("ROLLBACK");
  assertEquals((await waiting)[0]?.status, "ok");
  clearInterval(counting);
  other.close();
  await store.close();
});

Deno.test("a batch that does not fit is not there at all", async () => {
  await using folder = new Folder();
  const store = await openSqliteStore(folder.file);
  const [id, large] = [makeGenerationId(), makeGenerationId()];
  await store.claim(id, claim);
  await store.claim(large, claim);
  // As on a disk that is full.
  const other = new DatabaseSync(folder.file);
  const { page_count: pages } = other.prepare("PRAGMA page_count").get() as {
    page_count: number;
  };
  other.close();
  await store.close();
  const limited = await openSqliteStore(folder.file, { maxPages: pages + 2 });
  await assertRejects(
    () =>
      limited.append([
        append(id, 0, "ab"),
        append(large, 0, "x".repeat(100_000)),
      ]),
    Error,
    "full",
  );
  assertEquals((await limited.find(id))?.length, 0);
  assertEquals((await limited.append([append(id, 0, "ab")]))[0]?.status, "ok");
  await limited.close();
});

Deno.test("a store that is closed says so", async () => {
  await using folder = new Folder();
  const store = await openSqliteStore(folder.file);
  await store.close();
  await store.close();
  await assertRejects(() => store.claim(makeGenerationId(), claim));
  await assertRejects(() => store.find(makeGenerationId()));
});

Deno.test("a piece takes at most 110 bytes beside its text", async () => {
  await using folder = new Folder();
  const store = await openSqliteStore(folder.file);
  const other = new DatabaseSync(folder.file);
  const count = other.prepare("PRAGMA page_count");
  const size = () => (count.get() as { page_count: number }).page_count * 4096;
  const before = size();
  const id = makeGenerationId();
  await store.claim(id, claim);
  for (let n = 0; n < 1000; n++) {
    await store.append([append(id, n * 50, "x".repeat(50))]);
  }
  const each = (size() - before) / 1000 - 50;
  assert(each < 110, `${each}`);
  other.close();
  await store.close();
});
