/**
 * What parsing costs: a document in pieces of four characters, and what has
 * changed after each. `deno task bench`; one iteration is one whole document.
 *
 * All peers are asked for what changed, each in its own terms: none is asked
 * for more than it would give by itself. Before anything is timed, what each
 * gives is put together again and compared.
 */

import { MockLanguageModelV4 } from "ai/test";
import { jsonSchema, Output, simulateReadableStream, streamText } from "ai";
import { JsonOutputParser } from "@langchain/core/output_parsers";
import jsonPatch from "fast-json-patch";
import { parse as parseRiver } from "jsonriver";
import { Allow, parse as parsePartial } from "partial-json";
import {
  applyDelta,
  type Delta,
  IncrementalProcessor,
  JsonPatchParser,
} from "../../lib/mod.ts";
import { article, cut, report, table } from "./documents.ts";
import { riverDeltas } from "./river_deltas.ts";

type Patch = jsonPatch.Operation[];

/** What is done with a change: the benchmark lets it go. */
type Take<T> = (change: T) => void;

function fieldstream(pieces: string[], take: Take<Delta> = letGo): void {
  const parser = new JsonPatchParser();
  const processor = new IncrementalProcessor({ keepValues: false });
  for (const piece of pieces) {
    const delta = processor.processPatch(parser.write(piece));
    if (delta !== undefined) take(delta);
  }
}

function parserAlone(pieces: string[]): void {
  const parser = new JsonPatchParser();
  for (const piece of pieces) letGo(parser.write(piece));
}

/**
 * The least that tells what a text's pieces add: looks at each unit, and makes
 * the operation and the delta. It can read nothing but the middle of a string.
 */
function floor(pieces: string[]): void {
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

async function jsonriver(
  pieces: string[],
  take: Take<unknown> = letGo,
): Promise<void> {
  for await (const delta of riverDeltas(parseRiver(toStream(pieces)))) {
    take(delta);
  }
}

function partialJson(pieces: string[], take: Take<Patch> = letGo): void {
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

async function langchain(
  pieces: string[],
  take: Take<Patch> = letGo,
): Promise<void> {
  const parser = new JsonOutputParser({ diff: true });
  for await (const patch of parser.transform(toStream(pieces), {})) {
    take(patch as unknown as Patch);
  }
}

/** By the SDK's guide to testing: a model that only says what it is told. */
async function aiSdk(
  pieces: string[],
  take: Take<unknown> = letGo,
): Promise<void> {
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
  const { partialOutputStream } = streamText({
    model: new MockLanguageModelV4({
      doStream: () => Promise.resolve({ stream }),
    }),
    output: Output.object({ schema: jsonSchema({ type: "object" }) }),
    prompt: "an answer",
  });
  for await (const partial of partialOutputStream) take(partial);
}

let last: unknown;

/** Keeps a change from being optimized away. */
function letGo(change: unknown): void {
  last = change;
}

function assertSame(name: string, actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  throw new Error(`Cannot compare ${name}: it gives another document`);
}

function merge(deltas: Delta[]): unknown {
  let state: unknown;
  for (const delta of deltas) state = applyDelta(state, delta);
  return state;
}

function apply(patches: Patch[]): unknown {
  let state: unknown = {};
  for (const patch of patches) {
    state = jsonPatch.applyPatch(state, patch).newDocument;
  }
  return state;
}

/**
 * Collects changes as text: where many objects of one origin are kept, the
 * engine takes all of them for long-lived from then on, and what is timed
 * would be slower for it.
 */
class Changes<T> {
  readonly #texts: string[] = [];
  readonly take: Take<T> = (change) => {
    this.#texts.push(JSON.stringify(change));
  };

  all(): T[] {
    return this.#texts.map((text) => JSON.parse(text));
  }
}

for (const text of [article(2_000), table(20), report(4_000)]) {
  const pieces = cut(text);
  const whole: unknown = JSON.parse(text);
  const ours = new Changes<Delta>();
  fieldstream(pieces, ours.take);
  assertSame("fieldstream", merge(ours.all()), whole);
  const rivers = new Changes<unknown>();
  await jsonriver(pieces, rivers.take);
  const merged = merge(rivers.all().map((data) => ({ data })));
  assertSame("jsonriver", merged, whole);
  // Delta by delta, but for those that only say that something is complete.
  const changes = ours.all().map(({ data }) => data).filter(isChange);
  assertSame("jsonriver's deltas", rivers.all(), changes);
  const partial = new Changes<Patch>();
  partialJson(pieces, partial.take);
  assertSame("partial-json", apply(partial.all()), whole);
  const chain = new Changes<Patch>();
  await langchain(pieces, chain.take);
  assertSame("LangChain.js", apply(chain.all()), whole);
  await aiSdk(pieces);
  assertSame("AI SDK", last, whole);
}

/** Whether a delta's data has more than the path to what is complete. */
function isChange(data: unknown, place: number): boolean {
  return place === 0 || JSON.stringify(data) !== "{}";
}

const KB = 1024;

const documents = [
  ["1 KB text", article(KB)],
  ["1 KB rows", table(10)],
  ["64 KB text", article(64 * KB)],
  ["64 KB rows", table(520)],
] as const;

for (const [name, text] of documents) {
  const pieces = cut(text);
  const group = `${name}: ${pieces.length} chunks, incrementally`;
  benchOurs(group, pieces);
  Deno.bench({
    name: "parser alone",
    group,
    fn: () => parserAlone(pieces),
  });
  if (name.endsWith("text")) {
    Deno.bench({
      name: "floor: the objects alone",
      group,
      fn: () => floor(pieces),
    });
  }
  Deno.bench({
    name: "JSON.parse of the whole, once",
    group,
    fn: () => letGo(JSON.parse(text)),
  });
  Deno.bench({
    name: "jsonriver, deltas",
    group,
    async fn() {
      await jsonriver(pieces);
    },
  });
}

// As much text in many documents, and in one: what a character costs must not
// grow with what came before.
for (
  const [group, short, count, long] of [
    ["1 MB of text", article(KB), KB, article(KB * KB)],
    ["1,000 rows", table(10), 100, table(1_000)],
  ] as const
) {
  const shortPieces = cut(short);
  const longPieces = cut(long);
  Deno.bench({
    name: `${count} documents of ${short.length} characters`,
    group,
    baseline: true,
    fn() {
      for (let turn = 0; turn < count; turn++) fieldstream(shortPieces);
    },
  });
  Deno.bench({
    name: `1 document of ${long.length} characters`,
    group,
    fn: () => fieldstream(longPieces),
  });
}

// What parses anew each time comes last: the garbage that it leaves would
// otherwise be collected at the others' cost.
for (const [name, text] of documents) {
  const pieces = cut(text);
  const group = `${name}: ${pieces.length} chunks, parsed anew`;
  benchOurs(group, pieces);
  // The large documents take these seconds each: once is enough.
  const once = text.length > 10 * KB ? { n: 1, warmup: 0 } : {};
  Deno.bench({
    name: "partial-json and fast-json-patch",
    group,
    ...once,
    fn: () => partialJson(pieces),
  });
  Deno.bench({
    name: "AI SDK streamText, Output.object",
    group,
    ...once,
    async fn() {
      await aiSdk(pieces);
    },
  });
  Deno.bench({
    name: "LangChain.js JsonOutputParser, diff",
    group,
    ...once,
    // It keeps all that it gives, as ropes of single characters, which are more
    // than fits into memory; as a server would, this makes text of them.
    async fn() {
      await langchain(pieces, (patch) => letGo(JSON.stringify(patch)));
    },
  });
}

function benchOurs(group: string, pieces: string[]): void {
  Deno.bench({
    name: "parser and processor",
    group,
    baseline: true,
    fn: () => fieldstream(pieces),
  });
}
