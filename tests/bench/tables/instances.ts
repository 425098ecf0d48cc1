import { makeGenerationId } from "../../../lib/answers/id.ts";
import { Upstream } from "../../_upstream.ts";
import { hasRedis, RedisServer } from "../../stores/_redis.ts";
import { writeFlags } from "../../../without_jsr/flags.ts";
import { OURS, urlOf } from "../contenders.ts";
import type { TableOptions } from "../options.ts";
import {
  Client,
  cpuOf,
  type Server,
  startFieldstream,
  startUpstream,
} from "../process.ts";
import { median, printTable, Samples, sleep } from "../table.ts";
import type { Script } from "../upstream.ts";

const MEMORY = "memory";
const RATE = 50;
/** Before it is counted, and while, in milliseconds. */
const [SETTLE, COUNTED] = [3000, 4000];
/** How many answers are stopped. */
const STOPPED = 20;

/** Where answers live, and the instances that share it. */
interface Place {
  name: string;
  /** What the setting `STORE` says. */
  store: string;
  /** The process of the store, if it has one. */
  pid?: number;
}

/** What a store costs, and what is seen through it on another instance. */
export async function printInstances(
  { rounds = 2, streams: [streams = 100] = [] }: TableOptions,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const places: Place[] = [
    { name: MEMORY, store: "" },
    { name: "SQLite", store: `sqlite:${folder}/answers.db` },
  ];
  // Without one, the room that asks for it has said so.
  if (hasRedis) {
    const redis = stack.use(await RedisServer.start());
    places.push({ name: "Redis", store: redis.url, pid: redis.pid });
  }
  await printCosts(places, rounds, streams);
  await printStops(places.slice(1));
}

async function printCosts(
  places: Place[],
  rounds: number,
  streams: number,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(startUpstream());
  const near = stack.use(new Client());
  const far = stack.use(new Client());
  const pairs = new Map<Place, [Server, Server]>();
  for (const place of places) {
    const pair = await startPair(await upstream.url(), place);
    for (const server of pair) stack.use(server).ignoreOutput();
    pairs.set(place, pair);
  }
  const alone = new Samples();
  const read = new Samples();
  const follower = new Samples();
  const engine = new Samples();
  const percents = [50, 90, 99];
  const latencies = percents.map(() => new Samples());
  for (let round = 0; round < rounds; round++) {
    for (const [{ name, pid }, [owner, other]] of pairs) {
      const ids = Array.from({ length: streams }, makeGenerationId);
      await openAll(near, owner, ids);
      await sleep(SETTLE);
      const cpuOfStore = () => pid === undefined ? 0 : cpuOf(pid);
      const used = await count(near, () => [owner.cpu(), cpuOfStore()]);
      alone.add(name, used.costs[0]!);
      engine.add(name, used.costs[1]!);
      if (name !== MEMORY) {
        await openAll(far, other, ids);
        await sleep(SETTLE);
        const both = await count(far, () => [owner.cpu(), other.cpu()]);
        read.add(name, both.costs[0]!);
        follower.add(name, both.costs[1]!);
        for (const [place, percent] of percents.entries()) {
          latencies[place]!.add(name, both.latencies[percent]! / 1000);
        }
        await far.run({ do: "close" });
      }
      await near.run({ do: "close" });
      await sleep(1500);
    }
  }
  const elsewhere = (samples: Samples, name: string) =>
    name === MEMORY ? "" : samples.median(name).toFixed(1);
  printTable(
    `${streams} streams of ${RATE} tokens a second: processor time of a ` +
      "token, and how old it is when it is read on another instance",
    [
      "",
      "µs",
      `to ${MEMORY}`,
      "µs of the store's process",
      "µs, read elsewhere, too",
      "µs there",
      ...percents.map((percent) => `p${percent} ms there`),
    ],
    places.map(({ name, pid }) => [
      name,
      alone.median(name).toPrecision(3),
      alone.ratio(name, MEMORY),
      pid === undefined ? "" : engine.median(name).toPrecision(3),
      elsewhere(read, name),
      elsewhere(follower, name),
      ...latencies.map((samples) => elsewhere(samples, name)),
    ]),
  );
}

/** How long until the model's request has ended that another instance stops. */
async function printStops(places: Place[]): Promise<void> {
  const rows: string[][] = [];
  for (const place of places) {
    await using stack = new AsyncDisposableStack();
    const upstream = stack.use(new Upstream());
    const pair = await startPair(upstream.url.replace(/\/v1$/, ""), place);
    for (const server of pair) stack.use(server).ignoreOutput();
    const [owner, other] = await Promise.all(
      pair.map((server) => server.url()),
    );
    const delays: number[] = [];
    for (let turn = 0; turn < STOPPED; turn++) {
      const path = `/helloworld?id=${makeGenerationId()}`;
      const answer = fetch(owner + path);
      const call = await upstream.nextCall();
      call.say('{"text":"a');
      const reader = (await answer).body!.getReader();
      await reader.read();
      const begun = performance.now();
      const stopped = fetch(other + path, { method: "DELETE" });
      await call.closed;
      delays.push(performance.now() - begun);
      await (await stopped).body?.cancel();
      await reader.cancel();
    }
    rows.push([
      place.name,
      median(delays).toFixed(1),
      Math.max(...delays).toFixed(1),
    ]);
  }
  printTable(
    `From DELETE on another instance to the end of the model's request, of ` +
      `${STOPPED}`,
    ["", "p50 ms", "longest ms"],
    rows,
  );
}

async function startPair(
  upstreamUrl: string,
  { store }: Place,
): Promise<[Server, Server]> {
  const start = async () => {
    const { server } = await startFieldstream(upstreamUrl, {
      env: { STORE: store },
      flags: writeFlags(store),
    });
    await server.url();
    return server;
  };
  return [await start(), await start()];
}

async function openAll(
  client: Client,
  server: Server,
  ids: string[],
): Promise<void> {
  const script: Script = { kind: "clock", size: 1e6, rate: RATE };
  const url = await urlOf(OURS, server, script);
  for (const id of ids) {
    const begun = await client.run({
      ...{ do: "open", streams: 1, url: `${url}&id=${id}` },
    });
    if (begun === 0) throw new Error("Cannot measure: a stream was refused");
  }
}

/** The processor time of each token that comes in a while, in microseconds. */
async function count(client: Client, cpu: () => number[]) {
  await client.run({ do: "count" });
  const before = cpu();
  await sleep(COUNTED);
  const { tokens, latencies } = await client.run({ do: "count" });
  const costs = cpu().map((used, at) => (used - before[at]!) * 1000 / tokens);
  return { costs, latencies };
}
