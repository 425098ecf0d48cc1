import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type FieldStreamError,
  generationId,
  streamFields,
} from "../../static/client.js";
import { ScriptedModel, startServer } from "../_server.ts";
import { cutAfter, startProxy } from "../_proxy.ts";

type Options = NonNullable<Parameters<typeof streamFields>[1]>;

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

Deno.test("client asks by POST, with an id of its own and no prompt in the URL", async () => {
  const { fetch, requests } = script(stream(end));
  const schema = { type: "object" };
  const field = streamFields(url, {
    prompt: "天空",
    schema,
    headers: { Authorization: "Bearer t" },
    fetch,
  });
  await field.finished;
  const [request] = requests;
  assertEquals(request?.method, "POST");
  assertEquals(request?.url, `${url}?id=${field.id}`);
  assert(/^[\w-]{22}$/.test(field.id));
  assertEquals(request?.headers.get("Accept"), "text/event-stream");
  assertEquals(request?.headers.get("Authorization"), "Bearer t");
  assertEquals(request?.headers.get("Content-Type"), "application/json");
  assertEquals(await request?.json(), { prompt: "天空", schema });
});

Deno.test("client asks by GET when told to", async () => {
  const { fetch, requests } = script(stream(end));
  await streamFields(url, { prompt: "a b", method: "GET", id, fetch }).finished;
  const [request] = requests;
  assertEquals(request?.method, "GET");
  assertEquals(new URL(request!.url).searchParams.get("prompt"), "a b");
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
  const { status, end } = await streamFields(url, { lastEventId, fetch })
    .finished;
  assertEquals([status, end], ["end", {}]);
});

Deno.test("client knows the statuses by their codes", async () => {
  const body = (code: string) => JSON.stringify({ code, message: "出错" });
  for (
    const [status, text, code, message] of [
      [400, body("bad_request"), "bad_request", "出错"],
      [401, "<html>", "unauthorized", "HTTP 401"],
      [403, "null", "forbidden", "HTTP 403"],
      [404, "", "not_found", "HTTP 404"],
      [410, body("expired"), "expired", "出错"],
      [413, "{}", "too_large", "HTTP 413"],
      [418, "{}", "bad_response", "HTTP 418"],
      [429, body("too_many_streams"), "too_many_streams", "出错"],
      [500, body("internal"), "internal", "出错"],
      [503, body("draining"), "draining", "出错"],
    ] as const
  ) {
    const { fetch, requests } = script(new Response(text, { status }));
    const errors: FieldStreamError[] = [];
    const result = await streamFields(url, {
      fetch,
      onError: (error) => errors.push(error),
    }).finished;
    assertEquals(result.status, "error");
    assertEquals([result.error?.code, result.error?.message], [code, message]);
    assertEquals(errors.length, 1);
    assertStrictEquals(errors[0], result.error);
    assertEquals(errors[0]?.retryable, status === 429 || status >= 500);
    assertEquals(requests.length, 1);
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
    Response.json({ code: "overloaded" }, {
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
    stream("retry: 100\n\n", event("3", { status: "chunk", data: {} })),
    () => Promise.reject(new TypeError("refused")),
  );
  const random = Math.random;
  Math.random = () => 0.75;
  try {
    await hurry(url, {
      fetch,
      attempts: 10,
      onConnection: ({ delay }) => delay !== undefined && delays.push(delay),
    }).finished;
  } finally {
    Math.random = random;
  }
  assertEquals(delays, [
    100,
    ...[200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000]
      .map((delay) => delay * 1.125),
  ]);
});

Deno.test("client does not take another page for a stream", async () => {
  const html = { "Content-Type": "text/html" };
  for (
    const response of [
      new Response("<h1>Sign in to the Wi-Fi</h1>", { headers: html }),
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
  assertEquals(request?.url, `${url}?id=${field.id}`);
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

Deno.test("client fails with what a callback throws", async () => {
  for (
    const options of [
      { onDelta: thrower },
      { onState: thrower },
      { onEnd: thrower },
      { onConnection: thrower },
      { onEvent: thrower },
    ] satisfies Options[]
  ) {
    const { fetch } = script(
      stream(event("3", { status: "chunk", data: {} }), end),
    );
    const field = streamFields(url, { fetch, ...options });
    await assertRejects(() => field.finished, Error, "the caller's");
  }
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
      if (!response.body) return response;
      const body = response.body.pipeThrough(
        new TransformStream(),
        { signal: request.signal },
      );
      return new Response(body, response);
    });
  }) as typeof globalThis.fetch;
  return { fetch, requests };
}

/** `streamFields`, but connections are made again at once. */
function hurry(url: string, options: Options) {
  const field = streamFields(url, {
    ...options,
    onConnection(connection) {
      options.onConnection?.(connection);
      if (connection.status === "waiting") {
        queueMicrotask(() => field.reconnect());
      }
    },
  });
  return field;
}
