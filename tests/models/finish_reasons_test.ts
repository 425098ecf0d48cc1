import { assertEquals } from "@std/assert";
import { type Ending, endingOf } from "../../lib/models/finish_reasons.ts";

Deno.test("a finish reason means the same in every spelling", () => {
  const reasons: Record<Ending, string[]> = {
    stop: ["stop", "STOP", "eos", "tool_calls", "end_turn", "unknown", ""],
    length: [
      ...["length", "LENGTH", "max_tokens", "MAX_TOKENS", "maxTokens"],
      ...["max-tokens", "model_length", "model_context_window_exceeded"],
      ...["FinishReason.MAX_TOKENS", "FINISH_REASON_MAX_TOKENS"],
      ...["max_output_tokens"],
    ],
    content_filter: [
      ...["content_filter", "ContentFilter", "sensitive", "SAFETY"],
      ...["RECITATION", "PROHIBITED_CONTENT", "refusal"],
    ],
    failure: [
      ...["error", "abort", "network_error", "insufficient_system_resource"],
      ...["ERROR", "cancelled"],
    ],
  };
  for (const [ending, spellings] of Object.entries(reasons)) {
    for (const reason of spellings) {
      assertEquals<string>(endingOf(reason), ending, reason);
    }
  }
});
