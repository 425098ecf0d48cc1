import { assertEquals } from "@std/assert";
import { makeTypes } from "./types.ts";

Deno.test("the client's types are those of its comments (deno task types)", async () => {
  const { types, faults } = makeTypes();
  assertEquals(faults, []);
  assertEquals([...types.keys()].sort(), [
    ...["apply_delta.d.ts", "client.d.ts", "field_store.d.ts"],
    ...["react.d.ts", "vue.d.ts"],
  ]);
  for (const [name, text] of types) {
    const url = new URL(`../../static/${name}`, import.meta.url);
    assertEquals(await Deno.readTextFile(url), text, name);
  }
});
