import { OURS, urlOf } from "../contenders.ts";
import type { TableOptions } from "../options.ts";
import { Client, startFieldstream, startUpstream } from "../process.ts";
import { printTable, sleep } from "../table.ts";
import type { Script } from "../upstream.ts";

const RATE = 50;
const LONGEST_FUNCTIONS = 20;
/** Before it is looked, while, and afterwards, in milliseconds. */
const [SETTLE, LOOKED, MARGIN] = [4000, 8000, 1000];
const REPOSITORY = import.meta.resolve("../../../");

/** What V8's sampling profiler writes: a `.cpuprofile`, as DevTools reads it. */
interface Profile {
  nodes: ProfileNode[];
  /** The node of each sample. */
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

/** A function, as it was called from somewhere. */
interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string };
}

/**
 * What a paced token's processor time is spent on. By `--cpu-prof`: under
 * `--inspect` Deno also tells the inspector of each piece of each body.
 */
export async function printProfile(
  { streams: [streams = 200] = [] }: TableOptions,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const window = await runProfiled(folder, streams);
    const [file] = [...Deno.readDirSync(folder)];
    const text = await Deno.readTextFile(`${folder}/${file!.name}`);
    printShares(cutOut(JSON.parse(text), window), window, streams);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** When a server was loaded, and what that came to. */
interface Window {
  /** In microseconds since its process was started. */
  from: number;
  to: number;
  tokens: number;
  /** Processor time of the threads, in microseconds. */
  threads: Map<string, number>;
}

async function runProfiled(folder: string, streams: number): Promise<Window> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(startUpstream());
  const client = stack.use(new Client());
  const { begun, server } = await startFieldstream(await upstream.url(), {
    flags: [
      "--cpu-prof",
      `--cpu-prof-dir=${folder}`,
      "--cpu-prof-interval=200",
    ],
    // It writes the profile when it has ended by itself.
    signal: "SIGTERM",
  });
  stack.use(server);
  const script: Script = { kind: "clock", size: 1e6, rate: RATE };
  const url = await urlOf(OURS, server, script);
  server.ignoreOutput();
  await client.run({ do: "open", url, streams });
  await sleep(SETTLE);
  await client.run({ do: "count" });
  const from = (performance.now() - begun) * 1000;
  const before = server.threads();
  await sleep(LOOKED);
  const { tokens } = await client.run({ do: "count" });
  const threads = new Map(
    [...server.threads()].map(([name, time]) => [
      name,
      (time - (before.get(name) ?? 0)) * 1000,
    ]),
  );
  const to = (performance.now() - begun) * 1000;
  // The profile began a little later than the process.
  await sleep(MARGIN);
  await client.run({ do: "close" });
  return { from, to, tokens, threads };
}

/** The samples of a window. */
function cutOut(profile: Profile, { from, to }: Window): Profile {
  let at = 0;
  const ends = profile.timeDeltas.map((delta) => at += delta);
  const isIn = (_: number, place: number) =>
    ends[place]! >= from && ends[place]! < to;
  return {
    nodes: profile.nodes,
    samples: profile.samples.filter(isIn),
    timeDeltas: profile.timeDeltas.filter(isIn),
  };
}

function printShares(
  profile: Profile,
  { tokens, threads }: Window,
  streams: number,
): void {
  const rooms = timesBy(profile, roomOf);
  // What V8 calls idle is whatever is not JavaScript: sockets, and sleep.
  rooms.delete(IDLE);
  const main = threads.get(MAIN)!;
  // A sample counts time, in which others may have had the processor.
  const share = Math.min(1, main / sum(rooms));
  threads.delete(MAIN);
  threads.delete(PROFILER);
  const all = new Map([
    [OUTSIDE, main - share * sum(rooms)] as const,
    ...[...rooms].map(([name, time]) => [name, time * share] as const),
    ...[...threads].map(([name, time]) => [`thread ${name}`, time] as const),
  ]);
  const rows = (times: Map<string, number>, most: number) =>
    [...times].toSorted(([, a], [, b]) => b - a).slice(0, most)
      .map(([name, time]) => [
        name,
        (time / tokens).toFixed(2),
        (100 * time / sum(all)).toFixed(1),
      ]).filter(([, time]) => time !== "0.00");
  const title = `${streams} streams of ${RATE} tokens a second, in ` +
    `microseconds of the ${(sum(all) / tokens).toFixed(1)} of a token`;
  printTable(
    `Where the processor time goes: ${title}`,
    ["", "µs", "%"],
    rows(all, Infinity),
  );
  const functions = timesBy(profile, functionOf);
  functions.delete("");
  for (const [name, time] of functions) functions.set(name, time * share);
  printTable(
    `What takes most by itself: ${title}`,
    ["", "µs", "%"],
    rows(functions, LONGEST_FUNCTIONS),
  );
}

function sum(times: Map<string, number>): number {
  return [...times.values()].reduce((sum, time) => sum + time, 0);
}

const IDLE = "idle";
const OUTSIDE = "outside of JavaScript: sockets, HTTP, the kernel";
/** The thread that runs JavaScript, and that of the profiler. */
const [MAIN, PROFILER] = ["deno", "v8:ProfEvntProc"];

/** Microseconds in each function's own code, added up under names. */
function timesBy(
  { nodes, samples, timeDeltas }: Profile,
  nameOf: (node: ProfileNode) => string,
): Map<string, number> {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const times = new Map<string, number>();
  for (const [place, id] of samples.entries()) {
    const name = names.get(id)!;
    // What is before a sample was spent on the one before it.
    const time = timeDeltas[place + 1] ?? 0;
    times.set(name, (times.get(name) ?? 0) + time);
  }
  return times;
}

/** A folder of `lib/`, a package, or a part of the runtime. */
function roomOf({ callFrame: { functionName, url } }: ProfileNode): string {
  if (functionName === "(idle)") return IDLE;
  if (functionName === "(garbage collector)") return "garbage collector";
  if (functionName === "(program)") return "V8: native code";
  if (functionName.startsWith("op_")) return "runtime, operations";
  if (url.startsWith(REPOSITORY)) {
    const [folder, room, file] = url.slice(REPOSITORY.length).split("/");
    return file === undefined ? `${folder}/` : `${folder}/${room}/`;
  }
  const [, name] = /\/npm\/[^/]+\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (name !== undefined) return `npm:${name}`;
  const [, part] = /^((?:ext|node):[^/]+)/.exec(url) ?? [];
  return part === undefined ? "V8: builtins" : `runtime, ${part}`;
}

/** A function and where it stands; `""` where V8 says nothing of it. */
function functionOf({ callFrame }: ProfileNode): string {
  const { functionName, url } = callFrame;
  if (functionName.startsWith("(")) return "";
  const file = url.startsWith(REPOSITORY)
    ? url.slice(REPOSITORY.length)
    : url.split("/").slice(-2).join("/");
  return `\`${functionName || "anonymous"}\` ${file}`.trimEnd();
}
