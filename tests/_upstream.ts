/** A provider on this machine, which does what the test tells it to. */

import type { ModelOptions } from "../lib/models/openai.ts";
import { createProviderFetch } from "../lib/models/provider_fetch.ts";

const encoder = new TextEncoder();

/** One request to the provider. */
export class UpstreamCall {
  readonly headers: Headers;
  /** What was asked for: the request's JSON. */
  // deno-lint-ignore no-explicit-any
  readonly body: any;
  /** Resolves when the connection is closed, by whoever. */
  readonly closed: Promise<void>;
  readonly #connection: Deno.TcpConn;
  #begun = false;
  #open = true;
  /** What is being written. */
  #written = Promise.resolve();

  constructor(
    { headers, body }: { headers: Headers; body: unknown },
    connection: Deno.TcpConn,
  ) {
    this.headers = headers;
    this.body = body;
    this.#connection = connection;
    this.closed = this.#awaitEnd();
  }

  /** Whether the connection is open. */
  get open(): boolean {
    return this.#open;
  }

  /** Answers with a status, headers and a body that is whole. */
  async respond(response: Response): Promise<void> {
    const body = await response.bytes();
    this.begin(response, body.length);
    this.#send(body);
    this.#end();
  }

  /** Sends the headers, if they have not been sent; then come `write`s. */
  begin({ status, headers }: Response = STREAM, length?: number): void {
    if (this.#begun) return;
    this.#begun = true;
    let head = `HTTP/1.1 ${status} A Status\r\nconnection: close\r\n`;
    for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
    head += length === undefined
      ? "transfer-encoding: chunked\r\n"
      : `content-length: ${length}\r\n`;
    this.#send(encoder.encode(`${head}\r\n`));
  }

  /** Writes part of an event stream, cut anywhere. */
  write(data: string | Uint8Array): void {
    this.begin();
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    this.#send(encoder.encode(`${bytes.length.toString(16)}\r\n`));
    this.#send(bytes);
    this.#send(encoder.encode("\r\n"));
  }

  /** Writes one event. */
  send(chunk: unknown): void {
    this.write(`data: ${JSON.stringify(chunk)}\n\n`);
  }

  /** Says some text, or something else that a delta can hold. */
  say(text: string, member = "content"): void {
    this.send({ choices: [{ index: 0, delta: { [member]: text } }] });
  }

  /** Ends as providers do. */
  end(reason = "stop", usage?: unknown): void {
    this.send({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
    if (usage !== undefined) this.send({ choices: [], usage });
    this.write("data: [DONE]\n\n");
    this.close();
  }

  /** Ends the response; an event that has no end yet gets none. */
  close(): void {
    this.begin();
    this.#send(encoder.encode("0\r\n\r\n"));
    this.#end();
  }

  /** Breaks the connection in the middle of a chunk of the response. */
  kill(): void {
    this.begin();
    this.#send(encoder.encode("fff\r\ndata: {"));
    this.#end();
  }

  #send(bytes: Uint8Array): void {
    this.#written = this.#written.then(async () => {
      for (let sent = 0; sent < bytes.length && this.#open;) {
        sent += await this.#connection.write(bytes.subarray(sent));
      }
    }).catch(() => this.#close());
  }

  #end(): void {
    this.#written = this.#written.then(() => this.#close());
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#connection.close();
  }

  async #awaitEnd(): Promise<void> {
    const rest = new Uint8Array(1);
    while (await this.#connection.read(rest).catch(() => null) !== null);
    this.#close();
  }
}

const STREAM = new Response(null, {
  headers: { "content-type": "text/event-stream" },
});

/** A provider that speaks Chat Completions. */
export class Upstream implements AsyncDisposable {
  /** The requests so far. */
  readonly calls: UpstreamCall[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #script: ((call: UpstreamCall) => void) | undefined;
  readonly #waiting: ((call: UpstreamCall) => void)[] = [];
  readonly #accepted: Promise<void>;
  readonly #fetch = createProviderFetch();
  #handed = 0;

  /** @param script Called with each request, if the test does not drive it. */
  constructor(script?: (call: UpstreamCall) => void) {
    this.#script = script;
    this.#accepted = this.#accept();
  }

  /** For `OPENAI_BASE_URL`. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}/v1`;
  }

  /** What `createAsk` needs to ask it. */
  options(own: Partial<ModelOptions> = {}): ModelOptions {
    return {
      baseURL: this.url,
      apiKey: "a key of the test",
      model: "a model",
      responseFormat: "text",
      parameters: {},
      fetch: this.#fetch,
      ...own,
    };
  }

  /** Each request once, in order, also those that came before this. */
  nextCall(): Promise<UpstreamCall> {
    const { promise, resolve } = Promise.withResolvers<UpstreamCall>();
    this.#waiting.push(resolve);
    this.#hand();
    return promise;
  }

  /** Breaks what is still open, and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const call of this.calls) if (call.open) call.kill();
    await this.#accepted;
    await Promise.all(this.calls.map((call) => call.closed));
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      const request = await readRequest(connection).catch(() => undefined);
      if (request === undefined) {
        connection.close();
        continue;
      }
      const call = new UpstreamCall(request, connection);
      this.calls.push(call);
      this.#hand();
      this.#script?.(call);
    }
  }

  #hand(): void {
    while (this.#waiting.length > 0 && this.#handed < this.calls.length) {
      this.#waiting.shift()!(this.calls[this.#handed++]!);
    }
  }
}

/** Reads a request as `fetch` writes it: with a `Content-Length`. */
async function readRequest(
  connection: Deno.TcpConn,
): Promise<{ headers: Headers; body: unknown }> {
  // Each byte as one character, until the body is whole.
  let text = "";
  const buffer = new Uint8Array(65536);
  for (;;) {
    const [head, ...rest] = text.split("\r\n\r\n");
    const body = rest.join("\r\n\r\n");
    const length = /\r\ncontent-length: *(\d+)/i.exec(head!)?.[1];
    if (length !== undefined && body.length >= Number(length)) {
      const headers = new Headers();
      for (const line of head!.split("\r\n").slice(1)) {
        const [name, value] = line.split(/: *(.*)/s);
        headers.append(name!, value!);
      }
      const bytes = Uint8Array.from(body, (unit) => unit.charCodeAt(0));
      return { headers, body: JSON.parse(new TextDecoder().decode(bytes)) };
    }
    const read = await connection.read(buffer);
    if (read === null) throw new Error("Cannot read the request: it ended");
    for (const byte of buffer.subarray(0, read)) {
      text += String.fromCharCode(byte);
    }
  }
}
