/** What providers say of the tokens spent, as far as clients see it. */

import { isObject } from "../schemas/schema.ts";

/** Members that hold a number. */
const COUNTS = new Set([
  ...["prompt_tokens", "completion_tokens", "total_tokens"],
  ...["input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens"],
  ...["prompt_cache_hit_tokens", "prompt_cache_miss_tokens"],
  ...["cache_read_input_tokens", "cache_creation_input_tokens"],
  ...["cache_write_tokens", "audio_tokens", "text_tokens", "image_tokens"],
  ...["accepted_prediction_tokens", "rejected_prediction_tokens"],
]);

/** Members that hold some of the above. */
const DETAILS = new Set([
  ...["prompt_tokens_details", "completion_tokens_details"],
  ...["input_tokens_details", "output_tokens_details"],
]);

/**
 * The usage as clients see it: numbers under names that are known.
 *
 * @returns `undefined` if it tells nothing.
 */
export function knownUsage(
  usage: unknown,
): Record<string, unknown> | undefined {
  if (!isObject(usage)) return undefined;
  const known: Record<string, unknown> = countsIn(usage);
  for (const name of DETAILS) {
    if (!isObject(usage[name])) continue;
    const counts = countsIn(usage[name]);
    if (Object.keys(counts).length > 0) known[name] = counts;
  }
  return Object.keys(known).length > 0 ? known : undefined;
}

function countsIn(usage: Record<string, unknown>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, value] of Object.entries(usage)) {
    if (COUNTS.has(name) && Number.isFinite(value)) {
      counts[name] = value as number;
    }
  }
  return counts;
}
