/**
 * What the server costs, beside what could stand in its place:
 * `deno task bench:server`, or with the names of some tables behind it.
 *
 * The scripted provider, each contender and the load client are processes of
 * their own. The contenders take turns in every round. A ratio is that of two
 * figures of one round; the tables hold the medians of the rounds.
 */

import { answerText, type Script } from "./upstream.ts";
import { cut } from "./documents.ts";
import {
  Client,
  type Server,
  startEmptyServer,
  startFieldstream,
  startFieldstreamTask,
  startPeer,
  startUpstream,
} from "./process.ts";
import { measureWire } from "./wire.ts";

const OURS = "fieldstream";
const NATIVE = "native proxy";
const YARDSTICK = "JavaScript proxy";
const PROXIES = [OURS, NATIVE, YARDSTICK];
/** They do less than is needed: what no server like this one can go below. */
const FLOORS = ["floor: read", "floor: copy", "floor: re-send"];
const ALL = [
  ...PROXIES,
  ...FLOORS,
  "AI SDK streamText",
  "AI SDK streamObject",
  "LangChain.js",
];

/** The tables, by the names that choose them. */
const tables: Record<string, () => Promise<void>> = {
  flood: printFlood,
  pace: printPace,
  memory: printMemory,
  wire: printWire,
  start: printStart,
};

/** Figures of several rounds, by contender. */
class Samples {
  readonly #byName = new Map<string, number[]>();

  add(name: string, figure: number): void {
    const figures = this.#byName.get(name) ?? [];
    this.#byName.set(name, figures);
    figures.push(figure);
  }

  /** The contenders. */
  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /** The median of a contender's figures. */
  median(name: string): number {
    return median(this.#byName.get(name)!);
  }

  /** The median of what a figure is to another contender's of its round. */
  ratio(name: string, other: string): string {
    const others = this.#byName.get(other)!;
    const ratios = this.#byName.get(name)!.map((figure, round) =>
      figure / others[round]!
    );
    return String(Number(median(ratios).toPrecision(2)));
  }
}

/** Processor time where the provider writes as fast as it can. */
async function printFlood(): Promise<void> {
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
    await withServers(ALL, rounds, async (name, server, client, counts) => {
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
      if (counts) costs.add(name, cost);
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

/** Processor time and added latency where tokens come one by one. */
async function printPace(): Promise<void> {
  const rate = 50;
  for (
    const { streams, head, rounds } of [
      { streams: 200, head: 0, rounds: 5 },
      { streams: 100, head: 0, rounds: 5 },
      { streams: 100, head: 200_000, rounds: 5 },
    ]
  ) {
    const script: Script = { kind: "clock", size: 1e6, rate, head };
    const costs = new Samples();
    const percents = [10, 50, 90, 99];
    const latencies = percents.map(() => new Samples());
    // The first floor shows nothing of what comes.
    const names = [...PROXIES, ...FLOORS.slice(1)];
    await withServers(names, rounds, async (name, server, client, counts) => {
      const url = await urlOf(name, server, script);
      await client.run({ do: "open", url, streams });
      await sleep(3000);
      await client.run({ do: "count" });
      const before = server.cpu();
      await sleep(3000);
      const count = await client.run({ do: "count" });
      const cost = (server.cpu() - before) * 1000 / count.tokens;
      await client.run({ do: "close" });
      await sleep(1000);
      if (count.tokens < 0.9 * streams * rate * count.seconds) {
        console.error(`(${name} could not keep up in one round)`);
      }
      if (!counts) return;
      costs.add(name, cost);
      for (const [place, percent] of percents.entries()) {
        latencies[place]!.add(name, count.latencies[percent]! / 1000);
      }
    });
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

/** Memory of open streams, and of many followers of one generation. */
async function printMemory(): Promise<void> {
  const [few, many] = [200, 1000];
  const script: Script = { kind: "clock", size: 1e6, rate: 1, head: 2048 };
  const each = new Samples();
  for (let round = 0; round < 3; round++) {
    for (const name of PROXIES) {
      await withServers([name], 0, async (_name, server, client) => {
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
    for (let round = 0; round < 3; round++) {
      await withServers([OURS], 0, async (name, server, client) => {
        const id = crypto.randomUUID().replaceAll("-", "").slice(0, 22);
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
async function settledMemory(server: Server): Promise<number> {
  let least = Infinity;
  await sleep(3000);
  for (let sample = 0; sample < 20; sample++) {
    await sleep(100);
    least = Math.min(least, server.memory());
  }
  return least;
}

async function printWire(): Promise<void> {
  const answers = await measureWire();
  const names = [...answers.keys()];
  const ways = Object.keys(answers.get(names[0]!)!);
  printTable(
    "Bytes of an answer on the wire, in tokens of four characters; and to the " +
      "raw JSON text",
    ["", ...names],
    ways.map((way) => [
      way,
      ...names.map((name) => {
        const sizes = answers.get(name)!;
        const bytes = sizes[way]!;
        const ratio = (bytes / sizes["raw JSON text"]!).toPrecision(2);
        return `${bytes.toLocaleString("en")} (${Number(ratio)})`;
      }),
    ]),
  );
}

/** How long until the first answer to `/health`. */
async function printStart(): Promise<void> {
  const empty = "deno run, an empty Deno.serve";
  const starters = {
    [empty]: startEmptyServer,
    "deno run main.ts": () => startFieldstream("http://127.0.0.1:1"),
    "deno task start": startFieldstreamTask,
  };
  const delays = new Samples();
  for (let round = -1; round < 7; round++) {
    for (const [name, start] of Object.entries(starters)) {
      const { begun, server } = await start();
      await using _ = server;
      const url = await server.url();
      await (await fetch(`${url}/health`)).body?.cancel();
      if (round >= 0) delays.add(name, performance.now() - begun);
    }
  }
  printTable(
    "From the start to the first answer to /health",
    ["", "ms", `to ${empty}`],
    delays.names.map((name) => [
      name,
      delays.median(name).toFixed(0),
      delays.ratio(name, empty),
    ]),
  );
}

/**
 * Starts a provider, a client and the contenders, and calls `measure` with each
 * in turn, round by round; the first round warms up and does not count.
 */
async function withServers(
  names: string[],
  rounds: number,
  measure: (
    name: string,
    server: Server,
    client: Client,
    counts: boolean,
  ) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(startUpstream());
  const upstreamUrl = await upstream.url();
  const client = stack.use(new Client());
  const servers = new Map<string, Server>();
  for (const name of names) {
    const server = name === OURS
      ? (await startFieldstream(upstreamUrl)).server
      : startPeer(name, upstreamUrl);
    stack.use(server);
    await server.url();
    server.ignoreOutput();
    servers.set(name, server);
  }
  for (let round = 0; round <= rounds; round++) {
    for (const [name, server] of servers) {
      await measure(name, server, client, round > 0);
    }
  }
}

async function urlOf(
  name: string,
  server: Server,
  script: Script,
): Promise<string> {
  const path = name === OURS ? "/helloworld" : "/";
  const prompt = encodeURIComponent(JSON.stringify(script));
  return `${await server.url()}${path}?prompt=${prompt}`;
}

function printTable(title: string, head: string[], rows: string[][]): void {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = line(head.map(() => "---"));
  console.log(
    [`\n${title}:\n`, line(head), rule, ...rows.map(line)].join("\n"),
  );
}

function median(figures: number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1]!;
}

function sleep(delay: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay));
}

const chosen = Deno.args.length > 0 ? Deno.args : Object.keys(tables);
for (const name of chosen) await tables[name]!();
Deno.exit();
