import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { keyOf, nameOf } from "../lib/keys.ts";

Deno.test("no name is looked up as an index, whose hash anyone can foresee", () => {
  const names = fc.oneof(
    fc.nat().map(String),
    fc.string({ unit: "binary" }),
    fc.stringMatching(/^[.0-9]{1,4}$/),
  );
  fc.assert(
    fc.property(names, names, (a, b) => {
      assert(!/^\d/.test(keyOf(a)), keyOf(a));
      assertEquals(nameOf(keyOf(a)), a);
      assertEquals(keyOf(a) === keyOf(b), a === b);
    }),
    { numRuns: 1_000 },
  );
});
