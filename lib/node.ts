/**
 * Node's `(request, response)` for servers that know no `Request`: Express,
 * Fastify's raw objects, `node:http`.
 *
 * @module
 */

/** What is used of Node's `IncomingMessage`, and of Express's request. */
export interface NodeRequest extends AsyncIterable<Uint8Array> {
  /** The method. */
  method?: string | undefined;
  /** Path and query. */
  url?: string | undefined;
  /** Express: the whole path, where a router has taken the front of `url`. */
  originalUrl?: string;
  /** By lower-case names. */
  headers: Record<string, string | string[] | undefined>;
  /** What a body parser has made of the body, which can be read only once. */
  body?: unknown;
}

/** What is used of Node's `ServerResponse`. */
export interface NodeResponse {
  /** Sends status and headers. */
  writeHead(
    status: number,
    headers: Record<string, string | string[]>,
  ): unknown;
  /** Sends the headers now. */
  flushHeaders?(): void;
  /** Sends bytes; `false`: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  /** Ends the response. */
  end(): unknown;
  /** Listens once. */
  once(event: "drain" | "close", listener: () => void): unknown;
  /** Listens no more. */
  off(event: "drain" | "close", listener: () => void): unknown;
  /** Whether the client has gone. */
  readonly destroyed: boolean;
  /** Cuts the connection. */
  destroy(error?: Error): unknown;
}

/**
 * Makes a `Request` of Node's. If a body parser such as `express.json()` has
 * read the body already, what it has made of it is sent on as JSON.
 */
export function toRequest(node: NodeRequest): Request {
  const { method = "GET", headers, body } = node;
  const init: RequestInit & { duplex?: "half" } = {
    method,
    headers: new Headers(
      Object.entries(headers).flatMap(([name, value]) =>
        // HTTP/2's own, and those that are not there.
        name.startsWith(":") || value === undefined
          ? []
          : [value].flat().map((one): [string, string] => [name, one])
      ),
    ),
  };
  if (method !== "GET" && method !== "HEAD") {
    if (body === undefined) {
      init.body = streamOf(node);
      init.duplex = "half";
    } else {
      init.body = JSON.stringify(body);
      (init.headers as Headers).set("content-type", "application/json");
    }
  }
  const host = [headers[":authority"] ?? headers.host ?? "localhost"].flat()[0];
  const url = new URL(
    `http://${host}${node.originalUrl ?? node.url ?? "/"}`,
  );
  return new Request(url, init);
}

/**
 * Sends a response through Node's. A client that leaves cancels its body, one
 * that is slow is waited for.
 *
 * @returns Resolves when all is sent, or the client has left.
 */
export async function sendResponse(
  node: NodeResponse,
  { status, headers, body }: Response,
): Promise<void> {
  const fields: Record<string, string | string[]> = Object.fromEntries(headers);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) fields["set-cookie"] = cookies;
  node.writeHead(status, fields);
  if (body === null) {
    node.end();
    return;
  }
  // The first byte may be long in coming.
  node.flushHeaders?.();
  const reader = body.getReader();
  const onClose = () => void reader.cancel().catch(() => {});
  node.once("close", onClose);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || node.destroyed) break;
      if (!node.write(value)) await drained(node);
    }
    node.end();
  } catch (error) {
    // Cut off, so that nobody takes it for the end.
    node.destroy(error instanceof Error ? error : undefined);
  } finally {
    node.off("close", onClose);
  }
}

function streamOf(
  bytes: AsyncIterable<Uint8Array>,
): ReadableStream<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void iterator.return?.(),
  });
}

/** Resolves when more can be written, or nobody reads any more. */
function drained(node: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      node.off("drain", done);
      node.off("close", done);
      resolve();
    };
    node.once("drain", done);
    node.once("close", done);
    if (node.destroyed) done();
  });
}
