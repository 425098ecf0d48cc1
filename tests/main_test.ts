// The program itself, started as the task "start" does.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SETTINGS } from "../lib/app/settings.ts";
import { DEMO_MODEL } from "../lib/models/demo/model.ts";
import { readEvents } from "./_server.ts";
import { Upstream } from "./_upstream.ts";

const root = import.meta.dirname + "/..";

/**
 * What `deno task start` gives to the program; `.env` not where it is the
 * repository's own, which is somebody's.
 */
async function flags(directory: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-read", "--allow-run"],
      `${root}/without_jsr/flags.ts`,
      "--server",
      ...(directory === root ? [] : ["--env-file"]),
    ],
    cwd: directory,
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).split(/\s+/).filter(Boolean);
}

/** The environment without settings. */
function bareEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) =>
      !Object.hasOwn(SETTINGS, name)
    ),
  );
}

/** A program that runs, or has ended. */
class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<void>;
  #changed = Promise.withResolvers<void>();
  /** What it has written: the log. */
  log = "";
  /** What it has written to the other stream. */
  readonly complaint: Promise<string>;
  readonly code: Promise<number>;

  constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.code = process.status.then(({ code }) => code);
    this.complaint = new Response(process.stderr).text();
    this.#output = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#process.stdout) {
      this.log += decoder.decode(bytes, { stream: true });
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    this.#changed.reject(new Error(`It ended: ${await this.complaint}`));
    this.#changed.promise.catch(() => {});
  }

  /** Resolves with the part of the log that matches. */
  async logged(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.log.match(pattern);
      if (match !== null) return match;
      await this.#changed.promise;
    }
  }

  /** Where it listens, with no slash at the end. */
  async url(): Promise<string> {
    const [, url] = await this.logged(/listens on (http:\S+)\/\n/);
    return url!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It had ended already.
    }
    await this.code;
    await this.#output;
    await this.complaint;
  }
}

let rootFlags: Promise<string[]> | undefined;

async function start(
  settings: Record<string, string>,
  directory = root,
): Promise<Program> {
  const own =
    await (directory === root ? rootFlags ??= flags(root) : flags(directory));
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--config", `${root}/deno.json`, ...own],
      `${root}/main.ts`,
    ],
    cwd: directory,
    clearEnv: true,
    env: { ...bareEnvironment(), NO_COLOR: "1", ...settings },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  return new Program(command.spawn());
}

const local = { HOST: "127.0.0.1", PORT: "0" };

/** The data of an answer's first event, and of its last. */
async function ask(url: string): Promise<[first: unknown, last: unknown]> {
  const response = await fetch(`${url}/helloworld?prompt=demo:fast`);
  const events = await Array.fromAsync(readEvents(response));
  return [events[0]!.data, events.at(-1)!.data];
}

Deno.test("without a key the demo model answers, and a key that lies around is not spent", async () => {
  await using upstream = new Upstream((call) => call.end());
  await using program = await start({
    ...local,
    OPENAI_API_KEY: "sk-lies-around",
    OPENAI_BASE_URL: upstream.url,
    OPENAI_ORG_ID: "org-lies-around",
    OPENAI_CUSTOM_HEADERS: "X-Lies: around",
    ARK_BASE_URL: upstream.url,
  });
  const url = await program.url();
  const [first, last] = await ask(url);
  assertEquals((first as { model: string }).model, DEMO_MODEL);
  assertEquals((last as { status: string }).status, "end");
  await program.logged(
    / generation \S+ end characters=\d+ tokens=\d+ first_token=\d+ms duration=\d+ms\n/,
  );
  assertMatch(program.log, /demo model answers .*Set ARK_API_KEY/);
  assertEquals(upstream.calls, []);
});

Deno.test("a provider that is chosen gets its key, and nothing else that lies around", async () => {
  await using upstream = new Upstream((call) => {
    call.say('{"title":"a","summary":"b"}');
    call.end("stop", { completion_tokens: 7 });
  });
  const around = {
    OPENAI_API_KEY: "sk-openai",
    OPENAI_ORG_ID: "org-no",
    OPENAI_CUSTOM_HEADERS: "Authorization: Bearer no\nX-Lies: around",
    MODEL_PARAMETERS: '{"temperature":0}',
  };
  const choices: [settings: Record<string, string>, key: string][] = [
    [{ OPENAI_MODEL: "m", OPENAI_BASE_URL: upstream.url }, "sk-openai"],
    [{
      OPENAI_MODEL: "no",
      OPENAI_BASE_URL: "http://127.0.0.1:1/v1",
      ARK_API_KEY: "ark-key",
      ARK_BASE_URL: upstream.url,
      ARK_MODEL: "m",
    }, "ark-key"],
  ];
  for (const [settings, key] of choices) {
    await using program = await start({ ...local, ...around, ...settings });
    const [first, last] = await ask(await program.url());
    assertEquals((first as { model: string }).model, "m");
    assertEquals((last as { usage: unknown }).usage, { completion_tokens: 7 });
    await program.logged(/ tokens=7 /);
    assertMatch(program.log, /^Warning: without ACCESS_TOKENS/m);
    const { headers, body } = upstream.calls.at(-1)!;
    assertEquals(headers.get("authorization"), `Bearer ${key}`);
    assertEquals([body.model, body.temperature], ["m", 0]);
    const sent = JSON.stringify([...headers]);
    assert(!/lies|org-no|stainless/i.test(sent), sent);
    assert(!program.log.includes(key));
  }
  assertEquals(upstream.calls.length, choices.length);
});

Deno.test("a provider is asked through the proxy that the environment names", async () => {
  await using proxy = new Upstream((call) => {
    call.say('{"title":"a","summary":"b"}');
    call.end();
  });
  await using program = await start({
    ...local,
    OPENAI_MODEL: "m",
    OPENAI_BASE_URL: "http://provider.invalid/v1",
    HTTP_PROXY: new URL(proxy.url).origin,
    NO_PROXY: "",
  });
  const events = await ask(await program.url());
  assertEquals((events.at(-1) as { status: string }).status, "end");
  assertEquals(proxy.calls[0]!.headers.get("host"), "provider.invalid");
});

Deno.test("all mistakes in the settings are told before anything listens", async () => {
  await using program = await start({
    PORT: "http",
    LIMITS: '{"depth":0}',
    RESPONSE_FORMAT: "xml",
    MODEL_PARAMETERS: "[]",
    SCHEMA_FILE: "deno.json",
    ARK_API_KEY: "two words",
  });
  assertEquals(await program.code, 1);
  assertEquals(program.log, "");
  const [title, ...lines] = (await program.complaint).trimEnd().split("\n");
  assertEquals(title, "Cannot start: the settings are wrong");
  assertEquals(lines.map((line) => line.split(": expected ")[0]).sort(), [
    ...["ARK_API_KEY", "LIMITS", "MODEL_PARAMETERS", "PORT"],
    ...["RESPONSE_FORMAT", "SCHEMA_FILE"],
  ]);
});

Deno.test("a port in use is one line", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  await using program = await start({ ...local, PORT: String(port) });
  assertEquals(await program.code, 1);
  listener.close();
  assertEquals(
    await program.complaint,
    `Cannot start: port ${port} is in use; set PORT to another one\n`,
  );
});

Deno.test("an address that is not this machine's is one line", async () => {
  // TEST-NET-1 (RFC 5737): nobody's.
  await using program = await start({ ...local, HOST: "192.0.2.1" });
  assertEquals(await program.code, 1);
  assertMatch(
    await program.complaint,
    /^Cannot start: cannot listen on HOST 192\.0\.2\.1 and PORT \d+ \(.*\)\n$/,
  );
});

Deno.test("settings are read from .env, and the environment comes first", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const schema = { type: "array", items: { type: "string" } };
    await Deno.writeTextFile(
      `${directory}/schema.json`,
      JSON.stringify(schema),
    );
    await Deno.writeTextFile(
      `${directory}/.env`,
      "HOST=127.0.0.1\nPORT=no\nSCHEMA_FILE=schema.json\n",
    );
    await using program = await start({ PORT: "0" }, directory);
    const [, last] = await ask(await program.url());
    assertEquals((last as { valid: boolean }).valid, true);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the first command says little, where the page is last, and ends when it is told to", async () => {
  const none = Object.keys(SETTINGS).map((name) => [name, ""]);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["task", "start"],
    cwd: root,
    env: { ...Object.fromEntries(none), NO_COLOR: "1", ...local },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  await using program = new Program(command.spawn());
  const url = await program.url();
  const [first] = await ask(url);
  assertEquals((first as { status: string }).status, "start");
  const said = program.log;
  await program[Symbol.asyncDispose]();
  assertEquals(await program.code, 0);
  // What is fetched before the first start, Deno says by itself.
  const complaint = (await program.complaint).split("\n")
    .filter((line) => !line.startsWith("Download "));
  const lines = [...complaint, ...said.split("\n")]
    .filter((line) => line !== "" && !line.includes(" generation "));
  assertEquals(lines, [
    "Task start deno -A start.ts",
    "The built-in demo model answers (/helloworld: any question). Set ARK_API_KEY for a real one.",
    `fieldstream listens on ${url}/`,
  ]);
});

/** What a module needs, as `deno info --json` tells it. */
interface ModuleInfo {
  specifier: string;
  dependencies?: {
    code?: { specifier: string };
    npmPackage?: string;
    isDynamic?: boolean;
  }[];
}

Deno.test("no large package is loaded before it is needed", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--config", "deno.json", "main.ts"],
    cwd: root,
  }).output();
  const { roots, modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    roots: string[];
    modules: ModuleInfo[];
  };
  const byName = new Map(modules.map((each) => [each.specifier, each]));
  const packages = (isDynamicToo: boolean) => {
    const reached = new Set(roots);
    for (const name of reached) {
      for (const { code, isDynamic } of byName.get(name)?.dependencies ?? []) {
        if (code !== undefined && (isDynamicToo || !isDynamic)) {
          reached.add(code.specifier);
        }
      }
    }
    // JSR's are small, and not there where JSR cannot be reached.
    return [...reached].map((name) => /^npm:\/?(@?[^@]+)/.exec(name)?.[1])
      .filter((name) => name !== undefined).sort();
  };
  const atOnce = ["limiter", "lru-cache"];
  const later = ["@opentelemetry/api", "@redis/client", "negotiator", "openai"];
  assertEquals(packages(false), atOnce);
  assertEquals(packages(true), [...atOnce, ...later].sort());
});
