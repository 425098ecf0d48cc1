/** What goes over the wire for an answer, token by token, in bytes. */

import jsonPatch from "fast-json-patch";
import { Allow, parse } from "partial-json";
import type { Clock } from "../../lib/clock.ts";
import { follow } from "../../lib/wire/follow.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { article, cut, report } from "./documents.ts";

/** How many bytes each way of sending an answer takes. */
export type Sizes = Record<string, number>;

/** The answers, and what they take. */
export async function measureWire(): Promise<Map<string, Sizes>> {
  const sizes = new Map<string, Sizes>();
  for (
    const [name, text] of [
      ["2 KB text", article(2048)],
      ["16 KB text", article(16384)],
      ["16 KB nested", report(16384)],
    ] as const
  ) {
    const pieces = cut(text);
    sizes.set(name, {
      "raw JSON text": length(text),
      "fieldstream, an event for each token": await followed(pieces, 1),
      "fieldstream, the same with short ids": await followed(pieces, 1, true),
      "fieldstream, an event for ten tokens": await followed(pieces, 10),
      ...resent(pieces),
    });
  }
  return sizes;
}

/** The response's body, if so many tokens come between two events. */
async function followed(
  pieces: string[],
  tokens: number,
  shortIds = false,
): Promise<number> {
  const transcript = new Transcript();
  let now = 0;
  const clock: Clock = {
    // No pause is needed between two events.
    now: () => now += 20,
    setTimeout: (callback) => setTimeout(callback, 1e6),
    clearTimeout: (timer) => clearTimeout(timer),
  };
  const body = follow({
    id: makeGenerationId(),
    transcript,
    shortIds,
    start: { status: "start" },
    language: "zh",
    pause: 16,
    offset: 0,
    maxDepth: 128,
    heartbeat: 1e9,
    maxAge: 1e9,
    clock,
    onClose: () => {},
  });
  let bytes = 0;
  const read = (async () => {
    for await (const chunk of body) bytes += chunk.length;
  })();
  for (let from = 0; from < pieces.length; from += tokens) {
    transcript.append("text", pieces.slice(from, from + tokens).join(""));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  transcript.finish({ status: "end", finish_reason: "stop" });
  await read;
  return bytes;
}

/** As events: the whole value each time, or RFC 6902 with whole values. */
function resent(pieces: string[]): Sizes {
  let snapshots = 0;
  let patches = 0;
  let text = "";
  let before: object = {};
  for (const piece of pieces) {
    text += piece;
    const after = text === "{"
      ? {}
      : parse(text, Allow.STR | Allow.ARR | Allow.OBJ);
    const patch = jsonPatch.compare(before, after);
    before = after;
    if (patch.length === 0) continue;
    snapshots += length(`data: ${JSON.stringify(after)}\n\n`);
    patches += length(`data: ${JSON.stringify(patch)}\n\n`);
  }
  return {
    "RFC 6902, whole values": patches,
    "the whole value each time": snapshots,
  };
}

const encoder = new TextEncoder();

function length(text: string): number {
  return encoder.encode(text).length;
}
