/** main.ts as a process of its own. */

import { SETTINGS } from "../lib/app/settings.ts";
import { writeFlags } from "../without_jsr/flags.ts";

let flags: Promise<string[]> | undefined;

/** What lets it run where JSR cannot be reached: see without_jsr/flags.ts. */
function readFlags(): Promise<string[]> {
  return flags ??= (async () => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-read=deno.json,.env",
        "--allow-run",
        "without_jsr/flags.ts",
      ],
      cwd: new URL("..", import.meta.url),
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).split(/\s+/).filter(Boolean);
  })();
}

/** A server that runs. */
export class ServerProcess implements AsyncDisposable {
  /** With no slash at its end. */
  readonly url: string;
  readonly status: Promise<Deno.CommandStatus>;
  /** What it has written to standard output. */
  output = "";
  readonly #process: Deno.ChildProcess;
  readonly #terminal: boolean;
  readonly #chunks: AsyncIterator<string>;

  private constructor(
    process: Deno.ChildProcess,
    { terminal, chunks, output, port }: {
      terminal: boolean;
      chunks: AsyncIterator<string>;
      output: string;
      port: string;
    },
  ) {
    this.#process = process;
    this.#terminal = terminal;
    this.#chunks = chunks;
    this.output = output;
    this.status = process.status;
    this.url = `http://127.0.0.1:${port}`;
  }

  /**
   * Starts it on a free port, with settings; resolves when it listens.
   *
   * @param options Whether it has a terminal, which util-linux's `script` makes.
   */
  static async start(
    settings: Record<string, string>,
    { terminal = false }: { terminal?: boolean } = {},
  ): Promise<ServerProcess> {
    const names = Object.keys(SETTINGS).join(",");
    // A setting that is empty is none, whatever the environment has.
    const none = Object.fromEntries(names.split(",").map((name) => [name, ""]));
    const args = [
      "run",
      ...await readFlags(),
      "--quiet",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--allow-read",
      ...writeFlags(settings.STORE ?? ""),
      `--allow-env=${names}`,
      "main.ts",
    ];
    const line = [Deno.execPath(), ...args].map((arg) => `'${arg}'`).join(" ");
    const process = new Deno.Command(terminal ? "script" : Deno.execPath(), {
      args: terminal ? ["-qec", line, "/dev/null"] : args,
      cwd: new URL("..", import.meta.url),
      env: { ...none, HOST: "127.0.0.1", PORT: "0", ...settings },
      stdin: terminal ? "piped" : "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const text = process.stdout.pipeThrough(
      new TextDecoderStream() as TransformStream<Uint8Array, string>,
    );
    const chunks = text[Symbol.asyncIterator]();
    let output = "";
    for (;;) {
      const port = /listens on http:\/\/127\.0\.0\.1:(\d+)\//.exec(output)?.[1];
      if (port !== undefined) {
        const rest = { terminal, chunks, output, port };
        return new ServerProcess(process, rest);
      }
      const { done, value } = await chunks.next();
      if (done) {
        await process.status;
        throw new Error(`Cannot start the server: ${output}`);
      }
      output += value;
    }
  }

  /** Its process, or that of its terminal. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Sends it a signal. */
  signal(name: Deno.Signal): void {
    this.#process.kill(name);
  }

  /** Types something at its terminal. */
  async type(text: string): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Reads its output until that holds a text, or ends. */
  async awaitOutput(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      const { done, value } = await this.#chunks.next();
      if (done) return;
      this.output += value;
    }
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.awaitOutput("\0");
    await this.status;
    if (this.#terminal) await this.#process.stdin.close();
  }
}
