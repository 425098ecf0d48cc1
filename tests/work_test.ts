// Invariant 6: the work and what is sent grow with the text, and with nothing
// else. Work is counted, not timed: see _work.ts.

import { assert, assertEquals } from "@std/assert";
import {
  applyDelta,
  IncrementalProcessor,
  JsonPatchParser,
  type Operation,
} from "../lib/mod.ts";
import { cut } from "./_stream.ts";
import { workOf } from "./_work.ts";

/** Counts from 0, in as many digits for the last as for the first. */
function count<T>(size: number, each: (index: string) => T): T[] {
  return Array.from({ length: size }, (_, i) => each(String(i + 1e6)));
}

/** Texts of any size, each of which one part could make quadratic. */
const texts: Record<string, (size: number) => string> = {
  "a long string": (size) => `{"a":"${"x".repeat(8 * size)}"}`,
  "a long string of escapes": (size) => `["${"\\u00e9\\n".repeat(size)}"]`,
  "a long string of surrogates": (size) =>
    `["${"\ud83d\\ud83d😀\\ude00".repeat(size)}"]`,
  "a long string that is the document": (size) => `"${"x".repeat(8 * size)}"`,
  "a long number": (size) => `[${"1".repeat(8 * size)}]`,
  "much white space": (size) => `[1,${" ".repeat(8 * size)}2]`,
  "many members": (size) => `{${count(size, (i) => `"${i}":1`)}}`,
  "many strings": (size) => `{"a":[${count(size, () => '"xyz"')}]}`,
  "many numbers": (size) => `[${count(size, () => "12,true")}]`,
  "many objects": (size) =>
    `[[${count(size, () => '{"a":{"b":"x"},"c":[]}')}]]`,
  "many duplicates of one name": (size) =>
    `{${count(size, (i) => `"a":{"b":"${i}"}`)}}`,
  "many duplicates of many names": (size) =>
    `{${count(size, (i) => `"${i}":{}`)},${count(size, (i) => `"${i}":""`)}}`,
  "many names that are complete, then begin again": (size) =>
    `{"a":{${count(size, (i) => `"${i}":""`)}},"b":{${
      count(size, (i) => `"${i}":[],"${i}":[]`)
    }}}`,
  "deep values, one behind the other": (size) =>
    `[${count(size / 10, () => "[".repeat(20) + "]".repeat(20))}]`,
};

/** The whole way of a text, from the parser to a client. */
function run(text: string, pieceSize: number, keepValues: boolean) {
  const parser = new JsonPatchParser({
    maxPointerLength: 128,
    maxNumberLength: Infinity,
  });
  const processor = new IncrementalProcessor({ keepValues });
  let operations = 0;
  let sent = 0;
  let state: unknown;
  const pieces = cut(text, [pieceSize]);
  const work = workOf(() => {
    const list = (list: Operation[]) => {
      operations += list.length;
      const delta = processor.processPatch(list);
      if (delta === undefined) return;
      sent += sizeOf(delta);
      state = applyDelta(state, delta);
    };
    for (const piece of pieces) list(parser.write(piece));
    list(parser.end());
  });
  return { work, operations, sent, state };
}

/** The length of a value as JSON, more or less, counted without any work. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 4;
  let size = 2;
  for (const key in value) {
    size += key.length + 4 + sizeOf((value as Record<string, unknown>)[key]);
  }
  return size;
}

for (const [name, textOf] of Object.entries(texts)) {
  Deno.test(`ten times the text is ten times the work: ${name}`, () => {
    for (const keepValues of [false, true]) {
      for (const pieceSize of [1, 4, Infinity]) {
        const text = textOf(200);
        const small = run(text, pieceSize, keepValues);
        const large = run(textOf(2_000), pieceSize, keepValues);
        const way = `${pieceSize} at a time, keepValues ${keepValues}`;
        for (const what of ["work", "operations", "sent"] as const) {
          const ratio = large[what] / small[what];
          // Pointers into an array grow by a digit.
          assert(ratio < 12, `${what} grows by ${ratio}: ${way}`);
        }
        const perUnit = small.work / text.length;
        assert(perUnit < 300, `${perUnit} visits for a unit: ${way}`);
        assertEquals(small.state, JSON.parse(text));
      }
    }
  });
}

Deno.test("a string of 1 MB, one unit at a time, costs the same for each unit", () => {
  const text = `{"a":"${"x".repeat(2 ** 20)}"}`;
  const { work, operations, sent, state } = run(text, 1, false);
  // The object, the string, an append for each unit, and the two ends.
  assertEquals(operations, 2 ** 20 + 4);
  assertEquals((state as { a: string }).a.length, 2 ** 20);
  const each = { work: work / text.length, sent: sent / text.length };
  assert(each.work < 30, `${each.work} visits for a unit`);
  assert(each.sent < 30, `${each.sent} units sent for one`);
});
