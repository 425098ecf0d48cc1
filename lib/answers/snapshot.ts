/** What a client that polls gets. */

import { applyDelta } from "../../static/apply_delta.js";
import type { EnvelopeOptions, Piece } from "../envelope.ts";
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
  let json = "";
  // What was shown stays until there is something in its place.
  let isStale = false;
  for (const piece of piecesOf(transcript, options)) {
    if (piece.type === "restart") isStale = true;
    if (piece.type !== "json") continue;
    json = isStale ? piece.text : json + piece.text;
    isStale = false;
  }
  const parser = new JsonPatchParser(options);
  let operations: Operation[];
  try {
    operations = parser.write(json);
    if (parser.complete) return JSON.parse(json);
  } catch (error) {
    if (
      !(error instanceof JsonSyntaxError || error instanceof JsonBoundsError)
    ) throw error;
    ({ operations } = error);
  }
  const { schema } = options;
  const hold = schema && new ChoiceHold(compile(schema));
  const processor = new IncrementalProcessor({ keepValues: false });
  const delta = processor.processPatch(hold?.read(operations) ?? operations);
  return delta && applyDelta(undefined, delta);
}

/**
 * What the model thought so far.
 *
 * @param transcript What the model wrote.
 * @param options What its value is.
 */
export function takeReasoning(
  transcript: Transcript,
  options: EnvelopeOptions,
): string {
  let reasoning = "";
  for (const piece of piecesOf(transcript, options)) {
    if (piece.type === "reasoning") reasoning += piece.text;
  }
  return reasoning;
}

/** The thinking and the JSON of all that was written. */
function* piecesOf(
  transcript: Transcript,
  options: EnvelopeOptions,
): Generator<Piece> {
  const answer = new AnswerReader(options);
  const reader = transcript.read();
  for (let run = reader.next(); run !== undefined; run = reader.next()) {
    yield* answer.read(run);
  }
}
