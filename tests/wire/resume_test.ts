import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, assertEquals } from "@std/assert";
import { EventSource as NpmEventSource } from "eventsource";
import fc from "fast-check";
import type { Part } from "../../lib/models/ask.ts";
import { createAsk } from "../../lib/models/openai.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { RawConnection, type RawEvent } from "../_client.ts";
import { cutAfterEvent, startProxy } from "../_proxy.ts";
import {
  readEvents,
  ScriptedModel,
  type ServerEvent,
  startServer,
  stateAfter,
  TestClock,
  testConfig,
  type TestServer,
  turn,
  until,
} from "../_server.ts";
import { cut } from "../_stream.ts";
import { sizes, texts } from "../_documents.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";

/** What a model writes, cut into parts, and what it means. */
interface Answer {
  parts: Part[];
  value: unknown;
  reasoning: string;
}

const words = fc.constantFrom(
  "a",
  '"',
  "\r\n",
  "😀",
  "科技",
  "\u2028",
  "<",
  "\\",
);

const thoughts = fc.array(words, { maxLength: 12 }).map((all) => all.join(""));

const answers: fc.Arbitrary<Answer> = fc.record({
  thought: thoughts,
  block: thoughts,
  prose: fc.constantFrom("", "Sure!\r\n", "```json\n"),
  document: texts({ tame: true }),
  text: fc.array(words, { maxLength: 20 }).map((all) => all.join("")),
  sizes,
}).map(({ thought, block, prose, document, text, sizes }) => {
  const json = `{"text":${JSON.stringify(text)},"document":${document}}`;
  const think = block === "" ? "" : `<think>${block}</think>`;
  return {
    parts: [
      ...cut(thought, sizes).map((text) => ({
        type: "reasoning" as const,
        text,
      })),
      ...cut(think + prose + json, sizes).map((text) => ({
        type: "text" as const,
        text,
      })),
    ],
    value: JSON.parse(json),
    reasoning: thought + block,
  };
});

/** One client's life: how it asks, and where its connections are cut. */
const lives = fc.record({
  answer: answers,
  post: fc.boolean(),
  short: fc.boolean(),
  /** After how many bytes of the response; 0: as soon as it has asked. */
  cuts: fc.array(
    fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 300, max: 900 }),
    ),
    { maxLength: 20 },
  ),
});

/** Reads an answer to its end, over as many connections as it takes. */
async function live(
  server: TestServer,
  model: Map<string, Answer>,
  { answer, post, short, cuts }: typeof lives extends fc.Arbitrary<infer T> ? T
    : never,
): Promise<void> {
  const id = makeGenerationId();
  model.set(id, answer);
  const events: RawEvent[] = [];
  for (const limit of [...cuts, Infinity]) {
    const last = events.at(-1)?.id;
    const headers = {
      Connection: "close",
      ...(last !== undefined && { "Last-Event-ID": last }),
    };
    const connection = await RawConnection.open(
      `${server.url}/helloworld?id=${id}&prompt=${id}${
        short ? "&ids=short" : ""
      }`,
      post
        ? {
          method: "POST",
          headers: { "Content-Type": "application/json", ...headers },
          body: JSON.stringify({ prompt: id }),
        }
        : { headers },
    );
    while (connection.bytes.length < limit) {
      const rest = Math.min(limit - connection.bytes.length, 65536);
      if (!await connection.read(rest)) break;
    }
    assert(
      connection.status === undefined || connection.status === 200,
      `status ${connection.status}`,
    );
    events.push(...connection.events);
    connection.close();
    if (events.at(-1)?.id === (short ? "end" : `${id}.end`)) break;
  }
  const form = short ? /^(?:\d+|end)$/ : /^[\w-]{22}\.(?:\d+|end)$/;
  for (const event of events) assert(form.test(event.id), event.id);
  assertSame(events, answer);
}

/** Asserts that a client has seen the whole answer. */
function assertSame(events: RawEvent[], answer: Answer): void {
  assertEquals(events.at(-1)?.data.status, "end");
  assertEquals(stateAfter(events), answer.value);
  assertEquals(
    events.filter(({ data }) => data.status === "reasoning")
      .map(({ data }) => data.data).join(""),
    answer.reasoning,
  );
}

/** Says each answer to whoever asks for it, a part or some in a turn. */
function storyteller(answers: Map<string, Answer>): ScriptedModel {
  return new ScriptedModel(async (call) => {
    const { parts } = answers.get(call.question.prompt!)!;
    for (let place = 0; place < parts.length;) {
      if (call.signal.aborted) return;
      const count = 1 + Math.floor(Math.random() * 4);
      call.send(...parts.slice(place, place += count));
      await turn();
    }
    call.end();
  });
}

Deno.test("invariant 8: wherever connections are cut, the answer is the same and asked for once", async () => {
  const stories = new Map<string, Answer>();
  const model = storyteller(stories);
  await using server = startServer({ ask: model.ask });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(lives, { minLength: 40, maxLength: 40 }),
      async (lives) => {
        const before = model.calls.length;
        await Promise.all(lives.map((life) => live(server, stories, life)));
        assertEquals(model.calls.length - before, lives.length);
        runs += lives.length;
      },
    ),
    { numRuns: 6, endOnFailure: true },
  );
  assert(runs >= 200);
  assertEquals(server.errors, []);
  assertEquals(server.generations.running, 0);
  await until(() => server.budgets.openStreams === 0);
});

for (
  const [name, Source] of [
    ["Deno's EventSource", EventSource],
    ["npm's eventsource", NpmEventSource],
  ] as const
) {
  Deno.test(`${name} reads an answer through a proxy that cuts`, async () => {
    const stories = new Map<string, Answer>();
    const model = storyteller(stories);
    await using server = startServer({ ask: model.ask });
    let cuts = 0;
    await using proxy = startProxy(
      server.url,
      () => cutAfterEvent(() => cuts++),
    );
    const read = async (answer: Answer, place: number) => {
      // The bare client brings no id: an event is let through all the same.
      const id = makeGenerationId();
      stories.set(id, answer);
      const url = `${proxy.url}/helloworld?prompt=${id}`;
      const source = new Source(
        [url, `${url}&id=${id}`, `${url}&ids=short&id=${id}`][place % 3]!,
      );
      const events: RawEvent[] = [];
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      source.addEventListener("message", (event) => {
        const { data, lastEventId } = event as MessageEvent;
        events.push({ id: lastEventId, data: JSON.parse(data) });
        if (/(?:^|\.)end$/.test(lastEventId)) resolve();
      });
      source.addEventListener("error", () => {
        if (source.readyState === source.CLOSED) reject(new Error("Closed"));
      });
      await promise;
      source.close();
      assertSame(events, answer);
      assertEquals(
        events.filter(({ data }) => data.status === "start").length,
        1,
      );
    };
    // Some answers are too short to be cut.
    let asked = 0;
    while (cuts < 10) {
      const samples = fc.sample(answers, 10);
      await Promise.all(samples.map(read));
      asked += samples.length;
    }
    assertEquals(model.calls.length, asked);
    assertEquals(server.errors, []);
  });
}

Deno.test("three who follow one generation get the same, whenever they join", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const url = `${server.url}/helloworld?id=${makeGenerationId()}`;
  const called = model.nextCall();
  const first = readAll(await fetch(url));
  const call = await called;
  call.send({ type: "reasoning", text: "Hm😀" });
  call.say('{"title":"科技');
  // This one reads a byte when the others have read it all.
  const slow = await RawConnection.open(url, {
    headers: { Connection: "close" },
  });
  await until(() => server.budgets.openStreams === 2);
  call.say("发展");
  await turn();
  const late = readAll(await fetch(url));
  call.say('","summary":"随着"}');
  call.end();
  const [one, two] = await Promise.all([first, late]);
  while (await slow.read(1));
  slow.close();
  for (const events of [one, two, slow.events]) {
    assertEquals(events[0]?.data.status, "start");
    assertSame(events, {
      parts: [],
      value: { title: "科技发展", summary: "随着" },
      reasoning: "Hm😀",
    });
  }
  assertEquals(model.calls.length, 1);
});

Deno.test("nobody is kept waiting, or in memory, by those who never read", async () => {
  const model = new ScriptedModel();
  const config = testConfig({ limits: { outputCharacters: 8_100_000 } });
  await using server = startServer({ ask: model.ask, config });
  const url = `${server.url}/helloworld?id=${makeGenerationId()}`;
  const called = model.nextCall();
  const reader = readAll(await fetch(url));
  const call = await called;
  const stuck: RawConnection[] = [];
  for (let n = 0; n < 20; n++) stuck.push(await RawConnection.open(url));
  await until(() => server.budgets.openStreams === 21);

  const before = usedMemory();
  let text = "";
  for (let n = 0; text.length < 8_000_000; n++) {
    text += `${n} 科技发展新趋势😀`.repeat(50);
  }
  call.say('{"title":"');
  for (let at = 0; at < text.length; at += 400) {
    call.say(text.slice(at, at + 400));
    if (at % 400_000 === 0) await turn();
  }
  call.say('"}');
  call.end();
  const events = await reader;
  assertEquals(stateAfter(events), { title: text });
  assertEquals(server.budgets.openStreams, 20);
  events.length = 0;
  // UTF-16: two bytes a unit. The test holds the text once more, and the reader
  // a few frames; what comes on top of it is the 20 connections'.
  const growth = usedMemory() - before;
  console.log(
    `${(growth / 1e6).toFixed(1)} MB more, of which the text is ${
      (2 * text.length / 1e6).toFixed(1)
    } MB and the test's copy as much`,
  );
  assert(growth < 6 * text.length, `${growth} bytes`);
  for (const connection of stuck) connection.close();
  await until(() => server.budgets.openStreams === 0);
});

/** Bytes of the heap and beside it, without garbage. */
function usedMemory(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

async function readAll(response: Response): Promise<ServerEvent[]> {
  return await Array.fromAsync(readEvents(response));
}

Deno.test("a thousand connections dropped in the middle of writes leave nothing", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel((call) => call.say('{"title":"'));
  await using server = startServer({ ask: model.ask, clock });
  const id = makeGenerationId();
  const url = `${server.url}/helloworld?id=${id}`;
  const first = await RawConnection.open(url);
  for (let round = 0; round < 10; round++) {
    const connections = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        // Half of them follow this generation, half start one each.
        RawConnection.open(n % 2 === 0 ? url : `${server.url}/helloworld`)),
    );
    await until(() => server.budgets.openStreams === 101);
    await until(() => model.calls.length === 1 + 50 * (round + 1));
    for (const call of model.calls) {
      call.say("😀".repeat(2000));
    }
    // What is there unread when a socket is closed makes that a reset.
    await Promise.all(
      connections.map((connection, n) => n % 4 < 2 && connection.read(20)),
    );
    for (const connection of connections) connection.close();
    for (const call of model.calls) call.say("x".repeat(1000));
    await until(() => server.budgets.openStreams === 1);
  }
  first.close();
  await until(() => server.budgets.openStreams === 0);
  assertEquals(server.generations.running, 501);
  clock.tick(15_000);
  assertEquals(server.generations.running, 0);
  await until(() => model.calls.every(({ signal }) => signal.aborted));
  assertEquals(server.generations.kept, 501);
  clock.tick(300_000);
  assertEquals(server.generations.kept, 0);
  assertEquals(clock.timers, 0);
  assertEquals(server.errors, []);
  const health = await fetch(`${server.url}/health`);
  assertEquals((await health.json()).status, "ok");
});

Deno.test("for a client that asked and left nothing is asked", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask, clock });
  const gone = 50;
  for (let n = 0; n < gone; n++) {
    (await RawConnection.open(`${server.url}/helloworld`)).close();
  }
  await until(() => server.generations.running === gone);
  await until(() => server.budgets.openStreams === 0);
  // That it has left shows a moment later, as a rule before the model is asked.
  assert(model.calls.length < gone, "Each was asked");
  clock.tick(15_000);
  assertEquals(server.generations.running, 0);
  assert(model.calls.every(({ signal }) => signal.aborted));
});

Deno.test("the last reader's leaving stops the model, after a while", async () => {
  const clock = new TestClock();
  await using upstream = new Upstream();
  const ask = createAsk(upstream.options());
  await using server = startServer({ ask, clock });
  const id = makeGenerationId();
  const url = `${server.url}/helloworld?id=${id}`;
  const one = await RawConnection.open(url);
  const call = await upstream.nextCall();
  const two = await RawConnection.open(url);
  await until(() => server.budgets.openStreams === 2);
  one.close();
  await until(() => server.budgets.openStreams === 1);
  // Not while somebody reads, or one comes back in time, or polls.
  clock.tick(20_000);
  call.say('{"title":"');
  two.close();
  await until(() => server.budgets.openStreams === 0);
  for (let n = 0; n < 3; n++) {
    clock.tick(14_000);
    const response = await fetch(url, {
      headers: { Accept: "application/json" },
    });
    assertEquals((await response.json()).status, "running");
    call.say("a");
    await until(() => server.generations.get(id)!.transcript.length === 11 + n);
  }
  assert(call.open);
  clock.tick(14_999);
  await turn();
  assert(call.open);
  clock.tick(1);
  await call.closed;
  const events = await readAll(await fetch(url));
  assertEquals(stateAfter(events), { title: "aaa" });
  assertEquals(events.at(-1)!.data.code, "abandoned");
  assertEquals(events.at(-1)!.data.retryable, true);
  assertEquals(upstream.calls.length, 1);
});

Deno.test("DELETE stops the model at once, and its readers see it", async () => {
  await using upstream = new Upstream();
  await using server = startServer({ ask: createAsk(upstream.options()) });
  const url = `${server.url}/helloworld?id=${makeGenerationId()}`;
  const reader = fetch(url).then(readAll);
  const call = await upstream.nextCall();
  call.say('{"title":"a');
  await until(() => server.generations.running === 1);
  for (let n = 0; n < 2; n++) {
    const response = await fetch(url, { method: "DELETE" });
    assertEquals([response.status, response.body], [204, null]);
  }
  await call.closed;
  assertEquals((await reader).at(-1)!.data.code, "stopped");
  assertEquals(server.reports.map(({ outcome }) => outcome), ["stopped"]);
});

Deno.test("a DELETE that overtakes its POST stops it all the same", async (t) => {
  const alice = "alice-has-this-token";
  const bob = "and-this-one-is-bobs";
  const clock = new TestClock();
  await using upstream = new Upstream();
  await using server = startServer({
    ask: createAsk(upstream.options()),
    config: testConfig({
      accessTokens: [alice, bob],
      limits: { resumesPerMinute: 10 },
    }),
    clock,
  });
  const send = (method: string, id: string, token = alice) =>
    fetch(`${server.url}/helloworld?id=${id}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
  await t.step("its reader is told, and no model is asked", async () => {
    const id = makeGenerationId();
    assertEquals((await send("DELETE", id)).status, 204);
    const events = await readAll(await send("POST", id));
    assertEquals(events.map(({ data }) => data.code ?? data.status), [
      "start",
      "stopped",
    ]);
    // Again, as of any answer that has ended.
    const again = await readAll(await send("POST", id));
    assertEquals(again.at(-1)!.data.code, "stopped");
    assertEquals(upstream.calls.length, 0);
  });
  await t.step("nobody else's is stopped by it", async () => {
    const id = makeGenerationId();
    await send("DELETE", id);
    const response = await send("POST", id, bob);
    const call = await upstream.nextCall();
    call.say('{"title":"b"}');
    call.end();
    assertEquals((await readAll(response)).at(-1)!.data.status, "end");
  });
  await t.step("it is forgotten after a while", async () => {
    const id = makeGenerationId();
    await send("DELETE", id);
    clock.tick(60_000);
    const response = await send("POST", id);
    const call = await upstream.nextCall();
    // One that is known is stopped, however many have been.
    for (let n = 0; n < 30; n++) {
      assertEquals((await send("DELETE", id)).status, 204);
    }
    await call.closed;
    assertEquals((await readAll(response)).at(-1)!.data.code, "stopped");
  });
  await t.step("each client may do it so often", async () => {
    const first = makeGenerationId();
    assertEquals((await send("DELETE", first, bob)).status, 204);
    const statuses: number[] = [];
    for (let n = 0; n < 20; n++) {
      const response = await send("DELETE", makeGenerationId());
      await response.body?.cancel();
      statuses.push(response.status);
    }
    assertEquals(statuses.at(-1), 429);
    const events = await readAll(await send("POST", first, bob));
    assertEquals(events.at(-1)!.data.code, "stopped");
  });
});

Deno.test("a provider that fails in the middle ends the answer, and what was shown stays", async (t) => {
  const cases: [string, (call: UpstreamCall) => void, string][] = [
    ["killed in a chunk", (call) => call.kill(), "upstream_unavailable"],
    ["killed inside a character", (call) => {
      const bytes = new TextEncoder().encode(
        'data: {"choices":[{"delta":{"content":"😀"}}]}\n\n',
      );
      call.write(bytes.subarray(0, -11));
      call.kill();
    }, "upstream_unavailable"],
    ["half an event, then closed", (call) => {
      call.write('data: {"choices":[{"delta":{"conte');
      call.close();
    }, "upstream_unavailable"],
    ["closed with no finish reason", (call) => {
      call.close();
    }, "upstream_unavailable"],
    ["[DONE] with no finish reason", (call) => {
      call.write("data: [DONE]\n\n");
      call.close();
    }, "upstream_unavailable"],
    ["an error object", (call) => {
      call.send({ error: { message: "key sk-secret is out of money" } });
    }, "upstream_unavailable"],
    ["silence", () => {}, "upstream_timeout"],
  ];
  for (const [name, act, code] of cases) {
    await t.step(name, async () => {
      const clock = new TestClock();
      await using upstream = new Upstream();
      const ask = createAsk(upstream.options());
      await using server = startServer({ ask, clock });
      const id = makeGenerationId();
      const reader = fetch(`${server.url}/helloworld?id=${id}`).then(readAll);
      const call = await upstream.nextCall();
      call.say('{"title":"科技');
      await until(() => server.generations.get(id)!.transcript.length === 12);
      act(call);
      if (code === "upstream_timeout") {
        clock.tick(59_999);
        await turn();
        assertEquals(server.generations.running, 1);
        clock.tick(1);
      }
      const events = await reader;
      await call.closed;
      assertEquals(stateAfter(events), { title: "科技" });
      const { data } = events.at(-1)!;
      assertEquals([data.code, data.path], [code, "/title"]);
      assert(data.retryable);
      assert(!JSON.stringify(events).includes("sk-secret"));
      assertEquals(server.errors, []);
    });
  }
});

Deno.test("a provider that never begins is given up", async () => {
  const clock = new TestClock();
  await using upstream = new Upstream();
  const ask = createAsk(upstream.options());
  await using server = startServer({ ask, clock });
  const reader = fetch(`${server.url}/helloworld`).then(readAll);
  const call = await upstream.nextCall();
  clock.tick(300_000);
  await call.closed;
  assertEquals((await reader).at(-1)!.data.code, "upstream_timeout");
});

Deno.test("a provider that answers and never hangs up ends the answer all the same", async () => {
  await using upstream = new Upstream();
  await using server = startServer({ ask: createAsk(upstream.options()) });
  const reader = fetch(`${server.url}/helloworld`).then(readAll);
  const call = await upstream.nextCall();
  call.say('{"title":"a"}');
  call.send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  call.write("data: [DONE]\n\n");
  assertEquals((await reader).at(-1)!.data.status, "end");
  await call.closed;
});

Deno.test("a provider that answers when the client has gone is heard by nobody", async () => {
  const clock = new TestClock();
  await using upstream = new Upstream();
  const ask = createAsk(upstream.options());
  await using server = startServer({ ask, clock });
  const id = makeGenerationId();
  const url = `${server.url}/helloworld?id=${id}`;
  const connection = await RawConnection.open(url);
  const call = await upstream.nextCall();
  connection.close();
  await until(() => server.budgets.openStreams === 0);
  clock.tick(15_000);
  assertEquals(server.reports.map(({ outcome }) => outcome), ["abandoned"]);
  call.say('{"title":"late"}');
  call.end();
  await call.closed;
  const events = await readAll(await fetch(url));
  assertEquals(stateAfter(events), undefined);
  assertEquals(events.at(-1)!.data.code, "abandoned");
  assertEquals(server.errors, []);
});

Deno.test("a connection that has become old is closed, and resumed", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  await using server = startServer({
    ask: model.ask,
    clock,
    config: testConfig({ limits: { tokenGapSeconds: 10_000 } }),
  });
  const called = model.nextCall();
  const response = await fetch(`${server.url}/helloworld`);
  const call = await called;
  call.say('{"title":"a');
  const before: ServerEvent[] = [];
  for await (const event of readEvents(response)) {
    before.push(event);
    if (event.data.status !== "chunk") continue;
    clock.tick(479_999);
    assertEquals(server.budgets.openStreams, 1);
    // The place is free when the client has what was sent, and so a turn later.
    while (server.budgets.openStreams === 1) {
      clock.tick(1000);
      await turn();
    }
  }
  assertEquals(server.budgets.openStreams, 0);
  const [id] = before.at(-1)!.id.split(".");
  call.say('b"}');
  call.end();
  const after = await readAll(
    await fetch(`${server.url}/helloworld`, {
      headers: { "Last-Event-ID": before.at(-1)!.id },
    }),
  );
  assertEquals(stateAfter([...before, ...after]), { title: "ab" });
  assert(after.every((event) => event.id.startsWith(`${id}.`)));
  assertEquals(model.calls.length, 1);
});
