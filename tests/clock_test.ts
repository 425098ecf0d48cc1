import { assertEquals } from "@std/assert";
import { Deadline } from "../lib/clock.ts";
import { TestClock } from "./_server.ts";

/** A deadline in so many milliseconds, and how often it has been called. */
function setUp(delay: number) {
  const clock = new TestClock();
  const state = { due: clock.now() + delay, calls: 0 };
  const deadline = new Deadline(clock, () => state.due, () => state.calls++);
  deadline.watch();
  return { clock, deadline, state };
}

Deno.test("a deadline is called once, when it is due", () => {
  const { clock, state } = setUp(1000);
  clock.tick(999);
  assertEquals([state.calls, clock.timers], [0, 1]);
  clock.tick(1);
  assertEquals([state.calls, clock.timers], [1, 0]);
  clock.tick(10_000);
  assertEquals(state.calls, 1);
});

Deno.test("a deadline that is put off sets no timer until the first one fires", () => {
  const { clock, deadline, state } = setUp(1000);
  for (let turn = 0; turn < 5; turn++) {
    clock.tick(100);
    state.due += 1000;
    deadline.watch();
    assertEquals(clock.timers, 1);
  }
  clock.tick(5_499);
  assertEquals(state.calls, 0);
  clock.tick(1);
  assertEquals(state.calls, 1);
});

Deno.test("a deadline can come nearer, never come, and be cleared", () => {
  const { clock, deadline, state } = setUp(1000);
  state.due -= 900;
  deadline.watch();
  clock.tick(100);
  assertEquals([state.calls, clock.timers], [1, 0]);

  state.due = Infinity;
  deadline.watch();
  clock.tick(1e9);
  assertEquals(state.calls, 1);

  state.due = clock.now() + 1000;
  deadline.watch();
  deadline.clear();
  clock.tick(1e9);
  assertEquals([state.calls, clock.timers], [1, 0]);
});

Deno.test("a deadline that is called late waits a little more, also if it is watched again", () => {
  const { clock, deadline, state } = setUp(1000);
  clock.jump(2_001);
  clock.tick(0);
  assertEquals(state.calls, 0);
  deadline.watch();
  clock.tick(2_999);
  assertEquals(state.calls, 0);
  clock.tick(1);
  assertEquals(state.calls, 1);

  // A second late is not late.
  const other = setUp(1000);
  other.clock.jump(2_000);
  other.clock.tick(0);
  assertEquals(other.state.calls, 1);
});
