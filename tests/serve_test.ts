// `deno task serve`: several workers in one process, which share a store.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SETTINGS } from "../lib/app/settings.ts";
import { Answers, checkExactlyOnce, PATIENT_LIMITS } from "./_exactly_once.ts";
import { readEvents, type ServerEvent, stateAfter } from "./_server.ts";
import { hasRedis, RedisServer } from "./stores/_redis.ts";
import { Upstream } from "./_upstream.ts";
import { readFlags } from "../without_jsr/flags.ts";

const root = new URL("../", import.meta.url);

/** The task, in a folder of its own. */
class Task implements AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  readonly process: Deno.ChildProcess;
  output = "";
  #reading: Promise<void>;
  #listens = Promise.withResolvers<void>();

  private constructor(
    folder: string,
    port: number,
    env: Record<string, string>,
  ) {
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    const none = Object.keys(SETTINGS).map((name) => [name, ""]);
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", `${root}start.ts`, "--parallel"],
      cwd: folder,
      env: {
        ...Object.fromEntries(none),
        HOST: "127.0.0.1",
        PORT: `${port}`,
        DENO_JOBS: "3",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([
      this.#read(this.process.stdout),
      this.#read(this.process.stderr),
    ]).then(() => this.#listens.reject(new Error(this.output)));
    this.#listens.promise.catch(() => {});
  }

  /** Resolves when it listens. */
  static async start(env: Record<string, string>): Promise<Task> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const task = new Task(await Deno.makeTempDir(), port, env);
    await task.#listens.promise;
    return task;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.output += decoder.decode(bytes, { stream: true });
      if (this.output.includes(`listens on ${this.url}/`)) {
        this.#listens.resolve();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await this.process.status;
    await this.#reading;
    await Deno.remove(this.folder, { recursive: true });
  }
}

function settings(upstream: Upstream): Record<string, string> {
  return { OPENAI_BASE_URL: upstream.url, OPENAI_MODEL: "m" };
}

/** Reads answers of the task's workers, and then looks at what it has left. */
async function checkWorkers(
  env: Record<string, string>,
  look: (task: Task) => Promise<void>,
): Promise<void> {
  const answers = new Answers();
  await using upstream = new Upstream((call) => {
    const { content } = call.body.messages.at(-1);
    answers.say(content, call, () => call.open);
  });
  const limits = { LIMITS: PATIENT_LIMITS };
  await using task = await Task.start({
    ...settings(upstream),
    ...limits,
    ...env,
  });
  await checkExactlyOnce([task.url], answers);
  await look(task);
}

Deno.test("exactly once over the workers of one server: SQLite", async () => {
  await checkWorkers({}, async ({ folder }) => {
    // All of it in the file, which is the task's own default.
    const { size } = await Deno.stat(`${folder}/answers.db`);
    assert(size > 0);
  });
});

Deno.test({
  name: "exactly once over the workers of one server: Redis",
  ignore: !hasRedis,
  async fn() {
    await using redis = await RedisServer.start();
    await checkWorkers({ STORE: redis.url }, async () => {
      assert(await redis.command("DBSIZE") !== ":0");
    });
  },
});

Deno.test("told to go, the workers let every answer end, and go together", async () => {
  await using upstream = new Upstream();
  await using task = await Task.start({
    ...settings(upstream),
    LIMITS: '{"drainSeconds":60,"streamsPerClient":100}',
  });
  const followers: Promise<ServerEvent[]>[] = [];
  for (let n = 0; n < 12; n++) {
    const calling = upstream.nextCall();
    const response = await fetch(`${task.url}/helloworld?prompt=${n}`);
    followers.push(Array.fromAsync(readEvents(response)));
    (await calling).say('{"title":"on');
  }
  task.process.kill("SIGTERM");
  // Each worker says so.
  while (task.output.split(" stopping\n").length <= 3) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const call of upstream.calls) {
    call.say('e"}');
    call.end();
  }
  for (const events of await Promise.all(followers)) {
    assertEquals(stateAfter(events), { title: "one" });
    assertEquals(events.at(-1)?.data.status, "end");
  }
  assertEquals((await task.process.status).code, 0);
});

Deno.test("several workers without a store are refused, with a sentence", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["serve", "--parallel", "--port", "0", "-A", "--quiet"],
      ...await readFlags([]),
      `${root}serve.ts`,
    ],
    env: { DENO_JOBS: "2", STORE: "" },
    stdin: "null",
    stdout: "null",
  }).output();
  assertEquals(code, 1);
  assertMatch(
    new TextDecoder().decode(stderr),
    /Cannot start: several workers need a STORE, such as sqlite:answers.db/,
  );
});
