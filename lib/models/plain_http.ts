/**
 * A `fetch` for plain HTTP over `node:http`, which takes all that lies in a socket
 * at once.
 */

import http, { type IncomingMessage } from "node:http";
import { finished, pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createUnzip } from "node:zlib";
import { type Source, toStream } from "./source.ts";

/** The longest head of a response, in bytes: proxies add to it. */
const HEAD_BYTES = 65_536;

/** An error of Node's. */
type NodeError = Error & { code?: string | undefined; errors?: NodeError[] };

/** Connections are kept for what is asked next. */
const agent = new http.Agent({ keepAlive: true });

/**
 * Asks for one resource. Redirections are not followed.
 *
 * @param init Of it, the method, the headers, the signal and a text as body.
 * @throws {TypeError} Whatever fails; or what the signal was aborted with.
 */
export async function fetchPlain(
  url: URL,
  init: RequestInit,
): Promise<Response> {
  const { signal } = init;
  signal?.throwIfAborted();
  const message = await send(url, init).catch((error) => {
    signal?.throwIfAborted();
    throw new TypeError(`Cannot ask ${url.origin}: ${wordsOf(error)}`);
  });
  const body = toStream(sourceOf(decoded(message), signal));
  try {
    return responseOf(message, body);
  } catch (error) {
    await body.cancel();
    throw new TypeError(`Cannot ask ${url.origin}: ${wordsOf(error as Error)}`);
  }
}

/** @throws {Error} If it is none that fetch would give. */
function responseOf(
  { statusCode: status = 0, headers: fields }: IncomingMessage,
  body: ReadableStream<Uint8Array>,
): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  if (status !== 204 && status !== 304) {
    return new Response(body, { status, headers });
  }
  void body.cancel();
  return new Response(null, { status, headers });
}

/** Asks until the head of the response is there. */
function send(url: URL, init: RequestInit): Promise<IncomingMessage> {
  const body = new TextEncoder().encode(init.body as string);
  const headers = {
    accept: "*/*",
    "accept-encoding": "identity",
    "user-agent": navigator.userAgent,
    ...Object.fromEntries(new Headers(init.headers)),
    "content-length": body.length,
  };
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      agent,
      headers,
      // What fetch takes of a server, this takes, too.
      insecureHTTPParser: true,
      maxHeaderSize: HEAD_BYTES,
      ...(init.method && { method: init.method }),
      ...(init.signal && { signal: init.signal }),
    });
    let hasAnswered = false;
    request.on("response", (message) => {
      hasAnswered = true;
      resolve(message);
    });
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      reject(new Error("it speaks another protocol"));
    });
    request.on("error", (error: NodeError) => {
      // The server had closed a connection that was kept for this.
      const isStale = request.reusedSocket && error.code === "ECONNRESET";
      if (isStale && !hasAnswered) resolve(send(url, init));
      else reject(error);
    });
    request.end(body);
  });
}

/** Some compress, although they were asked not to. */
function decoded(message: IncomingMessage): Readable {
  const encoding = message.headers["content-encoding"];
  if (/^(?:x-)?(?:gzip|deflate)$/i.test(encoding ?? "")) {
    return pipeline(message, createUnzip(), () => {});
  }
  if (encoding === "br") {
    return pipeline(message, createBrotliDecompress(), () => {});
  }
  return message;
}

/** What comes by itself. */
export function sourceOf(
  readable: Readable,
  signal: AbortSignal | null | undefined,
): Source {
  const { promise: end, resolve, reject } = Promise.withResolvers<void>();
  // It may be over before anybody listens.
  end.catch(() => {});
  finished(readable, { writable: false }, (error) => {
    // A body that ends with its connection ends with an abort, too.
    if (signal?.aborted) reject(signal.reason);
    else if (error) reject(new TypeError(`Cannot read on: ${wordsOf(error)}`));
    else resolve();
  });
  function stop(): void {
    // What lies in the socket would still come.
    readable.removeAllListeners("data");
    readable.destroy();
  }
  function fail(error: unknown): void {
    reject(error);
    stop();
  }
  return {
    pump(onPiece) {
      readable.on("data", (piece: Uint8Array) => {
        try {
          const busy = onPiece(piece);
          if (busy === undefined) return;
          readable.pause();
          busy.then(() => readable.resume(), fail);
        } catch (error) {
          fail(error);
        }
      });
      return end;
    },
    cancel() {
      resolve();
      stop();
      return Promise.resolve();
    },
  };
}

/** What happened, in words. */
function wordsOf(error: NodeError): string {
  // All addresses of a host were tried.
  if (error.errors) return error.errors.map(wordsOf).join(", ");
  return error.code === "ECONNRESET"
    ? "the connection was closed before the end"
    : error.message;
}
