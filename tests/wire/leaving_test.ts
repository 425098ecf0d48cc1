// Readers that leave at each moment of a connection's life, driven by the clock.

import { assertEquals } from "@std/assert";
import { failure } from "../../lib/answers/outcome.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { follow } from "../../lib/wire/follow.ts";
import { TestClock, turn } from "../_server.ts";

/** One connection, up to what it is about to send. */
interface Life {
  clock: TestClock;
  transcript: Transcript;
  reader: ReadableStreamDefaultReader<Uint8Array>;
}

/** What a connection sends, and what makes it do so. */
const sendings: [
  name: string,
  before: (life: Life) => Promise<void>,
  act: (life: Life) => void | Promise<void>,
][] = [
  ["the start", async () => {}, () => {}],
  ["a heartbeat", readsOn, ({ clock }) => clock.tick(15_000)],
  ["the second heartbeat", async (life) => {
    await readsOn(life);
    life.clock.tick(15_000);
    await turn();
    life.reader.read().catch(() => {});
    await turn();
  }, ({ clock }) => clock.tick(15_000)],
  ["an event", readsOn, ({ transcript }) => {
    transcript.append("text", '{"a":"b');
  }],
  ["an event after a pause", hasEvent, ({ transcript }) => {
    transcript.append("text", "c");
  }],
  ["an event that was waiting", async (life) => {
    await life.reader.read();
    life.transcript.append("text", '{"a":"b');
  }, () => {}],
  ["a failure", hasEvent, ({ transcript }) => {
    transcript.finish(failure("stopped"));
  }],
  ["an end that was waiting", async ({ reader, transcript }) => {
    transcript.finish(failure("stopped"));
    await reader.read();
  }, () => {}],
  ["nothing, being too old", readsOn, ({ clock }) => clock.tick(600_000)],
];

async function readsOn({ reader }: Life): Promise<void> {
  await reader.read();
  reader.read().catch(() => {});
  await turn();
}

async function hasEvent(life: Life): Promise<void> {
  await readsOn(life);
  life.transcript.append("text", '{"a":"b');
  await turn();
}

/** How many turns of the microtask queue lie between two moments, at most. */
const TURNS = 16;

Deno.test("a reader may leave at each moment, and leaves nothing behind", async (t) => {
  let leavings = 0;

  /** Lives up to a sending, and has the reader leave around it. */
  async function live(
    [, before, act]: typeof sendings[number],
    leave: "first" | "inside" | number,
  ): Promise<void> {
    const clock = new TestClock();
    const transcript = new Transcript();
    let closed = 0;
    const body = follow({
      id: "AAAAAAAAAAAAAAAAAAAAAA",
      transcript,
      start: { status: "start" },
      offset: 0,
      language: "zh",
      maxDepth: 128,
      pause: 16,
      heartbeat: 15_000,
      maxAge: 600_000,
      clock,
      onClose: () => closed++,
    });
    const life: Life = { clock, transcript, reader: body.getReader() };
    await before(life);
    let left: Promise<void> | undefined;
    const go = () => left ??= life.reader.cancel();
    if (leave === "first") go();
    // As the runtime does when it finds the socket closed.
    const restore = leave === "inside" ? cancelInEnqueue(go) : () => {};
    try {
      life.reader.read().catch(() => {});
      await act(life);
      if (typeof leave === "number") {
        for (let n = 0; n < leave; n++) await Promise.resolve();
        go();
      } else {
        for (let n = 0; n < 5 && left === undefined; n++) await turn();
      }
    } finally {
      restore();
    }
    await go();
    leavings++;
    assertEquals([closed, clock.timers], [1, 0]);
    transcript.append("text", " ");
    transcript.finish(failure("stopped"));
    clock.tick(1_000_000);
    await turn();
    assertEquals([closed, clock.timers], [1, 0]);
  }

  for (const sending of sendings) {
    await t.step(sending[0], async () => {
      await live(sending, "first");
      await live(sending, "inside");
      for (let n = 0; n < TURNS; n++) await live(sending, n);
    });
  }
  assertEquals(leavings, sendings.length * (2 + TURNS));
});

/** Lets the reader leave before `enqueue` returns. Gives what undoes it. */
function cancelInEnqueue(cancel: () => unknown): () => void {
  const { prototype } = ReadableStreamDefaultController;
  const { enqueue } = prototype;
  prototype.enqueue = function (chunk) {
    enqueue.call(this, chunk);
    // Lists of operations go through a stream of their own.
    if (chunk instanceof Uint8Array) cancel();
  };
  return () => prototype.enqueue = enqueue;
}
