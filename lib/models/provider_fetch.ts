/**
 * A `fetch` for servers that wait for many answers at once.
 *
 * @module
 */

/** How providers are reached. */
export interface ProviderFetchOptions {
  /**
   * Whether plain HTTP has to go through the proxies that the environment names,
   * which only the runtime's `fetch` does.
   *
   * @default {false}
   */
  isProxied?: boolean;
}

const REDIRECTIONS = new Set([301, 302, 303, 307, 308]);

/**
 * Makes a `fetch` that reads what a provider writes at half the cost, and that
 * many answers can wait in.
 *
 * What is asked by plain HTTP goes over `node:http`, which takes all that lies in
 * a socket at once, and Deno's own one chunk. It goes there directly, and not
 * through the proxies that the environment may name. All else goes by the
 * runtime's `fetch`: what is asked by HTTPS, in Deno over HTTP/1.1, as one
 * connection of HTTP/2 would carry so many answers at once as the provider allows,
 * often 100, and others would wait until one ends.
 *
 * @returns What `openai()` takes as `fetch`.
 *
 * @example A model on this machine
 * ```ts
 * import { openai } from "@fieldstream/fieldstream/openai";
 * import { createProviderFetch } from "@fieldstream/fieldstream/provider-fetch";
 * import { assertEquals } from "@std/assert";
 *
 * const ask = openai({
 *   model: "qwen3",
 *   baseURL: "http://localhost:11434/v1",
 *   fetch: createProviderFetch(),
 * });
 * assertEquals(ask.model, "qwen3");
 * ```
 */
export function createProviderFetch(
  { isProxied = false }: ProviderFetchOptions = {},
): typeof fetch {
  let fetchPlain: typeof import("./plain_http.ts").fetchPlain | undefined;
  return async (input, init) => {
    if (typeof input !== "string" || typeof init?.body !== "string") {
      return fetch(input, init);
    }
    const url = new URL(input);
    if (url.protocol === "https:") {
      return fetch(input, { ...init, ...http1Client() });
    }
    if (url.protocol !== "http:" || isProxied) return fetch(input, init);
    // With the first question, not where a server starts.
    fetchPlain ??= (await import("./plain_http.ts")).fetchPlain;
    const response = await fetchPlain(url, init);
    if (!REDIRECTIONS.has(response.status)) return response;
    // Which fetch knows how to follow.
    await response.body?.cancel();
    return fetch(input, init);
  };
}

let client: unknown;

/** What `fetch` takes to speak HTTP/1.1: Deno's own option. */
function http1Client(): RequestInit {
  const { Deno } = globalThis as {
    Deno?: { createHttpClient?(options: { http2: boolean }): unknown };
  };
  client ??= Deno?.createHttpClient?.({ http2: false });
  return client === undefined ? {} : { client } as RequestInit;
}
