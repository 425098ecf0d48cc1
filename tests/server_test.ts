// "./server" as a host sees it: requests in, responses out, its own callbacks.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { makeGenerationId } from "../lib/answers/id.ts";
import { DEFAULT_SCHEMA } from "../lib/schemas/schema.ts";
import {
  askWith,
  createFieldStreams,
  type FieldStreamsOptions,
  type FinishedAnswer,
  type HandleOptions,
  ModelError,
  type Observer,
  type Part,
  streamResponse,
} from "../lib/server.ts";
import { readEvents, ScriptedModel, stateAfter, until } from "./_server.ts";

const ADDRESS = "https://host.example/api/recipe";

/** A host's address, and what its callbacks were told. */
function setUp(options: Partial<FieldStreamsOptions> = {}): {
  model: ScriptedModel;
  finished: FinishedAnswer[];
  errors: unknown[];
  streams: ReturnType<typeof createFieldStreams>;
  ask: (
    request?: RequestInit & { query?: string },
    options?: Partial<HandleOptions>,
  ) => Promise<Response>;
} {
  const model = new ScriptedModel();
  const finished: FinishedAnswer[] = [];
  const errors: unknown[] = [];
  const streams = createFieldStreams({
    ask: model.ask,
    onFinish: (answer) => finished.push(answer),
    onError: (error) => errors.push(error),
    ...options,
  });
  const ask = (
    { query = "", ...init }: RequestInit & { query?: string } = {},
    own: Partial<HandleOptions> = {},
  ) =>
    streams.handle(new Request(ADDRESS + query, init), {
      owner: "ann",
      question: ({ input }) => ({ prompt: `A recipe for ${input.dish}` }),
      ...own,
    });
  return { model, finished, errors, streams, ask };
}

const post = (body: unknown, query = "") => ({
  method: "POST",
  query,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

Deno.test("a host's question is asked, and it gets the value with what it gave", async () => {
  const { model, finished, streams, ask } = setUp();
  const meta = { order: 7 };
  const response = await ask(post({ input: { dish: "soup" } }), {
    question: ({ input, body, request }) => {
      assertEquals(body, { input: { dish: "soup" } });
      assertEquals(request.headers.get("content-type"), "application/json");
      return {
        prompt: `A recipe for ${input.dish}`,
        schema: DEFAULT_SCHEMA,
        meta,
      };
    },
  });
  const events = readEvents(response);
  await until(() => model.calls.length === 1);
  const [call] = model.calls;
  assertEquals(call!.question.prompt, "A recipe for soup");
  call!.say('{"title":"Soup","summary":"Hot"}');
  call!.send({ type: "usage", usage: { completion_tokens: 5 } });
  call!.end();
  const all = await Array.fromAsync(events);
  assertEquals(all.at(-1)!.data.valid, true);
  assertEquals(stateAfter(all), { title: "Soup", summary: "Hot" });
  const [answer] = finished;
  assertEquals(answer!.value, { title: "Soup", summary: "Hot" });
  assertEquals(
    [answer!.owner, answer!.outcome, answer!.valid, answer!.usage],
    ["ann", "end", true, { completion_tokens: 5 }],
  );
  assertEquals(answer!.question.meta, meta);
  await streams.drain();
});

Deno.test("a GET's input is its query, and the first of a name counts", async () => {
  const { model, streams, ask } = setUp();
  const response = await ask({
    query: `?dish=soup&dish=salad&id=${makeGenerationId()}`,
  }, {
    question: ({ input, body }) => {
      assertEquals([input, body], [{ dish: "soup" }, {}]);
      return { messages: [{ role: "user", content: "soup" }] };
    },
  });
  await until(() => model.calls.length === 1);
  model.calls[0]!.say("{}");
  model.calls[0]!.end();
  await response.body!.pipeTo(new WritableStream());
  await streams.drain();
});

Deno.test("the question is called once: not for a reader, a poll or a stop", async () => {
  const { model, streams, ask } = setUp();
  let questions = 0;
  const own = {
    question: () => {
      questions++;
      return { prompt: "p" };
    },
  };
  const query = `?id=${makeGenerationId()}`;
  const first = await ask({ query }, own);
  const second = await ask(post({ input: {} }, query), own);
  const poll = await ask(
    { query, headers: { accept: "application/json" } },
    own,
  );
  assertEquals((await poll.json()).status, "running");
  assertEquals((await ask({ query, method: "HEAD" }, own)).status, 200);
  await until(() => model.calls.length === 1);
  assertEquals((await ask({ query, method: "DELETE" }, own)).status, 204);
  for (const response of [first, second]) {
    const events = await Array.fromAsync(readEvents(response));
    assertEquals(events.at(-1)!.data.code, "stopped");
  }
  assertEquals(questions, 1);
  await streams.drain();
});

Deno.test("another owner can neither follow, poll nor stop", async () => {
  const { model, streams, ask } = setUp();
  const query = `?id=${makeGenerationId()}`;
  const mine = await ask({ query });
  await until(() => model.calls.length === 1);
  const stranger = { owner: "bob" };
  assertEquals((await ask({ query }, stranger)).status, 410);
  assertEquals(
    (await ask(
      { query, headers: { accept: "application/json" } },
      stranger,
    )).status,
    410,
  );
  assertEquals((await ask({ query, method: "DELETE" }, stranger)).status, 204);
  assertEquals(streams.health.running, 1);
  await mine.body!.cancel();
  await ask({ query, method: "DELETE" });
  assertEquals(streams.health.running, 0);
  await streams.drain();
});

Deno.test("a host refuses by a response, or by an error with a status", async () => {
  const { streams, errors, ask } = setUp();
  const refuse = async (thrown: unknown) => {
    const response = await ask({}, {
      question: () => {
        throw thrown;
      },
    });
    return [response.status, await response.text()];
  };
  assertEquals(await refuse(new Response("Pay first", { status: 402 })), [
    402,
    "Pay first",
  ]);
  const error = Object.assign(new Error("No such dish"), { status: 422 });
  assertEquals(await refuse(error), [
    422,
    '{"status":"error","code":"bad_request","message":"No such dish"}',
  ]);
  const coded = Object.assign(new Error("Not yours"), {
    status: 403,
    code: "not_yours",
  });
  assertEquals(await refuse(coded), [
    403,
    '{"status":"error","code":"not_yours","message":"Not yours"}',
  ]);
  assertEquals(errors, []);
  // Anything else is nobody's business but the host's.
  for (
    const fault of [
      new Error("the password is 123"),
      Object.assign(new Error("secret"), { status: 200 }),
      "secret",
      undefined,
    ]
  ) {
    const [status, text] = await refuse(fault);
    assertEquals(status, 500);
    assert(!/123|secret/.test(String(text)), String(text));
    assertEquals(errors.pop(), fault);
  }
  assertEquals(streams.health, {
    draining: false,
    running: 0,
    kept: 0,
    openStreams: 0,
  });
});

Deno.test("a host's format is what whoever does not say gets; its bare input is the body", async () => {
  const { model, streams, ask } = setUp();
  const own = { format: "text" } as const;
  const asks = async (request: Parameters<typeof ask>[0], json: string) => {
    const count = model.calls.length;
    const response = await ask(request, own);
    await until(() => model.calls.length > count);
    const call = model.calls.at(-1)!;
    call.say(json);
    call.end();
    const type = response.headers.get("content-type");
    return [type, call.question.prompt, await response.text()];
  };
  const json = '{"title":"Soup"}';
  const text = ["text/plain; charset=utf-8", "A recipe for soup", json];
  assertEquals(await asks(post({ dish: "soup" }), json), text);
  assertEquals(await asks(post({ input: { dish: "soup" } }), json), text);
  assertEquals(await asks({ query: "?dish=soup" }, json), text);
  const events = post({ input: { dish: "soup" } });
  const [type] = await asks({
    ...events,
    headers: { ...events.headers, accept: "text/event-stream" },
  }, json);
  assertEquals(type, "text/event-stream");
  const head = await ask({ method: "HEAD" }, own);
  assertEquals(head.headers.get("content-type"), text[0]);
  await assertRejects(
    () => ask({}, { format: "xml" as "text" }),
    TypeError,
    "events, ndjson, text as format, got xml",
  );
  await streams.drain();
});

Deno.test("text that nobody can come back to does not go on for long", async () => {
  const { finished, model, streams, ask } = setUp();
  const own = { format: "text" } as const;
  const left = await ask({ query: "?dish=soup" }, own);
  await until(() => model.calls.length === 1);
  await left.body!.cancel();
  const named = await ask(
    { query: `?dish=soup&id=${makeGenerationId()}` },
    own,
  );
  await until(() => model.calls.length === 2);
  await named.body!.cancel();
  // Of the two only this one ends, long before the usual linger.
  await new Promise((resolve) =>
    model.calls[0]!.signal.addEventListener("abort", resolve)
  );
  await until(() => finished.length === 1);
  assertEquals(finished[0]!.outcome, "abandoned");
  assertEquals(model.calls[1]!.signal.aborted, false);
  model.calls[1]!.say("{}");
  model.calls[1]!.end();
  await streams.drain();
});

Deno.test("lines are resumed by the id of any of them", async () => {
  const { model, streams, ask } = setUp();
  const accept = "application/x-ndjson";
  const first = await ask({ query: "?dish=soup", headers: { accept } });
  assertEquals(first.headers.get("content-type"), accept);
  await until(() => model.calls.length === 1);
  const reader = first.body!.pipeThrough(new TextDecoderStream()).getReader();
  const start = JSON.parse((await reader.read()).value!);
  assertEquals([start.status, start.id.slice(22)], ["start", ".0"]);
  model.calls[0]!.say('{"a":"b');
  const chunk = JSON.parse((await reader.read()).value!);
  assertEquals(chunk.data, { a: "b" });
  await reader.cancel();
  model.calls[0]!.say('c"}');
  model.calls[0]!.end();
  const rest = await ask({ headers: { accept, "last-event-id": chunk.id } });
  const lines = (await rest.text()).trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  assertEquals(lines.map(({ status }) => status), ["chunk", "end"]);
  assertEquals(
    stateAfter([chunk, ...lines].map((data) => ({ id: "", data }))),
    {
      a: "bc",
    },
  );
  const over = { accept, "last-event-id": lines.at(-1).id };
  assertEquals((await ask({ headers: over })).status, 204);
  await streams.drain();
});

Deno.test("a question without a prompt, a schema that is none, an input that is none", async () => {
  const { errors, ask } = setUp();
  assertEquals((await ask({}, { question: () => ({}) })).status, 500);
  assert(String(errors.pop()).includes("neither a prompt nor messages"));
  const wrong = await ask({}, {
    question: () => ({ prompt: "p", schema: { type: "number" } }),
  });
  assertEquals(wrong.status, 400);
  for (const input of [5, "x", [1]]) {
    assertEquals((await ask(post({ input }))).status, 400);
  }
  assertEquals((await ask(post([1]))).status, 400);
  assertEquals(errors, []);
});

Deno.test("a misuse gets a sentence that helps", async () => {
  const streams = createFieldStreams({ ask: () => Promise.resolve() });
  const handle = (options: unknown) =>
    streams.handle(new Request(ADDRESS), options as HandleOptions);
  await assertRejects(
    () => handle({ owner: 5, question: () => ({ prompt: "p" }) }),
    TypeError,
    "expected a string as owner and a function as question, got number and function",
  );
  await assertRejects(() => handle({ owner: "ann" }), TypeError, "undefined");
  assertThrows(
    () => createFieldStreams({} as FieldStreamsOptions),
    TypeError,
    "use openai() or askWith()",
  );
});

Deno.test("an answer with endless linger is finished and kept, whoever reads", async () => {
  const { model, finished, streams, ask } = setUp({
    limits: { lingerSeconds: 0.001 },
  });
  const query = `?id=${makeGenerationId()}`;
  const own = { question: () => ({ prompt: "p", linger: Infinity }) };
  await (await ask({ query }, own)).body!.cancel();
  // The model is asked although the reader has gone already.
  await until(() => model.calls.length === 1);
  model.calls[0]!.say('{"a":1}');
  await new Promise((resolve) => setTimeout(resolve, 20));
  model.calls[0]!.end();
  await until(() => finished.length === 1);
  assertEquals(finished[0]!.outcome, "end");
  const events = await Array.fromAsync(readEvents(await ask({ query }, own)));
  assertEquals(stateAfter(events), { a: 1 });
  await streams.drain();
});

Deno.test("onFinish hears of each ending once, with the value so far", async () => {
  const { model, finished, streams, ask } = setUp();
  const query = `?id=${makeGenerationId()}`;
  const response = await ask({ query });
  await until(() => model.calls.length === 1);
  model.calls[0]!.say('{"title":"So');
  const events = readEvents(response);
  for await (const { data } of events) {
    if (data.data?.title === "So") break;
  }
  await ask({ query, method: "DELETE" });
  await streams.drain();
  assertEquals(
    finished.map(({ outcome, value }) => [outcome, value]),
    [["stopped", { title: "So" }]],
  );
});

Deno.test("draining waits for onFinish, and what it throws is told", async () => {
  const saved = Promise.withResolvers<void>();
  const errors: unknown[] = [];
  const { model, streams, ask } = setUp({
    onFinish: () => saved.promise,
    onError: (error) => errors.push(error),
    // The answer itself is forgotten at once.
    limits: { retainedCharacters: 1 },
  });
  const query = `?id=${makeGenerationId()}`;
  const response = await ask({ query });
  await until(() => model.calls.length === 1);
  model.calls[0]!.say('{"title":"Soup"}');
  model.calls[0]!.end();
  await response.body!.pipeTo(new WritableStream());
  assertEquals(streams.health.kept, 1);
  let drained = false;
  const draining = streams.drain().then(() => drained = true);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert(!drained);
  saved.reject(new Error("The disk is full"));
  await draining;
  assertEquals(String(errors), "Error: The disk is full");
  await until(() => streams.health.kept === 0);
});

Deno.test("what onError throws, now or later, is nobody's problem", async () => {
  for (const isLater of [false, true]) {
    let calls = 0;
    const onError = (error: unknown) => {
      calls++;
      if (isLater) return Promise.reject(error);
      throw error;
    };
    const streams = createFieldStreams({
      ask: askWith(async function* () {
        yield "{}";
      }),
      onFinish: () => Promise.reject(new Error("The disk is full")),
      onError,
    });
    const request = () => new Request("https://example.com/recipe");
    const broken = await streams.handle(request(), {
      owner: "a",
      question() {
        throw new Error("The database is away");
      },
    });
    assertEquals(broken.status, 500);
    await broken.body?.cancel();
    const response = await streams.handle(request(), {
      owner: "a",
      question: () => ({ prompt: "a" }),
    });
    assert((await response.text()).includes('"status":"end"'));
    await streams.drain();
    assertEquals(calls, 2);
  }
});

Deno.test("pages may read where the host lets them", async () => {
  const open = setUp({ cors: "*" });
  const listed = setUp({ cors: ["https://a.example"] });
  const allowed = async (
    { ask }: ReturnType<typeof setUp>,
    method: string,
    origin: string,
  ) => {
    const headers = { origin };
    const response = await ask({ method, headers });
    await response.body?.cancel();
    return response.headers.get("access-control-allow-origin");
  };
  for (const method of ["OPTIONS", "HEAD", "PUT"]) {
    assertEquals(await allowed(open, method, "https://b.example"), "*");
    const a = "https://a.example";
    assertEquals(await allowed(listed, method, a), a);
    assertEquals(await allowed(listed, method, "https://b.example"), null);
    assertEquals(await allowed(setUp(), method, a), null);
  }
});

Deno.test("a model is made of anything that yields text, and hears the abort", async () => {
  const parts: Part[] = [];
  const hear = (part: Part) => parts.push(part);
  const { signal } = new AbortController();
  const usage: Part = { type: "usage", usage: { total_tokens: 3 } };
  const reasoning: Part = { type: "reasoning", text: "Hm" };
  await askWith(async function* () {
    yield reasoning;
    yield* ["{", "", "}"];
    yield usage;
  }, { model: "mine" })({ prompt: "p" }, signal, hear);
  assertEquals(parts, [
    reasoning,
    { type: "text", text: "{" },
    { type: "text", text: "}" },
    usage,
    { type: "finish", reason: "stop" },
  ]);

  // One that never yields again is left alone at the abort, and told.
  let returned = false;
  const controller = new AbortController();
  const deaf: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: () => {
        returned = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const asking = askWith(() => deaf)({ prompt: "p" }, controller.signal, hear);
  controller.abort();
  await asking;
  assert(returned);
});

Deno.test("a model that throws has failed, in its own terms or as unavailable", async () => {
  const { signal } = new AbortController();
  const failing = (error: unknown) =>
    // deno-lint-ignore require-yield
    askWith(async function* () {
      throw error;
    })({ prompt: "p" }, signal, () => {});
  const limited = new ModelError("upstream_rate_limited", "slow down");
  assertEquals(await assertRejects(() => failing(limited)), limited);
  const error = await assertRejects(
    () => failing(new Error("overloaded")),
    ModelError,
    "overloaded",
  );
  assertEquals((error as ModelError).code, "upstream_unavailable");
  const bytes = askWith(async function* () {
    yield new Uint8Array(1) as unknown as string;
  });
  await assertRejects(
    () => bytes({ prompt: "p" }, signal, () => {}),
    ModelError,
    "decode bytes with TextDecoderStream",
  );
});

Deno.test("streamResponse gives the same events, and keeps nothing", async () => {
  const finished: FinishedAnswer[] = [];
  async function* text() {
    yield "```json\n";
    yield* '{"title":"Soup","summary":"Hot"}';
    yield "\n```";
  }
  const response = streamResponse(text(), {
    schema: DEFAULT_SCHEMA,
    model: "mine",
    headers: { "x-host": "1" },
    onFinish: (answer) => finished.push(answer),
  });
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(response.headers.get("x-host"), "1");
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(events[0]!.data.model, "mine");
  assertEquals(events.at(-1)!.data.valid, true);
  assertEquals(stateAfter(events), { title: "Soup", summary: "Hot" });
  assertEquals(finished[0]!.value, { title: "Soup", summary: "Hot" });
});

Deno.test("streamResponse leaves the text alone as soon as the client has left", async () => {
  const left = Promise.withResolvers<void>();
  const text = new ReadableStream<string>({
    start: (controller) => controller.enqueue('{"title":"'),
    cancel: () => left.resolve(),
  });
  const response = streamResponse(text);
  const reader = response.body!.getReader();
  await reader.read();
  await reader.read();
  await reader.cancel();
  await left.promise;
});

Deno.test("a place is free when the response has left, not when its body has ended", async () => {
  const { model, streams, ask } = setUp({
    limits: { streamsPerClient: 1, lingerSeconds: 0.01 },
  });
  for (const leave of ["left", "broken", "canceled"]) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const response = await ask({}, { completed: promise });
    await until(() => model.calls.at(-1)?.signal.aborted === false);
    if (leave === "canceled") {
      await response.body!.cancel();
    } else {
      model.calls.at(-1)!.say("{}");
      model.calls.at(-1)!.end();
      await response.body!.pipeTo(new WritableStream());
    }
    assertEquals(streams.health.openStreams, 1);
    const another = await ask();
    assertEquals(another.status, 429);
    await another.body!.cancel();
    if (leave === "broken") reject(new Error("The peer is gone"));
    else resolve();
    await until(() => streams.health.openStreams === 0);
  }
  // What holds no stream keeps no place.
  const query = `?id=${makeGenerationId()}`;
  const pending = new Promise<void>(() => {});
  const headers = { accept: "application/json" };
  for (let polls = 0; polls < 3; polls++) {
    const poll = await ask({ query, headers }, { completed: pending });
    await poll.body!.cancel();
  }
  assertEquals(streams.health.openStreams, 0);
  await ask({ query, method: "DELETE" });
  await until(() => streams.health.running <= 1);
  await streams.drain();
});

Deno.test("an observer is told of all that happens, and its faults are nobody's", async () => {
  const told: unknown[] = [];
  const fault = new Error("Cannot observe: a test");
  const observer: Observer = {
    onGeneration: ({ id, model }) => {
      told.push(["generation", id.length, model]);
      return {
        onAsk: (request) => {
          told.push("ask");
          return request();
        },
        onEnd: ({ outcome }) => {
          told.push(outcome);
          throw fault;
        },
      };
    },
    onConnection: ({ resumedFrom, traffic }) => {
      told.push(["connection", resumedFrom]);
      return {
        onEnd: () => {
          const { events, bytes, ended } = traffic;
          told.push([ended, events, bytes > 0]);
          throw fault;
        },
      };
    },
    onRefusal: (code) => {
      told.push(code);
      throw fault;
    },
  };
  const { ask, model, errors, streams } = setUp({ observer });
  const id = makeGenerationId();
  const next = model.nextCall();
  const response = await ask({ query: `?id=${id}` });
  const call = await next;
  call.say('{"a":1}');
  call.end();
  const events = await Array.fromAsync(readEvents(response));
  const headers = { "last-event-id": `${id}.7` };
  const resumed = await ask({ query: `?id=${id}`, headers });
  await resumed.body!.pipeTo(new WritableStream());
  const left = await ask({ query: `?id=${id}` });
  await left.body!.cancel();
  assertEquals((await ask({ query: "?id=x" })).status, 400);
  assertEquals(told, [
    ...[["generation", 22, undefined], ["connection", undefined], "ask", "end"],
    ["answer", events.length, true],
    ...[["connection", 7], ["answer", 1, true]],
    ...[["connection", undefined], ["left", 0, false]],
    "bad_request",
  ]);
  assertEquals(errors, Array(5).fill(fault));
  await streams.drain();
});
