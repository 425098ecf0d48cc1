/** A Redis server of the test's own. */

/** Whether tests that need one can run. Under CI they have to. */
export const hasRedis = Deno.env.get("CI") === "true" || await isInstalled();

async function isInstalled(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("redis-server", {
      args: ["--version"],
      stdout: "null",
    }).output();
    return success;
  } catch {
    console.log(
      "redis-server is not installed: what needs it is skipped (apt-get install redis-server)",
    );
    return false;
  }
}

/** A server that runs on a free port of this machine, and keeps nothing. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly #args: string[];
  #process: Deno.ChildProcess;

  private constructor(port: number, args: string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = args;
    this.#process = this.#spawn();
  }

  /**
   * Starts one; resolves when it answers.
   *
   * @param args Settings, as on its command line.
   */
  static async start(...args: string[]): Promise<RedisServer> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const server = new RedisServer(port, args);
    await server.#awaitAnswer();
    return server;
  }

  #spawn(): Deno.ChildProcess {
    return new Deno.Command("redis-server", {
      args: [
        ...["--port", `${this.port}`, "--bind", "127.0.0.1"],
        ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
        ...this.#args,
      ],
      stdin: "null",
      stdout: "null",
    }).spawn();
  }

  async #awaitAnswer(): Promise<void> {
    for (let turn = 0;; turn++) {
      try {
        await this.#reply("PING");
        return;
      } catch (error) {
        if (turn === 3000) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  /** The process that it is. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Sends an inline command; resolves with the first line of the reply. */
  async command(line: string): Promise<string> {
    const reply = await this.#reply(line);
    if (reply.startsWith("-")) throw new Error(`${line}: ${reply}`);
    return reply;
  }

  async #reply(line: string): Promise<string> {
    using connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.port,
    });
    await connection.write(new TextEncoder().encode(`${line}\r\n`));
    const buffer = new Uint8Array(65536);
    const read = await connection.read(buffer);
    const text = new TextDecoder().decode(buffer.subarray(0, read ?? 0));
    return text.split("\r\n")[0]!;
  }

  /** Sends it a signal. */
  signal(name: Deno.Signal): void {
    this.#process.kill(name);
  }

  /** Kills it, and starts it anew: what it held is lost. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = this.#spawn();
    await this.#awaitAnswer();
  }

  /** Kills it. */
  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
