import { assert, assertEquals } from "@std/assert";
import { makeGenerationId } from "../../lib/answers/id.ts";
import type { TranscriptStore } from "../../lib/stores/store.ts";
import {
  type ModelCall,
  readEvents,
  ScriptedModel,
  type ServerEvent,
  startServer,
  stateAfter,
  testConfig,
  type TestServer,
  turn,
  until,
} from "../_server.ts";
import {
  Answers,
  checkAskedAtOnce,
  checkExactlyOnce,
  PATIENT_LIMITS,
} from "../_exactly_once.ts";
import { engines, testEach } from "./_engines.ts";
import { type Fault, faulty } from "./_faulty.ts";

const patient = { limits: JSON.parse(PATIENT_LIMITS) };

/** Two servers that share a store, and a model that both ask. */
class Fleet implements AsyncDisposable {
  readonly model: ScriptedModel;
  readonly a: TestServer;
  readonly b: TestServer;
  /** What becomes of calls to the store. */
  fault: Fault = "none";
  readonly #stores: TranscriptStore[];

  private constructor(
    model: ScriptedModel,
    stores: TranscriptStore[],
    config: ReturnType<typeof testConfig>,
  ) {
    this.model = model;
    this.#stores = stores;
    const [a, b] = stores.map((store) =>
      startServer({
        ask: model.ask,
        config,
        store: faulty(store, () => this.fault),
      })
    );
    this.a = a!;
    this.b = b!;
  }

  static async start(
    open: () => Promise<TranscriptStore>,
    config: Parameters<typeof testConfig>[0] = {},
    model = new ScriptedModel(),
  ): Promise<Fleet> {
    const stores = [await open(), await open()];
    return new Fleet(model, stores, testConfig(config));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.a[Symbol.asyncDispose]();
    await this.b[Symbol.asyncDispose]();
    for (const store of this.#stores) await store.close();
  }
}

/** A test on each engine. */
function engineTest(
  name: string,
  fn: (open: () => Promise<TranscriptStore>) => Promise<void>,
  names?: string[],
): void {
  testEach(engines, name, ({ open }) => fn(open), names);
}

function ask(
  server: TestServer,
  id: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${server.url}/helloworld?prompt=hi&id=${id}`, { headers });
}

/** Asks on one, and follows there from the first event on. */
async function begin(
  { a, model }: Fleet,
  id: string,
  headers: Record<string, string> = {},
): Promise<{ call: ModelCall; first: AsyncGenerator<ServerEvent> }> {
  const called = model.nextCall();
  const first = readEvents(await ask(a, id, headers));
  await first.next();
  return { call: await called, first };
}

function resume(server: TestServer, eventId: string): Promise<Response> {
  const headers = { "last-event-id": eventId };
  return fetch(`${server.url}/helloworld`, { headers });
}

async function poll(
  server: TestServer,
  id: string,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown> & { httpStatus: number }> {
  const response = await ask(server, id, {
    accept: "application/json",
    ...headers,
  });
  return { httpStatus: response.status, ...await response.json() };
}

/** The state after some events, which stay as they are. */
function stateOf(events: ServerEvent[]): unknown {
  return stateAfter(structuredClone(events));
}

async function all(response: Promise<Response>): Promise<ServerEvent[]> {
  return await Array.fromAsync(readEvents(await response));
}

engineTest(
  "an answer is followed, resumed and polled wherever one asks",
  async (open) => {
    await using fleet = await Fleet.start(open);
    const { a, b, model } = fleet;
    const id = makeGenerationId();
    const called = model.nextCall();
    const first = readEvents(await ask(a, id));
    assertEquals((await first.next()).value?.data.status, "start");
    const call = await called;
    call.send({ type: "reasoning", text: "Hm." });
    call.say('{"title":"on');
    const follower = readEvents(await ask(b, id));
    const { value: start } = await follower.next();
    assertEquals([start?.data.status, start?.id], ["start", `${id}.0`]);
    const seen: ServerEvent[] = [start!];
    while (!`${JSON.stringify(stateOf(seen))}`.includes("on")) {
      seen.push((await follower.next()).value!);
    }
    assertEquals(seen[1]?.data, { status: "reasoning", data: "Hm." });
    const { lastEventId, data, reasoning } = await poll(b, id);
    assertEquals(data, { title: "on" });
    assertEquals([lastEventId, reasoning], [`${id}.15`, "Hm."]);
    call.say('e","summary":"two"}');
    call.end();
    for await (const event of follower) seen.push(event);
    assertEquals(stateOf(seen), { title: "one", summary: "two" });
    assertEquals(seen.at(-1)?.id, `${id}.end`);
    // From somewhere in the middle, and from the end, long after.
    const rest = await all(resume(b, `${id}.15`));
    const before = seen.filter(({ id }) => Number(id.split(".")[1]) <= 15);
    assertEquals(stateOf([...before, ...rest]), {
      title: "one",
      summary: "two",
    });
    assertEquals((await resume(b, `${id}.end`)).status, 204);
    const polled = await poll(b, id);
    assertEquals([polled.status, polled.lastEventId], ["end", `${id}.end`]);
    for await (const _ of first);
    assertEquals(model.calls.length, 1);
    assertEquals([a.errors, b.errors], [[], []]);
  },
);

engineTest("whoever is not the owner gets nothing, anywhere", async (open) => {
  const accessTokens = ["0123456789abcdef", "fedcba9876543210"];
  await using fleet = await Fleet.start(open, { accessTokens });
  const { b } = fleet;
  const [mine, other] = accessTokens.map((token) => ({
    authorization: `Bearer ${token}`,
  }));
  const id = makeGenerationId();
  const { call, first } = await begin(fleet, id, mine);
  call.say('{"a":1');
  for (const headers of [other!, { ...other!, "last-event-id": `${id}.0` }]) {
    const response = await ask(b, id, headers);
    assertEquals([response.status, (await response.json()).code], [
      410,
      "expired",
    ]);
  }
  const url = `${b.url}/helloworld?id=${id}`;
  const refused = await fetch(url, { method: "DELETE", headers: other! });
  assertEquals(refused.status, 204);
  call.say("}");
  call.end();
  const { value } = await first.next();
  assertEquals(value?.data.status, "chunk");
  for await (const { data } of first) assert(data.status !== "error");
});

engineTest(
  "DELETE anywhere stops the model, also ahead of its POST",
  async (open) => {
    await using fleet = await Fleet.start(open);
    const { a, b, model } = fleet;
    const id = makeGenerationId();
    const { call, first: events } = await begin(fleet, id);
    const start = performance.now();
    const url = `${b.url}/helloworld?id=${id}`;
    assertEquals((await fetch(url, { method: "DELETE" })).status, 204);
    await until(() => call.signal.aborted);
    console.log(`stopped after ${Math.round(performance.now() - start)} ms`);
    const { value } = await events.next();
    assertEquals(value?.data.code, "stopped");
    await events.next();
    const ahead = makeGenerationId();
    await fetch(`${b.url}/helloworld?id=${ahead}`, { method: "DELETE" });
    const stopped = await all(ask(a, ahead));
    assertEquals(stopped.at(-1)?.data.code, "stopped");
    assertEquals(model.calls.length, 1);
  },
);

engineTest(
  "the model goes on while anybody reads anywhere, and no longer",
  async (open) => {
    await using fleet = await Fleet.start(open, {
      limits: { lingerSeconds: 0.3 },
    });
    const { a, b, model } = fleet;
    const id = makeGenerationId();
    const called = model.nextCall();
    const first = await ask(a, id);
    const call = await called;
    const second = readEvents(await ask(b, id));
    await second.next();
    await until(() => a.generations.get(id)?.readers === 2);
    await first.body!.cancel();
    // Several times what it would go on for without a reader.
    for (let n = 0; n < 10; n++) {
      call.say(n === 0 ? "[" : " ");
      await new Promise((resolve) => setTimeout(resolve, 100));
      assertEquals(call.signal.aborted, false);
    }
    await second.return(undefined);
    await until(() => call.signal.aborted);
    const events = await all(resume(b, `${id}.0`));
    assertEquals(events.at(-1)?.data.code, "abandoned");
  },
);

engineTest(
  "an offset that is still to come is waited for, and never asked twice",
  async (open) => {
    await using fleet = await Fleet.start(open);
    const { a, b, model } = fleet;
    const id = makeGenerationId();
    const { call, first } = await begin(fleet, id);
    call.say('{"a":"12');
    const { value } = await first.next();
    // At once, before it is stored.
    const second = readEvents(await resume(b, value!.id));
    const third = poll(b, id, { "last-event-id": value!.id });
    call.say('3"}');
    call.end();
    const rest: ServerEvent[] = [];
    for await (const event of second) rest.push(event);
    assertEquals(stateOf([value!, ...rest]), { a: "123" });
    assert(JSON.stringify((await third).data).startsWith('{"a":"12'));
    // One that never comes.
    const beyond = await all(resume(b, `${id}.999`));
    assertEquals(beyond.map(({ data }) => data.status), ["end"]);
    // In its own process nothing is on its way.
    const known = await resume(a, `${id}.999`);
    assertEquals([known.status, (await known.json()).code], [
      400,
      "bad_request",
    ]);
    for await (const _ of first);
    assertEquals(model.calls.length, 1);
  },
);

engineTest(
  "1,000 ids that are asked for four times at once are answered once each",
  async (open) => {
    const answers = new Answers();
    const model = new ScriptedModel((call) => {
      answers.sayAll(call.question.prompt!, call);
    });
    await using fleet = await Fleet.start(open, patient, model);
    await checkAskedAtOnce([fleet.a.url, fleet.b.url], answers);
  },
  // The engines: over two processes, in exactly_once_test.ts.
  ["memory"],
);

engineTest(
  "another question under the same id is a conflict on every instance",
  async (open) => {
    await using fleet = await Fleet.start(open);
    const { a, b, model } = fleet;
    const id = makeGenerationId();
    const called = model.nextCall();
    const first = await ask(a, id);
    (await called).say("{");
    const response = await fetch(`${b.url}/helloworld?prompt=other&id=${id}`);
    assertEquals([response.status, (await response.json()).code], [
      409,
      "conflict",
    ]);
    await first.body!.cancel();
  },
);

engineTest("limits hold over all instances", async (open) => {
  const model = new ScriptedModel();
  await using fleet = await Fleet.start(open, {
    limits: {
      generationsPerMinute: 5,
      resumesPerMinute: 7,
      streamsPerClient: 3,
    },
  }, model);
  const { a, b } = fleet;
  const begun = performance.now();
  /** As many as there are in a minute, and what has come since. */
  const most = (perMinute: number) =>
    perMinute * (1 + (performance.now() - begun) / 60_000);
  const id = makeGenerationId();
  const open1 = await ask(a, id);
  const open2 = await ask(b, id);
  const open3 = await ask(b, id);
  for (const server of [a, b]) {
    const response = await ask(server, id);
    assertEquals(response.status, 429);
    assertEquals((await response.json()).code, "too_many_streams");
    assert(Number(response.headers.get("retry-after")) > 0);
  }
  for (const response of [open1, open2, open3]) await response.body!.cancel();
  await until(() => a.budgets.openStreams + b.budgets.openStreams === 0);
  let ok = 0;
  for (let n = 0; n < 12; n++) {
    const { httpStatus } = await poll(n % 2 === 0 ? a : b, id);
    if (httpStatus === 200) ok++;
    else assertEquals(httpStatus, 429);
  }
  assert(ok <= most(7), `${ok} resumes`);
  let started = 1;
  for (let n = 0; n < 10; n++) {
    const server = n % 2 === 0 ? a : b;
    const { httpStatus } = await poll(server, makeGenerationId());
    if (httpStatus === 202) started++;
    else assertEquals(httpStatus, 429);
  }
  assert(started >= 5 && started <= most(5), `${started} generations`);
}, ["SQLite", "Redis"]);

Deno.test("while the store is away, what runs goes on, and nothing runs twice", async () => {
  await using running = await engines.memory!.start();
  await using fleet = await Fleet.start(() => running.open());
  const { a, b, model } = fleet;
  const id = makeGenerationId();
  const { call, first } = await begin(fleet, id);
  const elsewhere = readEvents(await ask(b, id));
  await elsewhere.next();
  fleet.fault = "throws";
  call.say('{"a":"b');
  assertEquals((await first.next()).value?.data.data, { a: "b" });
  // It may run elsewhere: not 410, not a second one.
  for (
    const response of [
      await ask(b, makeGenerationId()),
      await resume(b, `${makeGenerationId()}.0`),
      await fetch(`${b.url}/helloworld?id=${makeGenerationId()}`, {
        method: "DELETE",
      }),
    ]
  ) {
    assertEquals(response.status, 503);
    assertEquals((await response.json()).code, "overloaded");
    assert(Number(response.headers.get("retry-after")) > 0);
  }
  // One that nobody can know runs here.
  const calling = model.nextCall();
  const own = readEvents(await fetch(`${b.url}/helloworld`));
  const { value: start } = await own.next();
  const ownCall = await calling;
  ownCall.say('{"c":"d"}');
  assertEquals((await own.next()).value?.data.data, { c: "d" });
  fleet.fault = "none";
  call.say('c"}');
  call.end();
  const seen: ServerEvent[] = [];
  for await (const event of elsewhere) seen.push(event);
  assertEquals(stateOf(seen), { a: "bc" });
  // And can be followed anywhere as soon as the store is back.
  ownCall.end();
  for await (const _ of own);
  for await (const _ of first);
  let response = await resume(a, start!.id);
  while (response.status !== 200) {
    await response.body!.cancel();
    await turn();
    response = await resume(a, start!.id);
  }
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(stateOf(events), { c: "d" });
  assertEquals(model.calls.length, 2);
  assert(b.errors.length > 0, "nothing has been told");
});

Deno.test("while the store is away, each instance has its own limit of streams", async () => {
  await using running = await engines.memory!.start();
  await using fleet = await Fleet.start(() => running.open(), {
    limits: { streamsPerClient: 2 },
  });
  fleet.fault = "throws";
  for (const { url } of [fleet.a, fleet.b]) {
    const open = [
      await fetch(`${url}/helloworld`),
      await fetch(`${url}/helloworld`),
    ];
    const refused = await fetch(`${url}/helloworld`);
    assertEquals([refused.status, (await refused.json()).code], [
      429,
      "too_many_streams",
    ]);
    for (const response of open) {
      assertEquals(response.status, 200);
      await response.body!.cancel();
    }
  }
  fleet.fault = "none";
});

engineTest(
  "a claim whose reply was lost is found again by who asks again",
  async (open) => {
    let fault: Fault = "none";
    await using fleet = await Fleet.start(async () => {
      const store = await open();
      const { claim } = faulty(store, () => fault);
      return { ...faulty(store, () => "none"), claim };
    });
    const { a, b, model } = fleet;
    const id = makeGenerationId();
    fault = "loses the reply";
    const refused = await ask(a, id);
    await refused.body!.cancel();
    assertEquals(refused.status, 503);
    fault = "none";
    // Who comes elsewhere waits, and runs nothing.
    const elsewhere = all(ask(b, id));
    const called = model.nextCall();
    // The store is known to be away for a moment.
    let response = await ask(a, id);
    while (response.status === 503) {
      await response.body!.cancel();
      await turn();
      response = await ask(a, id);
    }
    const call = await called;
    call.say('{"a":"b"}');
    call.end();
    for (
      const events of [await all(Promise.resolve(response)), await elsewhere]
    ) {
      assertEquals(stateOf(events), { a: "b" });
    }
    assertEquals(model.calls.length, 1);
  },
);

engineTest("durable: nobody sees what is not stored", async (open) => {
  await using fleet = await Fleet.start(open, { durable: true });
  const { a, b } = fleet;
  const id = makeGenerationId();
  const { call, first } = await begin(fleet, id);
  call.say('{"a":"1');
  assertEquals((await first.next()).value?.data.data, { a: "1" });
  fleet.fault = "throws";
  call.say("2");
  const next = first.next();
  const later = new Promise((resolve) => setTimeout(resolve, 300, "later"));
  assertEquals(await Promise.race([next, later]), "later");
  // Nor does anybody start what cannot be stored.
  const refused = await fetch(`${a.url}/helloworld`);
  assertEquals([refused.status, (await refused.json()).code], [
    503,
    "overloaded",
  ]);
  fleet.fault = "none";
  assertEquals((await next).value?.data.data, { a: "2" });
  call.say('3"}');
  call.end();
  const seen: ServerEvent[] = [];
  for await (const event of first) seen.push(event);
  assertEquals(seen.at(-1)?.data.status, "end");
  const events = await all(resume(b, `${id}.0`));
  assertEquals(stateOf(events), { a: "123" });
});

engineTest(
  "exactly once, whatever instance each connection lands on",
  async (open) => {
    const answers = new Answers();
    const model = new ScriptedModel((call) => {
      answers.say(call.question.prompt!, call, () => !call.signal.aborted);
    });
    await using fleet = await Fleet.start(open, patient, model);
    await checkExactlyOnce([fleet.a.url, fleet.b.url], answers);
  },
  // The engines: over two processes, in exactly_once_test.ts.
  ["memory"],
);
