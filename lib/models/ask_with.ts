/** Makes a model of anything that yields text. */

import { type Ask, ModelError, type Part, type Question } from "./ask.ts";

/** What a model says: text, or a part that is more than that. */
export type Said = string | Part;

/**
 * Makes an {@linkcode Ask} of a function that yields the answer's text, such as
 * the AI SDK's `textStream`, Anthropic's SDK or Gemini's.
 *
 * The stream that ends has finished; one that throws has failed, with
 * `upstream_unavailable` unless it is a {@linkcode ModelError}. Give the
 * `signal` to whatever asks: it is aborted when nobody reads any more. A stream
 * that does not heed it is left alone.
 *
 * @param ask Yields the text, and {@linkcode Part}s where there is more to say:
 * reasoning, usage, how it finished.
 * @param options What clients are told of it, and whether it can go on with a
 * {@linkcode Question.continuation}.
 * @returns What `createFieldStreams()` takes.
 *
 * @example Yield the text in pieces of any size
 * ```ts
 * import { askWith } from "@fieldstream/fieldstream/server";
 * import { assertEquals } from "@std/assert";
 *
 * const ask = askWith(async function* ({ prompt }) {
 *   yield '{"title":';
 *   yield `"${prompt}"}`;
 * });
 * let text = "";
 * await ask({ prompt: "Tea" }, new AbortController().signal, (part) => {
 *   if (part.type === "text") text += part.text;
 * });
 * assertEquals(text, '{"title":"Tea"}');
 * ```
 */
export function askWith(
  ask: (question: Question, signal: AbortSignal) => AsyncIterable<Said>,
  options: { model?: string; continues?: boolean } = {},
): Ask {
  async function askThis(
    question: Question,
    signal: AbortSignal,
    onPart: (part: Part) => void,
  ): Promise<void> {
    /** Ends the wait for what comes next. */
    let leave = () => {};
    const onAbort = () => leave();
    signal.addEventListener("abort", onAbort);
    try {
      const iterator = iterate(ask(question, signal));
      let finished = false;
      for (;;) {
        const next = await new Promise<IteratorResult<Said> | undefined>(
          (resolve, reject) => {
            leave = () => resolve(undefined);
            if (signal.aborted) leave();
            else iterator.next().then(resolve, reject);
          },
        );
        if (next === undefined) {
          // Not waited for: one that does not heed the signal may never end.
          iterator.return?.()?.then(undefined, () => {});
          return;
        }
        if (next.done) break;
        const part = toPart(next.value);
        finished ||= part.type === "finish";
        if (!("text" in part) || part.text !== "") onPart(part);
      }
      if (!finished) onPart({ type: "finish", reason: "stop" });
    } catch (error) {
      if (signal.aborted) return;
      throw toModelError(error);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
  return Object.assign(askThis, options);
}

function iterate(said: AsyncIterable<Said>): AsyncIterator<Said> {
  if (!(said instanceof ReadableStream)) return said[Symbol.asyncIterator]();
  // Its own iterator returns only behind the read that is under way.
  const reader = (said as ReadableStream<Said>).getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<Said>>,
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

function toPart(said: Said): Part {
  if (typeof said === "string") return { type: "text", text: said };
  if (typeof said === "object" && said !== null && "type" in said) return said;
  throw new TypeError(
    `Cannot take ${typeof said} from the model: yield strings (decode bytes with TextDecoderStream), or parts`,
  );
}

function toModelError(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ModelError("upstream_unavailable", message, { cause: error });
}
