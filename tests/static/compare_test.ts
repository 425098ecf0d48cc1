import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { applyDelta } from "../../static/apply_delta.js";
import { repaired, shownOf } from "../../static/compare.js";
import { IncrementalProcessor, JsonPatchParser } from "../../lib/mod.ts";

Deno.test("comparison shows what the library shows, after each character", () => {
  fc.assert(fc.property(
    fc.oneof(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.array(fc.jsonValue()),
    ),
    (document) => {
      const text = JSON.stringify(document);
      const parser = new JsonPatchParser();
      const processor = new IncrementalProcessor();
      let state: unknown;
      for (let at = 0; at < text.length; at++) {
        const delta = processor.processPatch(parser.write(text[at]!));
        if (delta) state = applyDelta(state, delta);
        const shown = shownOf(text.slice(0, at + 1));
        assertEquals(JSON.stringify(shown), JSON.stringify(state));
        // A repair never fails either, and ends alike.
        const usual = repaired(text.slice(0, at + 1));
        if (at + 1 === text.length) {
          assertEquals(JSON.stringify(usual), JSON.stringify(state));
        }
      }
    },
  ));
});

Deno.test("comparison shows halves where repairs do", () => {
  for (
    const [text, shown, usual] of [
      ['{"price":12', {}, { price: 12 }],
      ['{"price":-', {}, { price: 0 }],
      ['{"na', {}, { na: null }],
      ['{"name":', {}, { name: null }],
      ['{"ok":tr', {}, { ok: true }],
      ['["a\\', ["a"], ["a\\"]],
      ['["a\\u4f', ["a"], ["a\\u4f"]],
      ['["a\\\\', ["a\\"], ["a\\"]],
      ['["a\\\\u4f', ["a\\u4f"], ["a\\u4f"]],
      ["[1,", [1], [1]],
      ["[1,2", [1], [1, 2]],
    ] as const
  ) {
    assertEquals(JSON.stringify(shownOf(text)), JSON.stringify(shown));
    assertEquals(JSON.stringify(repaired(text)), JSON.stringify(usual));
  }
});
