import { readConfig } from "../lib/app/config.ts";
import { assertEquals } from "@std/assert";
import denoJson from "../deno.json" with { type: "json" };

Deno.test("start and dev may read every setting, and nothing else of the environment", () => {
  const settings = new Set<string>();
  for (const given of ["", "ARK_API_KEY", "OPENAI_MODEL"]) {
    readConfig({
      get(name) {
        settings.add(name.replace(/^(ARK|OPENAI)_.*/, "$1_*"));
        return name === given ? "x" : undefined;
      },
    });
  }
  for (const { command } of [denoJson.tasks.start, denoJson.tasks.dev]) {
    const allowed = command.match(/--allow-env=(\S+)/)![1]!.split(",");
    assertEquals(new Set(allowed), settings);
  }
});
