import fc from "fast-check";
import { properties } from "./_properties.ts";

// `deno task fuzz` runs the same properties for as long as it is let.
for (const [name, property] of Object.entries(properties)) {
  Deno.test(name, () => {
    fc.assert(property, { numRuns: 1_000 });
  });
}
