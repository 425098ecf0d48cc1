import { assert, assertEquals } from "@std/assert";
import { isGenerationId, makeGenerationId } from "../../lib/answers/id.ts";

const generation = "AAAAAAAAAAAAAAAAAAA-_9";

Deno.test("a generation's id is 128 random bits in base64url", () => {
  const ids = Array.from({ length: 1000 }, () => makeGenerationId());
  assert(ids.every(isGenerationId));
  assertEquals(new Set(ids).size, ids.length);
  for (
    const text of [
      "",
      `${generation}A`,
      generation.slice(1),
      `${generation.slice(1)}=`,
      `${generation.slice(1)}.`,
      `${generation}\n`,
    ]
  ) assert(!isGenerationId(text), JSON.stringify(text));
});
