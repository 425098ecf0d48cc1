import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type FieldStream,
  type FieldStreamError,
  generationId,
  type StandardSchema,
  streamFields,
} from "../../static/client.js";
import { ScriptedModel, startServer, turn } from "../_server.ts";
import { cutAfter, startProxy } from "../_proxy.ts";
import { hurry, type Options } from "./_hurry.ts";

const url = "http://fieldstream.test/helloworld";
const id = "abcdefghijklmnopqrstuv";

Deno.test("client merges deltas and tells of each", async () => {
  const told: unknown[] = [];
  const { fetch } = script(
    stream(
      event("0", { status: "start", id, model: "m", protocol: 1 }),
      event("1", { status: "reasoning", data: "hm" }),
      event("2", { status: "chunk", data: {} }),
      event("9", { status: "chunk", data: { title: "Bl" } }),
      event("12", {
        status: "chunk",
        data: { title: "ue", tags: [] },
        complete: ["/title"],
      }),
      event("end", { status: "end", finish_reason: "stop" }),
    ),
  );
  const field = streamFields(url, {
    id,
    fetch,
    onStart: (event) => told.push(["start", event.model]),
    onReasoning: (text) => told.push(["reasoning", text]),
    onDelta: ({ data }) => told.push(["delta", data]),
    onState: (state) => told.push(["state", structuredClone(state)]),
    onComplete: (pointers) => told.push(["complete", pointers]),
    onEnd: (event) => told.push(["end", event.finish_reason]),
    onConnection: ({ status }) => told.push([status]),
  });
  const { status, state, end, error } = await field.finished;
  assertEquals(
    [status, state, end?.finish_reason, error],
    ["end", { title: "Blue", tags: [] }, "stop", undefined],
  );
  assertEquals(told, [
    ["connecting"],
    ["open"],
    ["start", "m"],
    ["reasoning", "hm"],
    ["delta", {}],
    ["state", {}],
    ["delta", { title: "Bl" }],
    ["state", { title: "Bl" }],
    ["delta", { title: "ue", tags: [] }],
    ["state", { title: "Blue", tags: [] }],
    ["complete", ["/title"]],
    ["closed"],
    ["end", "stop"],
  ]);
  assertEquals(field.lastEventId, `${id}.end`);
});

Deno.test("client tells that the model is asked once more, and heeds its reset", async () => {
  const { fetch } = script(
    stream(
      event("0", { status: "start", id, model: "m", protocol: 1 }),
      event("3", { status: "chunk", data: { title: "Bl" } }),
      event("4", {
        ...{ status: "attempt", attempt: 2 },
        ...{ reason: "upstream_unavailable", continues: false },
      }),
      event("9", { status: "chunk", reset: [""], data: { title: "Red" } }),
      event("end", { status: "end", finish_reason: "stop", attempts: 2 }),
    ),
  );
  const told: unknown[] = [];
  const { finished } = streamFields(url, {
    ...{ id, fetch },
    onAttempt: ({ attempt, reason, continues }) =>
      told.push(attempt, reason, continues),
  });
  const { state, end } = await finished;
  assertEquals(told, [2, "upstream_unavailable", false]);
  assertEquals([state, end?.attempts], [{ title: "Red" }, 2]);
});

Deno.test("client asks by POST, with an id of its own and no prompt in the URL", async () => {
  const { fetch, requests } = script(stream(end));
  const schema = { type: "object" };
  const input = { dish: "soup" };
  const field = streamFields(url, {
    prompt: "天空",
    input,
    schema,
    headers: { Authorization: "Bearer t" },
    fetch,
  });
  await field.finished;
  const [request] = requests;
  assertEquals(request?.method, "POST");
  assertEquals(request?.url, `${url}?id=${field.id}&ids=short`);
  assert(/^[\w-]{22}$/.test(field.id));
  assertEquals(request?.headers.get("Accept"), "text/event-stream");
  assertEquals(request?.headers.get("Authorization"), "Bearer t");
  assertEquals(request?.headers.get("Content-Type"), "application/json");
  assertEquals(await request?.json(), { prompt: "天空", input, schema });
});

Deno.test("client asks by GET when told to", async () => {
  const { fetch, requests } = script(stream(end));
  const input = { dish: "soup", id: "another" };
  await streamFields(url, { prompt: "a b", method: "GET", id, input, fetch })
    .finished;
  const [request] = requests;
  assertEquals(request?.method, "GET");
  assertEquals(
    Object.fromEntries(new URL(request!.url).searchParams),
    { dish: "soup", prompt: "a b", id, ids: "short" },
  );
});

Deno.test("client sends the JSON Schema of what zod and the like make", async () => {
  const { fetch, requests } = script(stream(end));
  const jsonSchema = {
    input: ({ target }: { target: string }) => ({ type: "object", target }),
  };
  const standard = { version: 1, vendor: "test", jsonSchema } as const;
  const schema: StandardSchema<{ title: string; tags: string[] }> = {
    "~standard": standard,
  };
  const field = streamFields(url, { schema, fetch });
  const { state } = await field.finished;
  // Its type follows from the schema.
  const title: string | undefined = state?.title;
  assertEquals(title, undefined);
  assertEquals(await requests[0]?.json(), {
    schema: { type: "object", target: "draft-2020-12" },
  });
  const none = streamFields(url, { schema: { "~standard": {} }, fetch });
  const { reports } = await reporting(() => none);
  assert(reports[0] instanceof TypeError);
});

Deno.test("client refuses options that contradict each other", () => {
  assertThrows(
    () => streamFields(url, { method: "GET", schema: {} }),
    TypeError,
    "Cannot send a schema: the method is GET",
  );
  assertThrows(
    () => streamFields(url, { id, lastEventId: `${generationId()}.0` }),
    TypeError,
    "Cannot follow",
  );
});

Deno.test("client does not carry on without the state that its last event id belongs to", async () => {
  for (const offset of ["6", "12345", "end"]) {
    assertThrows(
      () => streamFields(url, { lastEventId: `${id}.${offset}` }),
      TypeError,
      "its state is missing",
    );
  }
  // There may be none yet: the model has only thought so far.
  for (
    const options of [
      { lastEventId: `${id}.0` },
      { lastEventId: `${id}.6`, state: undefined },
      { lastEventId: `${id}.6`, state: {} },
    ]
  ) {
    const { fetch } = script(stream(end));
    const { status } = await streamFields(url, { ...options, fetch }).finished;
    assertEquals(status, "end");
  }
});

Deno.test("client sends credentials with every request where it is told to", async () => {
  for (const credentials of ["include", "omit", undefined] as const) {
    const { fetch, requests } = script(
      () => redirectTo("/elsewhere", 302),
      () => arrivedAt(`${url}?id=${id}`),
      endless(event("3", { status: "chunk", data: {} })),
      () => Promise.reject(new TypeError("reset")),
      endless(event("4", { status: "chunk", data: {} })),
      new Response(null, { status: 204 }),
    );
    let deltas = 0;
    const field = hurry(url, {
      id,
      fetch,
      ...(credentials && { credentials }),
      onDelta: () => ++deltas === 1 ? field.reconnect() : field.stop(),
    });
    await field.finished;
    await turn();
    assertEquals(
      requests.map(({ method }) => method),
      ["POST", "HEAD", "POST", "GET", "GET", "DELETE"],
    );
    for (const request of requests) {
      assertEquals(request.credentials, credentials ?? "same-origin");
    }
  }
});

Deno.test("client reads an event stream whatever its line ends and however it is cut", async () => {
  const text = "\ufeff: hello\n\nretry: 5\n\n" +
    `id: ${id}.0\r\ndata: {"status":"start","id":"x"}\r\n\r\n` +
    `id: ${id}.4\rdata: {"status":"chunk",\rdata: "data":{"a":"天"}}\r\r` +
    `id: ${id}.5\ndata:{"status":"chunk","data":{"a":"😀"}}\n\n` +
    `event: other\ndata: not JSON\n\nevent: message\n` +
    `id: ${id}.6\ndata: {"status":"chunk","data":{"a":"\\ud83d"}}\n\n` +
    `unknown: x\ndata\nretry: never\nid: nul\0\n` +
    `data: {"status":"chunk","data":{"a":"\\ude00"}}\n\n` +
    `id: ${id}.end\ndata: {"status":"end"}\n\n` +
    `data: {"status":"chunk","data":{"a":"late"}}\n\n`;
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < 40; size++) {
    const ids: string[] = [];
    const { fetch } = script(() => streamOf(cutBytes(bytes, size)));
    const field = streamFields(url, {
      id,
      fetch,
      onEvent: (event) => ids.push(event.id.split(".")[1]!),
    });
    const { status, state } = await field.finished;
    assertEquals([status, state], ["end", { a: "天😀😀" }]);
    assertEquals(ids, ["0", "4", "5", "6", "6", "end"]);
  }
});

Deno.test("client carries on where it was cut, at whatever byte", async () => {
  const events = [
    event("0", { status: "start", id }),
    event("1", { status: "chunk", data: {} }),
    event("5", { status: "chunk", data: { 标: "" } }),
    event("6", { status: "chunk", data: { 标: "题" } }),
    event("8", { status: "chunk", data: { 标: "目😀", n: [] } }),
    event("9", { status: "chunk", data: { n: { 0: 1 } } }),
    event("end", { status: "end" }),
  ];
  const bytes = new TextEncoder().encode(events.join(""));
  for (let at = 0; at <= bytes.length; at++) {
    const deltas: unknown[] = [];
    const offsets: unknown[] = [];
    const { fetch, requests } = script((request) => {
      const last = request.headers.get("Last-Event-ID");
      if (!last && requests.length === 1) {
        return streamOf([bytes.slice(0, at)]);
      }
      const seen = events.findIndex((event) => event.includes(`${last}\n`));
      return stream(...events.slice(seen + 1));
    });
    const { status, state } = await hurry(url, {
      id,
      fetch,
      onDelta: ({ data }) => deltas.push(data),
      onConnection: ({ status, offset }) =>
        status === "open" && offsets.push(offset),
    }).finished;
    assertEquals([status, state], ["end", { 标: "题目😀", n: [1] }]);
    assertEquals(deltas.length, 5);
    assertEquals(requests.length, at === bytes.length ? 1 : 2);
    if (requests[1]?.headers.has("Last-Event-ID")) {
      assertEquals(requests[1].method, "GET");
      assert(Number(offsets[1]) >= 0);
    }
  }
});

Deno.test("client sends a request that was lost again, with the same id", async () => {
  const { fetch, requests } = script(
    () => Promise.reject(new TypeError("connection refused")),
    () => stream(),
    () => stream(end),
  );
  const { status } = await hurry(url, {
    prompt: "p",
    fetch,
  }).finished;
  assertEquals(status, "end");
  assertEquals(requests.length, 3);
  assertEquals(new Set(requests.map(({ url }) => url)).size, 1);
  for (const request of requests) {
    assertEquals(await request.json(), { prompt: "p" });
  }
});

Deno.test("client begins anew on a start event", async () => {
  const { fetch } = script(
    stream(
      event("0", { status: "start", id }),
      event("5", { status: "chunk", data: { a: "first" } }),
    ),
    stream(
      event("0", { status: "start", id }),
      event("5", { status: "chunk", data: { a: "second" } }),
      end,
    ),
  );
  const { state } = await hurry(url, { id, fetch })
    .finished;
  assertEquals(state, { a: "second" });
});

Deno.test("client follows and never starts when it has a last event id", async () => {
  const { fetch, requests } = script(
    stream(event("9", { status: "chunk", data: { a: "def" } }), end),
  );
  const field = streamFields(url, {
    lastEventId: `${id}.6`,
    state: { a: "abc" },
    fetch,
  });
  const { state } = await field.finished;
  assertEquals(state, { a: "abcdef" });
  assertEquals(field.id, id);
  assertEquals(requests[0]?.method, "GET");
  assertEquals(requests[0]?.headers.get("Last-Event-ID"), `${id}.6`);
});

Deno.test("client has finished when the server says 204", async () => {
  const { fetch } = script(new Response(null, { status: 204 }));
  const lastEventId = `${id}.end`;
  const state = { a: "b" };
  const result = await streamFields(url, { lastEventId, state, fetch })
    .finished;
  assertEquals(result, { status: "end", state, end: {} });
});

Deno.test("client knows the server's own words, and gives up where they are final", async () => {
  for (
    const [status, code, retryable] of [
      [400, "bad_request", false],
      [401, "unauthorized", false],
      [403, "forbidden", false],
      [404, "not_found", false],
      [405, "method_not_allowed", false],
      [409, "conflict", false],
      [410, "expired", false],
      [413, "too_large", false],
      [415, "unsupported_media_type", false],
      [402, "a_hosts_own", false],
      [500, "internal", true],
    ] as const
  ) {
    const body = { status: "error", code, message: "出错" };
    const { fetch, requests } = script(Response.json(body, { status }));
    const errors: FieldStreamError[] = [];
    const result = await streamFields(url, {
      fetch,
      onError: (error) => errors.push(error),
    }).finished;
    assertEquals(result.status, "error");
    assertStrictEquals(errors[0], result.error);
    assertEquals(
      errors.map(({ code, message, retryable }) => [code, message, retryable]),
      [[code, "出错", retryable]],
    );
    assertEquals(requests.length, 1);
  }
});

/** What something between the client and the server may say. */
const foreign: [name: string, reply: () => Response][] = [
  ...[
    ...[400, 401, 402, 403, 404, 405, 406, 408, 410, 411, 413, 418, 421, 422],
    ...[425, 429, 451, 500, 501, 502, 503, 504, 507, 511, 599],
    ...Array.from({ length: 11 }, (_, index) => 520 + index),
  ].map((status): [string, () => Response] => [
    `${status}`,
    () => new Response("<html>", { status, headers: html }),
  ]),
  ["204", () => new Response(null, { status: 204 })],
  ["200 of a login", () => new Response("<html>", { headers: html })],
  ["200 of nothing", () => new Response("")],
  ["200 of JSON", () => Response.json({ ok: true })],
  ["201 of an array", () => Response.json([1], { status: 201 })],
  ["300", () => new Response("", { status: 300 })],
  [
    "429 with a time",
    () => new Response("", { status: 429, headers: { "Retry-After": "0" } }),
  ],
  ["503 with a date", () =>
    new Response("", {
      status: 503,
      headers: { "Retry-After": new Date(Date.now() - 1_000).toUTCString() },
    })],
  [
    "503 with nonsense",
    () => new Response("", { status: 503, headers: { "Retry-After": "soon" } }),
  ],
  ...[
    null,
    "error",
    { message: "Forbidden" },
    { error: "unauthorized" },
    { error: { code: "not_found" } },
    { code: 403, message: "no" },
    { code: "NOT_FOUND", status: "error" },
    { status: "error", code: 1020, message: "blocked" },
    { status: "error", message: "blocked" },
  ].map((body): [string, () => Response] => [
    JSON.stringify(body),
    () => Response.json(body, { status: 403 }),
  ]),
];

Deno.test("client does not give up in mid-answer for what something in between says", async () => {
  for (const [name, reply] of foreign) {
    const { fetch, requests } = script(
      stream(event("3", { status: "chunk", data: { a: "b" } })),
      reply,
      stream(event("4", { status: "chunk", data: { a: "c" } }), end),
    );
    const { status, state } = await hurry(url, { id, fetch }).finished;
    assertEquals([status, state], ["end", { a: "bc" }], name);
    assertEquals(requests[2]?.headers.get("Last-Event-ID"), `${id}.3`);
  }
});

Deno.test("client does not give up at the start for what something in between says", async () => {
  for (const [name, reply] of foreign) {
    const { fetch, requests } = script(reply, () => stream(end));
    const { status } = await hurry(url, { prompt: "p", fetch }).finished;
    assertEquals([status, requests.length], ["end", 2], name);
    assertEquals(await requests[1]?.json(), { prompt: "p" });
    assertEquals(new Set(requests.map(({ url }) => url)).size, 1);
  }
});

Deno.test("client believes somebody else's refusal when it comes twice running", async () => {
  for (
    const [status, code] of [
      [401, "unauthorized"],
      [402, "bad_response"],
      [403, "forbidden"],
      [405, "method_not_allowed"],
      [422, "bad_response"],
    ] as const
  ) {
    const refusal = () => new Response("<html>", { status, headers: html });
    const twice = script(
      refusal,
      () => new Response("", { status: 502 }),
      refusal,
      () => stream("retry: 5\n\n"),
      refusal,
      refusal,
    );
    const { error } = await hurry(url, { fetch: twice.fetch }).finished;
    assertEquals(
      [error?.code, error?.message, error?.retryable, twice.requests.length],
      [code, `HTTP ${status}`, false, 6],
    );
  }
});

Deno.test("client says at last what something in between has said", async () => {
  for (
    const [reply, code, message, retryable] of [
      [new Response("", { status: 404 }), "not_found", "HTTP 404", false],
      [new Response("", { status: 418 }), "bad_response", "HTTP 418", false],
      [new Response("", { status: 500 }), "connection_lost", "HTTP 500", true],
      [new Response("", { status: 522 }), "connection_lost", "HTTP 522", true],
      [new Response("", { status: 503 }), "overloaded", "HTTP 503", true],
      [
        new Response("<h1>Sign in to the Wi-Fi</h1>", { headers: html }),
        "bad_response",
        "Cannot understand the server's answer: 200 text/html",
        false,
      ],
    ] as const
  ) {
    const told: unknown[] = [];
    const { fetch, requests } = script(() => reply.clone());
    const { error } = await hurry(url, {
      fetch,
      attempts: 4,
      onConnection: ({ status, code }) =>
        status === "waiting" && told.push(code),
    }).finished;
    assertEquals(
      [error?.code, error?.message, error?.retryable],
      [code, message, retryable],
    );
    assertEquals(requests.length, 5);
    // It is not the server that wants to be asked later.
    assertEquals(told, Array(4).fill(undefined));
  }
});

Deno.test("client passes a typed error event on", async () => {
  const { fetch } = script(
    stream(
      event("3", { status: "chunk", data: { a: "b" } }),
      event("end", {
        status: "error",
        code: "truncated",
        message: "截断",
        retryable: true,
        path: "/a",
      }),
    ),
  );
  const { status, state, error } = await streamFields(url, { fetch }).finished;
  assertEquals([status, state], ["error", { a: "b" }]);
  const { code, message, retryable, path } = error!;
  assertEquals([code, message, retryable, path], [
    "truncated",
    "截断",
    true,
    "/a",
  ]);
});

Deno.test("client comes back when a full server says when, but not for ever", async () => {
  const busy = () =>
    Response.json({ status: "error", code: "overloaded", message: "忙" }, {
      status: 503,
      headers: { "Retry-After": "0" },
    });
  const random = Math.random;
  Math.random = () => 0;
  try {
    const waits: unknown[] = [];
    const patient = script(busy, busy, () => stream(end));
    const { status } = await streamFields(url, {
      fetch: patient.fetch,
      onConnection: ({ status, delay, code }) =>
        status === "waiting" && waits.push([delay, code]),
    }).finished;
    assertEquals(status, "end");
    assertEquals(waits, [[0, "overloaded"], [0, "overloaded"]]);

    const never = script(...Array.from({ length: 10 }, () => busy));
    const { error } = await streamFields(url, {
      fetch: never.fetch,
      attempts: 3,
    }).finished;
    assertEquals(error?.code, "overloaded");
    assertEquals(never.requests.length, 4);
  } finally {
    Math.random = random;
  }
});

Deno.test("client waits for the date that Retry-After names", async () => {
  const date = new Date(Date.now() - 1_000).toUTCString();
  const headers = { "Retry-After": date };
  const random = Math.random;
  Math.random = () => 0;
  try {
    const { fetch } = script(
      new Response("", { status: 429, headers }),
      stream(end),
    );
    assertEquals((await streamFields(url, { fetch }).finished).status, "end");
  } finally {
    Math.random = random;
  }
});

Deno.test("client tries again when a proxy does not reach its server", async () => {
  const { fetch, requests } = script(
    () => stream(),
    () => new Response("<html>", { status: 502 }),
    () => new Response("<html>", { status: 504 }),
    () => stream(end),
  );
  const { status } = await hurry(url, { fetch }).finished;
  assertEquals([status, requests.length], ["end", 4]);
});

Deno.test("client gives up when connecting fails too often", async () => {
  const statuses: string[] = [];
  let calls = 0;
  const { error } = await hurry(url, {
    attempts: 2,
    fetch: () => {
      calls++;
      return Promise.resolve(stream());
    },
    onConnection: ({ status }) => statuses.push(status),
  }).finished;
  assertEquals([error?.code, error?.retryable], ["connection_lost", true]);
  assertEquals(calls, 3);
  assertEquals(
    statuses.join(),
    "connecting,open,waiting,connecting,open,waiting,connecting,open,closed",
  );
});

Deno.test("client waits as long as the server asks, then longer each time", async () => {
  const delays: unknown[] = [];
  const { fetch } = script(
    stream("retry: 100\n\n"),
    () => Promise.reject(new TypeError("refused")),
  );
  await withRandom(0.75, () =>
    hurry(url, {
      fetch,
      attempts: 10,
      onConnection: ({ delay }) => delay !== undefined && delays.push(delay),
    }).finished);
  assertEquals(delays, [
    100,
    ...[200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000]
      .map((delay) => delay * 1.125),
  ]);
});

Deno.test("client comes back well within the linger while an answer is written", async () => {
  for (
    const [linger, longest] of [
      [undefined, 5_000],
      [6, 2_000],
      [1, 1_000 / 3],
      [0.1, 100],
      [null, 30_000],
    ] as const
  ) {
    const delays: unknown[] = [];
    const { fetch } = script(
      stream("retry: 1500\n\n", event("0", { status: "start", id, linger })),
      () => Promise.reject(new TypeError("refused")),
    );
    await withRandom(0.5, () =>
      hurry(url, {
        fetch,
        attempts: 7,
        onConnection: ({ delay }) => delay !== undefined && delays.push(delay),
      }).finished);
    assertEquals(
      delays,
      [1_500, 3_000, 6_000, 12_000, 24_000, 48_000, 96_000]
        .map((delay) => Math.min(delay, longest)),
    );
  }
});

Deno.test("client takes its time again when the answer cannot be running any more", async () => {
  const delays: number[] = [];
  const { fetch } = script(
    stream("retry: 60\n\n", event("0", { status: "start", id, linger: 0.3 })),
    () => Promise.reject(new TypeError("refused")),
  );
  await streamFields(url, {
    fetch,
    attempts: 5,
    onConnection: ({ delay }) => delay !== undefined && delays.push(delay),
  }).finished;
  assert(delays.some((delay) => delay > 300), delays.join());
});

Deno.test("client makes nothing of connections that break, as long as they bring something", async () => {
  for (
    const [piece, times] of [
      ["retry: 7\n\n: ping\n\n", 30],
      ["retry: 7\n\n", 3],
    ] as const
  ) {
    const delays: unknown[] = [];
    let calls = 0;
    const { status } = await hurry(url, {
      attempts: 1,
      fetch: () =>
        Promise.resolve(++calls > times ? stream(end) : stream(piece)),
      onConnection: ({ delay }) => delay !== undefined && delays.push(delay),
    }).finished;
    assertEquals([status, delays], ["end", Array(times).fill(7)]);
  }
});

Deno.test("client polls where no event stream lives, and goes back to them when one does", async () => {
  const asked: string[] = [];
  const told: string[] = [];
  const states: unknown[] = [];
  let polls = 0;
  const { fetch } = script(
    stream(
      event("0", { status: "start", id, linger: 0.1 }),
      event("5", { status: "chunk", data: { a: "b" } }),
    ),
    (request) => {
      asked.push(request.headers.get("Accept")!);
      const last = request.headers.get("Last-Event-ID");
      if (asked.at(-1) === "application/json") {
        polls++;
        assertEquals(last, `${id}.${polls === 1 ? 5 : 6}`);
        return Response.json({
          id,
          status: "running",
          lastEventId: `${id}.6`,
          data: { a: "bc" },
        });
      }
      if (polls < 10) return stream("retry: 1\n\n");
      assertEquals(last, `${id}.6`);
      return stream(event("7", { status: "chunk", data: { a: "d" } }), end);
    },
  );
  const { status } = await hurry(url, {
    id,
    fetch,
    onState: (state) => states.push(structuredClone(state)),
    onConnection: ({ status, polling }) =>
      told.push(polling ? "polling" : status),
  }).finished;
  assertEquals(status, "end");
  // Told once, however often it is asked again.
  assertEquals(states, [{ a: "b" }, { a: "bc" }, { a: "bcd" }]);
  assertEquals(
    told.join(),
    `${
      "connecting,open,waiting,".repeat(4)
    }connecting,polling,open,open,closed`,
  );
  const streamed = "text/event-stream";
  const poll = "application/json";
  assertEquals(asked, [
    ...Array(3).fill(streamed),
    ...Array(7).fill(poll),
    streamed,
    ...Array(9).fill(poll),
    streamed,
  ]);
});

Deno.test("client does not take an event stream that makes no sense", async () => {
  for (
    const response of [
      stream("data: not JSON\n\n"),
      stream(
        'data: {"status":"chunk","data":{"a":"b"}}\n\n' +
          'data: {"status":"chunk","data":{"a":{}}}\n\n',
      ),
      stream("data: null\n\n"),
    ]
  ) {
    const { fetch } = script(response);
    const { error } = await streamFields(url, { fetch }).finished;
    assertEquals(error?.code, "bad_response");
  }
});

Deno.test("client gives a silent connection up", async () => {
  let cancelled = 0;
  const silent = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(encode(""));
        },
        cancel() {
          cancelled++;
        },
      }),
      { headers: { "Content-Type": "text/event-stream" } },
    );
  const { fetch, requests } = script(silent, () => stream(end));
  const { status } = await hurry(url, { fetch, idleMilliseconds: 20 })
    .finished;
  assertEquals([status, requests.length, cancelled], ["end", 2, 1]);
});

Deno.test("client stops the answer, for the server too", async () => {
  const { fetch, requests } = script(
    endless(event("3", { status: "chunk", data: { a: "b" } })),
    new Response(null, { status: 204 }),
  );
  const begun = Promise.withResolvers<void>();
  const field = streamFields(url, {
    headers: { Authorization: "Bearer t" },
    fetch,
    onDelta: () => begun.resolve(),
    onError: () => begun.reject(new Error("no error was expected")),
  });
  await begun.promise;
  await field.stop();
  const { status, state } = await field.finished;
  assertEquals([status, state], ["stopped", { a: "b" }]);
  const request = requests[1];
  assertEquals(request?.method, "DELETE");
  assertEquals(request?.url, `${url}?id=${field.id}&ids=short`);
  assertEquals(request?.headers.get("Authorization"), "Bearer t");
  await field.stop();
  assertEquals(requests.length, 2);
});

Deno.test("client leaves without a word when closed or aborted", async () => {
  const controller = new AbortController();
  for (const how of ["close", "abort"]) {
    const { fetch, requests } = script(
      endless(event("3", { status: "chunk", data: { a: "b" } })),
    );
    const field = streamFields(url, {
      fetch,
      signal: controller.signal,
      onDelta: () => how === "close" ? field.close() : controller.abort(),
    });
    assertEquals((await field.finished).status, "closed");
    assertEquals(requests.length, 1);
  }
  const { fetch, requests } = script();
  const { signal } = controller;
  assertEquals(
    (await streamFields(url, { fetch, signal }).finished).status,
    "closed",
  );
  assertEquals(requests.length, 0);
});

Deno.test("client closes while it waits", async () => {
  const { fetch } = script(() => Promise.reject(new TypeError("refused")));
  const field = streamFields(url, {
    fetch,
    onConnection: ({ status }) => status === "waiting" && field.close(),
  });
  assertEquals((await field.finished).status, "closed");
});

Deno.test("client drops a connection and makes another when told to", async () => {
  const { fetch, requests } = script(
    endless(event("3", { status: "chunk", data: { a: "b" } })),
    stream(event("4", { status: "chunk", data: { a: "c" } }), end),
  );
  const field = hurry(url, {
    id,
    fetch,
    onDelta: () => requests.length === 1 && field.reconnect(),
  });
  assertEquals((await field.finished).state, { a: "bc" });
  assertEquals(requests[1]?.headers.get("Last-Event-ID"), `${id}.3`);
});

Deno.test("client waits for the network without counting", async () => {
  const setOnLine = (value: boolean | undefined) =>
    Object.defineProperty(navigator, "onLine", { value, configurable: true });
  try {
    setOnLine(false);
    const told: unknown[] = [];
    const { fetch } = script(
      () => Promise.reject(new TypeError("no network")),
      () => Promise.reject(new TypeError("no network")),
      () => stream(end),
    );
    const { status } = await streamFields(url, {
      fetch,
      attempts: 1,
      onConnection({ status }) {
        told.push(status);
        if (status !== "offline") return;
        queueMicrotask(() => {
          if (told.length > 3) setOnLine(true);
          dispatchEvent(new Event("online"));
        });
      },
    }).finished;
    assertEquals(status, "end");
    assertEquals(told, [
      "connecting",
      "offline",
      "connecting",
      "offline",
      "connecting",
      "open",
      "closed",
    ]);
  } finally {
    setOnLine(undefined);
  }
});

Deno.test("client gives a connection up that was silent while there was no network", async () => {
  const { fetch, requests } = script(
    endless(event("3", { status: "chunk", data: {} })),
    stream(end),
  );
  await hurry(url, {
    fetch,
    onDelta() {
      setTimeout(() => {
        dispatchEvent(new Event("offline"));
        dispatchEvent(new Event("online"));
      }, 5);
    },
  }).finished;
  assertEquals(requests.length, 2);
});

Deno.test("client fails with what a callback throws, and reports it", async () => {
  const answer = [
    event("0", { status: "start", id }),
    event("1", { status: "reasoning", data: "hm" }),
    event("3", { status: "chunk", data: { a: "" }, complete: ["/a"] }),
    end,
  ];
  const failure = event("end", { status: "error", code: "stopped" });
  const late = () => Promise.reject(new Error("the caller's"));
  for (const callback of [thrower, late]) {
    for (
      const options of [
        { onStart: callback },
        { onReasoning: callback },
        { onDelta: callback },
        { onState: callback },
        { onComplete: callback },
        { onEnd: callback },
        { onConnection: callback },
        { onEvent: callback },
        { onError: callback },
      ] satisfies Options[]
    ) {
      const { fetch } = script(
        stream(...("onError" in options ? [failure] : answer)),
      );
      const { reports, field } = await reporting(() =>
        streamFields(url, { fetch, ...options })
      );
      assertEquals(
        new Set(reports.map(String)),
        new Set(["Error: the caller's"]),
      );
      // An end that is there already stands.
      const [name] = Object.keys(options);
      if (callback === late && /onE(nd|rror)/.test(name!)) continue;
      await assertRejects(() => field.finished, Error, "the caller's");
    }
  }
});

Deno.test("client calls nobody back any more after a callback has thrown", async () => {
  const told: string[] = [];
  const { fetch } = script(
    stream(event("3", { status: "chunk", data: {} }), end),
  );
  await reporting(() =>
    streamFields(url, {
      fetch,
      onDelta: thrower,
      onState: () => told.push("state"),
      onEnd: () => told.push("end"),
      onConnection: ({ status }) => told.push(status),
    })
  );
  assertEquals(told, ["connecting", "open"]);
});

Deno.test("client keeps hostile keys as keys", async () => {
  const { fetch } = script(
    stream(
      `id: ${id}.3\ndata: {"status":"chunk","data":{"__proto__":{"x":"1"}}}\n\n`,
      end,
    ),
  );
  const { state } = await streamFields(url, { fetch }).finished;
  assertEquals(JSON.stringify(state), '{"__proto__":{"x":"1"}}');
  assertEquals(({} as { x?: string }).x, undefined);
});

Deno.test("client ignores statuses that it does not know", async () => {
  const { fetch } = script(
    stream(event("1", { status: "weather", data: "rain" }), end),
  );
  assertEquals((await streamFields(url, { fetch }).finished).status, "end");
});

Deno.test("client is told of a callback's fault without an end of the process", async () => {
  const program = `
    import { streamFields } from "${import.meta.resolve(clientPath)}";
    const fetch = () => Promise.resolve(new Response(
      'id: x.1\\ndata: {"status":"chunk","data":{}}\\n\\n',
      { headers: { "Content-Type": "text/event-stream" } },
    ));
    for (const callback of [
      () => { throw new Error("one"); },
      async () => { throw new Error("two"); },
    ]) streamFields("http://localhost/", { fetch, onDelta: callback });
    setTimeout(() => console.log("alive"), 100);
  `;
  const run = new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await run.output();
  const errors = new TextDecoder().decode(stderr);
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "alive\n"]);
  assert(/Error: one/.test(errors) && /Error: two/.test(errors), errors);
});

Deno.test("client finds out at once whether a connection has survived", async () => {
  for (
    const [wake, visibilityState] of [
      ["visibilitychange", "visible"],
      ["pageshow", "visible"],
      ["online", "hidden"],
    ] as const
  ) {
    await withDocument(async (document) => {
      const told: string[] = [];
      const { fetch, requests } = script(
        endless(event("3", { status: "chunk", data: { a: "b" } })),
        stream(event("4", { status: "chunk", data: { a: "c" } }), end),
      );
      const field = streamFields(url, {
        id,
        fetch,
        onConnection: ({ status }) => told.push(status),
        async onDelta() {
          if (requests.length > 1) return;
          await turn();
          // A moment ago it was alive.
          shown(document, wake, visibilityState);
          await turn();
          assertEquals(requests.length, 1);
          later(60_000);
          document.visibilityState = "hidden";
          document.dispatchEvent(new Event("visibilitychange"));
          await turn();
          assertEquals(requests.length, 1);
          shown(document, wake, visibilityState);
        },
      });
      assertEquals((await field.finished).state, { a: "bc" });
      assertEquals(
        told,
        ["connecting", "open", "connecting", "open", "closed"],
      );
    });
  }
});

Deno.test("client does not disturb a connection that has just brought a ping", async () => {
  await withDocument(async (document) => {
    let send!: (text: string) => void;
    const { fetch, requests } = script(() => {
      const { readable, writable } = new TransformStream<Uint8Array>();
      const writer = writable.getWriter();
      writer.closed.catch(() => {});
      send = (text) => writer.write(encode(text)).catch(() => {});
      return new Response(readable, { headers: eventStream });
    });
    const open = Promise.withResolvers<void>();
    const field = streamFields(url, {
      fetch,
      onConnection: ({ status }) => status === "open" && open.resolve(),
    });
    await open.promise;
    later(60_000);
    const { bytesReceived } = field;
    send(": ping\n\n");
    while (field.bytesReceived === bytesReceived) await turn();
    shown(document, "visibilitychange", "visible");
    await turn();
    assertEquals(requests.length, 1);
    field.close();
    await field.finished;
  });
});

Deno.test("client ends a pause when it is shown again, but not one that the server wants", async () => {
  for (const wake of ["visibilitychange", "pageshow", "online"] as const) {
    await withDocument(async (document) => {
      const busy = () => new Response("", { status: 503, headers: retryLater });
      const { fetch, requests } = script(
        () => Promise.reject(new TypeError("refused")),
        busy,
        () => stream(end),
      );
      const field = streamFields(url, {
        fetch,
        async onConnection({ status, delay = 0 }) {
          if (status !== "waiting") return;
          await turn();
          shown(document, wake, "visible");
          if (requests.length !== 2) return;
          await turn();
          assertEquals(requests.length, 2);
          later(delay);
          shown(document, wake, "visible");
        },
      });
      const { status } = await field.finished;
      assertEquals([status, requests.length], ["end", 3]);
    });
  }
});

Deno.test("client listens no longer than it lives, and wakes nobody else", async () => {
  await withDocument(async (document) => {
    const targets = [globalThis as EventTarget, document];
    const listeners: [type: string, signal: AbortSignal][] = [];
    const originals = targets.map((target) => target.addEventListener);
    targets.forEach((target) => {
      target.addEventListener = (type, _, options) =>
        listeners.push([type, (options as { signal: AbortSignal }).signal]);
    });
    try {
      const { fetch } = script(stream(end));
      const field = streamFields(url, { fetch });
      assertEquals(
        listeners.map(([type]) => type).sort(),
        ["offline", "online", "pageshow", "visibilitychange"],
      );
      assert(listeners.every(([, signal]) => !signal.aborted));
      await field.finished;
      await turn();
      assert(listeners.every(([, signal]) => signal.aborted));
    } finally {
      targets.forEach((target, index) => {
        target.addEventListener = originals[index]!;
      });
    }
  });
});

Deno.test("client gives up a connection that is not made in time", async () => {
  const sockets: Deno.TcpConn[] = [];
  using dead = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  // What the kernel accepts and nobody answers, as through a lost tunnel.
  const accepting = (async () => {
    for await (const socket of dead) sockets.push(socket);
  })();
  const { port } = dead.addr as Deno.NetAddr;
  const told: unknown[] = [];
  const field = streamFields(`http://127.0.0.1:${port}/`, {
    connectMilliseconds: 30,
    onConnection({ status }) {
      told.push(status);
      if (status === "waiting") field.close();
    },
  });
  await field.finished;
  assertEquals(told, ["connecting", "waiting", "closed"]);
  dead.close();
  await accepting;
  for (const socket of sockets) socket.close();
});

Deno.test("client waits 10 seconds for the first byte, then 45 for each", async () => {
  await withDocument(async () => {
    const { setTimeout, clearTimeout } = globalThis;
    const timers: [callback: () => void, seconds: number][] = [];
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      timers.push([callback, Math.round(delay / 1_000)]);
      return 0;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = () => {};
    const { fetch } = script(
      endless(event("3", { status: "chunk", data: {} })),
    );
    try {
      const delta = Promise.withResolvers<void>();
      const field = streamFields(url, {
        fetch,
        onDelta: () => delta.resolve(),
      });
      await delta.promise;
      later(9_000);
      timers[0]![0]();
      later(35_900);
      timers[1]![0]();
      assertEquals(timers.map(([, seconds]) => seconds), [10, 36, 0]);
      field.close();
      await field.finished;
    } finally {
      Object.assign(globalThis, { setTimeout, clearTimeout });
    }
  });
});

Deno.test("client ends with the server's answer through a proxy that cuts", async () => {
  const answer = {
    title: "科技发展新趋势 😀",
    tags: ["a", "b"],
    parts: [{ text: "随着时代".repeat(50), n: 1 }, { text: '\\"\n', ok: true }],
  };
  const text = JSON.stringify(answer);
  const model = new ScriptedModel(async (call) => {
    for (let at = 0; at < text.length; at += 3) {
      call.say(text.slice(at, at + 3));
      if (at % 9 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  let cuts = 0;
  await using proxy = startProxy(server.url, () => {
    cuts++;
    // Some connections break before they have brought anything.
    const bytes = cuts % 4 === 0 ? 0 : 150 + 61 * cuts;
    return cutAfter(cuts > 20 ? Infinity : bytes);
  });
  for (let round = 0; round < 3; round++) {
    cuts = 0;
    const deltas: unknown[] = [];
    const { status, state } = await hurry(`${proxy.url}/helloworld`, {
      fetch,
      attempts: 50,
      onDelta: (delta) => deltas.push(delta),
    }).finished;
    assertEquals([status, state], ["end", answer]);
  }
  assertEquals(model.calls.length, 3);
});

const end = event("end", { status: "end" });

const html = { "Content-Type": "text/html" };

/** A redirect, as it is seen outside of browsers. */
function redirectTo(place: string, status: number): Response {
  return new Response(null, { status, headers: { Location: place } });
}

/** The answer to a HEAD that was redirected. */
function arrivedAt(url: string, type = "text/event-stream"): Response {
  const response = new Response(null, { headers: { "Content-Type": type } });
  return Object.defineProperties(response, {
    redirected: { value: true },
    url: { value: url },
  });
}

/** With this for chance. */
async function withRandom(
  value: number,
  run: () => Promise<unknown>,
): Promise<void> {
  const random = Math.random;
  Math.random = () => value;
  try {
    await run();
  } finally {
    Math.random = random;
  }
}

/** Runs a stream whose `finished` nobody looks at, and what it reports. */
async function reporting(run: () => FieldStream) {
  const { error } = console;
  const reports: unknown[] = [];
  const reported = new Promise<void>((resolve) => {
    console.error = (report) => {
      reports.push(report);
      resolve();
    };
  });
  try {
    const field = run();
    await reported;
    await turn();
    return { reports, field };
  } finally {
    console.error = error;
  }
}

const clientPath = "../../static/client.js";

const eventStream = { "Content-Type": "text/event-stream" };
const retryLater = { "Retry-After": "30" };

/** What stands for a page's document. */
type Page = EventTarget & { visibilityState: string };

/** How much later it is than it was, in milliseconds. */
let passed = 0;

function later(milliseconds: number): void {
  passed += milliseconds;
}

/** Runs with a document, and a clock that can be put forward. */
async function withDocument(
  run: (document: Page) => Promise<void>,
): Promise<void> {
  const { now } = Date;
  const document = Object.assign(new EventTarget(), {
    visibilityState: "visible",
  });
  Object.assign(globalThis, { document });
  Date.now = () => now() + passed;
  try {
    await run(document);
  } finally {
    Date.now = now;
    passed = 0;
    Reflect.deleteProperty(globalThis, "document");
  }
}

/** The page is shown again, or online. */
function shown(document: Page, event: string, state: string): void {
  document.visibilityState = state;
  const target = event === "visibilitychange" ? document : globalThis;
  target.dispatchEvent(new Event(event));
}

function thrower() {
  throw new Error("the caller's");
}

function event(offset: string, message: unknown): string {
  return `id: ${id}.${offset}\ndata: ${JSON.stringify(message)}\n\n`;
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function* cutBytes(bytes: Uint8Array<ArrayBuffer>, size: number) {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.slice(at, at + size);
  }
}

function streamOf(pieces: Iterable<Uint8Array<ArrayBuffer>>): Response {
  return new Response(ReadableStream.from(pieces), {
    headers: { "Content-Type": "text/event-stream; charset=utf-8" },
  });
}

function stream(...texts: string[]): Response {
  return streamOf([encode(texts.join(""))]);
}

/** A stream that stays open when all has been said. */
function endless(text: string): Response {
  return new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(encode(text)),
    }),
    { headers: { "Content-Type": "text/event-stream" } },
  );
}

type Answer =
  | Response
  | ((request: Request) => Response | Promise<Response>);

/** A `fetch` that gives these answers, the last again and again. */
function script(...answers: Answer[]) {
  const requests: Request[] = [];
  const fetch = ((input, init) => {
    const request = new Request(input, init);
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request.clone());
    if (!answer) throw new Error("Cannot answer: nothing was expected");
    const response = typeof answer === "function" ? answer(request) : answer;
    return Promise.resolve(response).then((response) => {
      // As a network's connection, the body ends when it is hung up.
      if (!response.body || response.redirected) return response;
      const body = response.body.pipeThrough(
        new TransformStream(),
        { signal: request.signal },
      );
      return new Response(body, response);
    });
  }) as typeof globalThis.fetch;
  return { fetch, requests };
}
