import { assertEquals } from "@std/assert";
import { applyDelta, type Delta } from "../../static/apply_delta.js";
import { Comparison } from "../../static/numbers.js";
import { IncrementalProcessor, JsonPatchParser } from "../../lib/mod.ts";
import { cut } from "../_stream.ts";

const id = "abcdefghijklmnopqrstuv.7";

Deno.test("numbers measure whole objects without making their JSON", () => {
  const text = JSON.stringify({
    title: 'quotes " \\ and \n\t\u0001\u2028',
    "键/~": ["é", "汉字", "😀", "\ud800", ["", [], {}], { a: 1.5, b: null }],
    flags: { yes: true, "": {} },
    __proto__: "x",
  });
  for (const sizes of [[1], [3, 1], [7], [1000]]) {
    const parser = new JsonPatchParser();
    const processor = new IncrementalProcessor();
    const deltas = cut(text, sizes).flatMap((piece) =>
      processor.processPatch(parser.write(piece)) ?? []
    );
    check(deltas);
  }
});

Deno.test("numbers follow what is taken back", () => {
  check([
    { data: { a: "xyz", b: { c: [1, 2], d: "" } } },
    { data: { a: "new" }, reset: ["/a"] },
    { data: { b: { e: "f" } }, reset: ["/b/c", "/none", "/b/d"] },
    { reset: [""], data: ["other"] },
    { data: { 1: "x" } },
    { reset: [""] },
    { data: "text" },
  ]);
});

Deno.test("numbers measure JSON Patch with whole values", () => {
  const comparison = new Comparison();
  const frame = `id: ${id}\ndata: {"status":"chunk","data":}\n\n`;
  let expected = 0;
  for (
    const [delta, operations] of [
      [{ data: {} }, [{ op: "add", path: "", value: {} }]],
      [{ data: { a: "x" } }, [{ op: "add", path: "/a", value: "x" }]],
      [{ data: { a: "汉" } }, [{ op: "replace", path: "/a", value: "x汉" }]],
      [{ data: {} }, []],
      [
        { data: { a: [1] }, reset: ["/a"] },
        [{ op: "remove", path: "/a" }, { op: "add", path: "/a", value: [1] }],
      ],
    ] as const
  ) {
    comparison.add(delta as unknown as Delta, id);
    const commas = Math.max(operations.length - 1, 0);
    expected += bytes(frame) + bytes(JSON.stringify(operations)) - commas;
    assertEquals(comparison.patchBytes, expected);
  }
});

/** Compares with `JSON.stringify`, delta by delta. */
function check(deltas: Delta[]): void {
  const comparison = new Comparison();
  let state: unknown;
  let sum = 0;
  for (const delta of deltas) {
    state = applyDelta(state, delta);
    comparison.add(delta, id);
    const size = bytes(JSON.stringify(state) ?? "");
    assertEquals(comparison.size, size);
    sum += bytes(`id: ${id}\ndata: {"status":"chunk","data":}\n\n`) + size;
    assertEquals(comparison.wholeBytes, sum);
  }
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
