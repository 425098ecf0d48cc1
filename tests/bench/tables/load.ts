import { makeGenerationId } from "../../../lib/answers/id.ts";
import {
  BY_FETCH,
  isOurs,
  OURS,
  type Turn,
  urlOf,
  withServers,
  YARDSTICK,
} from "../contenders.ts";
import type { TableOptions } from "../options.ts";
import type { Program, Server } from "../process.ts";
import { printTable, Samples, sleep } from "../table.ts";
import type { Release, Script } from "../upstream.ts";

const RATE = 30;
const STREAMS = [500, 1000, 2000, 4000];
/** Before it is counted, in milliseconds. */
const SETTLE = 3000;
/** While, in seconds, unless it is said. */
const COUNTED = 6;
/** How long everything may take to be given back, in milliseconds. */
const RETURNED = 20_000;

const FIGURES = [
  "share",
  "cost",
  "p50",
  "p99",
  "bytes",
  "memory",
  "left",
  "server",
  "provider",
  "client",
] as const;
type Figures = Record<typeof FIGURES[number], number>;

/** What many streams cost, and whether everything is given back. */
export async function printLoad(
  { rounds = 2, streams: numbers = STREAMS, seconds = COUNTED }: TableOptions,
): Promise<void> {
  const rows: string[][] = [];
  const returned: string[][] = [];
  for (const streams of numbers) {
    const samples = newSamples();
    const first = new Map<string, Figures>();
    // There is nothing to warm up: the streams do so until they are counted.
    await withServers([OURS, BY_FETCH, YARDSTICK], rounds, async (turn) => {
      const { name, server, round } = turn;
      const script = { kind: "clock", size: 1e6, rate: RATE } as const;
      const before = await resources(name, server);
      const figures = await measureLoad(turn, { script, streams, seconds });
      for (const figure of FIGURES) samples[figure].add(name, figures[figure]);
      if (round === 0) first.set(name, figures);
      if (round < rounds - 1) return;
      const after = await resources(name, server, before.descriptors);
      returned.push([
        `${streams}`,
        name,
        after.open ?? "",
        after.running ?? "",
        `${before.descriptors} → ${after.descriptors}`,
        ...(["memory", "left"] as const).map((figure) =>
          `${mega(first.get(name)![figure])} → ${mega(figures[figure])}`
        ),
      ]);
    }, { env: { METRICS: "true" } });
    rows.push(...rowsOf(`${streams}`, samples));
  }
  printTable(
    `${RATE} tokens a second on each of many streams: how many of them came, ` +
      "processor time and bytes of one, how old it was when it was read, what " +
      "the server held, and how many processors were busy",
    HEAD,
    rows,
  );
  printTable(
    "What is left when all have gone: by /metrics, by /proc; and what the " +
      "server held under the load and afterwards, in the first round and in " +
      "the last",
    [
      "streams",
      "",
      "open streams",
      "generations",
      "descriptors, before → after",
      "MB under load, first → last",
      "MB afterwards, first → last",
    ],
    returned,
  );
}

/** What many who follow one answer cost. */
export async function printFollowers(
  { rounds = 1, streams: numbers = [2000], seconds = COUNTED }: TableOptions,
): Promise<void> {
  const rows: string[][] = [];
  for (const followers of numbers) {
    const samples = newSamples();
    await withServers([OURS], rounds, async (turn) => {
      const script = { kind: "clock", size: 1e6, rate: RATE } as const;
      const id = makeGenerationId();
      const figures = await measureLoad(turn, {
        script,
        streams: followers,
        seconds,
        query: `&id=${id}`,
      });
      for (const figure of FIGURES) samples[figure].add(OURS, figures[figure]);
    });
    rows.push(...rowsOf(`${followers}`, samples));
  }
  printTable(
    `One answer of ${RATE} tokens a second that many follow: figures as above, ` +
      "a token counted for each who follows",
    HEAD,
    rows,
  );
}

const HEAD = [
  "streams",
  "",
  "tokens %",
  "µs",
  `to the ${YARDSTICK}`,
  "bytes",
  "p50 ms",
  "p99 ms",
  "MB",
  "processors: server, provider, client",
];

function newSamples(): Record<keyof Figures, Samples> {
  return Object.fromEntries(
    FIGURES.map((figure) => [figure, new Samples()]),
  ) as Record<keyof Figures, Samples>;
}

function rowsOf(
  streams: string,
  samples: Record<keyof Figures, Samples>,
): string[][] {
  const { names } = samples.cost;
  return names.map((name) => [
    streams,
    name,
    (samples.share.median(name) * 100).toFixed(0),
    samples.cost.median(name).toPrecision(3),
    names.includes(YARDSTICK) ? samples.cost.ratio(name, YARDSTICK) : "",
    samples.bytes.median(name).toFixed(0),
    samples.p50.median(name).toFixed(1),
    samples.p99.median(name).toFixed(1),
    mega(samples.memory.median(name)),
    (["server", "provider", "client"] as const)
      .map((who) => samples[who].median(name).toFixed(2)).join(", "),
  ]);
}

/** What a server is loaded with. */
interface Loaded {
  script: Script;
  streams: number;
  seconds: number;
  /** What the address has beyond the script. */
  query?: string;
}

/** Opens streams, lets the tokens come, counts, and closes them. */
async function measureLoad(
  { name, server, client, upstream }: Turn,
  { script, streams, seconds, query = "" }: Loaded,
): Promise<Figures> {
  // A loaded server would open them ever more slowly.
  const hold = crypto.randomUUID();
  const url = await urlOf(name, server, { ...script, hold }) + query;
  // Whoever follows an answer comes when there is one.
  const begun = await client.run({ do: "open", url, streams: 1 }) +
    await client.run({ do: "open", url, streams: streams - 1 });
  if (begun < streams) console.error(`(${name} refused ${streams - begun})`);
  await release(upstream, hold);
  await sleep(SETTLE);
  await client.run({ do: "count" });
  const programs: Program[] = [server, upstream, client];
  const before = programs.map((program) => program.cpu());
  await sleep(seconds * 1000);
  const count = await client.run({ do: "count" });
  const used = programs.map((program, at) => program.cpu() - before[at]!);
  const [busy, provider, read] = used.map((cpu) => cpu / count.seconds / 1000);
  const memory = server.memory();
  if (count.broken > 0) console.error(`(${name} broke off ${count.broken})`);
  await client.run({ do: "close" });
  await sleep(2000);
  return {
    share: count.tokens / (begun * RATE * count.seconds),
    cost: used[0]! * 1000 / count.tokens,
    p50: count.latencies[50]! / 1000,
    p99: count.latencies[99]! / 1000,
    bytes: count.bytes / count.tokens,
    memory,
    left: server.memory(),
    server: busy!,
    provider: provider!,
    client: read!,
  };
}

async function release(upstream: Server, hold: string): Promise<void> {
  const prompt: Release = { release: hold };
  const response = await fetch(`${await upstream.url()}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({
      messages: [{ role: "user", content: JSON.stringify(prompt) }],
    }),
  });
  await response.body?.cancel();
}

/** What a server has open; waits for a time until that is as it was. */
async function resources(name: string, server: Server, wanted = Infinity) {
  const end = performance.now() + RETURNED;
  while (true) {
    const metrics = isOurs(name) ? await readMetrics(server) : "";
    const open = figure(metrics, "open_connections");
    const running = figure(metrics, "running_generations");
    const descriptors = server.descriptors();
    const isFree = (open ?? "0") === "0" && (running ?? "0") === "0" &&
      descriptors <= wanted;
    if (isFree || performance.now() > end) {
      return { open, running, descriptors };
    }
    await sleep(200);
  }
}

async function readMetrics(server: Server): Promise<string> {
  return await (await fetch(`${await server.url()}/metrics`)).text();
}

/** The sum of a figure's samples, in Prometheus' text format. */
function figure(metrics: string, name: string): string | undefined {
  const pattern = new RegExp(`^fieldstream_${name}(?:{.*})? (\\S+)$`, "gm");
  const values = [...metrics.matchAll(pattern)].map((match) =>
    Number(match[1])
  );
  if (values.length === 0) return undefined;
  return String(values.reduce((sum, value) => sum + value, 0));
}

function mega(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
