// Attacks a server with the default settings, as strangers and a provider can,
// until it is told to stop:
//
//   deno task attack                until Ctrl+C
//   deno task attack 600            for ten minutes
//   deno task attack --only=keys    those whose names hold a text
//   deno task attack --hold=1000    what so many readers that never read hold
//   deno task attack --open=1000    what so many requests without an end hold
//
// A line a round tells what it did to the server: how long a neighbour waited for
// /health, and what the process held. What must not be ends it with a fault.

import { assert, assertEquals } from "@std/assert";
import { parseArgs } from "node:util";
import { DEFAULT_LIMITS } from "../lib/answers/limits.ts";
import { makeGenerationId } from "../lib/answers/id.ts";
import { MAX_BYTES } from "../lib/wire/events.ts";
import { RawConnection } from "./_client.ts";
import { ServerProcess } from "./_process.ts";
import { cutAfterEvent, startProxy } from "./_proxy.ts";
import { readEvents, type ServerEvent, stateAfter } from "./_server.ts";
import { Upstream, type UpstreamCall } from "./_upstream.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: {
    hold: { type: "string" },
    only: { type: "string" },
    open: { type: "string" },
  },
  allowPositionals: true,
});
const seconds = Number(positionals[0] ?? Infinity);
const held = Number(values.hold ?? 0);
const opened = Number(values.open ?? 0);
if (!(seconds >= 0) || !(held >= 0) || !(opened >= 0)) {
  throw new RangeError(
    "Cannot attack: want a number of seconds, readers or requests",
  );
}

// ---- What the provider says

const LONG = 1_000_000;

/** Schemas that cost, and answers that make them. */
const COSTLY: { schema: Record<string, unknown>; answer: string }[] = [
  {
    // Many ways to one long list.
    schema: {
      type: "object",
      allOf: Array(190).fill({ $ref: "#/$defs/long" }),
      $defs: { long: { required: names(4_000) } },
    },
    answer: `{"a":${JSON.stringify("x".repeat(250))}}`,
  },
  {
    schema: nest(30, (inner) => ({
      anyOf: [{ properties: { a: inner } }, { properties: { a: inner } }],
      unevaluatedProperties: false,
    })),
    answer: `${'{"a":'.repeat(30)}${
      JSON.stringify(Object.fromEntries(names(3_000).map((key) => [key, 1])))
    }${"}".repeat(30)}`,
  },
  {
    schema: {
      type: "object",
      dependentRequired: Object.fromEntries(
        names(900).map((key) => [key, names(9)]),
      ),
    },
    answer: JSON.stringify(
      Object.fromEntries(names(9_000).map((key) => [key, 1])),
    ),
  },
  {
    schema: { type: "object", properties: { a: { uniqueItems: true } } },
    answer: JSON.stringify({ a: Array.from({ length: 150_000 }, (_, n) => n) }),
  },
  {
    schema: { type: "object", properties: { a: { uniqueItems: true } } },
    answer: JSON.stringify({
      a: Array.from({ length: 60_000 }, (_, n) => ({ n })),
    }),
  },
  {
    schema: {
      type: "object",
      properties: { a: { items: { multipleOf: 5e-324 } } },
    },
    answer: `{"a":[${Array(40_000).fill("1.7e308").join()}]}`,
  },
  {
    schema: {
      type: "object",
      properties: { a: { contains: { const: "y".repeat(9_000) } } },
    },
    answer: JSON.stringify({ a: Array(100).fill("y".repeat(8_999)) }),
  },
  {
    // Each tells of what is wrong far below, and is not heard.
    schema: {
      type: "array",
      $ref: "#/$defs/s",
      $defs: {
        s: {
          items: { $ref: "#/$defs/s" },
          not: { not: { anyOf: Array(180).fill({ items: false }) } },
        },
      },
    },
    answer: `${"[".repeat(120)}${Array(100_000).fill(1)}${"]".repeat(120)}`,
  },
  {
    // What is wrong waits for what it is in to end, found again and again.
    schema: {
      type: "array",
      items: { if: { type: "string" }, then: { $ref: "#/$defs/all" } },
      $defs: {
        all: { allOf: Array(95).fill({ $ref: "#/$defs/one" }) },
        one: { required: names(9) },
      },
    },
    answer: `[${Array(100_000).fill("{}")}]`,
  },
  {
    // Any of 60 may name the values of a string.
    schema: {
      type: "array",
      allOf: Array(60).fill({
        items: { anyOf: Array(30).fill({}), enum: ["a"] },
      }),
    },
    answer: `[${Array(300_000).fill("[]")}]`,
  },
  {
    schema: nest(60, (inner) => ({
      oneOf: [inner, { not: inner }],
      type: ["object", "array", "string"],
    })),
    answer: '{"a":1}',
  },
];

function names(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `n${n}`);
}

function nest(
  depth: number,
  wrap: (inner: Record<string, unknown>) => Record<string, unknown>,
): Record<string, unknown> {
  // By reference: written out, each would double.
  const $defs: Record<string, unknown> = { s0: {} };
  for (let n = 1; n <= depth; n++) {
    $defs[`s${n}`] = wrap({ $ref: `#/$defs/s${n - 1}` });
  }
  return { type: "object", $ref: `#/$defs/s${depth}`, $defs };
}

const KEY = "k".repeat(980);
const PLAIN = JSON.stringify({
  title: "an ordinary answer, 科技 😀",
  list: Array.from({ length: 200 }, (_, n) => ({ n, text: `"${n}\\` })),
});

/** What the provider does, by a word in the prompt. */
const PROVIDER: Record<string, (call: UpstreamCall) => void> = {
  plain: (call) => sayAll(call, PLAIN, 17),
  long: (call) => sayAll(call, `{"title":"${"x".repeat(LONG - 20)}"}`, LONG),
  // More than the kernel takes for a connection.
  rows: (call) => {
    sayAll(
      call,
      `{"a":[${Array(Math.floor(LONG / 3) - 9).fill('""').join()}]}`,
      LONG,
    );
  },
  keys: (call) => {
    sayAll(call, `{"${KEY}":[${Array(20_000).fill('""').join()}]}`, 65_536);
  },
  indexes: (call) => {
    const member = (_: unknown, n: number) => `"${n * 65_536}":0`;
    sayAll(call, `{${Array.from({ length: 60_000 }, member)}}`, 65_536);
  },
  tokens: (call) => sayAll(call, `{"title":"${"x".repeat(9_000)}"}`, 1),
  silent: (call) => call.say('{"title":"'),
  error: (call) => {
    call.respond(new Response(SECRET.repeat(100_000), { status: 400 }));
  },
  unfolds: async (call) => {
    const packed = await bomb;
    const headers = {
      "content-encoding": "gzip",
      "content-type": "text/event-stream",
    };
    call.respond(new Response(packed, { headers }));
  },
  comments: (call) => {
    for (let n = 0; n < 90; n++) call.write(`: ${"c".repeat(100_000)}\n\n`);
    call.end();
  },
  usage: (call) => {
    call.say('{"title":"a"}');
    call.end("stop", { completion_tokens: 1, [SECRET]: 1 });
  },
  ...Object.fromEntries(COSTLY.map(({ answer }, n) => [
    `costly${n}`,
    (call: UpstreamCall) => sayAll(call, answer, 10_000),
  ])),
};

/** No client may see it. */
const SECRET = "secret-of-the-provider";

/** 300 KB that unfold to 300 MB. */
const bomb = new Response(
  new ReadableStream<BufferSource>({
    async start(controller) {
      for (let n = 0; n < 300; n++) {
        controller.enqueue(new TextEncoder().encode(" ".repeat(1_000_000)));
        await new Promise((resolve) => setTimeout(resolve));
      }
      controller.close();
    },
  }).pipeThrough(new CompressionStream("gzip")),
).bytes();

function sayAll(call: UpstreamCall, text: string, size: number): void {
  for (let at = 0; at < text.length; at += size) {
    call.say(text.slice(at, at + size));
  }
  call.end();
}

// ---- What strangers do

/** An address that nobody else has. */
function anyone(): Record<string, string> {
  const bytes = crypto.getRandomValues(new Uint8Array(3));
  return { "x-forwarded-for": `10.${bytes.join(".")}` };
}

const JSON_TYPE = { "content-type": "application/json" };

/** Asks for what the provider does by a name. */
function ask(
  url: string,
  name: string,
  members: Record<string, unknown> = {},
  headers: Record<string, string> = anyone(),
): Promise<Response> {
  return fetch(`${url}/helloworld`, {
    method: "POST",
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ prompt: `attack:${name};`, ...members }),
  });
}

/** How many answers the server was too busy for. */
let refused = 0;

/**
 * Reads an answer to its end; no event is larger than one may be. There is none
 * where the server is too busy.
 */
async function readAnswer(response: Response): Promise<ServerEvent[]> {
  if (response.status === 503) {
    refused++;
    await response.body!.cancel();
    return [];
  }
  assertEquals(response.status, 200);
  const events: ServerEvent[] = [];
  for await (const event of readEvents(response)) {
    const bytes = JSON.stringify(event.data).length;
    assert(bytes <= MAX_BYTES, `an event of ${bytes} bytes`);
    events.push(event);
  }
  const { status } = events.at(-1)!.data;
  assert(status === "end" || status === "error", `${status} at the end`);
  assert(!JSON.stringify(events).includes(SECRET), "the provider's secret");
  return events;
}

async function expectStatus(
  response: Promise<Response> | Response,
  ...expected: number[]
): Promise<void> {
  const { status, body } = await response;
  await body?.cancel();
  assert(expected.includes(status), `${status}, not ${expected.join(" or ")}`);
}

/** A POST that reads nothing of what it gets; it is closed at the round's end. */
async function hold(
  server: ServerProcess,
  open: RawConnection[],
  headers: Record<string, string>,
  name = "rows",
): Promise<RawConnection> {
  const connection = await RawConnection.open(`${server.url}/helloworld`, {
    method: "POST",
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ prompt: `attack:${name};` }),
  });
  open.push(connection);
  return connection;
}

/** What is done in a round, all at once. */
const ATTACKS: Record<
  string,
  (server: ServerProcess, open: RawConnection[]) => Promise<void>
> = {
  async "a type list of 8,400"({ url }) {
    const type = ["object", ...Array(8_400).fill("null")];
    const properties = Object.fromEntries(
      names(100).map((name) => [name, { $ref: "#/$defs/t" }]),
    );
    const schema = { type: "object", properties, $defs: { t: { type } } };
    await expectStatus(ask(url, "plain", { schema }), 400);
  },
  async "costly schemas"({ url }) {
    await Promise.all(COSTLY.map(async ({ schema }, n) => {
      const response = await ask(url, `costly${n}`, { schema });
      // Some are larger than a schema may be.
      if (response.status === 400) return await response.body!.cancel();
      await readAnswer(response);
    }));
  },
  async "long keys"({ url }) {
    const properties = { [KEY]: { type: "array" } };
    const schema = { type: "object", properties };
    await readAnswer(await ask(url, "keys", { schema }));
  },
  async "names like indexes, whose hashes collide"({ url }) {
    await readAnswer(await ask(url, "indexes"));
  },
  async "polls of a long answer"({ url }) {
    const headers = { ...anyone(), accept: "application/json" };
    const poll =
      `${url}/helloworld?id=${makeGenerationId()}&prompt=attack:rows;`;
    for (let n = 0; n < 5; n++) {
      await expectStatus(fetch(poll, { headers }), 200, 202, 429, 503);
    }
  },
  async "tokens of one character"({ url }) {
    await Promise.all(
      names(5).map(async () => readAnswer(await ask(url, "tokens"))),
    );
  },
  async "readers that never read"(server, open) {
    const headers = anyone();
    await Promise.all(names(25).map(() => hold(server, open, headers)));
  },
  async "readers of one byte a second"(server, open) {
    const headers = anyone();
    await Promise.all(
      names(20).map(async () => {
        const connection = await hold(server, open, headers);
        for (let second = 0; second < 3; second++) {
          await connection.read(1);
          await sleep(1_000);
        }
      }),
    );
  },
  async "readers that leave at any moment"({ url }) {
    await Promise.all(
      names(40).map(async (_, n) => {
        const connection = await RawConnection.open(
          `${url}/helloworld?prompt=attack:${n % 2 ? "tokens" : "silent"};`,
          { headers: anyone() },
        );
        await sleep(Math.random() * 100);
        connection.close();
      }),
    );
  },
  async "resumes of a long answer"({ url }) {
    const headers = anyone();
    const id = makeGenerationId();
    const first = await fetch(
      `${url}/helloworld?id=${id}&prompt=attack:keys;`,
      { headers },
    );
    if ((await readAnswer(first)).length === 0) return;
    const ended = performance.now();
    for (let n = 0; n < 300; n++) {
      const { status, body } = await fetch(`${url}/helloworld?id=${id}`, {
        headers: { ...headers, "last-event-id": `${id}.${n}` },
      });
      await body!.cancel();
      if (status === 429) return;
      // On a busy machine a round takes longer than an answer is kept.
      const age = (performance.now() - ended) / 1_000;
      if (status === 410 && age > DEFAULT_LIMITS.retentionSeconds) return;
      assertEquals(status, 200);
    }
    throw new Error("All resumes were answered");
  },
  async "a budget that is spent"({ url }) {
    const headers = anyone();
    const polled = { ...headers, accept: "application/json" };
    for (let n = 0; n < 60; n++) {
      await expectStatus(ask(url, "plain", {}, polled), 202, 429, 503);
    }
    // It is refused before its body is read, but for one a second.
    const body = "x".repeat(9_000);
    await Promise.all(
      names(60).map(() =>
        expectStatus(ask(url, body, {}, headers), 413, 429, 503)
      ),
    );
  },
  async "what is too large"({ url }) {
    await expectStatus(ask(url, "x".repeat(65_536)), 413);
    await expectStatus(ask(url, "x".repeat(8_000)), 413);
    await expectStatus(ask(url, "plain", { schema: "[".repeat(9) }), 400);
    await expectStatus(
      fetch(`${url}/helloworld`, {
        method: "POST",
        headers: { ...JSON_TYPE, ...anyone() },
        body: "[".repeat(65_000),
      }),
      400,
    );
    const cookie = `fieldstream=${"x".repeat(43)}; `.repeat(1_000);
    await expectStatus(fetch(`${url}/health`, { headers: { cookie } }), 200);
  },
  async "bytes that are no requests"({ url }) {
    const { hostname, port } = new URL(url);
    await Promise.all(
      names(20).map(async () => {
        using socket = await Deno.connect({ hostname, port: Number(port) });
        const bytes = crypto.getRandomValues(new Uint8Array(9_000));
        await socket.write(bytes).catch(() => {});
      }),
    );
  },
  async "a provider that misbehaves"({ url }) {
    await Promise.all(
      ["error", "unfolds", "comments", "usage"].map(async (name) => {
        const events = await readAnswer(await ask(url, name));
        if (events.length === 0) return;
        const wanted = name === "usage" ? "end" : "error";
        assertEquals(events.at(-1)!.data.status, wanted, name);
      }),
    );
  },
  async "answers whose connections are cut"({ url }) {
    await Promise.all(
      names(10).map(async () => {
        let cuts = 0;
        await using proxy = startProxy(url, () => cutAfterEvent(() => cuts++));
        const id = makeGenerationId();
        const events: ServerEvent[] = [];
        const headers: Record<string, string> = anyone();
        while (!["end", "error"].includes(events.at(-1)?.data.status)) {
          try {
            const response = await fetch(
              `${proxy.url}/helloworld?id=${id}&prompt=attack:plain;`,
              { headers },
            );
            if (response.status === 503) {
              refused++;
              await response.body!.cancel();
              await sleep(1_000);
              continue;
            }
            for await (const event of readEvents(response)) {
              events.push(event);
              headers["last-event-id"] = event.id;
            }
          } catch (error) {
            if (cuts === 0) throw error;
          }
        }
        assertEquals(stateAfter(events), JSON.parse(PLAIN));
      }),
    );
  },
};

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// ---- What it did

/** What a process holds, as Linux tells it. */
async function footprint(
  pid: number,
): Promise<{ memory: number; files: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const memory = Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  return { memory: Math.round(memory), files: files.length };
}

/** How long a process has waited for a processor, in seconds: not its own fault. */
async function starved(pid: number): Promise<number> {
  const [, waited] = (await Deno.readTextFile(`/proc/${pid}/schedstat`))
    .split(" ");
  return Number(waited) / 1e9;
}

/** What all sockets of this machine hold in the kernel, in MB. */
async function kernelMemory(): Promise<number> {
  const text = await Deno.readTextFile("/proc/net/sockstat");
  return Math.round(Number(/^TCP:.* mem (\d+)/m.exec(text)![1]) * 4096 / 1e6);
}

async function start(
  upstream: Upstream,
  limits: Record<string, number> = {},
): Promise<ServerProcess> {
  const server = await ServerProcess.start({
    OPENAI_MODEL: "attacked",
    OPENAI_BASE_URL: upstream.url,
    // Else all strangers are one client.
    TRUST_PROXY: "true",
    LIMITS: JSON.stringify(limits),
  });
  // A log that nobody reads would hold it up.
  server.awaitOutput("\0");
  return server;
}

function startUpstream(): Upstream {
  return new Upstream((call) => {
    const name = /attack:(\w+);/.exec(JSON.stringify(call.body))?.[1];
    PROVIDER[name ?? "plain"]?.(call);
  });
}

async function attack(): Promise<void> {
  let end = performance.now() + seconds * 1_000;
  Deno.addSignalListener("SIGINT", () => end = 0);
  await using upstream = startUpstream();
  await using server = await start(upstream);
  let waits: number[] = [];
  const neighbour = new Worker(new URL("_neighbour.ts", import.meta.url), {
    type: "module",
  });
  neighbour.onmessage = ({ data }) => waits.push(data);
  neighbour.postMessage(server.url);
  const attacks = Object.entries(ATTACKS)
    .filter(([name]) => name.includes(values.only ?? ""));
  const worst = { wait: 0, memory: 0, files: 0, kernel: 0 };
  const began = performance.now();
  let round = 0;
  let asked = 0;
  let waited = 0;
  do {
    const open: RawConnection[] = [];
    await Promise.all([
      // Long enough for the neighbour to be served.
      sleep(1_000),
      ...attacks.map(async ([name, attack]) => {
        try {
          await attack(server, open);
        } catch (error) {
          throw new Error(`Attack: ${name}`, { cause: error });
        }
      }),
    ]);
    const { memory, files } = await footprint(server.pid);
    const kernel = await kernelMemory();
    for (const connection of open) connection.close();
    assert(!waits.includes(-1), "/health did not answer");
    const wait = Math.round(Math.max(0, ...waits));
    const median = Math.round(waits.sort((a, b) => a - b)[waits.length >> 1]!);
    waits = [];
    asked += upstream.calls.length;
    // What has been answered is done with.
    upstream.calls.splice(
      0,
      Infinity,
      ...upstream.calls.filter((call) => call.open),
    );
    asked -= upstream.calls.length;
    worst.wait = Math.max(worst.wait, wait);
    worst.memory = Math.max(worst.memory, memory);
    worst.files = Math.max(worst.files, files);
    worst.kernel = Math.max(worst.kernel, kernel);
    const waitedBefore = waited;
    waited = await starved(server.pid);
    const time = Math.round((performance.now() - began) / 1_000);
    console.log(
      `round ${++round}, ${time} s: /health ${median} ms, at most ${wait} ms; ` +
        `${memory} MB, ${files} files, ${kernel} MB in sockets; ` +
        `${asked} answers, ${refused} refused; ` +
        `${(waited - waitedBefore).toFixed(1)} s without a processor`,
    );
  } while (performance.now() < end);
  neighbour.terminate();
  console.log(
    `${round} rounds of ${attacks.length} attacks, no fault; ` +
      `at most ${worst.wait} ms for /health, ${worst.memory} MB, ` +
      `${worst.files} files, ${worst.kernel} MB in sockets`,
  );
}

/** How readers hold what they do not read: which answer, and how they read. */
const HOLDERS = [
  { how: "a large answer, never read", answer: "rows", reads: false },
  { how: "a large answer, a byte a second", answer: "rows", reads: true },
  { how: "an answer that the kernel takes", answer: "long", reads: false },
];

/**
 * What such readers hold: 20 from each address, and the same addresses again and
 * again, while connections may be five seconds old.
 */
async function measure(): Promise<void> {
  const connectionSeconds = 5;
  for (const { how, answer, reads } of HOLDERS) {
    await using upstream = startUpstream();
    await using server = await start(upstream, { connectionSeconds });
    const before = await footprint(server.pid);
    const kernelBefore = await kernelMemory();
    const addresses = Array.from({ length: Math.ceil(held / 20) }, anyone);
    const open: RawConnection[] = [];
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < held; n++) {
        await hold(server, open, addresses[Math.floor(n / 20)]!, answer);
      }
      // Longer than a connection may live.
      for (let second = 0; second < connectionSeconds * 2; second++) {
        await sleep(1_000);
        const read = ({ socket }: RawConnection) =>
          socket.read(new Uint8Array(1)).catch(() => null);
        if (reads) await Promise.all(open.map(read));
      }
      const { memory, files } = await footprint(server.pid);
      const kernel = await kernelMemory();
      console.log(
        `${how}: ${open.length} asked, ${upstream.calls.length} answered; ` +
          `${memory - before.memory} MB, ${files - before.files} files, ` +
          `${kernel - kernelBefore} MB in sockets`,
      );
    }
    for (const connection of open) connection.close();
  }
}

/** What is sent of requests that never end. */
const BEGINNINGS = [
  { what: "nothing", bytes: "" },
  {
    what: "the first line and some more",
    bytes: "POST /helloworld HTTP/1.1\r\nHost: localhost\r\nX-Wait: ",
  },
  {
    what: "60 KB of headers",
    bytes: `GET /helloworld HTTP/1.1\r\nHost: localhost\r\n${
      `X-Wait: ${"w".repeat(1_000)}\r\n`.repeat(60)
    }`,
  },
];

/** What such requests hold, and whether they are still open after 100 s. */
async function measureOpen(): Promise<void> {
  await using upstream = startUpstream();
  for (const { what, bytes } of BEGINNINGS) {
    await using server = await start(upstream);
    const { hostname, port } = new URL(server.url);
    // What it takes by itself to serve anybody is no stranger's doing.
    for (const _ of names(200)) {
      await expectStatus(fetch(`${server.url}/health`), 200);
    }
    const before = await footprint(server.pid);
    const sockets = await Promise.all(
      names(opened).map(async () => {
        const socket = await Deno.connect({ hostname, port: Number(port) });
        await socket.write(new TextEncoder().encode(bytes));
        return socket;
      }),
    );
    for (let second = 0; second <= 100; second += 50) {
      // At first, until what was sent has been read.
      await sleep(second === 0 ? 3_000 : 50_000);
      const { memory, files } = await footprint(server.pid);
      await expectStatus(fetch(`${server.url}/health`), 200);
      console.log(
        `${what}, after ${second} s: ${memory - before.memory} MB, ` +
          `${files - before.files} files`,
      );
    }
    for (const socket of sockets) socket.close();
  }
}

await (held > 0 ? measure() : opened > 0 ? measureOpen() : attack());
Deno.exit(0);
