/** What clients make of the answers, so that nobody is timed who sends another. */

import { createParser } from "eventsource-parser";
import jsonPatch from "fast-json-patch";
import { applyDelta } from "../../lib/mod.ts";
import { OURS, urlOf } from "./contenders.ts";
import type { Server } from "./process.ts";
import { answerText, type Script } from "./upstream.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

/** The value in a body, by the beginning of its contender's name. */
const readers: Record<string, (body: string) => unknown> = {
  [OURS]: (body) =>
    eventsOf(body).filter(({ status }) => status === "chunk")
      .reduce<unknown>((value, event) => applyDelta(value, event), undefined),
  "floor: re-send": (body) =>
    parse(eventsOf(body).map(({ data }) => data.text)),
  "AI SDK, UI": (body) =>
    parse(
      eventsOf(body).map(({ type, delta }) =>
        type === "text-delta" ? delta : ""
      ),
    ),
  "AI SDK, elements": (body) => ({ elements: linesOf(body) }),
  "AI SDK": (body) => JSON.parse(body),
  "TanStack AI, lines": (body) => parse(linesOf(body).map(tanStackText)),
  "TanStack AI": (body) => parse(eventsOf(body).map(tanStackText)),
  "LangChain.js": (body) =>
    eventsOf(body).reduce(
      (value, patch) => jsonPatch.applyPatch(value, patch).newDocument,
      {},
    ),
  // The proxies, and the floor that copies, pass on what the provider sends.
  "": (body) =>
    parse(eventsOf(body).map(({ choices }) => choices[0]?.delta.content ?? "")),
};

/** Throws if what a contender sends is not the answer. */
export async function checkAnswer(
  name: string,
  server: Server,
  script: Script,
): Promise<void> {
  if (name === "floor: read") return;
  const body = await (await fetch(await urlOf(name, server, script))).text();
  const beginning = Object.keys(readers).find((begin) =>
    name.startsWith(begin)
  );
  const value = readers[beginning!]!(body);
  const expected: unknown = JSON.parse(answerText(script));
  if (JSON.stringify(value) === JSON.stringify(expected)) return;
  throw new Error(`Cannot compare ${name}: it gives another answer`);
}

function eventsOf(body: string): Json[] {
  const events: Json[] = [];
  createParser({
    onEvent({ data }) {
      if (data !== "[DONE]") events.push(JSON.parse(data));
    },
  }).feed(body);
  return events;
}

function linesOf(body: string): Json[] {
  return body.trimEnd().split("\n").map((line) => JSON.parse(line));
}

function tanStackText({ type, delta }: Json): string {
  return type === "TEXT_MESSAGE_CONTENT" ? delta : "";
}

function parse(pieces: string[]): unknown {
  return JSON.parse(pieces.join(""));
}
