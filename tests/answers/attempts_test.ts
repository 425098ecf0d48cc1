// How often a model is asked for one answer, and what its readers see.

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { Generation } from "../../lib/answers/generation.ts";
import { DEFAULT_LIMITS, type Limits } from "../../lib/answers/limits.ts";
import { takeSnapshot } from "../../lib/answers/snapshot.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { ModelError, type Part } from "../../lib/models/ask.ts";
import { beginningOf } from "../../lib/schemas/beginning.ts";
import { checkSchema } from "../../lib/schemas/schema.ts";
import {
  type ModelCall,
  ScriptedModel,
  type ServerEvent,
  stateAfter,
  TestClock,
  turn,
} from "../_server.ts";
import {
  broken,
  finish,
  hear,
  type Heard,
  type HearOptions,
  offsetOf,
  readFrom,
  reasoning,
  type Script,
  stop,
  text,
  usage,
} from "./_attempts.ts";

const whole =
  '{"title":"The kingfisher \\"😀\\" \\u00e9\\ud83d\\ude00","n":[12.50, -3e+10 , true,null],\n  "summary":"It dives.\\nThe river is its home, and 河流是它的家。"}';

const resets = (events: ServerEvent[]) =>
  events.filter(({ data }) => data.reset !== undefined);
const attemptsIn = (events: ServerEvent[]) =>
  events.filter(({ data }) => data.status === "attempt").map(({ data }) =>
    data
  );

/** Whoever is cut off at any event, and comes back, ends with the same. */
async function assertResumable({ generation, events }: Heard): Promise<void> {
  const { transcript, beginning, schema } = generation;
  const value = stateAfter(events);
  for (const [n, event] of events.entries()) {
    const rest = await readFrom(generation, offsetOf(event));
    const seen = [...events.slice(0, n + 1), ...rest];
    assertEquals(stateAfter(seen), value);
    for (const status of ["attempt", "reasoning"]) {
      const of = (events: ServerEvent[]) =>
        events.filter(({ data }) => data.status === status)
          .map(({ data }) => data.data ?? data);
      assertEquals(of(seen).join(), of(events).join());
    }
  }
  const shape = { ...beginning, schema, maxDepth: 128 };
  assertEquals(takeSnapshot(transcript, shape), value);
}

/** A model that breaks off there, each time, and then says the rest. */
function breakingAt(whole: string, cuts: number[]): Script {
  const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
  return places.slice(1).map((end, n) => () => [
    text(whole.slice(places[n], end)),
    end === whole.length ? stop : broken,
  ]);
}

Deno.test("a model that has shown nothing is asked again, and readers are told", async () => {
  const heard = await hear([
    () => [broken],
    () => [text(" \n"), broken],
    () => [text(whole), stop],
  ], { continues: false });
  assertEquals(
    attemptsIn(heard.events),
    [2, 3].map((attempt) => ({
      ...{ status: "attempt", attempt },
      ...{ reason: "upstream_unavailable", continues: false },
    })),
  );
  assertEquals(stateAfter(heard.events), JSON.parse(whole));
  assertEquals(resets(heard.events), []);
  assertEquals(heard.questions.length, 3);
  assertEquals(heard.outcome, {
    ...{ status: "end", finish_reason: "stop", attempts: 3 },
  });
  assertEquals(heard.report.characters, whole.length + 2);
  assertEquals(heard.attempts.map(({ attempt, error }) => [attempt, error]), [
    ...[[2, broken], [3, broken]],
  ]);
  await assertResumable(heard);
});

Deno.test("a model that is asked three times in vain has failed", async () => {
  const { outcome, questions } = await hear([() => [broken]]);
  assertEquals(questions.length, 3);
  assertEquals(outcome, {
    ...{ status: "error", code: "upstream_unavailable", attempts: 3 },
  });
});

Deno.test("a model goes on wherever it broke off, at every unit", async () => {
  for (let at = 1; at < whole.length; at++) {
    const heard = await hear(breakingAt(whole, [at]));
    const { events, questions, outcome } = heard;
    assertEquals(stateAfter(events), JSON.parse(whole), whole.slice(0, at));
    assertEquals(resets(events), []);
    assertEquals(questions.length, 2);
    const half = /[\ud800-\udbff]$/.test(whole.slice(0, at)) ? 1 : 0;
    assertEquals(questions[1]!.continuation, whole.slice(0, at - half));
    assertEquals(questions[1]!.prompt, "a");
    assertEquals(outcome.attempts, 2);
    assertEquals(attemptsIn(events), [{
      ...{ status: "attempt", attempt: 2 },
      ...{ reason: "upstream_unavailable", continues: true },
    }]);
    if (at % 10 === 0) await assertResumable(heard);
  }
});

Deno.test("a model that cannot go on fails as before", async () => {
  const { outcome, questions } = await hear(
    breakingAt(whole, [12]),
    { continues: false },
  );
  assertEquals(questions.length, 1);
  assertEquals(outcome, {
    ...{ status: "error", code: "upstream_unavailable", path: "/title" },
  });
});

Deno.test("what breaks off, repeats and is cut at random is read exactly once", async () => {
  const documents = fc.dictionary(
    fc.string({ minLength: 1 }),
    fc.oneof(fc.string({ unit: "grapheme", maxLength: 60 }), fc.jsonValue()),
    { minKeys: 1 },
  );
  await fc.assert(
    fc.asyncProperty(
      documents,
      fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      fc.constantFrom("stop", "length", "none"),
      async (document, cuts, how) => {
        const whole = JSON.stringify(document);
        const places = cuts.map((cut) => 1 + cut % (whole.length - 1));
        const script = breakingAt(whole, places).map((says) => () =>
          says({}).flatMap((part) =>
            part !== broken
              ? [part]
              : how === "none"
              ? []
              : how === "length"
              ? [finish("length")]
              : [broken]
          )
        );
        const heard = await hear(script);
        assertEquals(heard.outcome.status, "end");
        assertEquals(heard.questions.length, cuts.length + 1);
        assertEquals(stateAfter(heard.events), JSON.parse(whole));
        assertEquals(resets(heard.events), []);
        await assertResumable(heard);
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("what a model says once more is shown once", async () => {
  for (let at = 16; at < whole.length; at += 3) {
    const before = whole.slice(0, at);
    const ways = [whole.slice(at - 16), whole, `\`\`\`json\n${whole}\n\`\`\``];
    for (const said of ways) {
      const { events, questions } = await hear([
        () => [text(before), broken],
        () => [...said].map(text).concat(stop),
      ]);
      assertEquals(stateAfter(events), JSON.parse(whole));
      assertEquals(resets(events), []);
      assertEquals(questions.length, 2);
    }
  }
});

const other = '{"title":"Kingfishers","n":[1],"summary":"They dive."}';

Deno.test("a model that begins anew is one restart, or has failed", async () => {
  const script: Script = [
    () => [text(whole.slice(0, 30)), broken],
    () => [text(other.slice(0, 40)), text(other.slice(40)), stop],
  ];
  const failed = await hear(script);
  assertEquals(failed.outcome, {
    ...{ status: "error", code: "upstream_unavailable", path: "/title" },
    attempts: 2,
  });
  assertMatch(String(failed.report.error), /began anew/);
  assert(!JSON.stringify(failed.events).includes("Kingfishers"));

  const heard = await hear(script, { restarts: 1 });
  assertEquals(heard.outcome.status, "end");
  assertEquals(heard.questions.length, 2);
  assertEquals(stateAfter(heard.events), JSON.parse(other));
  assertEquals(resets(heard.events).map(({ data }) => data.reset), [[""]]);
  assertEquals(
    attemptsIn(heard.events).map(({ attempt, continues }) => [
      attempt,
      continues,
    ]),
    [[2, true], [2, false]],
  );
  await assertResumable(heard);
});

Deno.test("what was shown is asked for anew where that is allowed, at every unit", async () => {
  // A bracket alone may yet be nothing.
  for (let at = 2; at < whole.length; at += 2) {
    const heard = await hear([
      () => [reasoning("Hm"), text(whole.slice(0, at)), broken],
      () => [reasoning("So"), text(other), stop],
    ], { continues: false, restarts: 1 });
    const { events, questions } = heard;
    assertEquals(questions.map(({ continuation }) => continuation), [
      ...[undefined, undefined],
    ]);
    assertEquals(stateAfter(events), JSON.parse(other));
    assertEquals(resets(events).length, 1);
    const [{ data }] = resets(events) as [ServerEvent];
    assertEquals(data.reset, [""]);
    assert(data.data !== undefined);
    // The reset is in the first delta behind the marker.
    const marker = events.findIndex(({ data }) => data.status === "attempt");
    const behind = await readFrom(heard.generation, offsetOf(events[marker]!));
    const first = behind.find(({ data }) => data.status === "chunk")!;
    assertEquals(first.data.reset, [""]);
    await assertResumable(heard);
  }
});

Deno.test("an answer that stops for its length ten times goes on ten times", async () => {
  const size = Math.ceil(whole.length / 11);
  const script: Script = Array.from({ length: 11 }, (_, n) => () => [
    text(whole.slice(n * size, (n + 1) * size)),
    usage({
      completion_tokens: 2,
      prompt_tokens_details: { cached_tokens: 1 },
    }),
    n === 10 ? stop : finish("length"),
  ]);
  const heard = await hear(script, { continuations: 10 });
  assertEquals(stateAfter(heard.events), JSON.parse(whole));
  assertEquals(heard.outcome, {
    ...{ status: "end", finish_reason: "stop", attempts: 11 },
    usage: {
      completion_tokens: 22,
      prompt_tokens_details: { cached_tokens: 11 },
    },
  });
  await assertResumable(heard);

  // By default four times.
  const { outcome, questions } = await hear(script);
  assertEquals(questions.length, 5);
  const { path: _, ...rest } = outcome as typeof outcome & { path?: string };
  assertEquals(rest, {
    ...{ status: "error", code: "truncated", attempts: 5 },
    usage: {
      completion_tokens: 10,
      prompt_tokens_details: { cached_tokens: 5 },
    },
  });
});

Deno.test("what will not pass, thinking alone and silence are not asked for again", async () => {
  const rejected = new ModelError("upstream_rejected", "no");
  const silent = new ModelError("upstream_timeout", "silent", { again: true });
  const cases: (Part | Error)[][] = [
    [rejected],
    [silent],
    [text('{"a":"'), rejected],
    [reasoning("Hm"), broken],
    [reasoning("Hm"), finish("length")],
    [text('{"a":"'), stop],
  ];
  for (const parts of cases) {
    const { questions, outcome } = await hear([() => parts], { restarts: 0 });
    assertEquals(questions.length, 1, JSON.stringify(parts));
    assertEquals(outcome.status, "error");
  }
});

Deno.test("all attempts together have a bound", async () => {
  const { outcome, events } = await hear([
    () => [text('{"a":"'), text("b".repeat(40)), broken],
    () => [text("c".repeat(40)), broken],
  ], { outputCharacters: 100, continuations: 9 });
  assertEquals(outcome.status === "error" && outcome.code, "output_too_large");
  assert(JSON.stringify(stateAfter(events)).length < 110);
});

const schema = checkSchema({
  type: "object",
  properties: {
    kind: { enum: ["bird", "fish"] },
    tags: { type: "array", items: { type: "string" }, maxItems: 2 },
    n: { type: "integer" },
  },
  required: ["kind", "n"],
});
const wrong = '{"kind":"bi","tags":["a",2,"b"],"n":1}';
const right = '{"kind":"bird","tags":["a"],"n":1}';

function hearInTokens(
  texts: string[],
  options: HearOptions,
): Promise<Heard> {
  return hear(
    texts.map((said) => () => [...said].map(text).concat(stop)),
    { schema, ...options },
  );
}

Deno.test("a string that the schema names is shown whole, or not at all", async () => {
  const shape = { ...beginningOf(schema), schema, maxDepth: 128 };
  for (let at = 1; at <= right.length; at++) {
    const transcript = new Transcript();
    transcript.append("text", right.slice(0, at));
    const events = await readFrom({ id: "a", transcript, ...shape }, 0);
    const state = stateAfter(events) as { kind?: string } | undefined;
    assertEquals(
      state?.kind,
      right.slice(0, at).includes('bird"') ? "bird" : undefined,
    );
    assertEquals(takeSnapshot(transcript, shape), state);
  }
});

Deno.test("what cannot become valid is told beside what is complete", async () => {
  const heard = await hearInTokens([wrong], {});
  const found = heard.events.flatMap(({ data }) => data.invalid ?? []);
  assertEquals(
    found.map(({ pointer, keyword }) => [pointer, keyword]),
    [["/kind", "enum"], ["/tags/1", "type"], ["/tags", "maxItems"]],
  );
  const { outcome, questions } = heard;
  assert(outcome.status === "end");
  assertEquals(outcome.valid, false);
  assertEquals(
    outcome.errors?.map(({ pointer }) => pointer).sort(),
    found.map(({ pointer }) => pointer).sort(),
  );
  assertEquals(questions.length, 1);
  const kind = heard.events.find(({ data }) => data.invalid !== undefined)!;
  assert(kind.data.complete.includes("/kind"));
  for (const { data } of heard.events) {
    if (data.status === "chunk") assert(data.data !== undefined);
  }
  await assertResumable(heard);
});

Deno.test("a model is stopped at what cannot become valid, if that is wanted", async () => {
  const { outcome, events } = await hearInTokens([wrong], {
    abortInvalid: true,
  });
  assertEquals(outcome, { status: "error", code: "invalid", path: "/kind" });
  assertEquals(stateAfter(events), { kind: "bi" });
});

Deno.test("a model is told what was wrong, and asked anew as often as is allowed", async () => {
  for (const abortInvalid of [false, true]) {
    const options = { retriesInvalid: 1, abortInvalid };
    const heard = await hearInTokens([wrong, right], options);
    assert(heard.outcome.status === "end");
    assertEquals(heard.outcome.valid, true);
    assertEquals(stateAfter(heard.events), JSON.parse(right));
    assertEquals(resets(heard.events).length, 1);
    const [, second] = heard.questions;
    const [asked, said, complaint] = second!.messages!;
    assertEquals(asked, { role: "user", content: "a" });
    assertEquals(said!.role, "assistant");
    assert(wrong.startsWith(said!.content as string));
    assertMatch(String(complaint!.content), /\/kind: .*bird/);
    assertEquals(second!.prompt, undefined);
    await assertResumable(heard);

    const again = await hearInTokens([wrong, wrong], options);
    assertEquals(again.questions.length, 2);
    assertEquals(
      again.outcome.status === "end" ? again.outcome.valid : again.outcome.code,
      abortInvalid ? "invalid" : false,
    );
  }
});

Deno.test("a draft is not what a model is stopped for", async () => {
  const said = `Well, ${wrong}</think>${right}`;
  const { outcome } = await hearInTokens([said], { abortInvalid: true });
  assert(outcome.status === "end");
  assertEquals(outcome.valid, true);
});

/** A generation whose model the test drives. */
function drive(limits: Partial<Limits> = {}): {
  clock: TestClock;
  model: ScriptedModel;
  generation: Generation;
} {
  const clock = new TestClock();
  const model = new ScriptedModel();
  const generation = new Generation(
    { owner: "", prompt: "a", validated: false },
    {
      ask: Object.assign(model.ask, { continues: true }),
      limits: { ...DEFAULT_LIMITS, ...limits },
      clock,
    },
  );
  return { clock, model, generation };
}

/** Lets the generation hear what the model has said. */
async function turns(): Promise<void> {
  for (let count = 0; count < 10; count++) await turn();
}

Deno.test("none is begun for nobody, and one that is due when somebody comes", async () => {
  for (const [text, code] of [["", 0], ['{"a":"', 1]] as const) {
    const { clock, model, generation } = drive();
    const detach = generation.attach();
    await turns();
    const [call] = model.calls as [ModelCall];
    if (code > 0) call.say(text);
    call.fail(broken);
    await turns();
    detach();
    clock.tick(2_000);
    await turns();
    assertEquals(model.calls.length, 1);
    assert(call.signal.aborted);
    // Within the linger time.
    const leave = generation.attach();
    await turns();
    assertEquals(model.calls.length, 2);
    const [, second] = model.calls as [ModelCall, ModelCall];
    assertEquals(second.question.continuation, text || undefined);
    second.fail(broken);
    await turns();
    leave();
    clock.tick(15_000);
    await turns();
    const { outcome } = generation.transcript;
    assertEquals(outcome?.status === "error" && outcome.code, "abandoned");
    assertEquals(outcome?.attempts, 2);
    assertEquals(model.calls.length, 2);
    assertEquals(clock.timers, 0);
  }
});

Deno.test("a client that polls is somebody", async () => {
  const { clock, model, generation } = drive();
  generation.poll();
  await turns();
  model.calls[0]!.say('{"a":"');
  model.calls[0]!.fail(broken);
  await turns();
  clock.tick(1_000);
  await turns();
  assertEquals(model.calls.length, 1);
  generation.poll();
  await turns();
  assertEquals(model.calls.length, 2);
  model.calls[1]!.say('b"}');
  model.calls[1]!.end();
  await turns();
  assertEquals(generation.transcript.outcome?.status, "end");
  assertEquals(clock.timers, 0);
});

Deno.test("a stop, and the limits, hold in each attempt and between them", async () => {
  const tooLong = drive({ generationSeconds: 100 });
  tooLong.generation.attach();
  await turns();
  tooLong.model.calls[0]!.say('{"a":"');
  await turns();
  tooLong.clock.tick(50_000);
  tooLong.model.calls[0]!.fail(broken);
  await turns();
  tooLong.clock.tick(1_000);
  await turns();
  assertEquals(tooLong.model.calls.length, 2);
  tooLong.clock.tick(48_900);
  await turns();
  assertEquals(tooLong.generation.transcript.outcome, undefined);
  tooLong.clock.tick(100);
  await turns();
  const outcome = tooLong.generation.transcript.outcome;
  assertEquals(outcome?.status === "error" && outcome.code, "upstream_timeout");
  assert(tooLong.model.calls[1]!.signal.aborted);
  assertEquals(tooLong.clock.timers, 0);

  for (const seconds of [0.2, 2]) {
    const { clock, model, generation } = drive();
    generation.attach();
    await turns();
    model.calls[0]!.say('{"a":"');
    model.calls[0]!.fail(broken);
    await turns();
    clock.tick(seconds * 1_000);
    await turns();
    model.calls[1]?.say("what is held back");
    await turns();
    generation.stop("stopped");
    await turns();
    clock.tick(10_000);
    await turns();
    assertEquals(model.calls.length, seconds < 1 ? 1 : 2);
    assertEquals(clock.timers, 0);
    assert(model.calls.every(({ signal }) => signal.aborted));
    assertEquals(generation.transcript.outcome?.status, "error");
  }
});

Deno.test("white space behind what is wrong is no fault of the next attempt", async () => {
  const schema = { type: "object", properties: { a: { type: "string" } } };
  const { outcome } = await hear([
    () => [text('{"a":1' + " ".repeat(3_000))],
    () => [text('{"a":"b"}'), stop],
  ], { schema, abortInvalid: true, retriesInvalid: 1 });
  assertEquals([outcome.status, outcome.attempts], ["end", 2]);
});

Deno.test("an answer that is stopped when it is asked for again is not asked for", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  const generation = new Generation(
    { owner: "", prompt: "a", validated: false },
    {
      ask: model.ask,
      limits: DEFAULT_LIMITS,
      clock,
      onAttempt: () => generation.stop("stopped"),
    },
  );
  const leave = generation.attach();
  await turns();
  model.calls[0]!.fail(broken);
  await turns();
  clock.tick(1_000);
  await turns();
  const { outcome } = generation.transcript;
  assertEquals(outcome?.status === "error" && outcome.code, "stopped");
  assertEquals([model.calls.length, clock.timers], [1, 0]);
  leave();
});

Deno.test("a provider is left alone as long as it says", async () => {
  const busy = new ModelError("upstream_rate_limited", "busy", {
    ...{ again: true, retryAfter: 7_000 },
  });
  const { clock, model, generation } = drive();
  generation.attach();
  await turns();
  model.calls[0]!.say('{"a":"');
  model.calls[0]!.fail(busy);
  await turns();
  clock.tick(6_999);
  await turns();
  assertEquals(model.calls.length, 1);
  clock.tick(1);
  await turns();
  assertEquals(model.calls.length, 2);
  generation.stop("stopped");
});
