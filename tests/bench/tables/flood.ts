import {
  ALL,
  FLOORS,
  OURS,
  PROXIES,
  urlOf,
  withServers,
  YARDSTICK,
} from "../contenders.ts";
import { cut } from "../documents.ts";
import { printTable, Samples } from "../table.ts";
import { answerText, type Script } from "../upstream.ts";

/** Processor time where the provider writes as fast as it can. */
export async function printFlood(): Promise<void> {
  for (
    const { size, streams, rounds } of [
      { size: 8192, streams: 20, rounds: 5 },
      // A stream of the slowest takes ten seconds.
      { size: 65536, streams: 1, rounds: 3 },
    ]
  ) {
    const script: Script = { kind: "article", size, rate: 0 };
    const tokens = cut(answerText(script)).length;
    const costs = new Samples();
    await withServers(ALL, rounds, async ({ name, server, client, round }) => {
      const load = {
        do: "repeat",
        url: await urlOf(name, server, script),
        streams,
        // A proxy has passed on the provider's last event, and so have we.
        ending: name === OURS
          ? '"status":"end"'
          : [...PROXIES, ...FLOORS].includes(name)
          ? "[DONE]"
          : "",
      } as const;
      // While the others were measured, its compiled code went cold.
      await client.run({ ...load, seconds: 1 });
      const before = server.cpu();
      const { ended } = await client.run({ ...load, seconds: 2 });
      const cost = (server.cpu() - before) * 1000 / (ended * tokens);
      if (round > 0) costs.add(name, cost);
    });
    printTable(
      `Processor time of a token: answers of ${size / 1024} KB (${tokens} ` +
        `tokens), ${streams} at a time, as fast as the provider writes`,
      ["", "µs", `to the ${YARDSTICK}`, `to ${OURS}`],
      costs.names.map((name) => [
        name,
        costs.median(name).toPrecision(3),
        costs.ratio(name, YARDSTICK),
        costs.ratio(name, OURS),
      ]),
    );
  }
}
