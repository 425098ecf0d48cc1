/** main.ts as a process of its own. */

import { PROXY_VARIABLES, SETTINGS } from "../lib/app/settings.ts";
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

/** The port at which it says that it listens. */
const LISTENS = /listens on http:\/\/127\.0\.0\.1:(\d+)\//;

/** A server that runs. */
export class ServerProcess implements AsyncDisposable {
  readonly status: Promise<Deno.CommandStatus>;
  /** What it has written to standard output. */
  output = "";
  readonly #process: Deno.ChildProcess;
  readonly #terminal: boolean;
  #hasEnded = false;
  #news = Promise.withResolvers<void>();

  private constructor(process: Deno.ChildProcess, terminal: boolean) {
    this.#process = process;
    this.#terminal = terminal;
    this.status = process.status;
    this.#read();
  }

  /** Whoever does not read would stop it when the pipe is full. */
  async #read(): Promise<void> {
    const text = this.#process.stdout.pipeThrough(
      new TextDecoderStream() as TransformStream<Uint8Array, string>,
    );
    for await (const chunk of text) {
      this.output += chunk;
      this.#tell();
    }
    this.#hasEnded = true;
    this.#tell();
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
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
    const names = [...Object.keys(SETTINGS), ...PROXY_VARIABLES];
    // A setting that is empty is none, whatever the environment has.
    const none = Object.fromEntries(names.map((name) => [name, ""]));
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
    // `script` runs it by $SHELL, and a shell that stayed between the terminal and
    // the server would end by the key that is typed: dash stays, bash does not.
    const words = [Deno.execPath(), ...args].map((arg) => `'${arg}'`);
    const line = `exec ${words.join(" ")}`;
    const process = new Deno.Command(terminal ? "script" : Deno.execPath(), {
      args: terminal ? ["-qec", line, "/dev/null"] : args,
      cwd: new URL("..", import.meta.url),
      env: {
        ...none,
        SHELL: "/bin/sh",
        HOST: "127.0.0.1",
        PORT: "0",
        ...settings,
      },
      stdin: terminal ? "piped" : "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const server = new ServerProcess(process, terminal);
    await server.#until(() => server.url !== "");
    if (server.url === "") {
      await process.status;
      throw new Error(`Cannot start the server: ${server.output}`);
    }
    return server;
  }

  /** With no slash at its end. */
  get url(): string {
    const port = LISTENS.exec(this.output)?.[1];
    return port === undefined ? "" : `http://127.0.0.1:${port}`;
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

  /** Resolves when its output holds a text, or has ended. */
  async awaitOutput(text: string): Promise<void> {
    await this.#until(() => this.output.includes(text));
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#hasEnded) await this.#news.promise;
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#until(() => false);
    await this.status;
    if (this.#terminal) await this.#process.stdin.close();
  }
}
