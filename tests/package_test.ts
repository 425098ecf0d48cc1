// The package as others install it: packed, put into an empty folder beside the
// packages that docs/embed.md names, and run in Node, Deno, Bun and workerd.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeGenerationId } from "../lib/answers/id.ts";
import { readEvents, stateAfter } from "./_server.ts";
import { Upstream } from "./_upstream.ts";

const root = new URL("../", import.meta.url).pathname;

/** What the examples name, and what runs and checks them. */
const PACKAGES = [
  ...["hono@4", "@hono/node-server@2", "express@5", "next@16", "react@19"],
  ...["react-dom@19", "vue@3", "ai@7", "@ai-sdk/openai-compatible@3"],
  ...["@anthropic-ai/sdk", "miniflare@4", "esbuild", "node@22", "bun@1"],
  ...["typescript@5", "@types/express@5", "@types/node@22", "@types/react@19"],
  ...["@cloudflare/workers-types@5", "zod@4"],
];

/** Runs a program to its end; fails with what it said if it fails. */
async function run(
  cwd: string,
  command: string,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  const said = decoder.decode(stdout) + decoder.decode(stderr);
  assert(success, `${command} ${args.join(" ")}\n${said}`);
  return said;
}

/** The folder into which the package is installed, made once for all tests. */
let installed: Promise<string> | undefined;

function install(): Promise<string> {
  return installed ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "package_test_" });
    await run(
      root,
      Deno.execPath(),
      ...["pack", "--allow-dirty", "--no-source-maps", "--quiet"],
      ...["--output", `${folder}/fieldstream.tgz`],
    );
    await Deno.writeTextFile(`${folder}/package.json`, '{"type":"module"}');
    await run(
      folder,
      "npm",
      ...["install", "--no-audit", "--no-fund"],
      ...["./fieldstream.tgz", ...PACKAGES],
    );
    return folder;
  })();
}

addEventListener("unload", () => {
  installed?.then((folder) => Deno.removeSync(folder, { recursive: true }));
});

/** The examples of docs/embed.md, by the names in their first lines. */
async function examples(): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(`${root}docs/embed.md`);
  const blocks = text.matchAll(/^```ts ignore\n\/\/ (\S+)\n(.*?)^```$/gms);
  return new Map([...blocks].map(([, name, code]) => [name!, code!]));
}

/** What llms.txt has for agents to copy, by the files' names. */
async function agentsCode(): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(`${root}llms.txt`);
  const blocks = text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms);
  return new Map([...blocks].map(([, name, code]) => [name!, code!]));
}

/** A port that is free now. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** What `yours.ts` is in the tests. */
function yours(upstream: string, saved: string): string {
  return `
import { createMiddleware } from "hono/factory";

export type Env = { Variables: { user: { id: string } } };
export const apiKey = "key";
export const baseURL = "${upstream}";
export const schema = {
  type: "object",
  properties: { title: { type: "string" } },
  required: ["title"],
};
export const db = {
  async save(owner: string, value: unknown): Promise<void> {
    await real("${saved}", {
      method: "POST",
      body: JSON.stringify({ owner, value }),
    });
  },
};
export const userOf = (headers: Record<string, unknown>): string =>
  String(headers["x-user"]);
export const login = createMiddleware<Env>(async (c, next) => {
  c.set("user", { id: userOf(c.req.header()) });
  await next();
});

// OpenAI is the test's.
const real = globalThis.fetch;
globalThis.fetch = ((input: string | URL, init?: RequestInit) =>
  real(
    String(input).replace("https://api.openai.com/v1", baseURL),
    init,
  )) as typeof fetch;
`;
}

/** A host of the package: a program in a folder of its own. */
interface Host {
  /** The examples it consists of. */
  files: string[];
  /** What is changed in them, and added to them. */
  change?: (code: string, port: number) => string;
  more?: (port: number) => Record<string, string>;
  command: (folder: string, port: number) => [string, ...string[]];
}

const listenOn = (port: number) => `port: ${port}, hostname: "127.0.0.1"`;

const hosts: Record<string, Host> = {
  "Hono in Deno": {
    files: ["hono.ts"],
    command: (_, port) => [
      ...[Deno.execPath(), "serve", "--allow-all", "--no-check"] as const,
      ...["--host", "127.0.0.1", "--port", `${port}`, "hono.ts"],
    ],
  },
  "Hono in Node": {
    files: ["hono.ts", "hono_node.ts"],
    change: (code, port) => code.replace("port: 3000", listenOn(port)),
    command: (folder) => [`${folder}/node_modules/.bin/node`, "hono_node.ts"],
  },
  "Hono in Bun": {
    files: ["hono.ts"],
    more: (port) => ({
      "main.ts": `import app from "./hono.ts";
        Bun.serve({ fetch: app.fetch, ${listenOn(port)} });`,
    }),
    command: (folder) => [
      `${folder}/node_modules/bun/bin/bun.exe`,
      ...["run", "main.ts"],
    ],
  },
  "Express": {
    files: ["express.ts"],
    change: (code, port) =>
      code.replace("app.listen(3000)", `app.listen(${port}, "127.0.0.1")`),
    command: (folder) => [`${folder}/node_modules/.bin/node`, "express.ts"],
  },
  "Next": {
    files: ["app/api/recipe/route.ts"],
    more: () => ({
      "app/layout.tsx":
        "export default ({ children }) => <html><body>{children}</body></html>;",
      "tsconfig.json": JSON.stringify({
        compilerOptions: { allowImportingTsExtensions: true, noEmit: true },
      }),
      "next.config.js":
        "export default { typescript: { ignoreBuildErrors: true } };",
    }),
    command: (folder, port) => [
      `${folder}/node_modules/.bin/node`,
      `${folder}/node_modules/next/dist/bin/next`,
      ...["dev", "--hostname", "127.0.0.1", "--port", `${port}`],
    ],
  },
  "a Durable Object": {
    files: ["worker.ts"],
    more: (port) => ({
      "main.js": `
        import { buildSync } from "esbuild";
        import { Miniflare } from "miniflare";
        buildSync({
          entryPoints: ["worker.ts"],
          outfile: "worker.js",
          bundle: true,
          format: "esm",
          platform: "browser",
          conditions: ["workerd", "worker", "browser"],
          external: ["cloudflare:workers", "node:*"],
        });
        const worker = new Miniflare({
          modules: true,
          scriptPath: "worker.js",
          compatibilityDate: "2026-01-01",
          durableObjects: { ANSWERS: "Answer" },
          host: "127.0.0.1",
          port: ${port},
        });
        await worker.ready;`,
    }),
    command: (folder) => [`${folder}/node_modules/.bin/node`, "main.js"],
  },
};

/** A program that ends with the test. */
class Running implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<unknown>;
  output = "";
  ended = false;

  constructor(
    cwd: string,
    [command, ...args]: [string, ...string[]],
    env: Record<string, string> = {},
  ) {
    this.#process = new Deno.Command(command, {
      args,
      cwd,
      env: { NO_COLOR: "1", NEXT_TELEMETRY_DISABLED: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr, status } = this.#process;
    const listen = async (stream: ReadableStream<Uint8Array>) => {
      const text = stream.pipeThrough(
        new TextDecoderStream() as TransformStream<Uint8Array, string>,
      );
      for await (const piece of text) this.output += piece;
    };
    status.then(() => this.ended = true);
    this.#output = Promise.all([listen(stdout), listen(stderr), status]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its children, such as workerd, go with it.
    if (!this.ended) this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await this.#output;
    clearTimeout(timer);
  }
}

for (const [name, host] of Object.entries(hosts)) {
  Deno.test(`an answer is cut, resumed and saved in ${name}`, async () => {
    const folder = await install();
    const own = await Deno.makeTempDir({ dir: folder });
    await using upstream = new Upstream();
    const saved = Promise.withResolvers<unknown>();
    await using database = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        saved.resolve(await request.json());
        return new Response();
      },
    );
    const port = freePort();
    const blocks = await examples();
    const files: Record<string, string> = {
      "package.json": '{"type":"module"}',
      ...host.more?.(port),
    };
    for (const file of host.files) {
      const code = blocks.get(file);
      assert(code !== undefined, `docs/embed.md has no ${file}`);
      files[file] = host.change?.(code, port) ?? code;
    }
    const beside = host.files[0]!.replace(/[^/]*$/, "yours.ts");
    files[beside] = yours(
      upstream.url,
      `http://127.0.0.1:${database.addr.port}/`,
    );
    for (const [path, code] of Object.entries(files)) {
      const at = `${own}/${path}`;
      await Deno.mkdir(at.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(at, code);
    }
    await using running = new Running(own, host.command(folder, port));
    await followCutAndResume(`http://127.0.0.1:${port}`, running, upstream);
    assertEquals(await saved.promise, {
      owner: "ann",
      value: { title: "Soup" },
    });
  });
}

Deno.test("the provider's fetch reads by node:http in Node, and not in Bun", async () => {
  const folder = await install();
  const file = `${await Deno.makeTempDir({ dir: folder })}/ask.mjs`;
  await Deno.writeTextFile(
    file,
    `import { createProviderFetch } from "@fieldstream/fieldstream/provider-fetch";
    const ask = createProviderFetch();
    for (const body of ['{"whole":true}', '{"whole":false}']) {
      const response = await ask(process.argv[2], { method: "POST", body });
      const text = await response.text().catch(() => "broken");
      console.log(response.status, text);
    }`,
  );
  const runtimes: [encoding: RegExp, ...command: string[]][] = [
    [/^identity$/, `${folder}/node_modules/.bin/node`, file],
    [/gzip/, `${folder}/node_modules/bun/bin/bun.exe`, "run", file],
  ];
  for (const [encoding, program, ...args] of runtimes) {
    await using upstream = new Upstream((call) => {
      if (call.body.whole) call.respond(new Response("hello"));
      else call.kill();
    });
    const { stdout } = await new Deno.Command(program!, {
      args: [...args, upstream.url],
      stderr: "inherit",
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "200 hello\n200 broken\n");
    for (const { headers } of upstream.calls) {
      assertMatch(headers.get("accept-encoding")!, encoding);
    }
  }
});

/** What a client of a host does, and what it must see. */
async function followCutAndResume(
  base: string,
  running: Running,
  upstream: Upstream,
): Promise<void> {
  const url = `${base}/api/recipe?id=${makeGenerationId()}`;
  const ask = (user: string, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: "POST",
      headers: {
        "x-user": user,
        "content-type": "application/json",
        ...headers,
      },
      body: '{"input":{"dish":"soup"}}',
    });
  let first: Response | undefined;
  while (first === undefined) {
    assert(!running.ended, running.output);
    first = await ask("ann").catch(() => undefined);
    if (first === undefined) await new Promise((done) => setTimeout(done, 100));
  }
  assertEquals(first.status, 200, running.output);
  const call = await upstream.nextCall();
  assertEquals(call.body.messages.at(-1).content, "A recipe for soup");
  call.say('{"title":"So');
  const events = [];
  for await (const event of readEvents(first)) {
    events.push(event);
    if (event.data.data?.title === "So") break;
  }
  const position = { "last-event-id": events.at(-1)!.id };
  for (const headers of [{}, position]) {
    const stranger = await ask("bob", headers);
    assertEquals([stranger.status, (await stranger.json()).code], [
      410,
      "expired",
    ]);
  }
  const second = await ask("ann", position);
  call.say('up"}');
  call.end();
  for await (const event of readEvents(second)) events.push(event);
  assertEquals(events.at(-1)!.data.valid, true, running.output);
  assertEquals(stateAfter(events), { title: "Soup" });
  assertEquals(upstream.calls.length, 1);
}

Deno.test("the tarball holds what the entries reach, with types for each, and no more", async () => {
  const folder = await install();
  const own = `${folder}/node_modules/@fieldstream/fieldstream`;
  const { exports, dependencies } = JSON.parse(
    await Deno.readTextFile(`${own}/package.json`),
  );
  const { exports: entries } = JSON.parse(
    await Deno.readTextFile(`${root}deno.json`),
  );
  assertEquals(Object.keys(exports), Object.keys(entries));
  // Whoever imports "./react" or "./vue" has one; nobody else gets them.
  for (const name of ["react", "vue"]) {
    assert(!Object.hasOwn(dependencies, name), name);
    const code = await Deno.readTextFile(`${own}/static/${name}.js`);
    assert(code.includes(` from "${name}"`));
  }
  const reached = new Set<string>();
  const visit = async (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    const code = await Deno.readTextFile(`${own}/${path}`);
    const imports = code.replaceAll(/\/\*.*?\*\//gs, "").matchAll(
      /(?:\bfrom|\bimport) ?\(?\s*"(\.{1,2}\/[^"]+)"/g,
    );
    for (const [, name] of imports) {
      await visit(new URL(name!, `file:///${path}`).pathname.slice(1));
    }
  };
  for (
    const { types, default: code } of Object.values(
      exports as Record<string, { types: string; default: string }>,
    )
  ) {
    await visit(types.slice(2));
    await visit(code.slice(2));
  }
  const held: string[] = [];
  const list = async (path: string) => {
    for await (const { name, isDirectory } of Deno.readDir(`${own}/${path}`)) {
      if (isDirectory) await list(`${path}${name}/`);
      else held.push(`${path}${name}`);
    }
  };
  await list("");
  const unneeded = held.filter((path) =>
    !reached.has(path) &&
    !/^(package\.json|README\.md|LICENSE|llms\.txt)$/.test(path) &&
    // What an entry's own types do not need is there with its module.
    !reached.has(path.replace(/\.d\.ts$/, ".js")) &&
    // Deno makes types of the types of static/ too.
    !path.endsWith(".d.ts.d.ts") &&
    // What React and Vue are here.
    !path.startsWith("lib/peers/")
  );
  assertEquals(unneeded, []);
  for (const path of held) {
    const text = await Deno.readTextFile(`${own}/${path}`);
    assert(!text.includes(root), `${path} names this machine`);
  }
});

Deno.test("the examples satisfy tsc --strict, by both ways of resolving", async () => {
  const folder = await install();
  const own = await Deno.makeTempDir({ dir: folder });
  const code = await examples();
  code.set("yours.ts", yours("http://localhost/v1", "http://localhost/"));
  code.set("app/api/recipe/yours.ts", code.get("yours.ts")!);
  code.set(
    "entries.ts",
    `import { applyDelta, JsonPatchParser } from "@fieldstream/fieldstream";
     import { streamFields } from "@fieldstream/fieldstream/client";
     import { useField, useFieldStream } from "@fieldstream/fieldstream/react";
     import * as vue from "@fieldstream/fieldstream/vue";
     import { z } from "zod";
     const answer = useFieldStream<{ title: string }>("/api/recipe", {
       input: { dish: "soup" },
       immediate: false,
       onState: (state) => state.title?.length,
     });
     export const title: string | undefined = answer.state?.title;
     export const field = useField(answer, "/title");
     export const ref = vue.useFieldStream<{ title: string }>("/api/recipe");
     export const shown: string | undefined = ref.state.value?.title;
     const steps: number = useField(answer, "/steps", (all) => Number(all.length));
     const schema = z.object({ title: z.string(), steps: z.array(z.string()) });
     const judged = useFieldStream("/api/recipe", {
       schema,
       onState: (state) => state.steps?.at(0)?.length,
     });
     export const step: string | undefined = judged.state?.steps?.[0];
     const followed = streamFields("/api/recipe", { schema });
     export const known: string | undefined = followed.state?.title;
     export const last = async () => (await followed.finished).state?.steps?.[steps];
     // @ts-expect-error A schema says what there is.
     judged.state?.name;
     // @ts-expect-error It says it to all.
     followed.state?.name;
     // @ts-expect-error There is no such member.
     answer.state?.name;
     // @ts-expect-error Nor here.
     ref.state.value?.name;
     const stream = streamFields("/api/recipe", { prompt: "p" });
     const id: string = stream.id;
     const operations = new JsonPatchParser().write("{");
     export { applyDelta, id, operations };
     // @ts-expect-error A mistake is seen, so the types are there.
     streamFields(5);`,
  );
  for (const [path, text] of code) {
    await Deno.mkdir(`${own}/${path}`.replace(/\/[^/]*$/, ""), {
      recursive: true,
    });
    await Deno.writeTextFile(`${own}/${path}`, text);
  }
  const strict = ["--noEmit", "--strict", "--skipLibCheck"];
  const syntax = ["--allowImportingTsExtensions", "--target", "esnext"];
  const names = [...code.keys()].filter((name) => name !== "worker.ts");
  const node = `${folder}/node_modules/.bin/node`;
  const tsc = `${folder}/node_modules/typescript/bin/tsc`;
  for (
    const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ] as const
  ) {
    const how = ["--module", module, "--moduleResolution", resolution];
    await run(own, node, tsc, ...strict, ...syntax, ...how, ...names);
    await run(
      own,
      node,
      tsc,
      ...[...strict, ...syntax, ...how, "--lib", "esnext"],
      ...["--types", "@cloudflare/workers-types", "worker.ts"],
    );
  }
});

Deno.test("what llms.txt says can be done is done by its code alone", async () => {
  const folder = await install();
  const text = await Deno.readTextFile(`${root}llms.txt`);
  assert(text.trimEnd().split("\n").length <= 60);
  const own = `${folder}/node_modules/@fieldstream/fieldstream`;
  assertEquals(await Deno.readTextFile(`${own}/llms.txt`), text);
  const code = await agentsCode();
  // No block is left out.
  assertEquals(text.match(/^```./gm)?.length, code.size);
  const port = freePort();
  const url = `http://127.0.0.1:${port}/api/recipe`;
  const at = await Deno.makeTempDir({ dir: folder });
  const files: Record<string, string> = {
    "package.json": '{"type":"module"}',
    ...Object.fromEntries(code),
    // A browser's are relative.
    "source.ts": `${
      code.get("events.ts")!.replace('"/api', `"${new URL(url).origin}/api`)
    }
      source.addEventListener("message", () => console.log(JSON.stringify(state)));`,
    "main.ts": `import { recipe } from "./client.ts";
      const id = process.argv[2]!;
      console.log(JSON.stringify(await recipe("${url}", "soup", id)));`,
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${at}/${name}`, text);
  }
  const node = `${folder}/node_modules/.bin/node`;
  const tsc = `${folder}/node_modules/typescript/bin/tsc`;
  for (
    const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ] as const
  ) {
    const how = ["--module", module, "--moduleResolution", resolution];
    const strict = ["--strict", "--skipLibCheck", "--target", "esnext"];
    const files = ["--jsx", "react-jsx"];
    await run(
      at,
      node,
      tsc,
      "--noEmit",
      ...how,
      ...strict,
      ...files,
      ...code.keys(),
    );
  }
  await using upstream = new Upstream();
  await using server = new Running(at, [node, "server.ts"], {
    OPENAI_API_KEY: "key",
    OPENAI_BASE_URL: upstream.url,
    PORT: `${port}`,
  });
  await until(() => fetch(url, { method: "HEAD" }), server);
  const id = makeGenerationId();
  const first = run(at, node, "main.ts", id);
  const call = await upstream.nextCall();
  assertEquals(call.body.messages.at(-1).content, "A recipe for soup");
  call.say('{"title":"Soup","steps":["Boi');
  // Another one is cut after the title, and gets the rest by hand.
  const events = [];
  for await (const event of readEvents(await fetch(`${url}?id=${id}`))) {
    events.push(event);
    if (event.data.data?.steps) break;
  }
  const rest = await fetch(`${url}?id=${id}`, {
    headers: { "Last-Event-ID": events.at(-1)!.id },
  });
  call.say('l"]}');
  call.end();
  for await (const event of readEvents(rest)) events.push(event);
  const value = { title: "Soup", steps: ["Boil"] };
  assertEquals(stateAfter(events), value);
  // So does the client; and who asks with its id once more sees all of it.
  for (const said of [await first, await run(at, node, "main.ts", id)]) {
    assertEquals(lastOf(said), { status: "end", state: value });
  }
  assertEquals(upstream.calls.length, 1);
  assert(server.output.includes("ann end"), server.output);
  const source = run(at, node, "--experimental-eventsource", "source.ts");
  const second = await upstream.nextCall();
  second.say(JSON.stringify(value));
  second.end();
  assertEquals(lastOf(await source), value);
});

/** The last object that a program has printed. */
function lastOf(output: string): unknown {
  return JSON.parse(output.match(/^\{.*\}$/gm)?.at(-1) ?? "null");
}

/** Asks until somebody listens, and leaves the answer alone. */
async function until(
  ask: () => Promise<Response>,
  running: Running,
): Promise<void> {
  for (;;) {
    assert(!running.ended, running.output);
    const response = await ask().catch(() => undefined);
    if (response !== undefined) return await response.body?.cancel();
    await new Promise((done) => setTimeout(done, 100));
  }
}

Deno.test("answers are in a SQLite file in Node, or it says why they cannot be", async () => {
  const folder = await install();
  const own = await Deno.makeTempDir({ dir: folder });
  await Deno.writeTextFile(
    `${own}/main.ts`,
    `import { askWith, createFieldStreams } from "@fieldstream/fieldstream/server";
     import { openSqliteStore } from "@fieldstream/fieldstream/sqlite";
     let asked = 0;
     const store = await openSqliteStore("answers.db").catch((error) => {
       console.log(error.message);
       process.exit(0);
     });
     const streams = createFieldStreams({
       ask: askWith(async function* () {
         asked++;
         yield '{"title":"So';
         yield 'up"}';
       }),
       store,
     });
     const response = await streams.handle(
       new Request("http://localhost/?id=${"A".repeat(22)}"),
       { owner: "ann", question: () => ({ prompt: "p" }) },
     );
     const body = await response.text();
     await streams.drain();
     await store.close();
     console.log(JSON.stringify({ asked, ended: body.includes("finish_reason") }));`,
  );
  const node = `${folder}/node_modules/.bin/node`;
  const quiet = "--no-warnings";
  // Another process finds what the first has written.
  for (const asked of [1, 0]) {
    const said = await run(own, node, quiet, "main.ts");
    assertEquals(JSON.parse(said), { asked, ended: true });
  }
  assertEquals(
    await run(own, node, quiet, "--no-experimental-sqlite", "main.ts"),
    "Cannot use SQLite: this runtime has no node:sqlite, as Deno 2.2, Node 22.13 and Bun 1.4 have\n",
  );
});

/** What the scripted services of other models say, as they say it. */
const dialects: Record<string, string[]> = {
  "ai_sdk.ts": [
    '{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"{\\"title\\":"}}]}',
    '{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"\\"Soup\\"}"}}]}',
    '{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
    "[DONE]",
  ],
  "anthropic.ts": [
    '{"type":"message_start","message":{"id":"1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}',
    '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{\\"title\\":"}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\"Soup\\"}"}}',
    '{"type":"content_block_stop","index":0}',
    '{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}',
    '{"type":"message_stop"}',
  ],
};

for (const [file, events] of Object.entries(dialects)) {
  Deno.test(`a model is made of another SDK: ${file}`, async () => {
    const folder = await install();
    const own = await Deno.makeTempDir({ dir: folder });
    const left = Promise.withResolvers<void>();
    let asked = 0;
    const frame = (data: string) => {
      const type = /^\{"type":"(\w+)"/.exec(data)?.[1];
      const event = type === undefined ? "" : `event: ${type}\n`;
      return new TextEncoder().encode(`${event}data: ${data}\n\n`);
    };
    await using service = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        await request.text();
        asked++;
        // The second answer begins and never ends; the third is a failure.
        if (asked > 2) {
          return Response.json({ error: { message: "no" } }, { status: 400 });
        }
        const half = events.findIndex((event) => event.includes("Soup"));
        const pieces = asked === 1 ? events : events.slice(0, half);
        return new Response(
          new ReadableStream({
            start(controller) {
              for (const data of pieces) controller.enqueue(frame(data));
              if (asked === 1) controller.close();
            },
            cancel: () => left.resolve(),
          }),
          { headers: { "content-type": "text/event-stream" } },
        );
      },
    );
    const address = `http://127.0.0.1:${service.addr.port}`;
    await Deno.writeTextFile(`${own}/${file}`, (await examples()).get(file)!);
    await Deno.writeTextFile(`${own}/yours.ts`, yours(address, address));
    await Deno.writeTextFile(
      `${own}/main.ts`,
      `import { createFieldStreams } from "@fieldstream/fieldstream/server";
       import { ask } from "./${file}";
       const streams = createFieldStreams({
         ask,
         limits: { lingerSeconds: 0.01 },
         onFinish: ({ outcome, value, usage }) =>
           console.log(JSON.stringify({ outcome, value, usage: !!usage })),
       });
       const request = () =>
         streams.handle(new Request("http://localhost/"), {
           owner: "ann",
           question: () => ({ prompt: "p", schema: { type: "object" } }),
         });
       await (await request()).text();
       const reader = (await request()).body!.getReader();
       // The start, and what there is of the value.
       for (let reads = 0; reads < 2; reads++) await reader.read();
       await reader.cancel();
       while (streams.health.running > 0) {
         await new Promise((resolve) => setTimeout(resolve, 10));
       }
       await (await request()).text();
       await streams.drain();
       process.exit(0);`,
    );
    const node = `${folder}/node_modules/.bin/node`;
    const said = (await run(own, node, "main.ts"))
      .split("\n").filter((line) => line.startsWith("{"));
    assertEquals(said.map((line) => JSON.parse(line)), [
      { outcome: "end", value: { title: "Soup" }, usage: true },
      { outcome: "abandoned", value: {}, usage: false },
      { outcome: "upstream_unavailable", usage: false },
    ]);
    await left.promise;
  });
}
