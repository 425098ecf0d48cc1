// The lines of the READMEs for nginx, Caddy and haproxy, each in the program that
// it is for, as Debian has it: over TLS, and on a name with a port.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeCertificate } from "../_certificate.ts";
import {
  type ModelCall,
  readEvents,
  ScriptedModel,
  type ServerEvent,
  startServer,
  stateAfter,
  TestClock,
  testConfig,
  until,
} from "../_server.ts";

const root = new URL("../../", import.meta.url);
const TOKEN = "token-of-alice-0123456789";
const BEARER = { authorization: `Bearer ${TOKEN}` };
const LINGER = 15;
/** What hangs is given up: far more than anything here takes. */
const PATIENCE = 120_000;
/** A model's usual pause between two tokens, in milliseconds. */
const TOKEN_GAP = 50;
/** So many tokens in a row have to be seen before the next one is said. */
const IN_TIME = 8;
/** So many tokens may be said until then. */
const TOKENS = 400;

/** A program that stands between browsers and the server. */
interface Program {
  name: string;
  /** How the READMEs mark its lines. */
  language: string;
  /** Its command line for a file with lines. */
  args(file: string): string[];
  /** The READMEs' lines on this machine, and what the file holds besides. */
  adapt(lines: string, place: Place): string;
}

/** Where a program is to listen, and what it needs there. */
interface Place {
  port: number;
  /** The same without TLS. */
  plainPort: number;
  upstream: string;
  /** A directory of its own, with `certificate.pem`, `key.pem` and `both.pem`. */
  directory: string;
}

/** Replaces what stands in the lines once: they are what they are. */
function replaceEach(
  lines: string,
  replacements: Record<string, string>,
): string {
  for (const [from, to] of Object.entries(replacements)) {
    assertEquals(lines.split(from).length, 2, `one ${from} in\n${lines}`);
    lines = lines.replace(from, () => to);
  }
  return lines;
}

const PROGRAMS: Program[] = [
  {
    name: "nginx",
    language: "nginx",
    args: (file) => ["-c", file, "-e", "stderr"],
    adapt: (lines, { port, plainPort, upstream, directory }) =>
      `daemon off; master_process off; pid ${directory}/pid; events {}
      http {
        access_log off;
        # As many a distribution has it.
        gzip on; gzip_types *; gzip_proxied any;
        ${
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
          .map((what) => `${what}_temp_path ${directory}/${what};`).join("\n")
      }
        ${
        replaceEach(lines, {
          "listen 443":
            `listen 127.0.0.1:${plainPort}; listen 127.0.0.1:${port}`,
          "/etc/ssl/fields.example.pem": `${directory}/certificate.pem`,
          "/etc/ssl/fields.example.key": `${directory}/key.pem`,
          "127.0.0.1:5001": upstream,
        })
      }
      }`,
  },
  {
    name: "caddy",
    language: "caddyfile",
    args: (file) => ["run", "--adapter", "caddyfile", "--config", file],
    adapt: (lines, { port, plainPort, upstream, directory }) =>
      [
        `{\nadmin off\nauto_https off\n}`,
        ...[
          `https://localhost:${port} {\ntls ${directory}/certificate.pem ${directory}/key.pem`,
          `http://localhost:${plainPort} {`,
        ].map((site) =>
          replaceEach(lines, {
            "fields.example {": `${site}\nbind 127.0.0.1\nencode gzip`,
            "127.0.0.1:5001": upstream,
          })
        ),
      ].join("\n"),
  },
  {
    name: "haproxy",
    language: "haproxy",
    args: (file) => ["-q", "-db", "-f", file],
    adapt: (lines, { port, plainPort, upstream, directory }) =>
      replaceEach(lines, {
        "bind :443": `bind 127.0.0.1:${plainPort}\n  bind 127.0.0.1:${port}`,
        "/etc/ssl/fields.example.pem": `${directory}/both.pem`,
        "127.0.0.1:5001": upstream,
      }),
  },
];

/** What stands in a README between fences of a language. */
async function readLines(page: string, language: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(page, root));
  const blocks = [
    ...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs")),
  ];
  assertEquals(blocks.length, 1, `${language} in ${page}`);
  return blocks[0]![1]!;
}

/** Whether a test can run. Under CI it has to. */
async function isInstalled(name: string): Promise<boolean> {
  if (Deno.env.get("CI") === "true") return true;
  try {
    await new Deno.Command(name, { args: ["-v"], ...QUIET }).output();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log(
      `${name} is not installed: what needs it is skipped (apt-get install ${name})`,
    );
    return false;
  }
}

const QUIET = { stdin: "null", stdout: "null", stderr: "null" } as const;

/** A program that runs with the READMEs' lines. */
class RunningProxy implements AsyncDisposable {
  /** With no slash at its end. */
  readonly url: string;
  /** The same without TLS. */
  readonly plainUrl: string;
  readonly certificate: string;
  readonly #process: Deno.ChildProcess;
  readonly #directory: string;

  private constructor(
    process: Deno.ChildProcess,
    { port, plainPort, directory }: Place,
    certificate: string,
  ) {
    this.#process = process;
    this.url = `https://localhost:${port}`;
    this.plainUrl = `http://localhost:${plainPort}`;
    this.certificate = certificate;
    this.#directory = directory;
  }

  /** Starts it in front of a server; resolves when it listens. */
  static async start(
    { name, language, args, adapt }: Program,
    target: string,
  ): Promise<RunningProxy> {
    const directory = await Deno.makeTempDir({ prefix: "fieldstream-" });
    const { cert } = await makeCertificate(directory);
    const [port, plainPort] = freePorts();
    const upstream = new URL(target).host;
    const place = { port, plainPort, upstream, directory };
    const lines = await readLines("README.md", language);
    const file = `${directory}/configuration`;
    await Deno.writeTextFile(file, adapt(lines, place));
    const process = new Deno.Command(name, {
      args: args(file),
      env: { XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
      ...QUIET,
      // What it complains of is worth seeing; Caddy tells its life there.
      stderr: name === "caddy" ? "null" : "inherit",
    }).spawn();
    const proxy = new RunningProxy(process, place, cert);
    let hasEnded = false;
    process.status.then(() => hasEnded = true);
    for (;;) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return proxy;
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
        if (hasEnded) {
          await proxy[Symbol.asyncDispose]();
          throw new Error(`Cannot start ${name}: it has ended`);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** Two ports at which nobody listens. */
function freePorts(): [number, number] {
  const listeners = [0, 0].map((port) =>
    Deno.listen({ hostname: "127.0.0.1", port })
  );
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports as [number, number];
}

/**
 * Says tokens at a model's usual pace until several in a row were seen before
 * the next one was said: a slow machine is late now and then, what holds events
 * back always is.
 */
async function speak(
  call: ModelCall,
  events: AsyncIterable<ServerEvent>,
): Promise<void> {
  let seen = 0;
  const reading = (async () => {
    for await (const { data } of events) {
      seen += data.data?.title?.length ?? 0;
    }
  })();
  call.say('{"title":"');
  let inTime = 0;
  for (let said = 1; inTime < IN_TIME; said++) {
    assert(said < TOKENS, "events are held back");
    call.say("x");
    await new Promise((resolve) => setTimeout(resolve, TOKEN_GAP));
    inTime = seen === said ? inTime + 1 : 0;
  }
  call.say('"}');
  call.end();
  await reading;
}

Deno.test("both READMEs hold the same lines for proxies", async () => {
  for (const { language } of PROGRAMS) {
    assertEquals(
      await readLines("README.zh-CN.md", language),
      await readLines("README.md", language),
    );
  }
});

for (const program of PROGRAMS) {
  Deno.test({
    name: `behind ${program.name}, with the README's lines, all goes through`,
    ignore: !await isInstalled(program.name),
    async fn(t) {
      const clock = new TestClock();
      const model = new ScriptedModel();
      const config = testConfig({
        accessTokens: [TOKEN],
        trustProxy: true,
        limits: { lingerSeconds: LINGER },
      });
      await using server = startServer({ ask: model.ask, config, clock });
      await using proxy = await RunningProxy.start(program, server.url);
      for (const http2 of [true, false]) {
        using client = Deno.createHttpClient({
          caCerts: [proxy.certificate],
          http1: !http2,
          http2,
        });
        const stopped = new AbortController();
        const patience = setTimeout(() => stopped.abort(), PATIENCE);
        /** Asks as a page of this address does. */
        const send = (path: string, init: RequestInit = {}) =>
          fetch(new URL(path, proxy.url), {
            ...init,
            headers: { origin: proxy.url, ...init.headers },
            client,
            signal: stopped.signal,
          });
        const version = http2 ? "HTTP/2" : "HTTP/1.1";
        let cookie = "";

        await t.step(`${version}: sign-in`, async () => {
          const response = await send("/session", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ token: TOKEN }),
          });
          assertEquals(response.status, 204);
          const set = response.headers.get("set-cookie")!;
          assertMatch(set, /^__Host-fieldstream=[\w-]{43};.*Secure/);
          cookie = set.split(";")[0]!;
        });

        const ask = async (prompt: string, url = proxy.url) => {
          const called = model.nextCall();
          const own = url === proxy.url ? { cookie } : BEARER;
          const response = await send(`${url}/helloworld`, {
            method: "POST",
            headers: { ...own, "content-type": "application/json" },
            body: JSON.stringify({ prompt }),
          });
          assertEquals(response.status, 200, await failureOf(response));
          assertEquals(response.headers.get("content-encoding"), null);
          const events = readEvents(response);
          // It comes before the model has said anything.
          const { value: start } = await events.next();
          assertEquals(start!.data.status, "start");
          return { call: await called, events, id: start!.data.id as string };
        };

        await t.step(`${version}: tokens are not held back`, async () => {
          const { call, events } = await ask("tokens");
          await speak(call, events);
        });

        await t.step(`${version}: resume, and leaving`, async () => {
          const { call, events, id } = await ask("resume");
          call.say('{"title":"Hello');
          const { value: first } = await events.next();
          await events.return(undefined);
          await until(() => server.budgets.openStreams === 0);
          assertEquals(call.signal.aborted, false);
          call.say(", world");
          const again = await send(`/helloworld?id=${id}`, {
            headers: { cookie, "last-event-id": first!.id },
          });
          assertEquals(again.status, 200, await failureOf(again));
          const more = readEvents(again);
          const { value: second } = await more.next();
          assertEquals(second!.data.data, { title: ", world" });
          assertEquals(stateAfter([first!, second!]), {
            title: "Hello, world",
          });
          // The last reader leaves, and does not come back.
          await more.return(undefined);
          await until(() => server.budgets.openStreams === 0);
          clock.tick(LINGER * 1000);
          await until(() => call.signal.aborted);
        });

        await t.step(`${version}: DELETE`, async () => {
          const { call, events, id } = await ask("stop");
          const response = await send(`/helloworld?id=${id}`, {
            method: "DELETE",
            headers: { cookie },
          });
          assertEquals(response.status, 204);
          const rest = await Array.fromAsync(events);
          assertEquals(rest.at(-1)!.data.code, "stopped");
          assertEquals(call.signal.aborted, true);
        });
        if (!http2) {
          // There the kernel is told when to wait for more, and of what.
          await t.step("without TLS: tokens are not held back", async () => {
            const { call, events } = await ask("tokens", proxy.plainUrl);
            await speak(call, events);
          });
        }
        clearTimeout(patience);
      }
      assertEquals(server.errors, []);
    },
  });
}

/** What a refusal says; of a stream nothing is read. */
async function failureOf(response: Response): Promise<string> {
  return response.ok ? "" : await response.text();
}
