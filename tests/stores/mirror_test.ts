import { assert, assertEquals } from "@std/assert";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { failure } from "../../lib/answers/outcome.ts";
import { type Mirror, Mirrors } from "../../lib/stores/mirror.ts";
import type { Append, TranscriptStore } from "../../lib/stores/store.ts";
import { TestClock } from "../_server.ts";
import { pass, settle } from "./_clock.ts";
import { type Fault, faulty } from "./_faulty.ts";
import { Memory } from "./_memory.ts";

const LEASE = 10_000;
const interrupted = failure("interrupted");

/** A writer that a test drives, and mirrors on another instance. */
class World {
  readonly clock = new TestClock();
  readonly memory = new Memory(() => this.clock.now());
  readonly writer = this.memory.open();
  fault: Fault = "none";
  /** How often each operation has been called for the mirrors. */
  readonly calls: Record<string, number> = {};
  readonly nudges: string[] = [];
  readonly mirrors: Mirrors;
  readonly #store: TranscriptStore;
  readonly id = makeGenerationId();
  #length = 0;

  constructor() {
    const store = faulty(this.memory.open(), () => this.fault);
    this.#store = store;
    for (const name of ["read", "attend", "bury"] as const) {
      const call = store[name] as (...args: unknown[]) => unknown;
      Object.assign(store, {
        [name]: (...args: unknown[]) => {
          this.calls[name] = (this.calls[name] ?? 0) + 1;
          return call(...args);
        },
      });
    }
    this.mirrors = new Mirrors({ store, clock: this.clock, lease: LEASE });
    this.writer.onNudge((id) => this.nudges.push(id));
  }

  async claim(): Promise<void> {
    const meta = { owner: "me", model: "a model" };
    const times = { lease: LEASE, retention: 300_000 };
    await this.writer.claim(this.id, { token: "T", meta, ...times });
    this.#length = 0;
  }

  /** The writer appends. Without text: a beat. */
  async append(text = "", rest: Partial<Append> = {}): Promise<number> {
    const [answer] = await this.writer.append([{
      id: this.id,
      token: "T",
      start: this.#length,
      runs: text === "" ? [] : [{ type: "text", text }],
      ...rest,
    }]);
    this.#length += text.length;
    await settle();
    return answer !== undefined && "readers" in answer ? answer.readers : -1;
  }

  /** The writer lives for a while. */
  async beat(time: number): Promise<void> {
    for (let rest = time; rest > 0; rest -= 1000) {
      await this.append();
      await pass(this.clock, Math.min(rest, 1000));
    }
  }

  close(): void {
    this.mirrors.get(this.id)?.close();
  }

  async open(): Promise<Mirror> {
    const head = await this.#store.find(this.id);
    assert(head !== undefined, "not found");
    return this.mirrors.open(this.id, head);
  }
}

function textOf({ transcript }: Mirror): string {
  return transcript.read().next()?.text ?? "";
}

Deno.test("a mirror shows what is there, then what comes, then the outcome", async () => {
  const world = new World();
  await world.claim();
  await world.append("ab");
  await world.append("cd");
  const mirror = await world.open();
  assertEquals([mirror.length, mirror.meta.model], [4, "a model"]);
  const detach = mirror.attach();
  await settle();
  assertEquals(textOf(mirror), "abcd");
  await world.append("ef");
  assertEquals(textOf(mirror), "abcdef");
  await world.append("g", { outcome: failure("no_json") });
  assertEquals(textOf(mirror), "abcdefg");
  assertEquals(mirror.transcript.outcome, failure("no_json"));
  detach();
  assertEquals([world.mirrors.size, world.clock.timers], [0, 0]);
});

Deno.test("a mirror reads as often as it takes", async () => {
  const world = new World();
  await world.claim();
  for (const text of "abcdefghijklm") await world.append(text);
  const mirror = await world.open();
  await settle();
  assertEquals(textOf(mirror), "abcdefghijklm");
  assertEquals(world.calls.read, 5);
  world.close();
});

Deno.test("there is one mirror for all readers", async () => {
  const world = new World();
  await world.claim();
  const mirrors = await Promise.all(
    Array.from({ length: 5 }, () => world.open()),
  );
  assertEquals(new Set(mirrors).size, 1);
  const detach = mirrors.map((mirror) => mirror.attach());
  await settle();
  assertEquals(world.calls, { read: 1, attend: 1 });
  await world.beat(2 * 750);
  assertEquals(world.calls, { read: 1, attend: 3 });
  for (const [n, leave] of detach.entries()) {
    assertEquals(world.mirrors.size, 1, `after ${n}`);
    leave();
  }
  assertEquals(world.mirrors.size, 0);
});

Deno.test("the writer knows at once who reads here, and who no more", async () => {
  const world = new World();
  await world.claim();
  const detach = (await world.open()).attach();
  await settle();
  assertEquals(world.nudges.length, 1);
  assertEquals(await world.append(), 1);
  // It goes on being told.
  await world.beat(20_000);
  assertEquals([await world.append(), world.nudges.length], [1, 1]);
  detach();
  await settle();
  assertEquals([await world.append(), world.nudges.length], [0, 2]);
});

Deno.test("a mirror that nobody attaches to goes away", async () => {
  const world = new World();
  await world.claim();
  await world.open();
  await pass(world.clock, 1450);
  assertEquals(world.mirrors.size, 1);
  await pass(world.clock, 50);
  assertEquals(world.mirrors.size, 0);
  assertEquals([await world.append(), world.clock.timers], [0, 0]);
});

Deno.test("a poll brings it up to date, and counts as a reader for a moment", async () => {
  const world = new World();
  await world.claim();
  await world.append("ab");
  // Nothing is heard of what is appended here.
  world.memory.listeners.clear();
  const mirror = await world.open();
  await settle();
  await mirror.refresh();
  assertEquals(textOf(mirror), "ab");
  world.memory.listeners.clear();
  await world.append("cd");
  await mirror.refresh();
  assertEquals(textOf(mirror), "abcd");
  assertEquals(await world.append(), 1);
  await pass(world.clock, 1500);
  assertEquals(await world.append(), 0);
});

Deno.test("the first poll waits for what the writer has not sent", async () => {
  const world = new World();
  await world.claim();
  const mirror = await world.open();
  let isOver = false;
  const poll = mirror.refresh().then(() => isOver = true);
  await settle();
  assertEquals([isOver, world.nudges.length], [false, 1]);
  await world.append("ab");
  await poll;
  assertEquals(textOf(mirror), "ab");
  // It does not wait for ever.
  const other = new World();
  await other.claim();
  const silent = (await other.open()).refresh();
  await settle();
  await pass(other.clock, 100);
  await silent;
});

Deno.test("a poll waits for what its client has, as long as the writer may live", async () => {
  const world = new World();
  await world.claim();
  await world.append("ab");
  const mirror = await world.open();
  let isOver = false;
  const poll = mirror.refresh(4).then(() => isOver = true);
  await world.beat(5000);
  await world.append("c");
  assertEquals([isOver, await world.append()], [false, 1]);
  await world.append("d");
  await poll;
  assertEquals(textOf(mirror), "abcd");
  const late = mirror.refresh(5);
  await pass(world.clock, LEASE + 4000);
  await late;
  assertEquals(mirror.transcript.outcome, interrupted);
});

Deno.test("what is not heard is read", async () => {
  const world = new World();
  await world.claim();
  const mirror = await world.open();
  mirror.attach();
  await settle();
  const [listeners] = [...world.memory.listeners.values()];
  const [listener] = [...listeners!];
  listeners!.clear();
  await world.append("ab");
  await world.append("cd");
  assertEquals(textOf(mirror), "");
  // A piece behind a hole.
  listeners!.add(listener!);
  await world.append("ef");
  assertEquals(textOf(mirror), "abcdef");
  listeners!.clear();
  await world.append("gh", { outcome: failure("no_json") });
  assertEquals(textOf(mirror), "abcdef");
  // The next look.
  await pass(world.clock, 750);
  assertEquals(textOf(mirror), "abcdefgh");
  assertEquals(mirror.transcript.outcome, failure("no_json"));
  world.close();
});

Deno.test("a silent writer is buried when it has been seen silent for 3 s", async () => {
  const world = new World();
  await world.claim();
  await world.append("ab");
  const mirror = await world.open();
  mirror.attach();
  await pass(world.clock, LEASE + 3000);
  assertEquals([mirror.transcript.outcome, world.calls.bury], [
    undefined,
    undefined,
  ]);
  // Some stores do not tell an instance what it has done itself.
  world.memory.listeners.clear();
  await pass(world.clock, 1000);
  assertEquals(mirror.transcript.outcome, interrupted);
  assertEquals(textOf(mirror), "ab");
  assertEquals((await world.writer.find(world.id))?.outcome, interrupted);
  world.close();
});

Deno.test("after the store was away, no writer that lives is buried", async () => {
  const world = new World();
  await world.claim();
  const mirror = await world.open();
  mirror.attach();
  await settle();
  world.fault = "throws";
  await pass(world.clock, 3 * LEASE);
  world.fault = "none";
  // It is back 2.9 s before its writer is.
  await pass(world.clock, 2900);
  assertEquals((await world.writer.find(world.id))?.isOver, true);
  await world.append("ab");
  await world.beat(2 * LEASE);
  assertEquals(mirror.transcript.outcome, undefined);
  assertEquals(textOf(mirror), "ab");
  world.close();
});

Deno.test("a look that fails begins the 3 s anew, and so does a pause", async () => {
  for (const isStanding of [false, true]) {
    const world = new World();
    await world.claim();
    const mirror = await world.open();
    mirror.attach();
    await pass(world.clock, LEASE + 2250);
    if (isStanding) {
      // As a process that stands still sees it: one timer fires, late.
      world.clock.tick(0);
      world.clock.jump(60_000);
    } else {
      world.fault = "throws";
      await pass(world.clock, 750);
      world.fault = "none";
    }
    await pass(world.clock, 2900);
    assertEquals(mirror.transcript.outcome, undefined, `${isStanding}`);
    await pass(world.clock, 1700);
    assertEquals(mirror.transcript.outcome, interrupted);
    world.close();
  }
});

Deno.test("what is lost may come back, and is over when its writer cannot", async () => {
  const world = new World();
  await world.claim();
  await world.append("ab");
  const mirror = await world.open();
  mirror.attach();
  await settle();
  world.memory.lose();
  await pass(world.clock, 5000);
  assertEquals(mirror.transcript.outcome, undefined);
  await world.claim();
  await world.append("abc");
  assertEquals(textOf(mirror), "abc");
  await pass(world.clock, 750);
  world.memory.lose();
  await pass(world.clock, LEASE + 3000);
  assertEquals(mirror.transcript.outcome, undefined);
  await pass(world.clock, 1500);
  assertEquals(mirror.transcript.outcome, interrupted);
  world.close();
});
