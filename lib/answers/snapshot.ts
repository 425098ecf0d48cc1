/** What a client that polls gets. */

import { applyDelta } from "../../static/apply_delta.js";
import type { EnvelopeOptions } from "../envelope.ts";
import type { Operation } from "../json_patch.ts";
import {
  JsonBoundsError,
  JsonPatchParser,
  JsonSyntaxError,
} from "../parser.ts";
import { IncrementalProcessor } from "../processor.ts";
import { ChoiceHold } from "../schemas/choices.ts";
import { compile } from "../schemas/nodes.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import type { Pause } from "../schemas/validation.ts";
import { AnswerReader } from "./reading.ts";
import type { Transcript } from "./transcript.ts";

/** Options for {@linkcode takeSnapshot}. */
export interface SnapshotOptions extends EnvelopeOptions {
  /**
   * How many objects and arrays may stand in one another.
   *
   * @default {128}
   */
  maxDepth?: number;
  /** Says which strings are shown whole. One that `checkSchema` has passed. */
  schema?: JsonSchema | undefined;
}

/** What has been written so far. */
export interface Snapshot {
  /** The value; `undefined` if it has not begun. */
  data: unknown;
  /** What the model thought. */
  reasoning: string;
  /** How much of the transcript this accounts for, in UTF-16 units. */
  offset: number;
}

/** How much is read at a stretch, in UTF-16 units: a few milliseconds. */
const READ_AT_ONCE = 8_192;

/**
 * The value so far: just what the deltas up to here make, so that a client can
 * go on with those that come next.
 *
 * The work is linear in the transcript.
 *
 * @param transcript What the model wrote.
 * @param options What its value is, and how deep.
 * @returns The value; `undefined` if it has not begun.
 */
export function takeSnapshot(
  transcript: Transcript,
  options: SnapshotOptions,
): unknown {
  const taking = takingSnapshot(transcript, options);
  for (;;) {
    const step = taking.next();
    if (step.done === true) return step.value.data;
  }
}

/**
 * The same, in turns so short that nobody has to wait for it; what is written
 * meanwhile is not in it.
 *
 * @param pause Called between two slices of work.
 */
export async function takeSnapshotInTurns(
  transcript: Transcript,
  options: SnapshotOptions,
  pause: Pause,
): Promise<Snapshot> {
  const taking = takingSnapshot(transcript, options);
  for (;;) {
    const step = taking.next();
    if (step.done === true) return step.value;
    const turn = pause();
    if (turn !== undefined) await turn;
  }
}

function* takingSnapshot(
  transcript: Transcript,
  options: SnapshotOptions,
): Generator<void, Snapshot> {
  const answer = new AnswerReader(options);
  const reader = transcript.read();
  const { length } = transcript;
  let reasoning = "";
  let json = "";
  // What was shown stays until there is something in its place.
  let isStale = false;
  while (reader.offset < length) {
    // A surrogate pair has two units.
    const size = Math.max(2, Math.min(READ_AT_ONCE, length - reader.offset));
    for (const piece of answer.read(reader.next(size)!)) {
      if (piece.type === "reasoning") reasoning += piece.text;
      else if (piece.type === "restart") isStale = true;
      else if (piece.type === "json") {
        json = isStale ? piece.text : json + piece.text;
        isStale = false;
      }
    }
    yield;
  }
  const data = yield* read(json, options);
  return { data, reasoning, offset: reader.offset };
}

/** The value of a text that may not be whole. */
function* read(
  json: string,
  options: SnapshotOptions,
): Generator<void, unknown> {
  const parser = new JsonPatchParser(options);
  for (const _ of parse(json, parser)) yield;
  if (parser.complete) return JSON.parse(json);
  const { schema } = options;
  const hold = schema && new ChoiceHold(compile(schema));
  const processor = new IncrementalProcessor({ keepValues: false });
  let value: unknown;
  for (const operations of parse(json, new JsonPatchParser(options))) {
    const shown = hold?.read(operations) ?? operations;
    const delta = processor.processPatch(shown);
    if (delta !== undefined) value = applyDelta(value, delta);
    yield;
  }
  return value;
}

/** What a parser makes of a text, up to where that is none, slice by slice. */
function* parse(
  json: string,
  parser: JsonPatchParser,
): Generator<Operation[]> {
  for (let from = 0; from < json.length; from += READ_AT_ONCE) {
    try {
      yield parser.write(json.slice(from, from + READ_AT_ONCE));
    } catch (error) {
      if (
        !(error instanceof JsonSyntaxError || error instanceof JsonBoundsError)
      ) throw error;
      return yield error.operations;
    }
  }
}
