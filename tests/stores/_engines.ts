/** The engines, each as tests open it. */

import { DatabaseSync } from "node:sqlite";
import { openRedisStore } from "../../lib/stores/redis.ts";
import { openSqliteStore } from "../../lib/stores/sqlite.ts";
import type { TranscriptStore } from "../../lib/stores/store.ts";
import { Memory } from "./_memory.ts";
import { hasRedis, RedisServer } from "./_redis.ts";

/** Something that stores are opened on, until it is disposed of. */
export interface Engine extends AsyncDisposable {
  /** Opens it for one more instance. */
  open(): Promise<TranscriptStore>;
  /** Loses everything. */
  lose(): Promise<void>;
}

/** What starts engines of some kind, by their names. */
export type Engines<T> = Record<
  string,
  { ignore: boolean; start(): Promise<T> }
>;

/** A test on each engine, or on those that are named. */
export function testEach<T extends AsyncDisposable>(
  engines: Engines<T>,
  name: string,
  fn: (engine: T) => Promise<void>,
  names: string[] = Object.keys(engines),
): void {
  for (const engine of names) {
    const { ignore, start } = engines[engine]!;
    Deno.test({
      name: `${name}: ${engine}`,
      ignore,
      async fn() {
        await using running = await start();
        await fn(running);
      },
    });
  }
}

export const engines: Engines<Engine> = {
  memory: {
    ignore: false,
    start() {
      const memory = new Memory();
      return Promise.resolve({
        open: () => Promise.resolve(memory.open()),
        lose: () => Promise.resolve(memory.lose()),
        async [Symbol.asyncDispose]() {},
      });
    },
  },
  SQLite: {
    ignore: false,
    async start() {
      const folder = await Deno.makeTempDir();
      const path = `${folder}/answers.db`;
      return {
        open: () => openSqliteStore(path),
        lose() {
          const database = new DatabaseSync(path);
          database.exec(
            "DELETE FROM generations; DELETE FROM pieces; DELETE FROM tombstones",
          );
          database.close();
          return Promise.resolve();
        },
        [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
      };
    },
  },
  Redis: {
    ignore: !hasRedis,
    async start() {
      const server = await RedisServer.start();
      return {
        open: () => openRedisStore(server.url),
        lose: async () => {
          await server.command("FLUSHALL");
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
};
