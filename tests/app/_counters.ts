// Prints how many MB of heap the server takes for what it remembers of strangers,
// when that is as much as it ever is. It wants V8's --expose-gc.

import { Generations } from "../../lib/answers/generations.ts";
import { DEFAULT_LIMITS } from "../../lib/answers/limits.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { Budgets } from "../../lib/wire/budgets.ts";
import { Replays } from "../../lib/wire/replays.ts";
import { systemClock } from "../../lib/clock.ts";

const { gc } = globalThis as unknown as { gc(): void };

/** What stays on the heap of what is made, in MB. */
function measure(make: () => unknown): number {
  gc();
  const before = Deno.memoryUsage().heapUsed;
  const made = make();
  gc();
  const megabytes = (Deno.memoryUsage().heapUsed - before) / 1e6;
  // It is held until now.
  if (made === undefined) throw new Error("Nothing was made");
  return megabytes;
}

/** What late followers share, when more answers have been followed than fit. */
async function measureReplays(): Promise<number> {
  const replays = new Replays();
  gc();
  const before = Deno.memoryUsage().heapUsed;
  for (let n = 0; n < 12; n++) {
    const transcript = new Transcript();
    // Two bytes each.
    transcript.append("text", `{"a":"${"科".repeat(999_990)}"}`);
    const id = makeGenerationId();
    const events = replays.read({ id, transcript, maxDepth: 128 }, 0);
    while (events.isBehind) await events.next();
  }
  gc();
  const megabytes = (Deno.memoryUsage().heapUsed - before) / 1e6;
  if (replays.size === 0) throw new Error("Nothing is held");
  return megabytes;
}

const limits = DEFAULT_LIMITS;
const counters = measure(() => {
  const budgets = new Budgets(limits);
  for (let n = 0; n < 20_000; n++) {
    const client = `2001:db8:${n.toString(16)}:1`;
    budgets.countGeneration(client);
    budgets.countResume(client);
  }
  return budgets;
});
const stopped = measure(() => {
  const generations = new Generations({
    ask: () => Promise.reject(new Error("Nothing is asked")),
    limits,
    clock: systemClock,
  });
  for (let n = 0; n < 20_000; n++) {
    generations.stopAhead(`owner ${n}`, makeGenerationId());
  }
  return generations;
});
const replays = await measureReplays();
// Timers that make it forget what was stopped are set now.
console.log(JSON.stringify({ counters, stopped, replays }));
Deno.exit();
