/** The store that a setting names. */

import type { TranscriptStore } from "../stores/store.ts";

/**
 * Opens it. An engine is loaded only if it is the one.
 *
 * @param name `sqlite:` and a path, or the URL of a Redis.
 * @throws {Error} If it cannot be reached, or written.
 */
export async function openStore(name: string): Promise<TranscriptStore> {
  if (name.startsWith("sqlite:")) {
    const { openSqliteStore } = await import("../stores/sqlite.ts");
    return await openSqliteStore(name.slice("sqlite:".length));
  }
  const { openRedisStore } = await import("../stores/redis.ts");
  return await openRedisStore(name);
}
