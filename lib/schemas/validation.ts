/**
 * Whether a document satisfies a schema, at a bounded cost.
 *
 * @module
 */

import { Judge, type ValidationResult } from "./judge.ts";
import { Stop } from "./meter.ts";
import { compile } from "./nodes.ts";
import type { JsonSchema } from "./schema.ts";
import type { Scalar } from "./values.ts";

/** Lets others have their turn, if it is due; called between slices of work. */
export type Pause = () => Promise<void> | undefined;

/**
 * Whether a document satisfies a schema.
 *
 * Each subschema is judged once for each value that it applies to. The work is
 * counted; it is cut into slices of less than a millisecond or so, and it ends
 * at the tenth violation, or where it has become too much: then `unchecked`
 * says `cost`.
 *
 * `pattern`, `format` and `$id` are annotations. `unchecked` names `pattern`
 * where one applies, and `valid` is about everything else; it is absent where
 * the pattern decides, below `not` for instance.
 *
 * @param schema One that `checkSchema` has passed.
 * @param value What `JSON.parse` made of the document.
 * @param pause Called between two slices.
 * @returns What is known.
 */
export async function validate(
  schema: JsonSchema,
  value: unknown,
  pause: Pause,
): Promise<ValidationResult> {
  const validation = validating(schema, value);
  for (;;) {
    const step = validation.next();
    if (step.done === true) return step.value;
    const turn = pause();
    if (turn !== undefined) await turn;
  }
}

/** The same, step by step: each `next()` does a slice of the work. */
export function* validating(
  schema: JsonSchema,
  value: unknown,
): Generator<void, ValidationResult> {
  const judge = new Judge(compile(schema));
  try {
    yield* read(judge, value);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
  return judge.result;
}

/** An object or array that is being read. */
interface Cursor {
  value: Record<string | number, unknown>;
  /** The names of an object's members. */
  names: string[] | undefined;
  length: number;
  next: number;
}

function* read(judge: Judge, document: unknown): Generator<void> {
  const open: Cursor[] = [];
  const take = (value: unknown) => {
    if (typeof value !== "object" || value === null) {
      return judge.atom(value as Scalar);
    }
    const names = Array.isArray(value) ? undefined : Object.keys(value);
    // Nothing need be known of what an indifferent value holds.
    const length = judge.isIndifferent ? 0 : (names ?? value as []).length;
    judge.open(names === undefined);
    open.push({ value: value as Cursor["value"], names, length, next: 0 });
  };
  take(document);
  for (let cursor = open.at(-1); cursor !== undefined; cursor = open.at(-1)) {
    if (judge.meter.due) yield* judge.meter.pause();
    if (cursor.next === cursor.length) {
      open.pop();
      yield* judge.close();
      continue;
    }
    const key = cursor.names?.[cursor.next] ?? cursor.next;
    cursor.next++;
    judge.enter(key);
    take(cursor.value[key]);
  }
}
