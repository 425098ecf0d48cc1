/** Processes that share a store, and who follows them. */

import { DatabaseSync } from "node:sqlite";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { ServerProcess } from "../_process.ts";
import { readEvents, type ServerEvent, stateAfter, until } from "../_server.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";
import { type Engines, testEach } from "./_engines.ts";
import { hasRedis, RedisServer } from "./_redis.ts";

export const LEASE = 2;

/** What the processes share. */
export interface Shared extends AsyncDisposable {
  /** The setting. */
  store: string;
  /** Whether nobody is within a transaction just now. */
  isFree: () => boolean;
  redis?: RedisServer;
}

export const engines: Engines<Shared> = {
  SQLite: {
    ignore: false,
    async start() {
      const folder = await Deno.makeTempDir();
      const path = `${folder}/answers.db`;
      return {
        store: `sqlite:${path}`,
        isFree() {
          using database = new DatabaseSync(path);
          try {
            database.exec("BEGIN IMMEDIATE; ROLLBACK");
            return true;
          } catch {
            return false;
          }
        },
        [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
      };
    },
  },
  Redis: {
    ignore: !hasRedis,
    async start() {
      const redis = await RedisServer.start();
      return {
        store: redis.url,
        isFree: () => true,
        redis,
        [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
      };
    },
  },
};

/** Two processes, and the provider that both ask. */
export class Fleet implements AsyncDisposable {
  readonly upstream: Upstream;
  readonly a: ServerProcess;
  readonly b: ServerProcess;

  private constructor(upstream: Upstream, a: ServerProcess, b: ServerProcess) {
    this.upstream = upstream;
    this.a = a;
    this.b = b;
  }

  static async start(
    STORE: string,
    settings: Record<string, string> = {},
    upstream: Upstream = new Upstream(),
  ): Promise<Fleet> {
    const own = {
      STORE,
      OPENAI_BASE_URL: upstream.url,
      OPENAI_MODEL: "m",
      LIMITS: JSON.stringify({ leaseSeconds: LEASE, drainSeconds: 1 }),
      ...settings,
    };
    const [a, b] = await Promise.all([
      ServerProcess.start(own),
      ServerProcess.start(own),
    ]);
    return new Fleet(upstream, a, b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.a[Symbol.asyncDispose]();
    await this.b[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
  }
}

export function processTest(
  name: string,
  fn: (shared: Shared) => Promise<void>,
  names?: string[],
): void {
  testEach(engines, name, fn, names);
}

/**
 * Has a process stand still, but not within a transaction: there it would hold up
 * whoever writes.
 */
export async function suspend(
  process: ServerProcess,
  { isFree }: Shared,
): Promise<void> {
  for (;;) {
    process.signal("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (isFree()) return;
    process.signal("SIGCONT");
  }
}

export function ask({ url }: ServerProcess, id: string): Promise<Response> {
  return fetch(`${url}/helloworld?prompt=hi&id=${id}`);
}

/** One who follows, until the connection ends or breaks. */
export class Follower {
  readonly events: ServerEvent[] = [];
  readonly ended: Promise<void>;

  constructor(response: Response) {
    this.ended = this.#read(response);
  }

  async #read(response: Response): Promise<void> {
    try {
      for await (const event of readEvents(response)) this.events.push(event);
    } catch (error) {
      // Its server has died.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  get state(): unknown {
    return stateAfter(structuredClone(this.events));
  }

  get last(): ServerEvent | undefined {
    return this.events.at(-1);
  }

  async sees(text: string): Promise<void> {
    await until(() => `${JSON.stringify(this.state)}`.includes(text));
  }
}

/** Asks on one, follows on both, and lets the model say something. */
export async function begin(
  { a, b, upstream }: Fleet,
): Promise<
  { id: string; call: UpstreamCall; onA: Follower; onB: Follower }
> {
  const id = makeGenerationId();
  const calling = upstream.nextCall();
  const onA = new Follower(await ask(a, id));
  const call = await calling;
  call.say('{"title":"on');
  const onB = new Follower(await ask(b, id));
  await onA.sees("on");
  await onB.sees("on");
  return { id, call, onA, onB };
}
