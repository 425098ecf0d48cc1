// Exceeded by one: the budget that docs/security.md states.

import { assertEquals, assertThrows } from "@std/assert";
import { Meter, Stop } from "../../lib/schemas/meter.ts";

Deno.test("judging stops where its budget is exceeded by one step", () => {
  const values = 100;
  const meter = new Meter();
  for (let n = 0; n < values; n++) meter.allow();
  meter.work = 2_000_000 + 32 * values;
  assertEquals(meter.due, true);
  assertEquals([...meter.pause()].length, 1);
  meter.work++;
  assertThrows(() => [...meter.pause()], Stop);
});
