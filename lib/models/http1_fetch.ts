/** The runtime's `fetch`, over HTTP/1.1. */

/** What is used of Deno. */
interface Runtime {
  createHttpClient?(options: { http2: boolean }): unknown;
}

/** Deno's own, which is made with the first request over HTTPS. */
let client: unknown;

/**
 * As `fetch`. In Deno one connection of HTTP/2 would carry as many answers at once
 * as the provider allows, often 100, and all others would wait until one ends; over
 * HTTP/1.1 each has a connection. Other runtimes do so by themselves.
 */
export function http1Fetch(
  input: URL | RequestInfo,
  init?: RequestInit,
): Promise<Response> {
  if (!String(input).startsWith("https:")) return fetch(input, init);
  const { Deno } = globalThis as { Deno?: Runtime };
  client ??= Deno?.createHttpClient?.({ http2: false });
  const own = client === undefined ? {} : { client };
  return fetch(input, { ...init, ...own });
}
