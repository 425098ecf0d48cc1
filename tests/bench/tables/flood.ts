import { checkAnswer } from "../answers.ts";
import {
  FLOORS,
  isOurs,
  OURS,
  PEERS,
  PROXIES,
  ROW_PEERS,
  TEXT_PEERS,
  urlOf,
  withServers,
  YARDSTICK,
} from "../contenders.ts";
import { cut } from "../documents.ts";
import type { TableOptions } from "../options.ts";
import { printTable, Samples } from "../table.ts";
import { answerText, type Script } from "../upstream.ts";

/** What is told beside each of the peers' houses. */
const AGAINST = [YARDSTICK, "TanStack AI", OURS];

const LOADS = [
  { kind: "article", size: 8192, streams: 20, peers: TEXT_PEERS },
  // A stream of the slowest takes ten seconds.
  { kind: "article", size: 65536, streams: 1, peers: TEXT_PEERS },
  { kind: "rows", size: 8192, streams: 20, peers: ROW_PEERS },
  { kind: "rows", size: 65536, streams: 1, peers: ROW_PEERS },
] as const;

/** Processor time where the provider writes as fast as it can. */
export async function printFlood(
  { rounds: given }: TableOptions,
): Promise<void> {
  for (const { kind, size, streams, peers } of LOADS) {
    const rounds = given ?? (streams > 1 ? 2 : 1);
    const script: Script = { kind, size, rate: 0 };
    const short: Script = { ...script, size: 2048 };
    const tokens = cut(answerText(script)).length;
    const costs = new Samples();
    const floors = kind === "article" ? FLOORS : [];
    const names = [...PROXIES, ...floors, ...peers];
    await withServers(names, 1 + rounds, async (turn) => {
      // Round 0 warms up, and does not count.
      const { name, server, client, round } = turn;
      if (round === 0) await checkAnswer(name, server, short);
      const load = {
        do: "repeat",
        streams,
        // A proxy has passed on the provider's last event, and so have we.
        ending: isOurs(name)
          ? '"status":"end"'
          : PEERS.includes(name)
          ? ""
          : "[DONE]",
      } as const;
      // While the others were measured, its compiled code went cold.
      const shortUrl = await urlOf(name, server, short);
      await client.run({ ...load, url: shortUrl, seconds: 0.5 });
      if (round === 0) return;
      const url = await urlOf(name, server, script);
      const before = server.cpu();
      const { ended } = await client.run({ ...load, url, seconds: 1.5 });
      costs.add(name, (server.cpu() - before) * 1000 / (ended * tokens));
    });
    printTable(
      `Processor time of a token: answers of ${size / 1024} KB ` +
        `(${kind}, ${tokens} tokens), ${streams} at a time, as fast as the ` +
        "provider writes",
      ["", "µs", ...AGAINST.map((other) => `to ${other}`)],
      costs.names.map((name) => [
        name,
        costs.median(name).toPrecision(3),
        ...AGAINST.map((other) => costs.ratio(name, other)),
      ]),
    );
  }
}
