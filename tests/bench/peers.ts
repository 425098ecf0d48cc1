/**
 * What else one would put between a model and a browser, each as its own
 * documentation shows it: `GET /?prompt=…` asks the model and streams.
 *
 *     peers.ts <name> <port of the provider>
 */

import { endWithParent } from "./end_with_parent.ts";

/** What a peer is asked. */
export interface Asked {
  prompt: string;
  request: Request;
}

/** Answers a request from the model's answer. */
export type Peer = (asked: Asked) => Response | Promise<Response>;

/** The peers of a house; no process loads what another house needs. */
function load(name: string, baseURL: string): Promise<Record<string, Peer>> {
  const house = name.split(/[ ,.]/)[0];
  switch (house) {
    case "AI":
      return import("./peers/ai_sdk.ts").then((room) => room.aiSdk(baseURL));
    case "TanStack":
      return import("./peers/tanstack.ts")
        .then((room) => room.tanStack(baseURL));
    case "LangChain":
      return import("./peers/langchain.ts")
        .then((room) => room.langchain(baseURL));
    default:
      return import("./peers/proxies.ts").then((room) => room.proxies(baseURL));
  }
}

if (import.meta.main) {
  const [name = "", upstream = ""] = Deno.args;
  endWithParent();
  const peers = await load(name, `http://127.0.0.1:${upstream}/v1`);
  const peer = peers[name]!;
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`listens on http://127.0.0.1:${port}/`),
  }, (request) => {
    const prompt = new URL(request.url).searchParams.get("prompt") ?? "";
    return peer({ prompt, request });
  });
}
