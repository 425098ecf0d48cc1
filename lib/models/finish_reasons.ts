/** How models say that they have finished, and what they mean. */

/** What a finish reason means for an answer whose value is not complete. */
export type Ending = "stop" | "length" | "content_filter" | "failure";

/** Reasons as providers spell them, in lower case, with `_` between the words. */
const ENDINGS: Record<Exclude<Ending, "stop">, string[]> = {
  length: [
    ...["length", "max_length", "model_length", "context_length"],
    ...["max_tokens", "max_output_tokens", "max_completion_tokens"],
    ...["max_new_tokens", "token_limit", "length_limit", "output_limit"],
    ...["model_context_window_exceeded", "context_window_exceeded"],
    ...["context_length_exceeded", "incomplete", "truncated"],
  ],
  content_filter: [
    ...["content_filter", "content_filtered", "filtered", "sensitive"],
    ...["safety", "image_safety", "recitation", "blocklist", "spii"],
    ...["prohibited_content", "content_policy", "content_policy_violation"],
    ...["moderation", "content_moderation", "censored", "blocked"],
    ...["refusal", "guardrail_intervened", "risk_control", "risk"],
  ],
  failure: [
    ...["error", "failed", "failure", "abort", "aborted", "cancelled"],
    ...["canceled", "network_error", "server_error", "internal_error"],
    ...["internal_server_error", "connection_error", "engine_error"],
    ...["insufficient_system_resource", "overloaded", "timeout", "preempted"],
    ...["malformed_function_call", "unavailable"],
  ],
};

const MEANINGS = new Map(
  Object.entries(ENDINGS).flatMap(([ending, reasons]) =>
    reasons.map((reason) => [reason, ending as Ending] as const)
  ),
);

/**
 * What a finish reason means. One that is not known, such as `stop`, `eos` or
 * `tool_calls`, means that the model had no more to say.
 *
 * @param reason In any spelling: `MAX_TOKENS`, `max-tokens`, `maxTokens`,
 * `FinishReason.MAX_TOKENS`.
 */
export function endingOf(reason: string): Ending {
  return MEANINGS.get(normalize(reason)) ?? "stop";
}

/**
 * A finish reason as clients see it: a provider's word, not its prose.
 *
 * @param reason Whatever stands in its place.
 * @returns `undefined` if it is none: some say `""` or `"null"` as they go.
 */
export function wordOf(reason: unknown): string | undefined {
  if (!reason || reason === "null" || reason === "None") return undefined;
  if (typeof reason !== "string") return "unknown";
  if (/^\w{1,32}$/.test(reason)) return reason;
  const word = normalize(reason);
  return MEANINGS.has(word) ? word : "unknown";
}

function normalize(reason: string): string {
  return reason.replaceAll(/([a-z])([A-Z])/g, "$1_$2").toLowerCase()
    .replaceAll(/\W+/g, "_").replace(/^finish_?reason_/, "");
}
