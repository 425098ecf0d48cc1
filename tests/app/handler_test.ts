import { assert, assertEquals } from "@std/assert";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { RawConnection } from "../_client.ts";
import {
  readEvents,
  ScriptedModel,
  startServer,
  stateAfter,
  TestClock,
  testConfig,
  type TestServer,
  turn,
  until,
} from "../_server.ts";

const id = "AAAAAAAAAAAAAAAAAAAAAA";
const gone = "BBBBBBBBBBBBBBBBBBBBBB";
const asJson = { Accept: "application/json" };

/** Asks the handler, without a socket. */
function ask(
  server: TestServer,
  path: string,
  init?: RequestInit,
): Promise<Response> {
  return server.handle(new Request(`${server.url}${path}`, init));
}

/** Asks, and reads the status and the error's code only. */
async function outcomeOf(
  server: TestServer,
  path: string,
  init?: RequestInit,
): Promise<string> {
  const response = await ask(server, path, init);
  const { status, headers } = response;
  if (headers.get("content-type") !== "application/json") {
    await response.body?.cancel();
    return String(status);
  }
  const { code } = await response.json();
  return code === undefined ? String(status) : `${status} ${code}`;
}

/** A server with a generation of 10 units that runs, and one that has ended. */
async function startWithAnswers(): Promise<{
  server: TestServer;
  model: ScriptedModel;
  ended: string;
}> {
  const model = new ScriptedModel((call) => call.say('{"title":"'));
  const server = startServer({ ask: model.ask, clock: new TestClock() });
  const ended = makeGenerationId();
  for (const name of [id, ended]) {
    await (await ask(server, `/helloworld?id=${name}`, { headers: asJson }))
      .json();
    await until(() => server.generations.get(name)!.transcript.length === 10);
  }
  model.calls[1]!.say('a"}');
  model.calls[1]!.end();
  await until(() => server.generations.running === 1);
  return { server, model, ended };
}

Deno.test("an answer streams field by field", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const called = model.nextCall();
  const response = await fetch(`${server.url}/helloworld`);
  const call = await called;
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  call.say('{"title":"Hel');
  call.say('lo","summary":"x"}');
  call.end();
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(stateAfter(events), { title: "Hello", summary: "x" });
  assertEquals(events.at(0)?.data.message, "开始生成响应...");
  assertEquals(events.at(-1)?.data, {
    status: "end",
    message: "响应生成完成",
    finish_reason: "stop",
  });
  assertEquals(server.errors, []);
});

Deno.test("a stream is neither kept nor held back on its way", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const called = model.nextCall();
  const response = await fetch(`${server.url}/helloworld`, {
    headers: { "Accept-Encoding": "gzip, br" },
  });
  const { headers } = response;
  assertEquals(headers.get("cache-control"), "no-store, no-transform");
  assertEquals(headers.get("x-accel-buffering"), "no");
  assertEquals(headers.get("content-encoding"), null);
  assert(headers.get("vary")!.includes("Accept"));
  const call = await called;
  // The start comes before the model says anything.
  const events = readEvents(response);
  const { value } = await events.next();
  const { id } = value!.data;
  assertEquals(value, {
    id: `${id}.0`,
    data: {
      status: "start",
      message: "开始生成响应...",
      id,
      model: "scripted",
      protocol: 1,
      linger: 15,
    },
  });
  assert(/^[\w-]{22}$/.test(id));
  call.end();
  await Array.fromAsync(events);
});

Deno.test("which generation: the whole table", async (t) => {
  const { server, model, ended } = await startWithAnswers();
  await using _ = server;
  const rows: [
    name: string,
    id: string,
    lastEventId: string,
    result: string,
  ][] = [
    ["nothing known of the first", gone, `${gone}.0`, "410 expired"],
    ["another generation's", id, `${ended}.0`, "400 bad_request"],
    ["another generation's, gone", gone, `${id}.0`, "400 bad_request"],
    ["another generation's end", id, `${ended}.end`, "400 bad_request"],
    ["the end", "", `${id}.end`, "204"],
    ["the end, twice named", id, `${id}.end`, "204"],
    ["the end of one that has ended", ended, `${ended}.end`, "204"],
    ["the end of one that is gone", "", `${gone}.end`, "204"],
    ["one that is gone", "", `${gone}.5`, "410 expired"],
    ["one that is gone, from the beginning", "", `${gone}.0`, "410 expired"],
    ["an offset beyond the text", "", `${id}.11`, "400 bad_request"],
    ["an offset beyond the text", id, `${id}.11`, "400 bad_request"],
    ["an offset far beyond", id, `${id}.999999999`, "400 bad_request"],
    ["the last offset", id, `${id}.10`, "200"],
    ["the last offset of one that ended", "", `${ended}.13`, "200"],
    ["the first offset", "", `${id}.0`, "200"],
    ["an id that is known", id, "", "200"],
    ["an id that has ended", ended, "", "200"],
    ["an offset alone", `${id}&ids=short`, "10", "200"],
    ["its end", `${id}&ids=short`, "end", "204"],
    ["a whole id all the same", `${id}&ids=short`, `${id}.10`, "200"],
    ["an offset alone, beyond", `${id}&ids=short`, "11", "400 bad_request"],
    ["of one that is gone", `${gone}&ids=short`, "5", "410 expired"],
    ["another's", `${id}&ids=short`, `${ended}.0`, "400 bad_request"],
    ["an offset that was not asked for", id, "10", "400 bad_request"],
    [
      "one that was asked for badly",
      `${id}&ids=Short`,
      "10",
      "400 bad_request",
    ],
    ["one without an id", "", "10", "400 bad_request"],
    ["no offset at all", `${id}&ids=short`, "1.0", "400 bad_request"],
    // Malformed.
    ["no id at all", "?", "", "400 bad_request"],
    ["an id that is too short", id.slice(1), "", "400 bad_request"],
    ["an id that is too long", `${id}A`, "", "400 bad_request"],
    ["a very long id", "A".repeat(10_000), "", "400 bad_request"],
    ["a newline in the id", `${id.slice(1)}%0A`, "", "400 bad_request"],
    ["a newline behind the id", `${id}%0a`, "", "400 bad_request"],
    ["NUL in the id", `${id.slice(1)}%00`, "", "400 bad_request"],
    ["an escaped percent", `${id.slice(1)}%2541`, "", "400 bad_request"],
    ["half an escape", `${id.slice(1)}%4`, "", "400 bad_request"],
    ["a path", "..%2F..%2Fetc%2Fpasswd%00", "", "400 bad_request"],
    ["__proto__", "__proto__", "", "400 bad_request"],
    ["base64, not base64url", `${id.slice(1)}%2B`, "", "400 bad_request"],
    ["an id in other digits", `${id.slice(1)}%EF%BC%91`, "", "400 bad_request"],
    ["a negative offset", "", `${id}.-1`, "400 bad_request"],
    ["a leading zero", "", `${id}.01`, "400 bad_request"],
    ["a fraction", "", `${id}.1.5`, "400 bad_request"],
    ["an exponent", "", `${id}.1e9`, "400 bad_request"],
    ["a billion", "", `${id}.1000000000`, "400 bad_request"],
    ["hexadecimal", "", `${id}.0x1`, "400 bad_request"],
    ["no offset", "", id, "400 bad_request"],
    ["an empty offset", "", `${id}.`, "400 bad_request"],
    ["END", "", `${id}.END`, "400 bad_request"],
    ["percent-encoded", "", `${id}%2E5`, "400 bad_request"],
    ["another server's", "", "42", "400 bad_request"],
    ["very long", "", `${id}.${"9".repeat(9999)}`, "400 bad_request"],
    ["malformed, with an id", id, "42", "400 bad_request"],
    ["malformed, with a new id", gone, "42", "400 bad_request"],
  ];
  const before = server.generations.running;
  for (const [name, id, lastEventId, result] of rows) {
    for (const method of ["GET", "POST"]) {
      await t.step(`${method}: ${name}`, async () => {
        const query = id === "" ? "" : `?id=${id === "?" ? "" : id}`;
        const init = {
          method,
          headers: lastEventId === "" ? {} : { "Last-Event-ID": lastEventId },
        };
        assertEquals(
          await outcomeOf(server, `/helloworld${query}`, init),
          result,
        );
      });
    }
  }
  assertEquals(server.generations.running, before);
  assertEquals(model.calls.length, 2);
  assertEquals(server.budgets.openStreams, 0);
  assertEquals(server.errors, []);
});

Deno.test("what no client library would send is refused too", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  for (
    const [path, headers] of [
      ["/helloworld", { "Last-Event-ID": `${id}.1\0` }],
      ["/helloworld", { "Last-Event-ID": "\xff\xfe" }],
      ["/helloworld", { "Last-Event-ID": "" }],
      [`/helloworld?id=${id}\0`, {}],
      [`/helloworld?id=${id}&id=`, { "Last-Event-ID": `${gone}.1` }],
    ] as const
  ) {
    const connection = await RawConnection.open(server.url, {
      headers: { Connection: "close", ...headers },
    }).catch(() => undefined);
    connection?.close();
    const raw = await Deno.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(server.url).port),
    });
    const lines = Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`);
    const text = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${
      lines.join("")
    }\r\n`;
    await raw.write(Uint8Array.from(text, (unit) => unit.charCodeAt(0)));
    const answer = await new Response(raw.readable).text();
    assert(/^HTTP\/1\.1 400 /.test(answer), `${path}: ${answer.slice(0, 40)}`);
  }
  assertEquals(model.calls.length, 0);
  assertEquals(server.errors, []);
});

Deno.test("a new id starts one, and the same request again follows it", async () => {
  for (const method of ["GET", "POST"]) {
    const model = new ScriptedModel();
    await using server = startServer({ ask: model.ask });
    const path = `/helloworld?id=${id}`;
    const init = method === "GET" ? { method } : {
      method,
      headers: { "Content-Type": "application/json" },
      body: '{"prompt":"p"}',
    };
    // At once, before either is known.
    const responses = await Promise.all(
      [1, 2, 3].map(() => ask(server, path, init)),
    );
    // Who brings no question wants this one's answer, whatever it is.
    responses.push(await ask(server, path));
    responses.push(await ask(server, path, { method: "POST" }));
    assertEquals(model.calls.length, 1);
    model.calls[0]!.say('{"title":"a"}');
    model.calls[0]!.end();
    for (const response of responses) {
      const events = await Array.fromAsync(readEvents(response));
      assertEquals(stateAfter(events), { title: "a" });
      assertEquals(events[0]!.id, `${id}.0`);
    }
  }
});

Deno.test("another question under the same id is refused", async () => {
  const json = { "Content-Type": "application/json" };
  const post = (body: unknown, headers: HeadersInit = json) => ({
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const schema = { type: "object", properties: { a: { type: "string" } } };
  for (
    const [first, same, others] of [
      [
        { prompt: "p", schema },
        { schema, prompt: "p" },
        [{ prompt: "q", schema }, { prompt: "p" }, { schema }, {
          prompt: "p",
          schema: { ...schema, required: ["a"] },
        }],
      ],
      [{}, {}, [{ prompt: "p" }]],
      [{ prompt: "p" }, { prompt: "p" }, [{ prompt: "p " }]],
    ] as const
  ) {
    const model = new ScriptedModel();
    await using server = startServer({ ask: model.ask });
    const path = `/helloworld?id=${id}`;
    const response = await ask(server, path, post(first));
    model.calls[0]!.say('{"a":"');
    const outcome = (init: RequestInit, query = "") =>
      outcomeOf(server, path + query, init);
    assertEquals(await outcome(post(same)), "200");
    assertEquals(await outcome(post(JSON.stringify(same, null, 1))), "200");
    for (const other of others) {
      assertEquals(await outcome(post(other)), "409 conflict");
      assertEquals(
        await outcome(post(other, { ...json, ...asJson })),
        "409 conflict",
      );
      // Who carries on does not ask.
      assertEquals(
        await outcome(post(other, { ...json, "Last-Event-ID": `${id}.2` })),
        "200",
      );
    }
    assertEquals(await outcome({}, "&prompt=another"), "409 conflict");
    assertEquals(await outcome(post("{]")), "409 conflict");
    assertEquals(await outcome(post("p", {})), "409 conflict");
    // At once, before either is known.
    const [one, two] = await Promise.all(
      ["one", "two"].map((prompt) =>
        outcomeOf(server, `/helloworld?id=${gone}`, post({ prompt }))
      ),
    );
    assertEquals([one, two].sort(), ["200", "409 conflict"]);
    await response.body!.cancel();
    assertEquals(server.budgets.openStreams, 0);
    assertEquals(model.calls.length, 2);
    assertEquals(server.errors, []);
  }
});

Deno.test("who resumes gets the rest, who follows anew gets all", async () => {
  const { server, model } = await startWithAnswers();
  await using _ = server;
  const all = await ask(server, `/helloworld?id=${id}`);
  const rest = await ask(server, "/helloworld", {
    headers: { "Last-Event-ID": `${id}.10` },
  });
  model.calls[0]!.say('ab"}');
  model.calls[0]!.end();
  const [one, two] = await Promise.all(
    [all, rest].map((response) => Array.fromAsync(readEvents(response))),
  );
  assertEquals(one!.map(({ data }) => data.status).slice(0, 2), [
    "start",
    "chunk",
  ]);
  assertEquals(stateAfter(one!), { title: "ab" });
  assertEquals(two!.map(({ data }) => data.status), ["chunk", "end"]);
  assertEquals(two![0]!.data.data, { title: "ab" });
});

Deno.test("what is forgotten is gone for those who saw some of it", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel((call) => {
    call.say('{"title":"a"}');
    call.end();
  });
  await using server = startServer({ ask: model.ask, clock });
  await Array.fromAsync(readEvents(await ask(server, `/helloworld?id=${id}`)));
  const headers = { "Last-Event-ID": `${id}.13` };
  assertEquals(await outcomeOf(server, "/helloworld", { headers }), "200");
  clock.tick(300_000);
  for (const query of ["", `?id=${id}`]) {
    const path = `/helloworld${query}`;
    assertEquals(await outcomeOf(server, path, { headers }), "410 expired");
  }
  assertEquals(model.calls.length, 1);
  assertEquals(clock.timers, 0);
});

Deno.test("a client that polls starts, looks, and sees the end", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask, clock });
  const poll = async (query = "", headers = {}) => {
    const response = await ask(server, `/helloworld${query}`, {
      headers: { ...asJson, ...headers },
    });
    assertEquals(response.headers.get("content-type"), "application/json");
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals(response.headers.get("vary"), "Accept, Accept-Language");
    return [response.status, await response.json()];
  };
  const [status, begun] = await poll();
  assertEquals([status, begun], [202, {
    id: begun.id,
    status: "running",
    lastEventId: `${begun.id}.0`,
  }]);
  const query = `?id=${begun.id}`;
  const [call] = model.calls;
  call!.send({ type: "reasoning", text: "Hm." });
  call!.say('<think>So.</think>{"title":"科技');
  await turn();
  const running = {
    id: begun.id,
    status: "running",
    lastEventId: `${begun.id}.33`,
    reasoning: "Hm.So.",
    data: { title: "科技" },
  };
  for (let n = 0; n < 5; n++) {
    clock.tick(14_000);
    call!.say("");
    call!.send({ type: "usage", usage: {} });
    await turn();
    assertEquals(await poll(query), [200, running]);
  }
  // Where it is does not matter to one that polls.
  assertEquals(await poll("", { "Last-Event-ID": `${begun.id}.5` }), [
    200,
    running,
  ]);
  assertEquals(await poll("", { "Last-Event-ID": `${begun.id}.end` }), [
    200,
    running,
  ]);
  call!.end("length");
  await until(() => server.generations.running === 0);
  const [, ended] = await poll(query);
  assertEquals(ended, {
    id: begun.id,
    lastEventId: `${begun.id}.end`,
    reasoning: "Hm.So.",
    status: "error",
    code: "truncated",
    message: ended.message,
    retryable: true,
    path: "/title",
    data: { title: "科技" },
  });
  assertEquals(await poll("", { "Last-Event-ID": `${begun.id}.end` }), [
    200,
    ended,
  ]);
  assertEquals(model.calls.length, 1);
  assertEquals(
    await outcomeOf(server, "/helloworld", {
      headers: { ...asJson, "Last-Event-ID": `${gone}.end` },
    }),
    "204",
  );
});

Deno.test("a client that polls no more lets the model stop", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask, clock });
  const response = await ask(server, "/helloworld", { headers: asJson });
  const { id } = await response.json();
  clock.tick(14_999);
  assert(!model.calls[0]!.signal.aborted);
  clock.tick(1);
  assert(model.calls[0]!.signal.aborted);
  const last = await ask(server, `/helloworld?id=${id}`, { headers: asJson });
  assertEquals((await last.json()).code, "abandoned");
});

Deno.test("JSON is for who prefers it", async () => {
  const { server, ended } = await startWithAnswers();
  await using _ = server;
  for (
    const [accept, type] of [
      [undefined, "text/event-stream"],
      ["*/*", "text/event-stream"],
      ["text/event-stream", "text/event-stream"],
      ["text/html", "text/event-stream"],
      ["application/json", "application/json"],
      ["application/json, text/event-stream", "text/event-stream"],
      ["text/event-stream, application/json", "text/event-stream"],
      ["application/json;q=0.5, text/event-stream", "text/event-stream"],
      ["application/json, text/event-stream;q=0.9", "application/json"],
      // As axios says it: a stream is for who asks for it by name.
      ["application/json, text/plain, */*", "application/json"],
      ["application/*", "application/json"],
      ["application/json;q=0", "text/event-stream"],
      [";;,,=", "text/event-stream"],
    ]
  ) {
    const headers = accept === undefined ? {} : { Accept: accept };
    for (const method of ["GET", "HEAD"]) {
      const response = await ask(server, `/helloworld?id=${ended}`, {
        method,
        headers,
      });
      assertEquals(response.status, 200);
      assertEquals(response.headers.get("content-type"), type, accept);
      assert(response.headers.get("vary")!.includes("Accept"));
      await response.body?.cancel();
    }
  }
});

Deno.test("HEAD and OPTIONS start nothing", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  for (const query of ["", `?id=${id}`, "?id=x", "?prompt=p"]) {
    const head = await fetch(`${server.url}/helloworld${query}`, {
      method: "HEAD",
    });
    assertEquals([head.status, head.body], [200, null]);
    assertEquals(head.headers.get("content-type"), "text/event-stream");
    assertEquals(head.headers.get("fieldstream-model"), "scripted");
    for (const path of ["/helloworld", "/", "/health", "/nowhere"]) {
      const options = await fetch(`${server.url}${path}${query}`, {
        method: "OPTIONS",
        headers: { "Access-Control-Request-Method": "DELETE" },
      });
      assertEquals([options.status, options.body], [204, null]);
      assertEquals(options.headers.get("access-control-allow-origin"), "*");
      assertEquals(
        options.headers.get("access-control-allow-methods"),
        "GET, POST, DELETE, HEAD, OPTIONS",
      );
      assertEquals(
        options.headers.get("access-control-allow-headers"),
        "Content-Type, Authorization, Last-Event-ID",
      );
    }
  }
  assertEquals([server.generations.running, server.generations.kept], [0, 0]);
  assertEquals(model.calls.length, 0);
});

Deno.test("DELETE is always 204", async () => {
  const { server, model, ended } = await startWithAnswers();
  await using _ = server;
  for (const query of ["", "?id=", "?id=x", `?id=${gone}`, `?id=${ended}`]) {
    const path = `/helloworld${query}`;
    assertEquals(await outcomeOf(server, path, { method: "DELETE" }), "204");
  }
  assertEquals(server.generations.running, 1);
  const path = `/helloworld?id=${id}`;
  assertEquals(await outcomeOf(server, path, { method: "DELETE" }), "204");
  assertEquals(server.generations.running, 0);
  assert(model.calls[0]!.signal.aborted);
});

Deno.test("other methods and addresses are refused", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  for (
    const [method, path, status, code, allow] of [
      ["PUT", "/helloworld", 405, "method_not_allowed", "POST"],
      ["PATCH", "/helloworld", 405, "method_not_allowed", "DELETE"],
      ["POST", "/health", 405, "method_not_allowed", "GET"],
      ["DELETE", "/health", 405, "method_not_allowed", "HEAD"],
      ["POST", "/", 405, "method_not_allowed", "GET"],
      ["PUT", "/client.js", 405, "method_not_allowed", "HEAD"],
      ["GET", "/session", 405, "method_not_allowed", "POST"],
      ["GET", "/nowhere", 404, "not_found", undefined],
      ["POST", "/nowhere", 404, "not_found", undefined],
      ["GET", "/helloworld/", 404, "not_found", undefined],
      ["GET", "//helloworld", 404, "not_found", undefined],
      ["GET", "/../deno.json", 404, "not_found", undefined],
      ["GET", "/%2e%2e/deno.json", 404, "not_found", undefined],
      ["GET", "/..%2fdeno.json", 404, "not_found", undefined],
      ["GET", "/%00", 404, "not_found", undefined],
      ["GET", "/%", 404, "not_found", undefined],
    ] as const
  ) {
    const response = await ask(server, path, { method });
    const name = `${method} ${path}`;
    assertEquals(response.status, status, name);
    const { message, ...error } = await response.json();
    assertEquals(error, { status: "error", code }, name);
    assert(typeof message === "string");
    const allowed = response.headers.get("allow");
    assertEquals(allow !== undefined, allowed?.includes(allow!) ?? false, name);
  }
  assertEquals(server.errors, []);
});

Deno.test("/health says that the server is well, or going", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const well = await ask(server, "/health");
  assertEquals([well.status, await well.json()], [200, {
    status: "ok",
    message: "Server is running",
  }]);
  const head = await ask(server, "/health", { method: "HEAD" });
  assertEquals(head.status, 200);
  await server.generations.drain();
  const going = await ask(server, "/health");
  assertEquals([going.status, (await going.json()).status], [503, "draining"]);
});

Deno.test("while draining nothing starts, and what there is can be followed", async () => {
  const { server, model, ended } = await startWithAnswers();
  await using _ = server;
  // This one's body is still on its way when the draining begins.
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const open = server.budgets.openStreams;
  const slow = ask(server, `/helloworld?id=${gone}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: body.readable,
  });
  await until(() => server.budgets.openStreams > open);
  const drained = server.generations.drain();
  const writer = body.writable.getWriter();
  await writer.write(new TextEncoder().encode("{}"));
  await writer.close();
  for (
    const response of [
      await slow,
      await ask(server, "/helloworld"),
      await ask(server, `/helloworld?id=${gone}`),
      await ask(server, "/helloworld", { headers: asJson }),
      await ask(server, "/helloworld", { method: "POST" }),
    ]
  ) {
    assertEquals(response.status, 503);
    assert(Number(response.headers.get("retry-after")) > 0);
    assertEquals((await response.json()).code, "draining");
  }
  assertEquals(
    await outcomeOf(server, `/helloworld?id=${ended}`, { headers: asJson }),
    "200",
  );
  const follower = await ask(server, "/helloworld", {
    headers: { "Last-Event-ID": `${id}.10` },
  });
  model.calls[0]!.say('a"}');
  model.calls[0]!.end();
  const events = await Array.fromAsync(readEvents(follower));
  assertEquals(events.map(({ data }) => data.status), ["chunk", "end"]);
  await drained;
  assertEquals(server.budgets.openStreams, 0);
});

Deno.test("a body that never ends is given up, one that breaks off starts nothing", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask, clock });
  const headers = {
    "Content-Type": "application/json",
    "Content-Length": "100",
  };
  const slow = await RawConnection.open(`${server.url}/helloworld`, {
    method: "POST",
    headers,
  });
  await until(() => server.budgets.openStreams === 1);
  clock.tick(10_000);
  while (slow.status === undefined) await slow.read();
  assertEquals(slow.status, 400);
  slow.close();
  const gone = await RawConnection.open(`${server.url}/helloworld`, {
    method: "POST",
    headers,
  });
  await until(() => server.budgets.openStreams === 1);
  gone.close();
  await until(() => server.budgets.openStreams === 0);
  assertEquals(server.generations.running, 0);
  assertEquals([model.calls.length, clock.timers], [0, 0]);
  assertEquals(server.errors, []);
});

Deno.test("the page and its files are served", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  for (
    const [path, type] of [
      ["/", "text/html"],
      ["/client.js", "javascript"],
      ["/apply_delta.js", "javascript"],
      ["/style.css", "text/css"],
    ] as const
  ) {
    const response = await ask(server, path);
    assertEquals(response.status, 200);
    assert(response.headers.get("content-type")!.includes(type), path);
    assertEquals(response.headers.get("cache-control"), "no-cache");
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    assert(response.headers.has("content-security-policy"));
    const etag = response.headers.get("etag");
    assert((await response.text()).length > 0);
    assert(etag !== null);
    const again = await ask(server, path, {
      headers: { "If-None-Match": etag },
    });
    assertEquals(again.status, 304);
    const head = await ask(server, path, { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
  }
  assertEquals(model.calls.length, 0);
});

Deno.test("a client over its budget is refused before its body is read", async () => {
  const model = new ScriptedModel();
  const config = testConfig({ limits: { generationsPerMinute: 1 } });
  await using server = startServer({ ask: model.ask, config });
  await (await ask(server, `/helloworld?id=${id}`, { headers: asJson })).json();
  let read = 0;
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        read++;
        controller.enqueue(new TextEncoder().encode("{"));
        controller.close();
      },
    }, { highWaterMark: 0 });
  const post = (path: string) =>
    ask(server, path, {
      method: "POST",
      headers: { ...asJson, "content-type": "application/json" },
      body: body(),
    });
  const refused = await post("/helloworld");
  assertEquals([refused.status, read], [429, 0]);
  assert(Number(refused.headers.get("retry-after")) > 0);
  await refused.json();
  // What is there already can be asked for again, and costs no generation.
  const again = await ask(server, `/helloworld?id=${id}`, { headers: asJson });
  assertEquals(again.status, 200);
  await again.json();
  // So with a server that starts nothing more, or cannot.
  server.generations.stopAll();
  await server.generations.drain();
  const draining = await post("/helloworld");
  assertEquals([draining.status, read], [503, 0]);
  await draining.json();
  assertEquals(model.calls.length, 1);
});

Deno.test("a resume is charged by what it makes the server send", async () => {
  const key = "k".repeat(980);
  const model = new ScriptedModel((call) => {
    call.say(`{"${key}":[${Array(20_000).fill('""')},`);
  });
  const config = testConfig({ limits: { resumesPerMinute: 600 } });
  await using server = startServer({ ask: model.ask, config });
  const path = `/helloworld?id=${id}`;
  await (await ask(server, path, { headers: asJson })).json();
  const { length } = server.generations.get(id)!.transcript;
  assertEquals(length, 60_985);
  const statusFrom = async (offset: number) => {
    const response = await ask(server, path, {
      headers: { "Last-Event-ID": `${id}.${offset}` },
    });
    await response.body!.cancel();
    return response.status;
  };
  // 200 bytes of a request for 20 MB: once a minute, and not 600 times.
  assertEquals(await statusFrom(1_000), 200);
  assertEquals(await statusFrom(1_000), 429);
  // For the end of it, often.
  for (let n = 0; n < 20; n++) assertEquals(await statusFrom(length), 200);
});

Deno.test("a body is late where the client is slow, not where the server stood still", async () => {
  for (const [pause, status] of [[0, 202], [2_999, 202], [3_000, 400]]) {
    const clock = new TestClock();
    const model = new ScriptedModel();
    await using server = startServer({ ask: model.ask, clock });
    const reading = Promise.withResolvers<
      ReadableStreamDefaultController<Uint8Array>
    >();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => reading.resolve(controller),
    });
    const answer = ask(server, "/helloworld", {
      method: "POST",
      headers: { ...asJson, "content-type": "application/json" },
      body,
    });
    const controller = await reading.promise;
    await until(() => clock.timers > 0);
    clock.jump(60_000);
    clock.tick(pause!);
    if (status === 202) {
      controller.enqueue(new TextEncoder().encode("{}"));
      controller.close();
    }
    const response = await answer;
    assertEquals(response.status, status);
    await response.json();
  }
});

Deno.test("the page's files are read once", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const { open, stat, lstat, readFile } = Deno;
  const first = await (await ask(server, "/client.js")).text();
  let read = 0;
  const count = () => {
    read++;
    throw new Error("Cannot read: a test");
  };
  Object.assign(Deno, { open: count, stat: count, lstat: count });
  Object.assign(Deno, { readFile: count });
  try {
    assertEquals(await (await ask(server, "/client.js")).text(), first);
  } finally {
    Object.assign(Deno, { open, stat, lstat, readFile });
  }
  assertEquals(read, 0);
});

Deno.test("a server that is full says when to come back", async () => {
  const model = new ScriptedModel();
  const config = testConfig({ limits: { streams: 1, streamsPerClient: 1 } });
  await using server = startServer({ ask: model.ask, config });
  const response = await ask(server, "/helloworld");
  const full = await ask(server, "/helloworld");
  assert([429, 503].includes(full.status));
  assert(Number(full.headers.get("retry-after")) > 0);
  await full.json();
  await response.body!.cancel();
  assertEquals(model.calls.length, 1);
});
