import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { FinishedAnswer } from "../../lib/answers/answer.ts";
import { Generations } from "../../lib/answers/generations.ts";
import type { Outcome } from "../../lib/answers/outcome.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { validateAnswer } from "../../lib/answers/validation.ts";
import { checkSchema, type JsonSchema } from "../../lib/schemas/schema.ts";
import { texts } from "../_documents.ts";
import { schemas } from "../schemas/_schemas.ts";
import { sorted, validateAtOnce } from "../schemas/_validate.ts";
import { ScriptedModel, TestClock, testConfig, turn } from "../_server.ts";

function transcriptOf(text: string): Transcript {
  const transcript = new Transcript();
  transcript.append("reasoning", "{}");
  transcript.append("text", text);
  return transcript;
}

Deno.test("an answer is judged as its value is, duplicate names or not", async () => {
  await fc.assert(
    fc.asyncProperty(schemas(), texts(), async (schema, text) => {
      const value = JSON.parse(text);
      if (typeof value !== "object" || value === null) return;
      const root = Array.isArray(value) ? "array" : "object";
      // What begins a value is decided by the envelope.
      if (!/^\s*(?:\{\s*["}]|\[)/.test(text)) return;
      const result = await validateAnswer(
        transcriptOf(text),
        schema,
        { root },
        () => undefined,
      );
      // Duplicate names come in another order.
      assertEquals(sorted(result), sorted(validateAtOnce(schema, value)));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("a draft that was not the value is not judged", async () => {
  const schema = { type: "object", properties: { a: { type: "number" } } };
  const drafts = [
    '{"a":"x"}</think>{"a":1}',
    '{"a":"x","a":"y"}</think>{"a":1,"a":2}',
    '{"a":"x"</think>{"a":1}',
    'Say {"a":x} so.</think>{"a":1}',
  ];
  for (const text of drafts) {
    const judged = (schema: JsonSchema) =>
      validateAnswer(transcriptOf(text), schema, {}, () => undefined);
    assertEquals(await judged(schema), { valid: true }, text);
    const { valid, errors } = await judged({ required: ["b"] });
    assertEquals([valid, errors?.length], [false, 1], text);
  }
});

/** A clock by which each look at it takes 10 ms: every pause is one. */
class SlowClock extends TestClock {
  override now(): number {
    this.tick(10);
    return super.now();
  }
}

/** A generation whose answer takes many turns to judge, while it is judged. */
async function judging(schema: JsonSchema, text: string, hangsUp = true) {
  const clock = new SlowClock();
  const reports: FinishedAnswer[] = [];
  const model = new ScriptedModel();
  const generations = new Generations({
    ask: model.ask,
    limits: testConfig().limits,
    clock,
    onFinish: (answer) => reports.push(answer),
  });
  const generation = generations.start({
    owner: "me",
    prompt: "",
    schema: checkSchema(schema),
    validated: true,
  });
  generation.attach();
  await turn();
  const call = model.calls[0]!;
  call.say(text);
  if (hangsUp) call.end();
  else {
    call.send({ type: "finish", reason: "stop" });
    await turn();
    // Then its silence is taken for the end.
    clock.tick(60_000);
  }
  return { generations, generation, reports, call, clock };
}

const long = `[${Array(30_000).fill("[1]")}]`;
const lists = { type: "array", items: { type: "array" } };

async function outcomeOf(transcript: Transcript): Promise<Outcome> {
  while (transcript.outcome === undefined) await transcript.changed();
  return transcript.outcome;
}

Deno.test("others have their turn while an answer is judged, and it ends once", async () => {
  const { generation, generations, reports } = await judging(lists, long);
  let turns = 0;
  while (generation.transcript.outcome === undefined) {
    turns++;
    await turn();
  }
  assert(turns > 10, String(turns));
  const outcome = generation.transcript.outcome;
  assert(outcome.status === "end");
  assertEquals(outcome.valid, true);
  assertEquals(reports.length, 1);
  assertEquals(generations.running, 0);
});

Deno.test("an answer can be stopped, and the server can go, while it is judged", async () => {
  for (const code of ["stopped", "interrupted"] as const) {
    const { generation, generations, reports, clock } = await judging(
      lists,
      long,
    );
    await turn();
    assertEquals(generation.transcript.outcome, undefined);
    if (code === "stopped") generation.stop("stopped");
    else generations.stopAll();
    const outcome = await outcomeOf(generation.transcript);
    assert(outcome.status === "error" && outcome.code === code);
    // Judging goes on no longer, and changes nothing any more.
    for (let turns = 0; turns < 5; turns++) await turn();
    assertEquals(reports.map(({ outcome }) => outcome), [code]);
    // That it is forgotten some time.
    assertEquals(clock.timers, 1);
  }
});

Deno.test("long answers are judged one at a time, and short ones at once", async () => {
  const [first, second, short] = await Promise.all([
    judging(lists, long),
    judging(lists, long),
    judging(lists, "[[]]"),
  ]);
  const ended: string[] = [];
  const ends = Object.entries({ first, second, short })
    .map(async ([name, { generation }]) => {
      await outcomeOf(generation.transcript);
      ended.push(name);
    });
  // One that is stopped makes room for the next.
  await ends[2];
  first.generation.stop("stopped");
  await Promise.all(ends);
  assertEquals(ended, ["short", "first", "second"]);
  assertEquals(second.generation.transcript.outcome?.status, "end");
});

Deno.test("a server that drains waits for an answer to be judged", async () => {
  const { generation, generations } = await judging(lists, long);
  await turn();
  await generations.drain();
  assertEquals(generation.transcript.outcome?.status, "end");
});

Deno.test("what a model says while its answer is judged is not heard", async () => {
  const { generation, call } = await judging(lists, long, false);
  assertEquals(generation.transcript.outcome, undefined);
  call.send({ type: "text", text: "more" }, { type: "refusal", text: "no" });
  await turn();
  call.fail(new Error("late"));
  const outcome = await outcomeOf(generation.transcript);
  assert(outcome.status === "end" && outcome.valid);
  assertEquals(generation.transcript.length, long.length);
  assert(call.signal.aborted);
});

Deno.test("what is found twice takes the place of no other violation", async () => {
  const schema = {
    if: { dependentSchemas: { a: { propertyNames: false } } },
    then: {
      additionalProperties: { allOf: [false, false], type: "object" },
      unevaluatedItems: false,
    },
    else: false,
  };
  const text = '{"":0.0,"~1":true,"/":0.0e0,"0":0}';
  const result = await validateAnswer(
    transcriptOf(text),
    schema,
    {},
    () => undefined,
  );
  assertEquals(
    sorted(result),
    sorted(validateAtOnce(schema, JSON.parse(text))),
  );
});
