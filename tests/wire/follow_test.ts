import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { createParser } from "eventsource-parser";
import { follow, type FollowOptions } from "../../lib/wire/follow.ts";
import { failure } from "../../lib/answers/outcome.ts";
import { Lag } from "../../lib/wire/lag.ts";
import { describeOutcome } from "../../lib/wire/messages.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { cut } from "../_stream.ts";
import { sizes, texts } from "../_documents.ts";
import {
  type ServerEvent,
  stateAfter,
  TestClock,
  turn,
  until,
} from "../_server.ts";

const id = "AAAAAAAAAAAAAAAAAAAAAA";
const end = { status: "end", finish_reason: "stop" } as const;

/** A follower of a transcript, and what is asked of it. */
class Connection {
  readonly clock: TestClock;
  readonly body: ReadableStream<Uint8Array>;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  closed = 0;
  #decoder = new TextDecoder();

  constructor(transcript: Transcript, options: Partial<FollowOptions> = {}) {
    this.clock = options.clock as TestClock ?? new TestClock();
    this.body = follow({
      id,
      transcript,
      start: undefined,
      offset: 0,
      language: "zh",
      maxDepth: 128,
      heartbeat: 15_000,
      pause: 16,
      maxAge: 600_000,
      onClose: () => this.closed++,
      ...options,
      clock: this.clock,
    });
    this.reader = this.body.getReader();
  }

  /** The next piece of the response; `undefined` at its end. */
  async read(): Promise<string | undefined> {
    const { value } = await this.reader.read();
    return value && this.#decoder.decode(value, { stream: true });
  }

  /** All events up to the end. */
  async events(): Promise<ServerEvent[]> {
    let text = "";
    for (;;) {
      const piece = await this.read();
      if (piece === undefined) return eventsOf(text);
      text += piece;
    }
  }
}

function eventsOf(text: string): ServerEvent[] {
  const events: ServerEvent[] = [];
  createParser({
    onEvent: ({ id, data }) => events.push({ id: id!, data: JSON.parse(data) }),
  }).feed(text);
  return events;
}

function reasoningOf(events: ServerEvent[]): string {
  return events.filter(({ data }) => data.status === "reasoning")
    .map(({ data }) => data.data).join("");
}

Deno.test("a connection begins with a pause and the start, before any text", async () => {
  const connection = new Connection(new Transcript(), {
    start: { status: "start" },
  });
  const text = await connection.read();
  const [, pause] =
    /^retry: (\d+)\n\nid: A{22}\.0\ndata: \{"status":"start"\}\n\n$/
      .exec(text!)!;
  assert(Number(pause) >= 1000 && Number(pause) <= 3000);
  await connection.reader.cancel();
});

Deno.test("one that resumes gets what came since, as one event for each run", async () => {
  const transcript = new Transcript();
  transcript.append("reasoning", "Hm");
  transcript.append("reasoning", "m.");
  for (const piece of cut('{"a":"bcdef","g":[1,2]}', [3])) {
    transcript.append("text", piece);
  }
  transcript.finish(end);
  const events = await new Connection(transcript, { offset: 12 }).events();
  assertEquals(events, [
    {
      id: `${id}.27`,
      data: {
        status: "chunk",
        data: { a: "def", g: [1, 2] },
        complete: [""],
      },
    },
    { id: `${id}.end`, data: describeOutcome(end, "zh") },
  ]);
  const whole = await new Connection(transcript).events();
  assertEquals(whole.map(({ id, data }) => [id.slice(23), data.status]), [
    ["4", "reasoning"],
    ["27", "chunk"],
    ["end", "end"],
  ]);
});

Deno.test("reasoning and text from one pull have ids of their own", async () => {
  const transcript = new Transcript();
  transcript.append("text", 'x<think>Hm</think> {"a":1}');
  transcript.finish(end);
  const events = await new Connection(transcript).events();
  assertEquals(events.map(({ id }) => id.slice(23)), ["18", "26", "end"]);
  // Who has seen the first and not the second gets the second alone.
  const rest = await new Connection(transcript, { offset: 18 }).events();
  assertEquals(rest, events.slice(1));
});

Deno.test("a connection that has seen all gets the outcome", async () => {
  const transcript = new Transcript();
  transcript.append("text", '{"a":1');
  transcript.finish(failure("stopped"));
  const connection = new Connection(transcript, { offset: 6 });
  assertEquals(await connection.events(), [
    { id: `${id}.end`, data: describeOutcome(failure("stopped"), "zh") },
  ]);
  assertEquals(connection.closed, 1);
  assertEquals(connection.clock.timers, 0);
});

Deno.test("a connection that is behind gets one larger event", async () => {
  const transcript = new Transcript();
  const connection = new Connection(transcript);
  await connection.read();
  transcript.append("text", '{"a":"');
  assertEquals(eventsOf((await connection.read())!).length, 1);
  for (let n = 0; n < 100; n++) transcript.append("text", "b");
  const [event, ...more] = eventsOf((await connection.read())!);
  assertEquals(more, []);
  assertEquals(event!.data.data, { a: "b".repeat(100) });
  await connection.reader.cancel();
});

Deno.test("a connection that is far behind gets pieces of bounded size", async () => {
  const transcript = new Transcript();
  const text = `{"a":"${"科技😀".repeat(100_000)}"}`;
  const reasoning = `R${"😀".repeat(75_000)}`;
  transcript.append("reasoning", reasoning);
  transcript.append("text", text);
  transcript.finish(end);
  const connection = new Connection(transcript);
  let all = "";
  let pieces = 0;
  for (;;) {
    const piece = await connection.read();
    if (piece === undefined) break;
    assert(piece.length < 66_000);
    all += piece;
    pieces++;
  }
  assert(pieces < 15);
  const events = eventsOf(all);
  assertEquals(stateAfter(events), JSON.parse(text));
  assertEquals(reasoningOf(events), reasoning);
  assert(
    events.every(({ data }) =>
      [data.data, data.data?.a].every((text) =>
        typeof text !== "string" || text.isWellFormed()
      )
    ),
  );
});

Deno.test("two events are a frame of a display apart, the first comes at once", async () => {
  const clock = new TestClock();
  const transcript = new Transcript();
  const connection = new Connection(transcript, { clock });
  await connection.read();
  const times: number[] = [];
  transcript.append("text", '{"a":"');
  for (const text of ["b", "c", "d"]) {
    await connection.read();
    times.push(clock.now());
    transcript.append("text", text);
  }
  assertEquals(times.map((time) => time - times[0]!), [0, 16, 32]);
  await connection.read();
  clock.tick(100);
  transcript.append("text", "e");
  await connection.read();
  assertEquals(clock.now() - times[0]!, 148);
  await connection.reader.cancel();
});

Deno.test("what comes within a frame is one event, whatever the model's pace", async () => {
  for (const [every, events] of [[20, 50], [2, 8], [1, 5]] as const) {
    const clock = new TestClock({ pause: 0 });
    const transcript = new Transcript();
    const connection = new Connection(transcript, { clock });
    await connection.read();
    let count = 0;
    const counted = (async () => {
      while (await connection.read() !== undefined) count++;
    })();
    transcript.append("text", '{"a":"');
    for (let n = 1; n < 50; n++) {
      await turn();
      clock.tick(every);
      transcript.append("text", "b");
    }
    await turn();
    clock.tick(16);
    await turn();
    assertEquals(count, events, `a token every ${every} ms`);
    await connection.reader.cancel();
    await counted;
  }
});

Deno.test("text that shows nothing makes no event", async () => {
  const transcript = new Transcript();
  const connection = new Connection(transcript);
  await connection.read();
  const next = connection.read();
  for (const text of ["Sure", "! ", "{ ", "\n"]) {
    transcript.append("text", text);
    await turn();
  }
  transcript.append("text", '"a": 1');
  const [event] = eventsOf((await next)!);
  assertEquals(event, {
    id: `${id}.15`,
    data: { status: "chunk", data: {} },
  });
  transcript.append("text", "2");
  transcript.append("text", "}");
  assertEquals(eventsOf((await connection.read())!), [{
    id: `${id}.17`,
    data: { status: "chunk", data: { a: 12 }, complete: [""] },
  }]);
  await connection.reader.cancel();
});

Deno.test("what is no JSON any more shows nothing more", async () => {
  const transcript = new Transcript();
  transcript.append("text", '{"a":"b","c" "d":"e"}');
  transcript.append("text", '"f":"g"}');
  transcript.finish(failure("malformed_json"));
  for (const offset of [0, 5, 14, 21, 25]) {
    const before = new Transcript();
    before.append("text", '{"a":"b","c" "d":"e"}"f":"g"}'.slice(0, offset));
    before.finish(end);
    const events = [
      ...(await new Connection(before).events()).slice(0, -1),
      ...await new Connection(transcript, { offset }).events(),
    ];
    assertEquals(stateAfter(events), { a: "b" });
    assertEquals(events.at(-1)!.data.code, "malformed_json");
  }
});

Deno.test("a silent connection gets comments, before the first token too", async () => {
  const clock = new TestClock();
  const transcript = new Transcript();
  const connection = new Connection(transcript, { clock });
  await connection.read();
  for (let n = 0; n < 3; n++) {
    const next = connection.read();
    await turn();
    clock.tick(15_000);
    assertEquals(await next, ": ping\n\n");
  }
  // An event is as good as a comment.
  clock.tick(10_000);
  transcript.append("text", '{"a":1');
  await connection.read();
  const next = connection.read();
  await turn();
  clock.tick(14_999);
  transcript.append("text", "}");
  assert((await next)!.startsWith("id: "));
  await connection.reader.cancel();
});

Deno.test("a connection that does not read gets no comments", async () => {
  const clock = new TestClock();
  const connection = new Connection(new Transcript(), { clock });
  clock.tick(100_000);
  assert((await connection.read())!.startsWith("retry: "));
  const next = connection.read();
  await turn();
  clock.tick(15_000);
  assertEquals(await next, ": ping\n\n");
  await connection.reader.cancel();
});

Deno.test("for a connection that has stopped reading nothing is made ahead", async () => {
  const clock = new TestClock();
  const transcript = new Transcript();
  const connection = new Connection(transcript, { clock });
  await connection.read();
  const next = connection.read();
  await turn();
  clock.tick(15_000);
  assertEquals(await next, ": ping\n\n");
  // Neither comments nor events.
  for (const text of ['{"a":"', "b", "c"]) {
    clock.tick(15_000);
    await turn();
    transcript.append("text", text);
    await turn();
  }
  const [event, ...more] = eventsOf((await connection.read())!);
  assertEquals([event!.data.data, more], [{ a: "bc" }, []]);
  await connection.reader.cancel();
});

Deno.test("pieces that are wanted at once come one after the other", async () => {
  const clock = new TestClock();
  const transcript = new Transcript();
  const connection = new Connection(transcript, { clock });
  const pieces = [connection.read(), connection.read()];
  assert((await pieces[0])!.startsWith("retry: "));
  await turn();
  pieces.push(connection.read());
  await turn();
  transcript.append("text", '{"a":"b');
  assertEquals(eventsOf((await pieces[1])!).length, 1);
  transcript.append("text", "c");
  await turn();
  // One for the frame, one for comments.
  assertEquals(clock.timers, 2);
  clock.tick(16);
  assertEquals(eventsOf((await pieces[2])!)[0]!.data.data, { a: "c" });
  await connection.reader.cancel();
  assertEquals([connection.closed, clock.timers], [1, 0]);
});

Deno.test("a connection becomes so old, whatever it does", async (t) => {
  await t.step("one that waits for the model", async () => {
    const clock = new TestClock();
    const transcript = new Transcript();
    const connection = new Connection(transcript, { clock, heartbeat: 1e6 });
    await connection.read();
    const next = connection.read();
    await turn();
    clock.tick(599_999);
    assertEquals(connection.closed, 0);
    clock.tick(1);
    assertEquals(await next, undefined);
    assertEquals(connection.closed, 1);
    assertEquals(clock.timers, 0);
    transcript.append("text", "{}");
    await turn();
  });
  await t.step("one that reads nothing", async () => {
    const clock = new TestClock();
    const transcript = new Transcript();
    const connection = new Connection(transcript, { clock });
    transcript.append("text", '{"a":1}');
    await connection.read();
    clock.tick(600_000);
    assertEquals(connection.closed, 1);
    assertEquals(clock.timers, 0);
    assertEquals(await connection.read(), undefined);
  });
  await t.step("one that never began to read", async () => {
    const clock = new TestClock();
    const connection = new Connection(new Transcript(), { clock });
    clock.tick(600_000);
    assertEquals(connection.closed, 1);
    assertEquals(clock.timers, 0);
    assertEquals(await connection.read(), undefined);
  });
  await t.step("one that pauses between two events", async () => {
    const clock = new TestClock();
    const transcript = new Transcript();
    const connection = new Connection(transcript, { clock });
    await connection.read();
    clock.tick(599_999);
    transcript.append("text", '{"a":1');
    await connection.read();
    transcript.append("text", ',"b":');
    const next = connection.read();
    await Promise.resolve();
    clock.tick(1);
    assertEquals(await next, undefined);
    assertEquals([connection.closed, clock.timers], [1, 0]);
  });
});

Deno.test("a client that leaves leaves nothing behind", async (t) => {
  const when: [string, (connection: Connection, t: Transcript) => unknown][] = [
    ["before it reads", () => {}],
    ["when it has read the start", ({ reader }) => reader.read()],
    ["while it waits for the model", async (connection) => {
      await connection.read();
      connection.read();
      await turn();
    }],
    ["while an event is made", async (connection, transcript) => {
      await connection.read();
      transcript.append("text", '{"a":1}');
      connection.read();
      await Promise.resolve();
    }],
    ["in the pause between two events", async (connection, transcript) => {
      await connection.read();
      transcript.append("text", '{"a":1');
      await connection.read();
      transcript.append("text", "}");
      connection.read();
      await Promise.resolve();
    }],
  ];
  for (const [name, act] of when) {
    await t.step(name, async () => {
      const transcript = new Transcript();
      const connection = new Connection(transcript);
      await act(connection, transcript);
      await connection.reader.cancel();
      assertEquals([connection.closed, connection.clock.timers], [1, 0]);
      transcript.append("text", " ");
      transcript.finish(end);
      await turn();
      assertEquals([connection.closed, connection.clock.timers], [1, 0]);
    });
  }
});

Deno.test("a fault closes the connection, and leaves nothing behind", async () => {
  const clock = new TestClock();
  const fault = new Error("Cannot go on: a test");
  const start = {
    toJSON() {
      throw fault;
    },
  };
  const connection = new Connection(new Transcript(), { clock, start });
  assertEquals(
    await assertRejects(() => connection.read(), Error),
    fault,
  );
  assertEquals([connection.closed, clock.timers], [1, 0]);
});

Deno.test("what a client has, and what shows nothing, is read in turns", async () => {
  let turns = 0;
  class CountingClock extends TestClock {
    override setTimeout(callback: () => void, delay: number) {
      if (delay === 0) turns++;
      return super.setTimeout(callback, delay);
    }
  }
  const text = `{"a":"${"b".repeat(1_000_000)}"}`;
  const transcript = new Transcript();
  transcript.append("text", text);
  transcript.finish(end);
  const clock = new CountingClock();
  const offset = text.length - 3;
  const events = await new Connection(transcript, { clock, offset }).events();
  assertEquals(events[0]!.data.data, { a: "b" });
  assert(turns >= 15, `${turns}`);
  turns = 0;
  const prose = new Transcript();
  prose.append("text", "Well, ".repeat(200_000));
  prose.append("text", '{"a":1}');
  prose.finish(end);
  const all = await new Connection(prose, { clock }).events();
  assertEquals(stateAfter(all), { a: 1 });
  assert(turns >= 15, `${turns}`);
});

/** Time flies: nothing ever waits. */
class HastyClock extends TestClock {
  #now = 0;

  override now(): number {
    return this.#now += 20;
  }
}

/** Text and reasoning, in pieces, with all that a model may write around. */
const answers = fc.record({
  thinking: fc.string({ unit: "grapheme", maxLength: 8 }),
  block: fc.option(fc.string({ unit: "grapheme", maxLength: 8 })),
  prose: fc.constantFrom(
    ...["", "Sure!\r\n", "```json\n", "So { 😀} "],
    // Thinking that was never opened, with a draft: complete, or not JSON.
    'Say {"v":[1,"😀"]}, no.\n</think>\n',
    'Say {"v":[1,"😀"},</think>',
  ),
  json: texts({ tame: true }).map((text) => `{"v":${text}}`),
  after: fc.constantFrom("", "\n```", "}", '{"v":1}'),
  sizes,
}).map(({ thinking, block, prose, json, after, sizes }) => {
  const think = block === null ? "" : `<think>${block}</think>`;
  const pieces = cut(think + prose + json + after, sizes)
    .map((text) => ({ type: "text" as const, text }));
  return {
    pieces: thinking === ""
      ? pieces
      : [{ type: "reasoning" as const, text: thinking }, ...pieces],
    reasoning: thinking + (block ?? ""),
    value: JSON.parse(json),
  };
});

function transcriptOf(
  pieces: { type: "text" | "reasoning"; text: string }[],
  length = Infinity,
): Transcript {
  const transcript = new Transcript();
  for (const { type, text } of pieces) {
    transcript.append(type, text.slice(0, length));
    length -= Math.min(length, text.length);
  }
  transcript.finish(end);
  return transcript;
}

Deno.test("invariant 5: from every offset, what was shown before and what comes after make the whole", async () => {
  await fc.assert(
    fc.asyncProperty(answers, async ({ pieces, reasoning, value }) => {
      const whole = transcriptOf(pieces);
      const step = Math.ceil(whole.length / 100);
      for (let offset = 0; offset <= whole.length; offset += step) {
        const clock = new HastyClock();
        const before = transcriptOf(pieces, offset);
        const events = [
          ...(await new Connection(before, { clock }).events()).slice(0, -1),
          ...await new Connection(whole, { clock, offset }).events(),
        ];
        assertEquals(stateAfter(events), value, `from ${offset}`);
        assertEquals(reasoningOf(events), reasoning, `from ${offset}`);
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("an event's id says how much it accounts for", async () => {
  await fc.assert(
    fc.asyncProperty(answers, async ({ pieces }) => {
      // Followed piece by piece, as they come.
      const transcript = new Transcript();
      const connection = new Connection(transcript, {
        start: { status: "x" },
        clock: new HastyClock(),
      });
      const all = connection.events();
      for (const { type, text } of pieces) {
        transcript.append(type, text);
        // As many turns as an event takes to be made, and some.
        for (let n = 0; n < 20; n++) await Promise.resolve();
      }
      transcript.finish(end);
      const events = await all;
      let last = 0;
      for (const [place, { id }] of events.slice(1, -1).entries()) {
        const offset = Number(id.slice(23));
        assert(offset > last);
        last = offset;
        const seen = events.slice(0, place + 2);
        const before = transcriptOf(pieces, offset);
        const clock = new HastyClock();
        const shown = await new Connection(before, { clock }).events();
        assertEquals(stateAfter(seen), stateAfter(shown));
        assertEquals(reasoningOf(seen), reasoningOf(shown));
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("two of one transcript do not wake each other for nothing", async () => {
  const transcript = new Transcript();
  const fast = new Connection(transcript);
  const slow = new Connection(transcript);
  await fast.read();
  await slow.read();
  for (const text of ['{"a":"', "b", "c"]) {
    transcript.append("text", text);
    await fast.read();
  }
  assertEquals(
    eventsOf((await slow.read())!).map(({ data }) => data.data),
    [{ a: "bc" }],
  );
  transcript.append("text", '"}');
  transcript.finish(end);
  const [rest] = await Promise.all([fast.events(), slow.events()]);
  assertEquals(rest.map(({ data }) => data.status), ["chunk", "end"]);
  await until(() => fast.closed + slow.closed === 2);
});

/** A loop that is late, and what ends the watch of it. */
function lateLoop() {
  const clock = new TestClock({ pause: 0 });
  const lag = Lag.of(clock);
  const endWatch = lag.watch();
  for (let n = 0; n < 20; n++) {
    clock.jump(160);
    clock.tick(0);
  }
  assertEquals(lag.stretch(16), 250);
  return { clock, lag, endWatch };
}

Deno.test("where the loop is late, what has come is read first, and events are larger", async () => {
  const { clock, lag, endWatch } = lateLoop();
  const transcript = new Transcript();
  const connection = new Connection(transcript, { clock, lag });
  await connection.read();
  const texts: unknown[] = [];
  const read = (async () => {
    for (;;) {
      const frames = await connection.read();
      if (frames === undefined) return;
      texts.push(...eventsOf(frames).map(({ data }) => data.data?.a ?? ""));
    }
  })();
  await turn();
  // Each piece by itself, as reads are; the reader is woken by the first.
  for (const text of ['{"a":"', "b", "c", "d"]) {
    transcript.append("text", text);
    await Promise.resolve();
  }
  await until(() => texts.length === 1);
  assertEquals(texts, ["bcd"]);
  for (let n = 0; n < 10; n++) {
    clock.jump(24);
    transcript.append("text", "e");
    await turn();
  }
  assertEquals(texts.length, 1);
  // That is the end of the stretched pause.
  clock.tick(10);
  await until(() => texts.length === 2);
  assertEquals(texts[1], "e".repeat(10));
  endWatch();
  await connection.reader.cancel();
  await read;
  assertEquals(clock.timers, 0);
});

Deno.test("a client that leaves while the model is silent is not kept", async () => {
  const transcript = new Transcript();
  const waiting = new Set<() => void>();
  const { onceChanged, forget } = transcript;
  transcript.onceChanged = (onChange) => {
    waiting.add(onChange);
    onceChanged.call(transcript, onChange);
  };
  transcript.forget = (onChange) => {
    waiting.delete(onChange);
    forget.call(transcript, onChange);
  };
  const connection = new Connection(transcript);
  await connection.read();
  void connection.read();
  await turn();
  assertEquals(waiting.size, 1);
  await connection.reader.cancel();
  assertEquals(waiting.size, 0);
});

Deno.test("where the loop is late, too, a client that has left is not waited for", async () => {
  const { clock, lag, endWatch } = lateLoop();
  const transcript = new Transcript();
  const connection = new Connection(transcript, { clock, lag });
  await connection.read();
  void connection.read();
  await turn();
  // It is woken when its client has gone.
  transcript.append("text", "{");
  await connection.reader.cancel();
  endWatch();
  assertEquals([connection.closed, clock.timers], [1, 0]);
});
