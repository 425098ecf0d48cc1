/** Who is measured, and how they are started. */

import {
  Client,
  type Server,
  startFieldstream,
  type StartOptions,
  startPeer,
  startUpstream,
} from "./process.ts";
import type { Script } from "./upstream.ts";

export const OURS = "fieldstream";
/** The same where it reads the provider by `fetch`, as it does over HTTPS. */
export const BY_FETCH = "fieldstream, by fetch";
export const NATIVE = "native proxy";
export const YARDSTICK = "JavaScript proxy";
export const PROXIES = [OURS, BY_FETCH, NATIVE, YARDSTICK];
/** They do less than is needed: what no server like this one can go below. */
export const FLOORS = ["floor: read", "floor: copy", "floor: re-send"];
/** What streams a growing text, or what has changed in it. */
export const TEXT_PEERS = [
  "TanStack AI",
  "TanStack AI, lines",
  "TanStack AI, durable",
  "TanStack AI, durable, batch: 1",
  "AI SDK, text",
  "AI SDK, text, low memory",
  "AI SDK, UI messages",
  "AI SDK, UI messages, low memory",
  "AI SDK, streamObject",
  "LangChain.js",
];
/** What streams rows: those of the AI SDK come each when it is whole. */
export const ROW_PEERS = [
  "TanStack AI",
  "AI SDK, elements",
  "AI SDK, elements, low memory",
  "AI SDK, UI messages",
];
export const PEERS = [...TEXT_PEERS, ...ROW_PEERS];

/** A contender's turn. */
export interface Turn {
  name: string;
  server: Server;
  client: Client;
  upstream: Server;
  /** Counted from 0. */
  round: number;
}

/**
 * Starts a provider, a client and the contenders, and calls `measure` with each
 * in turn, round by round.
 */
export async function withServers(
  names: string[],
  rounds: number,
  measure: (turn: Turn) => Promise<void>,
  options?: StartOptions,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(startUpstream());
  const upstreamUrl = await upstream.url();
  const client = stack.use(new Client());
  const servers = new Map<string, Server>();
  for (const name of names) {
    const server = isOurs(name)
      ? (await startFieldstream(upstreamUrl, optionsOf(name, options))).server
      : startPeer(name, upstreamUrl);
    stack.use(server);
    await server.url();
    server.ignoreOutput();
    servers.set(name, server);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, server] of servers) {
      await measure({ name, server, client, upstream, round });
    }
  }
}

/** Whether a contender is this server. */
export function isOurs(name: string): boolean {
  return name === OURS || name === BY_FETCH;
}

function optionsOf(name: string, options: StartOptions = {}): StartOptions {
  if (name === OURS) return options;
  // A proxy that nothing here goes through.
  const proxy = { HTTP_PROXY: "http://127.0.0.1:9", NO_PROXY: "127.0.0.1" };
  return { ...options, env: { ...options.env, ...proxy } };
}

/** The address that has a contender answer with a script. */
export async function urlOf(
  name: string,
  server: Server,
  script: Script,
): Promise<string> {
  const path = isOurs(name) ? "/helloworld" : "/";
  const prompt = encodeURIComponent(JSON.stringify(script));
  return `${await server.url()}${path}?prompt=${prompt}`;
}
