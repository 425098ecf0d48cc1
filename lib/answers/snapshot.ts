import { Allow, parse } from "partial-json";
import { Envelope, type EnvelopeOptions } from "../envelope.ts";
import {
  JsonBoundsError,
  JsonPatchParser,
  JsonSyntaxError,
} from "../parser.ts";
import type { Transcript } from "./transcript.ts";

/** Options for {@linkcode takeSnapshot}. */
export interface SnapshotOptions extends EnvelopeOptions {
  /**
   * How many objects and arrays may stand in one another.
   *
   * @default {128}
   */
  maxDepth?: number;
}

/**
 * The object so far, for clients that poll: strings, arrays and objects that
 * are not finished yet are there as far as they go.
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
  const json = strictJson(transcript, options);
  if (json === "") return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return parse(json, Allow.STR | Allow.ARR | Allow.OBJ);
  }
}

/** The value's text, mended, up to where it stops being JSON. */
function strictJson(transcript: Transcript, options: SnapshotOptions): string {
  const envelope = new Envelope(options);
  const reader = transcript.read();
  let json = "";
  for (let run = reader.next(); run !== undefined; run = reader.next()) {
    if (run.type === "reasoning") continue;
    for (const piece of envelope.write(run.text)) {
      if (piece.type === "restart") json = "";
      else if (piece.type === "json") json += piece.text;
    }
  }
  try {
    new JsonPatchParser(options).write(json);
    // partial-json takes no number as whole whose comma it does not see.
    return envelope.comma ? `${json},` : json;
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof JsonBoundsError) {
      return json.slice(0, error.position);
    }
    throw error;
  }
}
