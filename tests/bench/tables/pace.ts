import {
  FLOORS,
  NATIVE,
  PROXIES,
  urlOf,
  withServers,
  YARDSTICK,
} from "../contenders.ts";
import type { TableOptions } from "../options.ts";
import { printTable, Samples, sleep } from "../table.ts";
import type { Script } from "../upstream.ts";

/** Processor time and added latency where tokens come one by one. */
export async function printPace(
  { rounds = 2 }: TableOptions,
): Promise<void> {
  const rate = 50;
  for (
    const { streams, head } of [
      { streams: 200, head: 0 },
      { streams: 100, head: 0 },
      { streams: 100, head: 200_000 },
    ]
  ) {
    const script: Script = { kind: "clock", size: 1e6, rate, head };
    const costs = new Samples();
    const percents = [10, 50, 90, 99];
    const latencies = percents.map(() => new Samples());
    // The first floor shows nothing of what comes.
    const names = [...PROXIES, ...FLOORS.slice(1)];
    await withServers(
      names,
      // The first is not timed: what has just started is not yet compiled.
      rounds + 1,
      async ({ name, server, client, round }) => {
        const url = await urlOf(name, server, script);
        await client.run({ do: "open", url, streams });
        await sleep(3000);
        await client.run({ do: "count" });
        const before = server.cpu();
        await sleep(3000);
        const count = await client.run({ do: "count" });
        const cost = (server.cpu() - before) * 1000 / count.tokens;
        await client.run({ do: "close" });
        await sleep(500);
        if (round === 0) return;
        if (count.tokens < 0.9 * streams * rate * count.seconds) {
          console.error(`(${name} could not keep up in one round)`);
        }
        costs.add(name, cost);
        for (const [place, percent] of percents.entries()) {
          latencies[place]!.add(name, count.latencies[percent]! / 1000);
        }
      },
    );
    printTable(
      `${streams} streams of ${rate} tokens a second, ` +
        `behind ${head.toLocaleString("en")} characters each: processor time ` +
        "of a token, and milliseconds from the provider's write to the " +
        "client's read",
      [
        "",
        "µs",
        `to the ${YARDSTICK}`,
        `to the ${NATIVE}`,
        ...percents.map((percent) => `p${percent} ms`),
      ],
      costs.names.map((name) => [
        name,
        costs.median(name).toPrecision(3),
        costs.ratio(name, YARDSTICK),
        costs.ratio(name, NATIVE),
        ...latencies.map((samples) => samples.median(name).toFixed(2)),
      ]),
    );
  }
}
