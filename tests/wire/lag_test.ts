import { assert, assertEquals } from "@std/assert";
import { Lag } from "../../lib/wire/lag.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { ScriptedModel, startServer, TestClock } from "../_server.ts";

/** Looks that each come so late, one after the other. */
function lookLate(clock: TestClock, late: number, looks = 1): void {
  for (let n = 0; n < looks; n++) {
    clock.jump(100 + late);
    clock.tick(0);
  }
}

Deno.test("a loop is looked at by one timer, and only while somebody watches", () => {
  const clock = new TestClock();
  const lag = Lag.of(clock);
  assertEquals(Lag.of(clock), lag);
  assertEquals(clock.timers, 0);
  const ends = Array.from({ length: 100 }, () => lag.watch());
  assertEquals(clock.timers, 1);
  lookLate(clock, 40, 20);
  assertEquals(clock.timers, 1);
  assert(lag.milliseconds > 39);
  for (const end of ends) end();
  assertEquals([clock.timers, lag.milliseconds], [0, 0]);
});

Deno.test("a pause grows while the loop is late, up to a quarter of a second, and back", () => {
  const clock = new TestClock();
  const lag = Lag.of(clock);
  const end = lag.watch();
  clock.tick(10_000);
  assertEquals(lag.stretch(16), 16);
  lookLate(clock, 4, 20);
  assertEquals(lag.stretch(16), 16);
  // The first says nothing yet.
  lookLate(clock, 40, 2);
  assertEquals(lag.stretch(0), 10);
  lookLate(clock, 40);
  assertEquals(lag.stretch(0), 15);
  assertEquals(lag.stretch(500), 500);
  lookLate(clock, 5, 10);
  assertEquals(lag.stretch(16), 250);
  clock.tick(100);
  assertEquals(lag.stretch(16), 225);
  clock.tick(4_000);
  assertEquals([lag.stretch(16), lag.stretch(0)], [16, 0]);
  end();
});

Deno.test("one late look is no lag: a closed lid, a container that was stopped", () => {
  const clock = new TestClock();
  const lag = Lag.of(clock);
  const end = lag.watch();
  for (let n = 0; n < 5; n++) {
    lookLate(clock, 8 * 3_600_000);
    assertEquals([lag.milliseconds, lag.isTooMuch], [0, false]);
    clock.tick(100);
  }
  end();
});

Deno.test("it is too much when it goes on for seconds, and until it is over", () => {
  const clock = new TestClock();
  const lag = Lag.of(clock);
  const end = lag.watch();
  lookLate(clock, 1_500, 3);
  assertEquals(lag.isTooMuch, false);
  lookLate(clock, 1_500);
  assertEquals(lag.isTooMuch, true);
  lookLate(clock, 1_500, 10);
  assertEquals(lag.isTooMuch, true);
  clock.tick(100);
  assertEquals(lag.isTooMuch, false);
  // Much, but not so much, for however long.
  lookLate(clock, 900, 100);
  assertEquals(lag.isTooMuch, false);
  // Two looks are none, however late.
  lookLate(clock, 60_000, 2);
  assertEquals(lag.isTooMuch, false);
  end();
});

Deno.test("new answers wait while the loop is late for seconds; those that run go on", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask, clock });
  const path = `${server.url}/helloworld`;
  const id = makeGenerationId();
  const first = await server.handle(new Request(`${path}?id=${id}`));
  lookLate(clock, 1_500, 4);
  const refused = await server.handle(new Request(path));
  assertEquals(refused.status, 503);
  assertEquals(refused.headers.get("retry-after"), "5");
  assertEquals((await refused.json()).code, "overloaded");
  const follower = await server.handle(new Request(`${path}?id=${id}`));
  assertEquals(follower.status, 200);
  clock.tick(100);
  const second = await server.handle(new Request(path));
  assertEquals(second.status, 200);
  for (const { body } of [first, follower, second]) await body?.cancel();
});
