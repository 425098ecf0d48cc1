/**
 * Streams JSON field by field: an incremental parser whose operations become
 * deltas, and the merge that a client does. Pure Web-standard code; the server
 * around it is not part of the library.
 *
 * What holds for every text and every way of cutting it:
 *
 * 1. **Lossless.** Merging all deltas gives `JSON.parse(text)`, up to the order
 *    of members, which a duplicate key changes.
 * 2. **Monotone.** Nothing shown is taken back, except by a duplicate key: the
 *    last one wins, as in `JSON.parse`. It comes as `reset` plus the new value.
 *    (The server knows one more exception: a value that turns out to have been a
 *    draft, in thinking. It comes as `reset: [""]` plus the value.)
 * 3. **Whole atoms.** Numbers, booleans and null appear once, complete; with
 *    `rawNumbers`, a number keeps the digits that were written.
 * 4. **Whole characters.** No delta ends inside a surrogate pair or an escape
 *    sequence. A surrogate that really is alone is passed on as it is.
 * 5. **A function of the text.** What has been shown after k UTF-16 units
 *    follows from these k units, not from how they were cut.
 * 6. **Linear.** Work and output for a piece of text do not depend on how much
 *    came before.
 * 7. **Same as a snapshot.** After any prefix that ends in no white space, the
 *    merged value is what a parser of incomplete JSON (the npm package
 *    partial-json, allowing partial strings, arrays and objects) makes of the
 *    prefix, but for the character or atom still being written.
 *
 * @example Stream a document a token at a time
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   applyDelta,
 *   IncrementalProcessor,
 *   JsonPatchParser,
 * } from "@fieldstream/fieldstream";
 *
 * const parser = new JsonPatchParser();
 * const processor = new IncrementalProcessor({ keepValues: false });
 * const tokens = ["{", '"title":"', "科技", '","tags":[', '"AI', '","芯片'];
 * const deltas = [...tokens, '"],"score":0.9', "3", "}"]
 *   .map((token) => processor.processPatch(parser.write(token)))
 *   .filter((delta) => delta !== undefined);
 * assertEquals(deltas, [
 *   { data: {} },
 *   { data: { title: "" } },
 *   { data: { title: "科技" } },
 *   { data: { tags: [] }, complete: ["/title"] },
 *   { data: { tags: { 0: "AI" } } },
 *   { data: { tags: { 1: "芯片" } }, complete: ["/tags/0"] },
 *   { data: {}, complete: ["/tags"] },
 *   { data: { score: 0.93 }, complete: [""] },
 * ]);
 *
 * let state: unknown;
 * for (const delta of deltas) state = applyDelta(state, delta);
 * assertEquals(state, { title: "科技", tags: ["AI", "芯片"], score: 0.93 });
 * ```
 *
 * @module
 */

export type { Operation } from "./json_patch.ts";
export { joinPointer, splitPointer } from "./json_patch.ts";
export * from "./parser.ts";
export * from "./processor.ts";
export type { Beginning } from "./beginning.ts";
export * from "./envelope.ts";
export { fieldDeltas, type FieldDeltasOptions } from "./field_deltas.ts";
export type { Mending } from "./mending.ts";
export { applyDelta } from "../static/apply_delta.js";
