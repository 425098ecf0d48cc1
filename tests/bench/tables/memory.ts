import { makeGenerationId } from "../../../lib/answers/id.ts";
import { OURS, PROXIES, urlOf, withServers, YARDSTICK } from "../contenders.ts";
import type { TableOptions } from "../options.ts";
import type { Server } from "../process.ts";
import { printTable, Samples, sleep } from "../table.ts";
import type { Script } from "../upstream.ts";

/** Memory of open streams, and of many followers of one generation. */
export async function printMemory(
  { rounds = 1 }: TableOptions,
): Promise<void> {
  const [few, many] = [200, 1000];
  const script: Script = { kind: "clock", size: 1e6, rate: 1, head: 2048 };
  const each = new Samples();
  for (let round = 0; round < rounds; round++) {
    for (const name of PROXIES) {
      await withServers([name], 1, async ({ server, client }) => {
        const url = await urlOf(name, server, script);
        await client.run({ do: "open", url, streams: few });
        const before = await settledMemory(server);
        await client.run({ do: "open", url, streams: many - few });
        const after = await settledMemory(server);
        each.add(name, (after - before) / (many - few) / 1024);
      });
    }
  }
  printTable(
    `Memory of one open stream more (RSS, between ${few} and ${many} streams)`,
    ["", "KB", `to the ${YARDSTICK}`],
    each.names.map((name) => [
      name,
      each.median(name).toFixed(1),
      each.ratio(name, YARDSTICK),
    ]),
  );

  const rows: string[][] = [];
  for (const head of [2_000, 500_000]) {
    const followers = new Samples();
    for (let round = 0; round < rounds; round++) {
      await withServers([OURS], 1, async ({ name, server, client }) => {
        const id = makeGenerationId();
        const followed: Script = { ...script, head };
        const url = `${await urlOf(name, server, followed)}&id=${id}`;
        await client.run({ do: "open", url, streams: 1 });
        const before = await settledMemory(server);
        await client.run({ do: "open", url, streams: 1000 });
        const after = await settledMemory(server);
        followers.add(name, (after - before) / 1000 / 1024);
      });
    }
    rows.push([
      `${head.toLocaleString("en")} characters`,
      followers.median(OURS).toFixed(1),
    ]);
  }
  printTable(
    "Memory of a follower of a generation that 1,000 follow (RSS)",
    ["the answer so far", "KB"],
    rows,
  );
}

/** What a process holds when it has calmed down. */
export async function settledMemory(server: Server): Promise<number> {
  let least = Infinity;
  await sleep(3000);
  for (let sample = 0; sample < 20; sample++) {
    await sleep(100);
    least = Math.min(least, server.memory());
  }
  return least;
}
