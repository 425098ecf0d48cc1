import { storeCases } from "../../lib/stores/testing.ts";
import { engines } from "./_engines.ts";

for (const [name, { ignore, start }] of Object.entries(engines)) {
  Deno.test({
    name: `every store: ${name}`,
    ignore,
    async fn(t) {
      await using engine = await start();
      for (const { name, run } of storeCases) {
        await t.step(name, () => run(() => engine.open()));
      }
    },
  });
}
