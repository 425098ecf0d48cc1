import { checkSchema } from "../../lib/schemas/schema.ts";
import { validating } from "../../lib/schemas/validation.ts";
import type { ValidationResult } from "../../lib/schemas/judge.ts";

/** Validates without pauses. */
export function validateAtOnce(
  schema: Parameters<typeof validating>[0],
  value: unknown,
): ValidationResult {
  const validation = validating(schema, value);
  for (;;) {
    const step = validation.next();
    if (step.done === true) return step.value;
  }
}

/** The same, by a schema that is checked first. */
export function check(schema: unknown, value: unknown): ValidationResult {
  return validateAtOnce(checkSchema(schema), value);
}

/** A result, whatever the order in which violations were found. */
export function sorted({ errors, ...result }: ValidationResult): unknown {
  // Of more than ten, any ten may be told.
  if (errors === undefined || errors.length === 10) return result;
  return {
    ...result,
    errors: errors.map((each) => JSON.stringify(each)).sort(),
  };
}
