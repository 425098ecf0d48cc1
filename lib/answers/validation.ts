/** Whether an answer that has ended well satisfies its schema. */

import { applyDelta } from "../../static/apply_delta.js";
import type { Operation } from "../json_patch.ts";
import { JsonPatchParser, JsonSyntaxError } from "../parser.ts";
import { IncrementalProcessor } from "../processor.ts";
import type { ValidationResult } from "../schemas/judge.ts";
import { compile } from "../schemas/nodes.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import { StreamValidation } from "../schemas/stream.ts";
import { type Pause, validate } from "../schemas/validation.ts";
import { AnswerReader } from "./reading.ts";
import type { SnapshotOptions } from "./snapshot.ts";
import type { Transcript } from "./transcript.ts";

/** How much text is read at a stretch, in UTF-16 units. */
const READ_AT_ONCE = 4096;

/**
 * Validates an answer, in turns so short that nobody has to wait for it.
 *
 * @param transcript What the model wrote, with a value that is complete.
 * @param schema One that `checkSchema` has passed.
 * @param options What its value is, and how deep.
 * @param pause Called between two slices of work.
 * @returns What is known.
 */
export async function validateAnswer(
  transcript: Transcript,
  schema: JsonSchema,
  options: SnapshotOptions,
  pause: Pause,
): Promise<ValidationResult> {
  const program = compile(schema);
  let validation = new StreamValidation(program);
  for (const operations of read(transcript, options)) {
    if (operations === undefined) validation = new StreamValidation(program);
    else for (const _ of validation.read(operations)) await pause();
    await pause();
  }
  if (!validation.hasDuplicates) return validation.result;
  // Then only the whole value tells what counts.
  let processor = new IncrementalProcessor({ keepValues: false });
  let value: unknown;
  for (const operations of read(transcript, options)) {
    if (operations === undefined) {
      processor = new IncrementalProcessor({ keepValues: false });
      value = undefined;
      continue;
    }
    const delta = processor.processPatch(operations);
    if (delta !== undefined) value = applyDelta(value, delta);
    await pause();
  }
  return await validate(schema, value, pause);
}

/**
 * What the parser makes of an answer, piece by piece; `undefined` where the
 * value begins anew, for what came before was none.
 */
function* read(
  transcript: Transcript,
  options: SnapshotOptions,
): Generator<Operation[] | undefined> {
  const answer = new AnswerReader(options);
  let parser: JsonPatchParser | undefined = new JsonPatchParser(options);
  const reader = transcript.read();
  for (
    let run = reader.next(READ_AT_ONCE);
    run !== undefined;
    run = reader.next(READ_AT_ONCE)
  ) {
    for (const piece of answer.read(run)) {
      if (piece.type === "restart") {
        parser = new JsonPatchParser(options);
        yield undefined;
      } else if (piece.type === "json" && parser !== undefined) {
        try {
          yield parser.write(piece.text);
        } catch (error) {
          if (!(error instanceof JsonSyntaxError)) throw error;
          // Then another one will begin.
          parser = undefined;
        }
      }
    }
  }
}
