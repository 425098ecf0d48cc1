// Searches for counterexamples to the properties until it finds one or is told
// to stop:
//
//   deno task fuzz                  until Ctrl+C
//   deno task fuzz 600              for ten minutes
//   deno task fuzz --seed=1234567   the one round that this seed makes

import { parseArgs } from "node:util";
import fc from "fast-check";
import { properties } from "./_properties.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { seed: { type: "string" } },
  allowPositionals: true,
});
const seconds = Number(positionals[0] ?? Infinity);
if (!(seconds >= 0) || Number.isNaN(Number(values.seed ?? 0))) {
  throw new RangeError("Cannot fuzz: want a number of seconds, or a seed");
}

const runsPerRound = 500;
const start = performance.now();
let end = start + seconds * 1_000;
let shown = start;
let runs = 0;

Deno.addSignalListener("SIGINT", () => end = 0);

do {
  const seed = values.seed === undefined
    ? Math.floor(Math.random() * 2 ** 31)
    : Number(values.seed);
  for (const [name, property] of Object.entries(properties)) {
    const details = await fc.check(property, { seed, numRuns: runsPerRound });
    runs += details.numRuns;
    if (details.failed) {
      console.error(
        `\n${name}\n${fc.defaultReportMessage(details)}`,
      );
      console.error(`\nTo replay it: deno task fuzz --seed=${seed}`);
      Deno.exit(1);
    }
    // Lets a signal come in.
    await new Promise((resolve) => setTimeout(resolve));
    if (performance.now() - shown > 10_000) report();
  }
} while (values.seed === undefined && performance.now() < end);

report();
Deno.exit(0);

function report(): void {
  shown = performance.now();
  const elapsed = Math.round((shown - start) / 1_000);
  console.log(`${runs} runs in ${elapsed} s, no failure`);
}
