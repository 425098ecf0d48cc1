/**
 * What parsing costs: a document in pieces of four characters, and what has
 * changed after each. `deno task bench`; one iteration is one whole document.
 *
 * All peers are asked for what changed, each in its own terms: none is asked
 * for more than it would give by itself. Before anything is timed, what each
 * gives is put together again and compared.
 */

import jsonPatch from "fast-json-patch";
import { applyDelta, type Delta } from "../../lib/mod.ts";
import { article, cut, report, table } from "./documents.ts";
import {
  aiSdk,
  aiSdkElements,
  fieldstream,
  floor,
  jsonriver,
  langchain,
  letGo,
  parserAlone,
  partialJson,
  type Patch,
  type Take,
  tanStack,
} from "./parsing_peers.ts";

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
  let last: unknown;
  await aiSdk(pieces, (object) => last = object);
  assertSame("AI SDK", last, whole);
  tanStack(pieces, (object) => last = object);
  assertSame("TanStack AI", last, whole);
}

{
  const { items } = JSON.parse(table(20));
  const elements: unknown[] = [];
  const pieces = cut(table(20, "elements"));
  await aiSdkElements(pieces, (row) => elements.push(row));
  assertSame("AI SDK, elements", elements, items);
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
    name: "TanStack AI StreamProcessor, partial",
    group,
    ...once,
    fn: () => tanStack(pieces),
  });
  if (name.endsWith("rows")) {
    const { items } = JSON.parse(text);
    const elementPieces = cut(table(items.length, "elements"));
    Deno.bench({
      name: "AI SDK streamText, Output.array, elementStream",
      group,
      async fn() {
        await aiSdkElements(elementPieces);
      },
    });
  }
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
