/**
 * What the server costs, beside what could stand in its place:
 * `deno task bench:server`, or with the names of some tables behind it, and
 * `--rounds=5` for more rounds than there are by default.
 *
 * The scripted provider, each contender and the load client are processes of
 * their own. The contenders take turns in every round. A ratio is that of two
 * figures of one round; the tables hold the medians of the rounds.
 */

import { readOptions, type TableOptions } from "./options.ts";
import { printFlood } from "./tables/flood.ts";
import { printInstances } from "./tables/instances.ts";
import { printFollowers, printLoad } from "./tables/load.ts";
import { printMemory } from "./tables/memory.ts";
import { printPace } from "./tables/pace.ts";
import { printProfile } from "./tables/profile.ts";
import { printStart } from "./tables/start.ts";
import { printWire } from "./tables/wire.ts";

/** The tables, by the names that choose them. */
const tables: Record<string, (options: TableOptions) => Promise<void>> = {
  flood: printFlood,
  pace: printPace,
  load: printLoad,
  followers: printFollowers,
  memory: printMemory,
  wire: printWire,
  instances: printInstances,
  start: printStart,
  profile: printProfile,
};

const { names, ...options } = readOptions(Deno.args);
const unknown = names.find((name) => !(name in tables));
if (unknown !== undefined) {
  const all = Object.keys(tables).join(", ");
  console.error(`There is no table ${unknown}; there are ${all}`);
  Deno.exit(1);
}
for (const name of names.length > 0 ? names : Object.keys(tables)) {
  await tables[name]!(options);
}
Deno.exit();
