import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Limits } from "../../lib/answers/limits.ts";
import type { Command, Count } from "./client.ts";

const here = (path: string) => new URL(path, import.meta.url).pathname;

const running = new Map<Deno.ChildProcess, Deno.Signal>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    for (const [child, signal] of running) child.kill(signal);
    Deno.exit(1);
  });
}

/** A process that the benchmark has started, and what it uses. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #signal: Deno.Signal;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  /**
   * @param args What `deno` is started with.
   * @param env Environment variables beyond this process's own.
   * @param signal What ends it, and all that it has started.
   */
  constructor(
    args: string[],
    env: Record<string, string> = {},
    signal: Deno.Signal = "SIGKILL",
  ) {
    this.#signal = signal;
    this.#child = new Deno.Command(Deno.execPath(), {
      args,
      env,
      cwd: here("../.."),
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    running.set(this.#child, signal);
    this.#input = this.#child.stdin.getWriter();
    // deno-lint-ignore no-explicit-any
    const output = Readable.fromWeb(this.#child.stdout as any);
    this.#lines = createInterface(output)[Symbol.asyncIterator]();
  }

  /** The next line that it writes. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error("Cannot go on: a process of the benchmark ended");
    return value;
  }

  /** Reads and forgets all that it still writes. */
  async ignoreOutput(): Promise<void> {
    while (!(await this.#lines.next()).done);
  }

  /** Writes a line to its standard input. */
  async send(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** The processor time that it has used, in milliseconds. */
  cpu(): number {
    return cpuOf(this.#child.pid);
  }

  /** The same of its threads, under their names. */
  threads(): Map<string, number> {
    const times = new Map<string, number>();
    const folder = `/proc/${this.#child.pid}/task`;
    for (const { name: id } of Deno.readDirSync(folder)) {
      const name = Deno.readTextFileSync(`${folder}/${id}/comm`).trim();
      const time = readCpu(`${folder}/${id}/stat`);
      times.set(name, (times.get(name) ?? 0) + time);
    }
    return times;
  }

  /** The memory that it holds, in bytes (proc(5), status: VmRSS). */
  memory(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/VmRSS:\s*(\d+)/.exec(status)![1]) * 1024;
  }

  /** How many descriptors it has open (proc(5), fd). */
  descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.#child.pid}/fd`)].length;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill(this.#signal);
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    running.delete(this.#child);
    await this.#input.close().catch(() => {});
  }
}

/** The processor time that a process has used, in milliseconds. */
export function cpuOf(pid: number): number {
  return readCpu(`/proc/${pid}/stat`);
}

/** By proc(5), stat. */
function readCpu(path: string): number {
  const stat = Deno.readTextFileSync(path);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticksPerSecond = 100;
  return (Number(fields[11]) + Number(fields[12])) * 1000 / ticksPerSecond;
}

/** A process that listens on a port of this machine. */
export class Server extends Program {
  #url: string | undefined;

  /** Waits until it says where it listens. */
  async url(): Promise<string> {
    while (this.#url === undefined) {
      const port = /listens on http:\/\/[^:]+:(\d+)/i.exec(await this.line())
        ?.[1];
      if (port !== undefined) this.#url = `http://127.0.0.1:${port}`;
    }
    return this.#url;
  }
}

/** The scripted provider. */
export function startUpstream(): Server {
  return new Server(["run", "--allow-net=127.0.0.1", here("upstream.ts")]);
}

/** One of the peers. */
export function startPeer(name: string, upstreamUrl: string): Server {
  const { port } = new URL(upstreamUrl);
  const config = `--config=${here("deno.json")}`;
  return new Server(["run", "-A", config, here("peers.ts"), name, port]);
}

/** A server that has been started, and when that was. */
export interface Started {
  /** As `performance.now()` tells the time. */
  begun: number;
  server: Server;
}

const many = 1_000_000_000;
const LOADED = {
  // A proxy's request ends with its reader too.
  lingerSeconds: 0.1,
  streams: many,
  streamsPerClient: many,
  generationsPerMinute: many,
  resumesPerMinute: many,
};

/** How this server is started. */
export interface StartOptions {
  /** By default those of a server that is loaded by one client. */
  limits?: Partial<Limits>;
  /** Settings beyond these. */
  env?: Record<string, string>;
  /** Of `deno run`, beyond those of `deno task start`. */
  flags?: string[];
  /** What ends it. */
  signal?: Deno.Signal;
}

/** This server, with the permissions that `deno task start` gives it. */
export async function startFieldstream(
  upstreamUrl: string,
  { limits = LOADED, env = {}, flags = [], signal }: StartOptions = {},
): Promise<Started> {
  const [run, ...args] = await startArguments();
  const begun = performance.now();
  const server = new Server([run!, ...flags, ...args], {
    HOST: "127.0.0.1",
    PORT: "0",
    OPENAI_MODEL: "scripted",
    OPENAI_BASE_URL: `${upstreamUrl}/v1`,
    LIMITS: JSON.stringify(limits),
    ...env,
  }, signal);
  return { begun, server };
}

/** This server, as its users start it. */
export function startFieldstreamTask(): Promise<Started> {
  const begun = performance.now();
  const env = { HOST: "127.0.0.1", PORT: "0" };
  const server = new Server(["task", "--quiet", "start"], env, "SIGTERM");
  return Promise.resolve({ begun, server });
}

/** The least that can be started. */
export function startEmptyServer(): Promise<Started> {
  const begun = performance.now();
  const server = new Server([
    "run",
    "--allow-net=127.0.0.1",
    here("empty_server.ts"),
  ]);
  return Promise.resolve({ begun, server });
}

/** What `deno task start` runs, but for the file of settings. */
async function startArguments(): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", here("../../without_jsr/flags.ts"), "--server"],
    cwd: here("../.."),
    stderr: "null",
  }).output();
  const flags = new TextDecoder().decode(stdout).split(/\s+/);
  return ["run", ...flags.filter((flag) => flag !== ""), here("../../main.ts")];
}

/** The load client. */
export class Client extends Program {
  constructor() {
    super(["run", "--allow-net=127.0.0.1", here("client.ts")]);
  }

  /** Has it do something. */
  async run(command: Command & { do: "open" }): Promise<number>;
  async run(command: Command & { do: "close" }): Promise<null>;
  async run(command: Command & { do: "repeat" | "count" }): Promise<Count>;
  async run(command: Command): Promise<Count | number | null> {
    await this.send(JSON.stringify(command));
    return JSON.parse(await this.line());
  }
}
