import { assertEquals } from "@std/assert";
import { guardStore, StoreError } from "../../lib/stores/guard.ts";
import { TestClock } from "../_server.ts";
import { settle } from "./_clock.ts";
import { type Fault, faulty } from "./_faulty.ts";
import { Memory } from "./_memory.ts";

/** A guarded store that fails as it is told. */
class World {
  readonly clock = new TestClock();
  fault: Fault = "none";
  /** How often the store has been asked. */
  asked = 0;
  readonly faults: unknown[] = [];
  readonly late: (() => void)[] = [];
  readonly #store = guardStore(
    faulty(
      new Memory(() => this.clock.now()).open(),
      () => {
        this.asked++;
        return this.fault;
      },
      (call) => this.late.push(call),
    ),
    { clock: this.clock, onFault: (error) => this.faults.push(error) },
  );

  /** What becomes of a call that is made now; `undefined`: nothing yet. */
  async outcome(time = 0): Promise<string | undefined> {
    let outcome: string | undefined;
    this.#store.find("an id").then(
      () => outcome = "ok",
      (error) => outcome = `${error.name}: ${error.message}`,
    );
    await settle();
    this.clock.tick(time);
    await settle();
    return outcome;
  }
}

Deno.test("a call that is not answered within 2 s fails", async () => {
  const world = new World();
  world.fault = "hangs";
  assertEquals(await world.outcome(1999), undefined);
  world.clock.tick(1);
  await settle();
  assertEquals(world.faults, [
    new StoreError("Cannot use the store: no answer in 2000 ms"),
  ]);
  world.fault = "none";
  assertEquals(await world.outcome(), "ok");
  assertEquals(world.clock.timers, 0);
});

Deno.test("while a store is away nobody waits for it", async () => {
  const world = new World();
  world.fault = "throws";
  const failed = "StoreError: Cannot use the store: throws";
  const away = "StoreError: Cannot use the store: it is away";
  assertEquals(await world.outcome(), failed);
  assertEquals(await world.outcome(), failed);
  assertEquals(await world.outcome(), away);
  assertEquals(world.asked, 2);
  world.clock.tick(500);
  // One asks; those that come meanwhile do not wait for it.
  world.fault = "hangs";
  assertEquals(await world.outcome(), undefined);
  assertEquals(await world.outcome(), away);
  assertEquals(world.asked, 3);
  world.clock.tick(2500);
  await settle();
  world.fault = "none";
  assertEquals(await world.outcome(), "ok");
  assertEquals(await world.outcome(), "ok");
});

Deno.test("an answer that comes too late says that the store lives", async () => {
  const world = new World();
  world.fault = "slow";
  assertEquals(
    await world.outcome(2000),
    "StoreError: Cannot use the store: no answer in 2000 ms",
  );
  world.clock.tick(2000);
  world.outcome();
  await settle();
  world.clock.tick(2000);
  await settle();
  world.fault = "none";
  assertEquals(
    await world.outcome(),
    "StoreError: Cannot use the store: it is away",
  );
  for (const call of world.late) call();
  await settle();
  assertEquals(await world.outcome(), "ok");
});

Deno.test("faults are told once a second, with their number", async () => {
  const world = new World();
  world.fault = "throws";
  for (let n = 0; n < 5; n++) {
    await world.outcome();
    world.clock.tick(500);
  }
  assertEquals(world.faults, [
    new StoreError("Cannot use the store: throws"),
    new StoreError("Cannot use the store: throws (2 times)"),
    new StoreError("Cannot use the store: throws (2 times)"),
  ]);
});
