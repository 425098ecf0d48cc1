/**
 * What the server costs, beside what could stand in its place:
 * `deno task bench:server`, or with the names of some tables behind it.
 *
 * The scripted provider, each contender and the load client are processes of
 * their own. The contenders take turns in every round. A ratio is that of two
 * figures of one round; the tables hold the medians of the rounds.
 */

import { printFlood } from "./tables/flood.ts";
import { printMemory } from "./tables/memory.ts";
import { printPace } from "./tables/pace.ts";
import { printStart } from "./tables/start.ts";
import { printWire } from "./tables/wire.ts";

/** The tables, by the names that choose them. */
const tables: Record<string, () => Promise<void>> = {
  flood: printFlood,
  pace: printPace,
  memory: printMemory,
  wire: printWire,
  start: printStart,
};

const chosen = Deno.args.length > 0 ? Deno.args : Object.keys(tables);
for (const name of chosen) await tables[name]!();
Deno.exit();
