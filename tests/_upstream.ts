/** A provider on this machine, which does what the test tells it to. */

import type { ModelOptions } from "../lib/model.ts";

/** One request to the provider. */
export class UpstreamCall {
  readonly request: Request;
  /** What was asked for: the request's JSON. */
  // deno-lint-ignore no-explicit-any
  readonly body: any;
  /** The first of {@linkcode respond} and {@linkcode write} decides. */
  readonly response: Promise<Response>;
  /** Resolves when whoever asked has closed the connection before its end. */
  readonly left: Promise<void>;
  readonly #response = Promise.withResolvers<Response>();
  readonly #left = Promise.withResolvers<void>();
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #open = true;

  constructor(request: Request, body: unknown) {
    this.request = request;
    this.body = body;
    this.response = this.#response.promise;
    this.left = this.#left.promise;
    request.signal.addEventListener("abort", () => {
      if (this.#open) this.#left.resolve();
    });
  }

  /** Answers with this: an error status, or a stream of one's own. */
  respond(response: Response): void {
    this.#open = false;
    this.#response.resolve(response);
  }

  /** Writes part of an event stream, cut anywhere. */
  write(data: string | Uint8Array): void {
    this.begin();
    if (!this.#open) return;
    this.#stream!.enqueue(
      typeof data === "string" ? new TextEncoder().encode(data) : data,
    );
  }

  /** Sends the response's headers, if they have not been sent. */
  begin(): void {
    if (this.#stream !== undefined) return;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
      },
      cancel: () => {
        this.#open = false;
        this.#left.resolve();
      },
    });
    this.#response.resolve(
      new Response(body, { headers: { "content-type": "text/event-stream" } }),
    );
  }

  /** Writes one event. */
  send(chunk: unknown): void {
    this.write(`data: ${JSON.stringify(chunk)}\n\n`);
  }

  /** Writes some text, or something else that a delta can hold. */
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
    if (this.#open) this.#stream!.close();
    this.#open = false;
  }

  /** Breaks the connection, in the middle of the response. */
  kill(): void {
    this.begin();
    if (this.#open) this.#stream!.error(new Error("Killed by the test"));
    this.#open = false;
  }
}

/** A provider that speaks Chat Completions. */
export class Upstream implements AsyncDisposable {
  /** The requests so far. */
  readonly calls: UpstreamCall[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #waiting: ((call: UpstreamCall) => void)[] = [];
  #taken = 0;

  /** @param script Called with each request, if the test does not drive it. */
  constructor(script?: (call: UpstreamCall) => void) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const call = new UpstreamCall(request, await request.json());
        this.calls.push(call);
        this.#hand();
        script?.(call);
        return call.response;
      },
    );
  }

  /** What `createAsk` needs to ask it. */
  options(own: Partial<ModelOptions> = {}): ModelOptions {
    return {
      baseURL: this.url,
      apiKey: "a key of the test",
      model: "a model",
      responseFormat: "text",
      parameters: {},
      timeout: 60_000,
      ...own,
    };
  }

  /** For `OPENAI_BASE_URL`. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/v1`;
  }

  /** Each request once, in order, also those that came before this. */
  nextCall(): Promise<UpstreamCall> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#hand();
    });
  }

  #hand(): void {
    while (this.#waiting.length > 0 && this.#taken < this.calls.length) {
      this.#waiting.shift()!(this.calls[this.#taken++]!);
    }
  }

  /** Breaks what is still open, and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const call of this.calls) call.kill();
    await this.#server.shutdown();
  }
}
