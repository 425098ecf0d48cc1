import { assert, assertEquals } from "@std/assert";
import type { Limits } from "../../lib/answers/limits.ts";
import type { FinishedAnswer } from "../../lib/answers/answer.ts";
import type { Generation } from "../../lib/answers/generation.ts";
import { takeSnapshot } from "../../lib/answers/snapshot.ts";
import {
  Generations,
  type GenerationsContext,
} from "../../lib/answers/generations.ts";
import { type Ask, ModelError } from "../../lib/models/ask.ts";
import { DEFAULT_SCHEMA } from "../../lib/schemas/schema.ts";
import { connect } from "../../lib/wire/connection.ts";
import {
  type ModelCall,
  ScriptedModel,
  TestClock,
  testConfig,
  turn,
  until,
} from "../_server.ts";

/** Generations with a driven clock, and what they tell. */
function setUp(
  ask: Ask,
  limits: Partial<Limits> = {},
  context: Partial<GenerationsContext> = {},
): { generations: Generations; clock: TestClock; reports: FinishedAnswer[] } {
  const clock = new TestClock();
  const reports: FinishedAnswer[] = [];
  const generations = new Generations({
    ask,
    limits: testConfig({ limits }).limits,
    clock,
    onFinish: (report) => reports.push(report),
    ...context,
  });
  return { generations, clock, reports };
}

function start(generations: Generations, id?: string): Generation {
  return generations.start({
    id,
    owner: "me",
    prompt: "a prompt",
    schema: DEFAULT_SCHEMA,
    validated: false,
  });
}

/** Follows a generation, and reads what there is. */
class Reader {
  closed = 0;
  readonly body: ReadableStream<Uint8Array>;

  constructor(clock: TestClock, generation: Generation, offset?: number) {
    const { limits } = testConfig();
    const context = { model: "scripted", limits, clock };
    const onClose = () => this.closed++;
    this.body = connect(
      generation,
      { offset, language: "zh", onClose },
      context,
    );
  }
}

Deno.test("a generation asks the model once, when it has a reader", async () => {
  const model = new ScriptedModel();
  const { generations, clock } = setUp(model.ask);
  const generation = start(generations);
  await turn();
  assertEquals(model.calls.length, 0);
  const readers = [
    new Reader(clock, generation),
    new Reader(clock, generation),
  ];
  assertEquals(model.calls.length, 0);
  await turn();
  readers.push(new Reader(clock, generation, 0));
  generation.poll();
  await turn();
  assertEquals(model.calls.length, 1);
  assertEquals(generation.readers, 3);
  for (const { body } of readers) await body.cancel();
  assertEquals(generation.readers, 0);
  generation.stop("stopped");
  clock.tick(300_000);
  assertEquals([generations.running, generations.kept, clock.timers], [
    0,
    0,
    0,
  ]);
});

Deno.test("a reader that leaves at once asks nothing, and one that comes back does", async () => {
  const model = new ScriptedModel();
  const { generations, clock } = setUp(model.ask);
  const generation = start(generations);
  await new Reader(clock, generation).body.cancel();
  await turn();
  clock.tick(14_000);
  assertEquals(model.calls.length, 0);
  const reader = new Reader(clock, generation);
  await turn();
  assertEquals(model.calls.length, 1);
  await reader.body.cancel();
  clock.tick(15_000);
  assert(model.calls[0]!.signal.aborted);
  clock.tick(300_000);
  assertEquals(clock.timers, 0);
});

Deno.test("one that nobody ever reads ends, and asks nothing", async () => {
  const model = new ScriptedModel();
  const { generations, clock, reports } = setUp(model.ask);
  start(generations);
  clock.tick(14_999);
  assertEquals(generations.running, 1);
  clock.tick(1);
  assertEquals([generations.running, generations.kept], [0, 1]);
  assertEquals(reports.map(({ outcome }) => outcome), ["abandoned"]);
  await turn();
  assertEquals(model.calls.length, 0);
  clock.tick(300_000);
  assertEquals(clock.timers, 0);
});

Deno.test("a generation lingers when its last reader has left, and only then", async () => {
  const model = new ScriptedModel();
  const { generations, clock } = setUp(model.ask, {
    firstTokenSeconds: 1000,
  });
  const generation = start(generations);
  const one = new Reader(clock, generation);
  const two = new Reader(clock, generation);
  await turn();
  await one.body.cancel();
  clock.tick(20_000);
  await two.body.cancel();
  clock.tick(14_999);
  const three = new Reader(clock, generation);
  clock.tick(10_000);
  assertEquals(generations.running, 1);
  await three.body.cancel();
  // A poll does not shorten the time, and renews it.
  clock.tick(14_999);
  generation.poll();
  clock.tick(14_999);
  assertEquals(generations.running, 1);
  assert(!model.calls[0]!.signal.aborted);
  clock.tick(1);
  assertEquals(generation.transcript.outcome?.status, "error");
  assert(model.calls[0]!.signal.aborted);
});

Deno.test("a generation whose process stood still lingers for a moment more", async () => {
  const model = new ScriptedModel();
  const { generations, clock } = setUp(model.ask);
  const generation = start(generations);
  const reader = new Reader(clock, generation);
  await turn();
  await reader.body.cancel();
  clock.jump(100_000);
  clock.tick(0);
  // Whoever wanted to come back could not.
  const again = new Reader(clock, generation);
  clock.tick(20_000);
  assertEquals(generations.running, 1);
  await again.body.cancel();
  clock.jump(100_000);
  clock.tick(2_999);
  assertEquals(generations.running, 1);
  clock.tick(1);
  assertEquals(generations.running, 0);
});

Deno.test("a poll while somebody reads ends nothing", async () => {
  const model = new ScriptedModel();
  const { generations, clock } = setUp(model.ask);
  const generation = start(generations);
  const reader = new Reader(clock, generation);
  generation.poll();
  clock.tick(50_000);
  assertEquals(generations.running, 1);
  await reader.body.cancel();
  generation.stop("stopped");
  await turn();
});

Deno.test("the model may be silent for so long, and no longer", async () => {
  const model = new ScriptedModel();
  const { generations, clock, reports } = setUp(model.ask);
  const late = start(generations);
  const readers = [new Reader(clock, late)];
  await turn();
  clock.tick(299_999);
  assertEquals(generations.running, 1);
  clock.tick(1);
  const slow = start(generations);
  readers.push(new Reader(clock, slow));
  await turn();
  clock.tick(59_000);
  for (let n = 0; n < 3; n++) {
    model.calls[1]!.say(n === 0 ? '{"a":"' : "b");
    await until(() => slow.transcript.length === 6 + n);
    clock.tick(59_999);
    assertEquals(generations.running, 1);
  }
  clock.tick(1);
  assertEquals(reports.map(({ outcome }) => outcome), [
    "upstream_timeout",
    "upstream_timeout",
  ]);
  assertEquals(reports[1]!.firstToken, 59_000 + 0);
  assertEquals(reports[1]!.duration, 59_000 + 3 * 59_999 + 1);
  assert(model.calls.every(({ signal }) => signal.aborted));
  for (const { body } of readers) await body.cancel();
  clock.tick(300_000);
  assertEquals(clock.timers, 0);
});

Deno.test("a model that does not heed the abort is heard no longer", async () => {
  for (const before of ['{"a":"', ""]) {
    const rest = Promise.withResolvers<void>();
    let asked = false;
    let returned = false;
    const { generations, clock } = setUp(async (_question, _signal, onPart) => {
      if (before !== "") onPart({ type: "text", text: before });
      asked = true;
      await rest.promise;
      onPart({ type: "text", text: 'b"}' });
      onPart({ type: "finish", reason: "stop" });
      returned = true;
    });
    const generation = start(generations);
    generation.poll();
    await until(() => asked);
    generation.stop("stopped");
    const { timers } = clock;
    rest.resolve();
    await until(() => returned);
    assertEquals(generation.transcript.length, before.length);
    assertEquals(generation.transcript.outcome, {
      status: "error",
      code: "stopped",
      ...(before !== "" && { path: "/a" }),
    });
    assertEquals(clock.timers, timers);
    clock.tick(300_000);
    assertEquals(clock.timers, 0);
  }
});

Deno.test("a model that cannot be asked ends the generation, and throws nowhere", async () => {
  for (
    const ask of [
      () => {
        throw new Error("Cannot ask: a test");
      },
      async () => {
        await turn();
        throw new TypeError("Cannot ask: a test");
      },
    ] as Ask[]
  ) {
    const { generations, reports, clock } = setUp(ask);
    start(generations).poll();
    await until(() => reports.length === 1);
    assertEquals(reports[0]!.outcome, "internal");
    assertEquals((reports[0]!.error as Error).message, "Cannot ask: a test");
    clock.tick(300_000);
    assertEquals(clock.timers, 0);
  }
});

Deno.test("of those that are stopped ahead, so many are remembered", async () => {
  const { generations, clock } = setUp(new ScriptedModel().ask);
  const isStopped = (id: string) =>
    start(generations, id).transcript.outcome !== undefined;
  generations.stopAhead("me", "first");
  for (let n = 0; n < 9_999; n++) generations.stopAhead("me", `${n}`);
  generations.stopAhead("me", "first");
  generations.stopAhead("me", "last");
  assertEquals(
    ["0", "1", "first", "last", "last"].map(isStopped),
    [false, true, true, true, false],
  );
  clock.tick(60_000);
  assertEquals(isStopped("2"), false);
  generations.stopAll();
  await generations.drain();
  assertEquals(clock.timers, 0);
});

Deno.test("what is told of an ending may fail, and the next one ends too", async () => {
  const clock = new TestClock();
  const errors: unknown[] = [];
  const fault = new Error("Cannot write it down: a test");
  const generations = new Generations({
    ask: new ScriptedModel().ask,
    limits: testConfig().limits,
    clock,
    onFinish: () => {
      throw fault;
    },
    onError: (error) => errors.push(error),
  });
  const all = Array.from({ length: 3 }, () => start(generations));
  // By a timer, by a request, by the end of the server.
  clock.tick(15_000);
  assertEquals([generations.running, errors.length], [0, 3]);
  all.push(start(generations), start(generations));
  all[3]!.stop("stopped");
  await turn();
  const drain = generations.drain();
  clock.tick(25_000);
  await drain;
  assertEquals(errors, all.map(() => fault));
  assertEquals([generations.running, clock.timers], [0, 0]);
});

Deno.test("finished ones are kept for a while, the oldest goes first", async () => {
  const model = new ScriptedModel((call) => {
    call.say(`{"a":"${"b".repeat(92)}"}`);
    call.end();
  });
  const { generations, clock } = setUp(model.ask, { retainedCharacters: 250 });
  const all: Generation[] = [];
  for (let n = 0; n < 4; n++) {
    const generation = start(generations);
    all.push(generation);
    generation.poll();
    await until(() => generations.running === 0);
    clock.tick(1000);
  }
  // 100 units each: two are within 250.
  assertEquals(
    all.map(({ id }) => generations.get(id) !== undefined),
    [false, false, true, true],
  );
  assertEquals(generations.kept, 2);
  clock.tick(297_999);
  assertEquals(generations.kept, 2);
  clock.tick(1);
  assertEquals(generations.get(all[2]!.id), undefined);
  assertEquals(generations.kept, 1);
  clock.tick(1000);
  assertEquals([generations.kept, clock.timers], [0, 0]);
});

Deno.test("one whose onFinish hangs pushes no other out, and holds up nothing for ever", async () => {
  const model = new ScriptedModel((call) => {
    call.say(`{"a":"${"b".repeat(92)}"}`);
    call.end();
  });
  const clock = new TestClock();
  const errors: unknown[] = [];
  const saved = new Map<string, PromiseWithResolvers<void>>();
  const generations = new Generations({
    ask: model.ask,
    // 100 units each: two are within it.
    limits: testConfig({ limits: { retainedCharacters: 250 } }).limits,
    clock,
    onFinish: ({ id }) => saved.get(id)?.promise,
    onError: (error) => errors.push(String(error)),
  });
  const all: Generation[] = [];
  const begin = async (hangs: boolean) => {
    const generation = start(generations);
    if (hangs) saved.set(generation.id, Promise.withResolvers());
    all.push(generation);
    generation.poll();
    await until(() => generations.running === 0);
    clock.tick(1000);
  };
  const found = () => all.map(({ id }) => generations.get(id) !== undefined);
  for (const hangs of [true, true, true, true, false, false]) {
    await begin(hangs);
  }
  assertEquals(found(), [true, true, true, true, true, true]);
  // Of those that count the oldest goes; those that hang are not among them.
  await begin(false);
  assertEquals(found(), [true, true, true, true, false, true, true]);
  // Whose onFinish settles counts from then on.
  saved.get(all[3]!.id)!.resolve();
  await turn();
  assertEquals(found(), [true, true, true, true, false, false, true]);
  assertEquals(errors, []);
  // The first has ended seven seconds ago.
  clock.tick(293_000);
  assertEquals(found(), [false, true, true, true, false, false, true]);
  assertEquals(errors, [
    "Error: Cannot wait for onFinish: it has not settled in 300 s",
  ]);
  // One that settles when it is forgotten comes too late.
  saved.get(all[0]!.id)!.resolve();
  let drained = false;
  const drain = generations.drain().then(() => drained = true);
  clock.tick(24_999);
  await turn();
  assert(!drained);
  clock.tick(1);
  await drain;
  assertEquals(errors.slice(1), [
    "Error: Cannot wait for onFinish: it has not settled in 25 s",
  ]);
  assertEquals(clock.timers, 0);
});

Deno.test("one that alone is too much is not kept, and its reader reads on", async () => {
  const model = new ScriptedModel();
  const { generations, clock } = setUp(model.ask, { retainedCharacters: 5 });
  const generation = start(generations);
  const reader = new Reader(clock, generation);
  await turn();
  model.calls[0]!.say('{"a":1}');
  model.calls[0]!.end();
  await until(() => generations.running === 0);
  assertEquals([generations.kept, generations.get(generation.id)], [
    0,
    undefined,
  ]);
  const text = await new Response(reader.body).text();
  assert(text.includes('"data":{"a":1}'));
  assert(text.includes('"status":"end"'));
  assertEquals([reader.closed, clock.timers], [1, 0]);
});

Deno.test("draining waits for those that run, and ends them after a while", async () => {
  const model = new ScriptedModel();
  const { generations, clock, reports } = setUp(model.ask);
  const generation = [start(generations), start(generations)];
  const readers = generation.map((generation) => new Reader(clock, generation));
  await turn();
  let drained = false;
  const drain = generations.drain().then(() => drained = true);
  assert(generations.draining);
  model.calls[0]!.say('{"a":1}');
  model.calls[0]!.end();
  await until(() => reports.length === 1);
  clock.tick(24_999);
  await turn();
  assertEquals([drained, generations.running], [false, 1]);
  clock.tick(1);
  await drain;
  assertEquals(reports.map(({ outcome }) => outcome), ["end", "interrupted"]);
  const [one, two] = await Promise.all(
    readers.map(({ body }) => new Response(body).text()),
  );
  assert(one!.includes('"status":"end"'));
  assert(two!.includes('"code":"interrupted"'));
  assert(two!.includes('"retryable":true'));
  assertEquals(clock.timers, 0);
});

Deno.test("draining nothing takes no time, and leaves no timer", async () => {
  const model = new ScriptedModel((call) => call.end());
  const { generations, clock } = setUp(model.ask);
  start(generations).poll();
  await until(() => generations.running === 0);
  assertEquals(generations.kept, 1);
  await generations.drain();
  await generations.drain();
  assertEquals(clock.timers, 0);
});

Deno.test("draining ends as soon as the last one has ended", async () => {
  const model = new ScriptedModel();
  const { generations, clock } = setUp(model.ask);
  const generation = start(generations);
  generation.poll();
  const drain = generations.drain();
  generation.stop("stopped");
  await drain;
  assertEquals(clock.timers, 0);
});

/** An answer that has broken off, and waits to be asked for again. */
async function breakOff(
  { retryAfter = 1_000, limits = {} }: {
    retryAfter?: number;
    limits?: Partial<Limits>;
  } = {},
): Promise<
  ReturnType<typeof setUp> & {
    model: ScriptedModel;
    generation: Generation;
    leave: () => void;
    next: Promise<ModelCall>;
  }
> {
  const model = new ScriptedModel();
  const ask = Object.assign(model.ask, { continues: true });
  const { generations, clock, reports } = setUp(ask, limits);
  const generation = start(generations);
  const called = model.nextCall();
  const leave = generation.attach();
  const call = await called;
  const next = model.nextCall();
  call.say('{"a":"b');
  call.fail(
    new ModelError("upstream_unavailable", "broken", {
      ...{ again: true, retryAfter },
    }),
  );
  await until(() => call.signal.aborted);
  assertEquals([model.calls.length, generations.running], [1, 1]);
  return { generations, clock, reports, model, generation, leave, next };
}

/** What is told of answers: how each has ended, and how often it was asked. */
function endsOf(reports: FinishedAnswer[]): [outcome: string, times: number][] {
  return reports.map(({ outcome, attempts }) => [outcome, attempts]);
}

Deno.test("an answer that waits for its next attempt goes on while the server drains", async () => {
  const { generations, clock, reports, generation, leave, next } =
    await breakOff();
  const drain = generations.drain();
  clock.tick(1_000);
  const call = await next;
  assertEquals(call.question.continuation, '{"a":"b');
  call.say('c"}');
  call.end();
  await drain;
  assertEquals(endsOf(reports), [["end", 2]]);
  assertEquals(reports[0]!.value, { a: "bc" });
  assertEquals(generation.transcript.outcome?.attempts, 2);
  leave();
  assertEquals(clock.timers, 0);
});

Deno.test("draining ends an answer in its second attempt after a while", async () => {
  const { generations, clock, reports, model, leave, next } = await breakOff();
  clock.tick(1_000);
  const call = await next;
  const drain = generations.drain();
  clock.tick(24_999);
  call.say("c");
  await turn();
  assertEquals([reports.length, call.signal.aborted], [0, false]);
  clock.tick(1);
  await drain;
  assert(call.signal.aborted);
  assertEquals(endsOf(reports), [["interrupted", 2]]);
  leave();
  clock.tick(1_000_000);
  await turn();
  assertEquals([model.calls.length, clock.timers], [2, 0]);
});

Deno.test("draining ends an answer that waits for its next attempt for too long", async () => {
  const { generations, clock, reports, model, leave } = await breakOff({
    retryAfter: 50_000,
  });
  const drain = generations.drain();
  clock.tick(25_000);
  await drain;
  assertEquals(endsOf(reports), [["interrupted", 1]]);
  leave();
  await turn();
  assertEquals(clock.timers, 0);
  clock.tick(1_000_000);
  await turn();
  assertEquals(model.calls.length, 1);
});

Deno.test("draining ends with an answer that is stopped, or left, between attempts", async () => {
  const { lingerSeconds } = testConfig().limits;
  for (const code of ["stopped", "abandoned"] as const) {
    const { generations, clock, reports, model, generation, leave } =
      await breakOff({
        retryAfter: (lingerSeconds + 1) * 1000,
        limits: { drainSeconds: 10_000 },
      });
    const drain = generations.drain();
    if (code === "stopped") generation.stop(code);
    leave();
    clock.tick(lingerSeconds * 1000);
    await drain;
    assertEquals(endsOf(reports), [[code, 1]]);
    await turn();
    assertEquals(clock.timers, 0);
    clock.tick(1_000_000);
    await turn();
    assertEquals(model.calls.length, 1);
  }
});

Deno.test("who leaves between attempts and comes back is answered once", async () => {
  const { clock, reports, model, generation, leave, next } = await breakOff();
  leave();
  clock.tick(500);
  const leaveAgain = generation.attach();
  clock.tick(500);
  const call = await next;
  call.say('c"}');
  call.end();
  await until(() => reports.length > 0);
  assertEquals(endsOf(reports), [["end", 2]]);
  assertEquals(model.calls.length, 2);
  leaveAgain();
});

Deno.test("polls get the value so far, and none where there is none", async () => {
  const model = new ScriptedModel();
  const { generations } = setUp(model.ask);
  const generation = start(generations);
  const value = () => takeSnapshot(generation.shown, generation.beginning);
  generation.poll();
  assertEquals(value(), undefined);
  const [call] = model.calls;
  call!.say('Sure! {"a":"b');
  await until(() => generation.transcript.length === 13);
  assertEquals(value(), { a: "b" });
  call!.say('c","d":[1,2');
  call!.end("length");
  await until(() => generation.transcript.outcome !== undefined);
  assertEquals((value() as { a: string }).a, "bc");
  const { outcome } = generation.transcript;
  assert(outcome?.status === "error" && outcome.code === "truncated");
  await generations.drain();
});
