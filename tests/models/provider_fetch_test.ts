// What the server asks providers by: over a socket, next to the runtime's fetch.

import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  brotliCompressSync,
  constants,
  createGzip,
  deflateSync,
  gzipSync,
} from "node:zlib";
import { createProviderFetch } from "../../lib/models/provider_fetch.ts";
import { readsSockets } from "../../lib/models/runtime.ts";
import { makeCertificate } from "../_certificate.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const encoder = new TextEncoder();
const providerFetch = createProviderFetch();
const question = { method: "POST", body: '{"a":"é"}' };

/** A server that treats each connection as the test says. */
class RawServer implements AsyncDisposable {
  /** The heads of the requests, as they came. */
  readonly heads: string[] = [];
  connections = 0;
  /** What the clients were sent. */
  bytes = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Connection>();
  readonly #accepted: Promise<void>;

  /** @param answer What is done for a request. */
  constructor(answer: (connection: Connection) => unknown) {
    this.#accepted = this.#accept(answer);
  }

  /** With a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) connection.close();
    await this.#accepted;
  }

  async #accept(answer: (connection: Connection) => unknown): Promise<void> {
    const served: Promise<void>[] = [];
    for await (const socket of this.#listener) {
      const connection = new Connection(socket, ++this.connections, this);
      this.#open.add(connection);
      served.push(connection.serve(answer));
    }
    await Promise.all(served);
  }
}

class Connection {
  /** Which one it is, from 1, and how many requests it has brought. */
  readonly number: number;
  requests = 0;
  /** Resolves when the client has gone. */
  readonly closed = Promise.withResolvers<void>();
  readonly #socket: Deno.TcpConn;
  readonly #server: RawServer;

  constructor(socket: Deno.TcpConn, number: number, server: RawServer) {
    this.#socket = socket;
    this.number = number;
    this.#server = server;
  }

  async serve(answer: (connection: Connection) => unknown): Promise<void> {
    const buffer = new Uint8Array(65536);
    let text = "";
    for (;;) {
      const read = await this.#socket.read(buffer).catch(() => null);
      if (read === null) break;
      text += new TextDecoder("latin1").decode(buffer.subarray(0, read));
      const [head, body] = text.split("\r\n\r\n", 2);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head!)?.[1] ?? "0";
      if (body === undefined || body.length < Number(length)) continue;
      text = "";
      this.requests++;
      this.#server.heads.push(head!);
      Promise.resolve(answer(this)).catch(() => {});
    }
    this.close();
    this.closed.resolve();
  }

  async send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    for (let sent = 0; sent < bytes.length;) {
      const written = await this.#socket.write(bytes.subarray(sent));
      this.#server.bytes += written;
      sent += written;
    }
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // It was.
    }
  }
}

/** What comes of a response: its status, its text, and how it ends. */
async function outcomeOf(answering: Promise<Response>): Promise<string> {
  let outcome = "";
  try {
    const { status, body } = await answering;
    outcome += `${status} `;
    if (body === null) return `${outcome}nothing`;
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      outcome += text;
    }
    return `${outcome}|`;
  } catch (error) {
    return `${outcome} ${(error as Error).name}`;
  }
}

Deno.test("what servers send over plain HTTP is taken as fetch takes it", async () => {
  const responses = [
    `${OK}content-length: 5\r\n\r\nhello`,
    // Until the connection closes.
    `${OK}\r\nhello`,
    "HTTP/1.0 200 OK\r\n\r\nhello",
    `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`,
    `${CHUNKED}1\r\nh\r\n4\r\nello\r\n0\r\n\r\n`,
    `${CHUNKED}5;a=b\r\nhello\r\n0\r\nx-trailer: a\r\n\r\n`,
    `${OK}content-length: 0\r\n\r\n`,
    "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" +
    `${OK}content-length: 1\r\n\r\na`,
    // What is not quite right, and common.
    "HTTP/1.1 200 OK\ncontent-length: 1\n\na",
    `${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n` +
    "1\r\na\r\n0\r\n\r\n",
    `${OK}x-a: é中\r\ncontent-length: 1\r\n\r\na`,
    `${OK}set-cookie: a\r\nset-cookie: b\r\ncontent-length: 1\r\n\r\na`,
    `${OK}x-a: ${"a".repeat(40_000)}\r\ncontent-length: 1\r\n\r\na`,
    // Without a body.
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\n\r\n",
    // Faults.
    "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
    "HTTP/1.1 529 Overloaded\r\ncontent-length: 2\r\n\r\nno",
    "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\n\r\n",
    // Cut short.
    `${OK}content-length: 50\r\n\r\nhello`,
    `${CHUNKED}5\r\nhello\r\n`,
    `${CHUNKED}50\r\nhello`,
    `${CHUNKED}5\r\nhello\r\nzz\r\n`,
    // No HTTP.
    "nonsense\r\n\r\n",
    "",
    `${OK}a b: c\r\ncontent-length: 1\r\n\r\na`,
  ];
  for (const response of responses) {
    await using server = new RawServer(async (connection) => {
      await connection.send(response);
      connection.close();
    });
    const expected = await outcomeOf(fetch(server.url, question));
    const outcome = await outcomeOf(providerFetch(server.url, question));
    assertEquals(outcome, expected, response.slice(0, 200));
  }
});

Deno.test("statuses, protocols and headers that fetch knows nothing of are faults", async () => {
  for (
    const head of [
      `${OK}x-a: a\0b\r\ncontent-length: 5\r\n\r\n`,
      "HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: a\r\nconnection: upgrade\r\n\r\n",
    ]
  ) {
    const closed = Promise.withResolvers<void>();
    await using server = new RawServer(async (connection) => {
      await connection.send(head);
      await connection.closed.promise;
      closed.resolve();
    });
    await assertRejects(() => providerFetch(server.url, question), TypeError);
    await closed.promise;
  }
});

Deno.test("a request says what it says by fetch, and takes no compressed body", async () => {
  await using server = new RawServer((connection) =>
    connection.send(`${OK}content-length: 1\r\nx-a: 1\r\nx-a: 2\r\n\r\na`)
  );
  const headers = { "content-type": "application/json", authorization: "b" };
  const url = `${server.url}v1/a?b=c`;
  const response = await providerFetch(url, { ...question, headers });
  assertEquals(response.headers.get("x-a"), "1, 2");
  await response.text();
  await fetch(url, { ...question, headers }).then((other) => other.text());
  const [own, other] = server.heads.map((head) => head.split("\r\n"));
  assertEquals(own![0], "POST /v1/a?b=c HTTP/1.1");
  assertEquals(own![0], other![0]);
  const fields = (lines: string[]) =>
    new Map(
      lines.slice(1).map((line) => line.toLowerCase().split(": ", 2)) as [
        string,
        string,
      ][],
    );
  const [ours, theirs] = [fields(own!), fields(other!)];
  assertEquals(ours.get("accept-encoding"), "identity");
  assertEquals(ours.get("content-length"), "10");
  for (const name of ["accept-encoding", "connection"]) ours.delete(name);
  for (const name of ["accept-encoding", "accept-language", "connection"]) {
    theirs.delete(name);
  }
  assertEquals(
    Object.fromEntries(ours),
    Object.fromEntries(theirs),
  );
});

Deno.test("a connection serves one request after the other, and is not missed where it was closed", async () => {
  await using server = new RawServer(async (connection) => {
    // The first two are closed as soon as they are asked once more.
    if (connection.number < 3 && connection.requests > 1) connection.close();
    else await connection.send(`${OK}content-length: 1\r\n\r\na`);
  });
  const connections = [];
  for (let times = 0; times < 5; times++) {
    const response = await providerFetch(server.url, question);
    assertEquals(await response.text(), "a");
    connections.push(server.connections);
  }
  assertEquals(connections, [1, 2, 3, 3, 3]);
});

Deno.test("a connection that has served before and breaks in an answer is not tried again", async () => {
  await using server = new RawServer(async (connection) => {
    if (connection.requests === 1) {
      return await connection.send(`${OK}content-length: 1\r\n\r\na`);
    }
    await connection.send(`${CHUNKED}1\r\na\r\n`);
    connection.close();
  });
  await (await providerFetch(server.url, question)).text();
  const response = await providerFetch(server.url, question);
  await assertRejects(() => response.text(), TypeError, "before the end");
  assertEquals([server.connections, server.heads.length], [1, 2]);
});

Deno.test("a new connection that closes without a word is not tried again", async () => {
  await using server = new RawServer((connection) => connection.close());
  await assertRejects(
    () => providerFetch(server.url, question),
    TypeError,
    "closed before the end",
  );
  assertEquals(server.connections, 1);
});

Deno.test("an abort ends the request with its reason, before and in the answer", async () => {
  const reason = new Error("enough");
  const text = encoder.encode("hello");
  const bodies: [begins: boolean, fields: string, Uint8Array][] = [
    [false, "", text],
    [true, "content-length: 9\r\n", text],
    // It ends with the connection.
    [true, "", text],
    // As far as it goes it can be read.
    [true, "content-encoding: gzip\r\n", gzipSync(text).subarray(0, -8)],
  ];
  for (const [begins, fields, bytes] of bodies) {
    const asked = Promise.withResolvers<Connection>();
    await using server = new RawServer(async (connection) => {
      asked.resolve(connection);
      if (!begins) return;
      await connection.send(`${OK}${fields}\r\n`);
      await connection.send(bytes);
    });
    const controller = new AbortController();
    const { signal } = controller;
    const begun = Promise.withResolvers<void>();
    const failed = assertRejects(
      async () => {
        const { body } = await providerFetch(server.url, {
          ...question,
          signal,
        });
        for await (const _ of body!) begun.resolve();
      },
      Error,
      "enough",
    );
    const connection = await asked.promise;
    if (begins) await begun.promise;
    controller.abort(reason);
    await failed;
    await connection.closed.promise;
  }
  const signal = AbortSignal.abort(reason);
  await assertRejects(
    () => providerFetch("http://127.0.0.1:1/", { ...question, signal }),
    Error,
    "enough",
  );
});

Deno.test("who does not read on closes the connection", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = new RawServer(async (connection) => {
    connection.closed.promise.then(closed.resolve);
    await connection.send(CHUNKED);
    for (;;) await connection.send("5\r\nhello\r\n".repeat(1000));
  });
  const { body } = await providerFetch(server.url, question);
  const reader = body!.getReader();
  await reader.read();
  await reader.cancel();
  await closed.promise;
});

Deno.test("a server that writes faster than is read has to wait", async () => {
  const chunk = `10000\r\n${"a".repeat(0x10000)}\r\n`;
  await using server = new RawServer(async (connection) => {
    await connection.send(CHUNKED);
    for (let times = 0; times < 2000; times++) await connection.send(chunk);
    await connection.send("0\r\n\r\n");
  });
  const { body } = await providerFetch(server.url, question);
  const reader = body!.getReader();
  const first = await reader.read();
  // Until nothing more is taken. The kernel holds some MB.
  for (let before = -1; before !== server.bytes;) {
    before = server.bytes;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assertLess(server.bytes, 60_000_000);
  let bytes = first.value!.length;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
  }
  assertEquals(bytes, 2000 * 0x10000);
});

Deno.test("a redirection is followed, as fetch does", async () => {
  await using target = new RawServer((connection) =>
    connection.send(`${OK}content-length: 5\r\n\r\nhello`)
  );
  await using server = new RawServer((connection) =>
    connection.send(
      `HTTP/1.1 308 Permanent Redirect\r\nlocation: ${target.url}there\r\ncontent-length: 0\r\n\r\n`,
    )
  );
  const response = await providerFetch(server.url, question);
  assertEquals(await response.text(), "hello");
  assertEquals(target.heads[0]!.split("\r\n")[0], "POST /there HTTP/1.1");
});

Deno.test("a body that is compressed all the same is read", async () => {
  const encodings = {
    gzip: gzipSync,
    "x-gzip": gzipSync,
    deflate: deflateSync,
    br: brotliCompressSync,
  };
  for (const [encoding, compress] of Object.entries(encodings)) {
    const bytes = compress(encoder.encode("hello ".repeat(1000)));
    await using server = new RawServer(async (connection) => {
      await connection.send(`${OK}content-encoding: ${encoding}\r\n`);
      await connection.send(`content-length: ${bytes.length}\r\n\r\n`);
      for (const byte of bytes) await connection.send(Uint8Array.of(byte));
      connection.close();
    });
    const response = await providerFetch(server.url, question);
    assertEquals(await response.text(), "hello ".repeat(1000), encoding);
  }
  // One that breaks off is broken.
  await using server = new RawServer(async (connection) => {
    const bytes = gzipSync(encoder.encode("hello ".repeat(1000)));
    await connection.send(`${OK}content-encoding: gzip\r\n\r\n`);
    await connection.send(bytes.subarray(0, 20));
    connection.close();
  });
  const response = await providerFetch(server.url, question);
  await assertRejects(() => response.text(), TypeError, "Cannot read on");
});

Deno.test("what is compressed is read as it comes", async () => {
  const seen = Promise.withResolvers<void>();
  await using server = new RawServer(async (connection) => {
    await connection.send(`${OK}content-encoding: gzip\r\n\r\n`);
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.on("data", (bytes) => connection.send(bytes));
    gzip.on("end", () => connection.close());
    gzip.write("hello");
    await seen.promise;
    gzip.end(" again");
  });
  const { body } = await providerFetch(server.url, question);
  let text = "";
  for await (const piece of body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text === "hello") seen.resolve();
  }
  assertEquals(text, "hello again");
});

Deno.test("who cannot be reached is named, and why", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}/`;
  listener.close();
  const error = await assertRejects(
    () => providerFetch(url, question),
    TypeError,
  );
  assertStringIncludes(error.message, new URL(url).origin);
  assertStringIncludes(error.message, "ECONNREFUSED");
});

Deno.test("localhost is found by whichever address it has", async () => {
  const hostname = "127.0.0.1";
  await using server = Deno.serve(
    { hostname, port: 0, onListen() {} },
    () => new Response("hello"),
  );
  const url = `http://localhost:${server.addr.port}/`;
  const response = await providerFetch(url, question);
  assertEquals(await response.text(), "hello");
});

Deno.test("where there is a proxy, or another kind of request, the runtime's fetch asks", async () => {
  await using server = new RawServer((connection) =>
    connection.send(`${OK}content-length: 1\r\n\r\na`)
  );
  const requests: [typeof fetch, RequestInit?][] = [
    [createProviderFetch({ isProxied: true }), question],
    [providerFetch],
    [providerFetch, { method: "POST", body: new Blob(["a"]) }],
  ];
  for (const [ask, init] of requests) {
    assertEquals(await (await ask(server.url, init)).text(), "a");
    // Which only that one sends.
    assertStringIncludes(server.heads.at(-1)!, "accept-language");
  }
  assertEquals(await (await providerFetch("data:,hello")).text(), "hello");
});

Deno.test("node:http is used where it reads by itself", () => {
  const deno = (version: string) =>
    readsSockets({ Deno: { version: { deno: version } } });
  assertEquals(["2.9.0", "2.10.1", "3.0.0", "2.9.0-rc.1"].map(deno), [
    ...[true, true, true, true],
  ]);
  assertEquals(["1.46.3", "2.5.7", "2.8.9"].map(deno), [false, false, false]);
  assertEquals([readsSockets({}), readsSockets({ Bun: {} })], [true, false]);
  assertEquals(readsSockets(), true);
});

Deno.test("over TLS answers do not wait for each other", async () => {
  const directory = await Deno.makeTempDir({ prefix: "fieldstream-" });
  const held = Promise.withResolvers<void>();
  try {
    const { cert, key } = await makeCertificate(directory);
    // It takes 200 streams on one connection of HTTP/2, as Deno's servers do.
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(encoder.encode("a")),
            pull: () => held.promise,
          }),
        ),
    );
    const module = new URL(
      "../../lib/models/provider_fetch.ts",
      import.meta.url,
    );
    const program = `
      import { createProviderFetch } from "${module}";
      const ask = createProviderFetch();
      const url = "https://localhost:${server.addr.port}/";
      const answers = await Promise.all(
        Array.from({ length: 250 }, async () => {
          const { body } = await ask(url, { method: "POST", body: "{}" });
          return (await body.getReader().read()).value.length;
        }),
      );
      console.log(answers.length);
      Deno.exit();
    `;
    const file = `${directory}/program.js`;
    await Deno.writeTextFile(file, program);
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-config", "--no-check"],
        ...["--allow-net=localhost", "--allow-import", file],
      ],
      env: { DENO_CERT: `${directory}/certificate.pem` },
      stderr: "inherit",
    }).output();
    assert(success);
    assertEquals(new TextDecoder().decode(stdout), "250\n");
  } finally {
    held.resolve();
    await Deno.remove(directory, { recursive: true });
  }
});
