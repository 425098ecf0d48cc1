/** Who parses a document in pieces, and tells what has changed after each. */

import { EventType, StreamProcessor } from "@tanstack/ai";
import { MockLanguageModelV4 } from "ai/test";
import { jsonSchema, Output, simulateReadableStream, streamText } from "ai";
import { JsonOutputParser } from "@langchain/core/output_parsers";
import jsonPatch from "fast-json-patch";
import { parse as parseRiver } from "jsonriver";
import { Allow, parse as parsePartial } from "partial-json";
import {
  type Delta,
  IncrementalProcessor,
  JsonPatchParser,
} from "../../lib/mod.ts";
import { riverDeltas } from "./river_deltas.ts";

/** RFC 6902. */
export type Patch = jsonPatch.Operation[];

/** What is done with a change: the benchmark lets it go. */
export type Take<T> = (change: T) => void;

export function fieldstream(pieces: string[], take: Take<Delta> = letGo): void {
  const parser = new JsonPatchParser();
  const processor = new IncrementalProcessor({ keepValues: false });
  for (const piece of pieces) {
    const delta = processor.processPatch(parser.write(piece));
    if (delta !== undefined) take(delta);
  }
}

export function parserAlone(pieces: string[]): void {
  const parser = new JsonPatchParser();
  for (const piece of pieces) letGo(parser.write(piece));
}

/**
 * The least that tells what a text's pieces add: looks at each unit, and makes
 * the operation and the delta. It can read nothing but the middle of a string.
 */
export function floor(pieces: string[]): void {
  const path = "/text";
  const key = path.slice(1);
  for (const piece of pieces) {
    let plain = true;
    for (let index = 0; index < piece.length; index++) {
      const unit = piece.charCodeAt(index);
      if (unit === 0x22 || unit === 0x5c || unit < 0x20) plain = false;
    }
    const operations = [{ op: "append", path, value: piece }];
    const data: Record<string, string> = {};
    if (plain) data[key] = operations[0]!.value;
    letGo({ data });
  }
}

async function* toStream(pieces: string[]): AsyncGenerator<string> {
  yield* pieces;
}

export async function jsonriver(
  pieces: string[],
  take: Take<unknown> = letGo,
): Promise<void> {
  for await (const delta of riverDeltas(parseRiver(toStream(pieces)))) {
    take(delta);
  }
}

export function partialJson(pieces: string[], take: Take<Patch> = letGo): void {
  const allow = Allow.STR | Allow.ARR | Allow.OBJ;
  let text = "";
  let before: object = {};
  for (const piece of pieces) {
    text += piece;
    // It reads a lone bracket as nothing at all.
    const after = text === "{" ? {} : parsePartial(text, allow);
    const patch = jsonPatch.compare(before, after);
    if (patch.length > 0) take(patch);
    before = after;
  }
}

export async function langchain(
  pieces: string[],
  take: Take<Patch> = letGo,
): Promise<void> {
  const parser = new JsonOutputParser({ diff: true });
  for await (const patch of parser.transform(toStream(pieces), {})) {
    take(patch as unknown as Patch);
  }
}

/** By the SDK's guide to testing: a model that only says what it is told. */
function tell(pieces: string[]): MockLanguageModelV4 {
  const usage = {
    inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 0, text: 0, reasoning: 0 },
  };
  const stream = simulateReadableStream({
    chunks: [
      { type: "text-start" as const, id: "1" },
      ...pieces.map((delta) => ({
        type: "text-delta" as const,
        id: "1",
        delta,
      })),
      { type: "text-end" as const, id: "1" },
      {
        type: "finish" as const,
        finishReason: { unified: "stop" as const, raw: undefined },
        usage,
      },
    ],
    initialDelayInMs: null,
    chunkDelayInMs: null,
  });
  return new MockLanguageModelV4({
    doStream: () => Promise.resolve({ stream }),
  });
}

/** ai-sdk.dev, "Generating Structured Data": the growing object. */
export async function aiSdk(
  pieces: string[],
  take: Take<unknown> = letGo,
): Promise<void> {
  const { partialOutputStream } = streamText({
    model: tell(pieces),
    output: Output.object({ schema: jsonSchema({ type: "object" }) }),
    prompt: "an answer",
  });
  for await (const partial of partialOutputStream) take(partial);
}

/** The same page, `elementStream`: each row when it is whole. */
export async function aiSdkElements(
  pieces: string[],
  take: Take<unknown> = letGo,
): Promise<void> {
  const { elementStream } = streamText({
    model: tell(pieces),
    output: Output.array({ element: jsonSchema({ type: "object" }) }),
    prompt: "an answer",
  });
  for await (const element of elementStream) take(element);
}

/**
 * tanstack.com/ai, "Streaming Structured Output UIs": what `useChat` does for
 * `partial`, which is parsed for each piece and told every twelfth.
 */
export function tanStack(
  pieces: string[],
  take: Take<unknown> = letGo,
): void {
  const processor = new StreamProcessor({
    events: {
      onStructuredOutputChange: ({ partial }) => {
        if (partial !== undefined) take(partial);
      },
    },
  });
  const [runId, threadId, messageId] = ["run", "thread", "message"];
  const type = EventType.TEXT_MESSAGE_CONTENT;
  const value = { messageId };
  for (
    const chunk of [
      { type: EventType.RUN_STARTED, runId, threadId },
      { type: EventType.TEXT_MESSAGE_START, messageId, role: "assistant" },
      { type: EventType.CUSTOM, name: "structured-output.start", value },
    ] as const
  ) processor.processChunk(chunk);
  for (const delta of pieces) {
    processor.processChunk({ type, messageId, delta });
  }
  processor.processChunk({ type: EventType.TEXT_MESSAGE_END, messageId });
  processor.finalizeStream();
}

/** What was let go last. */
export let last: unknown;

/** Keeps a change from being optimized away. */
export function letGo(change: unknown): void {
  last = change;
}
