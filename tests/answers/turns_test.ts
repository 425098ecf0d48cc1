import { assert, assertEquals } from "@std/assert";
import { Turns } from "../../lib/answers/turns.ts";
import { TestClock, turn } from "../_server.ts";

Deno.test("a turn is over after 5 ms, and the next one begins a moment later", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const turns = new Turns(clock, controller.signal);
  clock.tick(4);
  assertEquals(turns.pause(), undefined);
  clock.tick(1);
  await turns.pause();
  assertEquals(turns.pause(), undefined);
  clock.tick(5);
  controller.abort(new Error("not wanted"));
  const next = turns.pause();
  assert(next !== undefined);
  const reason = await next.catch((error) => error);
  assertEquals(reason.message, "not wanted");
  turns.done();
  assertEquals(clock.timers, 0);
});

/** Does so many pieces of work, each of no time. */
async function work(turns: Turns, pieces: number): Promise<void> {
  for (let piece = 0; piece < pieces; piece++) await turns.pause();
}

Deno.test("long work waits for other long work, and short work for none", async () => {
  const clock = new TestClock();
  const controllers = Array.from({ length: 3 }, () => new AbortController());
  const [first, second, third] = controllers
    .map(({ signal }) => new Turns(clock, signal));
  await work(first!, 100);
  const done: string[] = [];
  const waiting = work(second!, 100).then(() => done.push("second"));
  const last = work(third!, 100).then(() => done.push("third"));
  await work(new Turns(clock, controllers[0]!.signal), 31);
  for (let turns = 0; turns < 5; turns++) await turn();
  assertEquals(done, []);
  first!.done();
  await waiting;
  for (let turns = 0; turns < 5; turns++) await turn();
  assertEquals(done, ["second"]);
  second!.done();
  await last;
  third!.done();
});

Deno.test("long work that is not wanted any more makes room when its turn comes", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const first = new Turns(clock, new AbortController().signal);
  const second = new Turns(clock, controller.signal);
  const third = new Turns(clock, new AbortController().signal);
  await work(first, 100);
  const unwanted = work(second, 100)
    .catch((error) => error.message)
    .finally(() => second.done());
  const last = work(third, 100);
  controller.abort(new Error("not wanted"));
  first.done();
  assertEquals(await unwanted, "not wanted");
  await last;
  third.done();
});
