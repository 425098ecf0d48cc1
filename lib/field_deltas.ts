/**
 * A model's text to deltas, for those who want no classes.
 *
 * @module
 */

import type { Beginning } from "./beginning.ts";
import { Envelope } from "./envelope.ts";
import { JsonPatchParser, type JsonPatchParserOptions } from "./parser.ts";
import { type Delta, IncrementalProcessor } from "./processor.ts";

/** Options for {@linkcode fieldDeltas}: what is known of the value, and bounds. */
export interface FieldDeltasOptions extends Beginning, JsonPatchParserOptions {}

/**
 * Turns a model's text into deltas, as they become known: what stands around the
 * value is left out, and slips in it are mended ({@linkcode Envelope}).
 *
 * @param text The text, in pieces of any size.
 * @param options What is known of the value, and bounds.
 * @returns The deltas, for {@linkcode applyDelta}.
 * @throws {JsonSyntaxError} If the text is not JSON.
 * @throws {JsonBoundsError} If it is more than the bounds allow.
 * @throws {SyntaxError} If it ends before its value does.
 *
 * @example Follow a stream of text
 * ```ts
 * import { applyDelta, fieldDeltas } from "@fieldstream/fieldstream";
 * import { assertEquals } from "@std/assert";
 *
 * const textStream = ReadableStream.from(['Sure: {"ti', 'tle":"Te', 'a"}']);
 * let state: unknown;
 * for await (const delta of fieldDeltas(textStream)) {
 *   state = applyDelta(state, delta);
 * }
 * assertEquals(state, { title: "Tea" });
 * ```
 */
export async function* fieldDeltas(
  text: AsyncIterable<string> | Iterable<string>,
  options: FieldDeltasOptions = {},
): AsyncGenerator<Delta> {
  const envelope = new Envelope(options);
  let parser = new JsonPatchParser(options);
  const processor = new IncrementalProcessor({ keepValues: false });
  /** What has been shown was not the value, and goes when that comes. */
  let stale = false;
  for await (const written of text) {
    for (const piece of envelope.write(written)) {
      if (piece.type === "reasoning") continue;
      if (piece.type === "restart") {
        parser = new JsonPatchParser(options);
        stale = true;
        continue;
      }
      const operations = parser.write(piece.text);
      if (stale && operations.length > 0) {
        operations.unshift({ op: "remove", path: "" });
        stale = false;
      }
      const delta = processor.processPatch(operations);
      if (delta !== undefined) yield delta;
    }
  }
  if (!parser.complete || envelope.withdrawn) {
    throw new SyntaxError(
      envelope.began
        ? `Cannot end: the text ended inside the value, at "${parser.path}"`
        : "Cannot end: there was no JSON value",
    );
  }
}
