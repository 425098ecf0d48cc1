import { assertEquals } from "@std/assert";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { failure } from "../../lib/answers/outcome.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { Publisher } from "../../lib/stores/publisher.ts";
import {
  type Append,
  MAX_PIECE,
  type TranscriptStore,
} from "../../lib/stores/store.ts";
import { TestClock } from "../_server.ts";
import { pass, settle } from "./_clock.ts";
import { type Fault, faulty } from "./_faulty.ts";
import { Memory } from "./_memory.ts";

const LEASE = 10_000;

interface Published {
  id: string;
  transcript: Transcript;
  shown: Transcript | undefined;
  /** What its generation has been told. */
  told: string[];
}

/** A publisher, what it sends, and when. */
class World {
  readonly clock = new TestClock();
  readonly memory = new Memory(() => this.clock.now());
  readonly other = this.memory.open();
  fault: Fault = "none";
  /** The appends that hold something, and when they came. */
  readonly sent: [number, Append][] = [];
  batches = 0;
  readonly publisher: Publisher;
  readonly #store: TranscriptStore;
  readonly #start = this.clock.now();

  constructor() {
    const memory = this.memory.open();
    const store = faulty(memory, () => this.fault);
    this.#store = {
      ...store,
      append: (batch) => {
        this.batches++;
        for (const append of batch) {
          this.sent.push([this.clock.now() - this.#start, append]);
        }
        return store.append(batch);
      },
    };
    this.publisher = new Publisher({ store: this.#store, clock: this.clock });
  }

  /** Publishes a transcript, and says what it is told of it. */
  async publish({ durable = false } = {}): Promise<Published> {
    const id = makeGenerationId();
    const claim = {
      token: `token of ${id}`,
      meta: { owner: "me" },
      lease: LEASE,
      retention: 300_000,
    };
    await this.#store.claim(id, claim);
    const transcript = new Transcript();
    const told: string[] = [];
    const shown = durable ? new Transcript() : undefined;
    this.publisher.publish({
      id,
      claim,
      transcript,
      shown,
      onReaders: (count) => told.push(`${count} readers`),
      onStop: () => told.push("stop"),
      onFenced: () => told.push("fenced"),
    });
    return { id, transcript, told, shown };
  }

  /** When the store got text and outcomes of one, and what. */
  news(of: string): string[] {
    return this.sent.filter(([, { id, runs, outcome }]) =>
      id === of && (runs.length > 0 || outcome !== undefined)
    ).map(([time, { start, runs, outcome }]) =>
      [
        `${time}:`,
        start,
        ...runs.map(({ text }) => text),
        ...(outcome === undefined ? [] : ["end"]),
      ].join(" ")
    );
  }
}

Deno.test("text waits 250 ms, or 50 where somebody reads it elsewhere", async () => {
  const world = new World();
  const { id, transcript, told } = await world.publish();
  for (let n = 0; n < 12; n++) {
    transcript.append("text", `${n % 10}`);
    await pass(world.clock, 50);
  }
  assertEquals(world.news(id), ["250: 0 01234", "500: 5 56789"]);
  await world.other.attend([{ id, reading: true }]);
  await settle();
  // The nudge itself has sent what there was.
  assertEquals(world.news(id).slice(2), ["600: 10 01"]);
  assertEquals(told, ["1 readers"]);
  transcript.append("text", "a");
  await pass(world.clock, 50);
  transcript.append("text", "b");
  await pass(world.clock, 50);
  assertEquals(world.news(id).slice(3), ["650: 12 a", "700: 13 b"]);
  await world.other.attend([{ id, reading: false }]);
  await settle();
  assertEquals(told, ["1 readers", "0 readers"]);
  world.publisher.close();
});

Deno.test("an end is sent at once, and is the last that is sent", async () => {
  const world = new World();
  const { id, transcript } = await world.publish();
  transcript.append("text", "ab");
  transcript.finish(failure("no_json"));
  world.publisher.flush(id);
  const idle = world.publisher.idle();
  await settle();
  assertEquals(world.news(id), ["0: 0 ab end"]);
  await idle;
  await world.publisher.idle();
  world.clock.tick(60_000);
  await settle();
  assertEquals([world.batches, world.clock.timers], [1, 0]);
  assertEquals(
    (await world.other.find(id))?.outcome,
    failure("no_json"),
  );
});

Deno.test("all that is due goes in one batch, and one batch at a time", async () => {
  const world = new World();
  const all = [];
  for (let n = 0; n < 5; n++) all.push(await world.publish());
  for (const { transcript } of all) transcript.append("text", "a");
  await pass(world.clock, 250);
  assertEquals([world.batches, world.sent.length], [1, 5]);
  world.fault = "hangs";
  for (const { transcript } of all) transcript.append("text", "b");
  await pass(world.clock, 30_000);
  assertEquals(world.batches, 2);
  world.publisher.close();
});

Deno.test("a writer with nothing to say tells that it lives", async () => {
  const world = new World();
  const { id } = await world.publish();
  for (let n = 0; n < 60; n++) {
    await pass(world.clock, 1000);
    assertEquals((await world.other.find(id))?.isOver, false);
  }
  assertEquals(world.news(id), []);
  assertEquals(world.batches, 60);
  world.publisher.close();
});

Deno.test("a failed batch is sent again as it was, and what came since behind it", async () => {
  for (const fault of ["throws", "loses the reply"] as const) {
    const world = new World();
    const { id, transcript } = await world.publish();
    transcript.append("text", "ab");
    world.fault = fault;
    await pass(world.clock, 250);
    transcript.append("text", "cd");
    transcript.finish(failure("refused"));
    world.fault = "none";
    world.publisher.flush(id);
    await pass(world.clock, 300);
    assertEquals(world.news(id).map((line) => line.replace(/.*: /, "")), [
      "0 ab",
      "0 ab",
      "2 cd end",
    ]);
    const reading = await world.other.read(id, 0);
    assertEquals(
      reading?.pieces.flatMap(({ runs }) => runs).map(({ text }) => text),
      ["ab", "cd"],
    );
    assertEquals(world.publisher.size, 0);
  }
});

Deno.test("what the store has lost is written again", async () => {
  const world = new World();
  const { id, transcript, told } = await world.publish();
  transcript.append("text", "ab");
  await pass(world.clock, 250);
  transcript.append("reasoning", "cd");
  await pass(world.clock, 250);
  world.memory.loseEnd();
  await pass(world.clock, LEASE + 1050);
  assertEquals((await world.other.find(id))?.length, 4);
  world.memory.lose();
  await pass(world.clock, 1050);
  const reading = await world.other.read(id, 0);
  assertEquals(reading?.pieces.flatMap(({ runs }) => runs), [
    { type: "text", text: "ab" },
    { type: "reasoning", text: "cd" },
  ]);
  assertEquals(told, []);
  world.publisher.close();
});

Deno.test("what is lost while the store was away for a lease is over", async () => {
  const world = new World();
  const { id, transcript, told } = await world.publish();
  transcript.append("text", "ab");
  await pass(world.clock, 250);
  world.fault = "throws";
  await pass(world.clock, LEASE + 1000);
  world.memory.lose();
  world.fault = "none";
  await pass(world.clock, 1000);
  assertEquals(told, ["fenced"]);
  assertEquals(await world.other.find(id), undefined);
  assertEquals(world.publisher.size, 0);
});

Deno.test("whoever is buried hears it, and appends no more", async () => {
  const world = new World();
  const { id, transcript, told, shown } = await world.publish({
    durable: true,
  });
  transcript.append("text", "ab");
  await pass(world.clock, 250);
  // The process stands still.
  world.clock.tick(0);
  world.fault = "throws";
  await pass(world.clock, LEASE + 100);
  assertEquals(await world.other.bury(id, failure("interrupted")), true);
  world.fault = "none";
  transcript.append("text", "c");
  transcript.finish(failure("stopped"));
  await pass(world.clock, 1000);
  assertEquals(told, ["fenced"]);
  assertEquals(shown?.length, 2);
  assertEquals(shown?.outcome, failure("stopped"));
  assertEquals((await world.other.find(id))?.length, 2);
});

Deno.test("a stop elsewhere is told once, at once", async () => {
  const world = new World();
  const { id, told } = await world.publish();
  await world.other.stop(id, "a stranger");
  await settle();
  assertEquals(told, []);
  await world.other.stop(id, "me");
  await settle();
  assertEquals(told, ["stop"]);
  await world.other.stop(id, "me");
  await pass(world.clock, 2000);
  assertEquals(told, ["stop"]);
  world.publisher.close();
});

Deno.test("durable: shown is what the store has", async () => {
  const world = new World();
  const { transcript, shown } = await world.publish({ durable: true });
  transcript.append("text", "ab");
  await settle();
  assertEquals(shown!.length, 0);
  await pass(world.clock, 50);
  assertEquals(shown!.length, 2);
  world.fault = "loses the reply";
  transcript.append("text", "c");
  transcript.finish(failure("no_json"));
  await pass(world.clock, 5000);
  assertEquals([shown!.length, shown!.outcome], [2, undefined]);
  world.fault = "none";
  await pass(world.clock, 1000);
  assertEquals([shown!.length, shown!.outcome], [3, failure("no_json")]);
});

Deno.test("what has piled up goes in pieces, one after the other", async () => {
  const world = new World();
  const { id, transcript } = await world.publish();
  const length = 2.5 * MAX_PIECE;
  transcript.append("text", "\ud83d\ude00".repeat(length / 2));
  transcript.finish(failure("no_json"));
  world.publisher.flush(id);
  await settle();
  const sizes = world.sent.map(([, { runs }]) => runs[0]!.text.length);
  assertEquals(sizes, [MAX_PIECE, MAX_PIECE, length - 2 * MAX_PIECE]);
  assertEquals((await world.other.find(id))?.length, length);
  assertEquals(world.publisher.size, 0);
});

Deno.test("a batch has a bound, and whoever did not fit comes first", async () => {
  const world = new World();
  const all: Published[] = [];
  for (let n = 0; n < 40; n++) all.push(await world.publish());
  for (const { transcript } of all) {
    transcript.append("text", "a".repeat(MAX_PIECE));
  }
  await pass(world.clock, 250);
  const { length } = world.sent;
  assertEquals(length, 16);
  await pass(world.clock, 50);
  const ids = world.sent.map(([, { id }]) => id);
  assertEquals(ids, all.slice(0, ids.length).map(({ id }) => id));
  await pass(world.clock, 200);
  assertEquals(new Set(world.sent.map(([, { id }]) => id)).size, 40);
  world.publisher.close();
});
