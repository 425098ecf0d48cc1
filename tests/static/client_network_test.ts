import { assert, assertEquals } from "@std/assert";
import { streamFields } from "../../static/client.js";
import { ScriptedModel, startServer, testConfig } from "../_server.ts";
import { type Filter, startProxy } from "../_proxy.ts";
import { hurry } from "./_hurry.ts";

const answer = { title: "科技 😀", tags: ["a", "b"], text: "x".repeat(200) };
const text = JSON.stringify(answer);

/** A model that says it all at once. */
function quickModel(): ScriptedModel {
  return new ScriptedModel((call) => {
    call.send({ type: "reasoning", text: "Hm." });
    call.say(text);
    call.end();
  });
}

/** A server in front of another one, which does as it likes. */
function startFront(
  server: { url: string },
  handle: (
    request: Request,
    pass: () => Promise<Response>,
  ) => Response | Promise<Response>,
): { url: string } & AsyncDisposable {
  const front = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const pass = () => {
        const { pathname, search } = new URL(request.url);
        return fetch(`${server.url}${pathname}${search}`, {
          method: request.method,
          headers: request.headers,
          body: request.body,
          redirect: "manual",
        });
      };
      return handle(request, pass);
    },
  );
  return {
    url: `http://127.0.0.1:${front.addr.port}`,
    [Symbol.asyncDispose]: () => front.shutdown(),
  };
}

/** The beginning of a stream, as far as something lets it through. */
async function cut(response: Response, chunks: number): Promise<Response> {
  const reader = response.body!.getReader();
  const { status, headers } = response;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value } = chunks-- > 0
        ? await reader.read()
        : { value: undefined };
      if (value) return controller.enqueue(value);
      controller.close();
      await reader.cancel();
    },
    cancel: () => reader.cancel(),
  }, { highWaterMark: 0 });
  return await Promise.resolve(new Response(body, { status, headers }));
}

Deno.test("over a network, no passing reply ends an answer", async () => {
  const replies = [
    ...[404, 429, 500, 502, 503, 511, 520, 525, 530, 403, 408, 401, 402]
      .map((status) => () => new Response("<html>", { status })),
    () => new Response("<html>", { headers: { "Content-Type": "text/html" } }),
    () => new Response(null, { status: 204 }),
    () => new Response("", { status: 503, headers: { "Retry-After": "0" } }),
  ];
  const model = quickModel();
  await using server = startServer({ ask: model.ask });
  const left = [...replies];
  let odd = false;
  await using front = startFront(server, async (request, pass) => {
    await request.body?.cancel();
    odd = !odd;
    if (left.length === 0) return await pass();
    return odd ? cut(await pass(), 1) : left.shift()!();
  });
  // The question is lost with the body: the first request brings none.
  const { status, state } = await hurry(`${front.url}/helloworld`, {
    prompt: "p",
    method: "GET",
    attempts: 3,
  }).finished;
  assertEquals([status, state], ["end", answer]);
  assertEquals(model.calls.length, 1);
  assertEquals(model.calls[0]!.question.prompt, "p");
});

Deno.test("over a network, no redirect changes the question", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    for (const how of ["relative", "without the query", "elsewhere"]) {
      for (const method of ["POST", "GET"] as const) {
        const model = quickModel();
        await using server = startServer({ ask: model.ask });
        const tokens: unknown[] = [];
        const leaked: unknown[] = [];
        await using other = startFront(server, (request, pass) => {
          leaked.push(request.headers.get("Authorization"));
          return pass();
        });
        await using front = startFront(server, async (request, pass) => {
          const url = new URL(request.url);
          if (url.pathname === "/helloworld") return await pass();
          await request.body?.cancel();
          tokens.push(request.headers.get("Authorization"));
          const [path, next] = url.pathname === "/old"
            ? ["/older", 308]
            : ["/helloworld", status];
          const origin = how === "elsewhere" && path === "/helloworld"
            ? other.url
            : "";
          const query = how === "without the query" ? "" : url.search;
          const Location = `${origin}${path}${query}`;
          return new Response(null, { status: next, headers: { Location } });
        });
        const { status: end, state, error } = await streamFields(
          `${front.url}/old`,
          { prompt: "p", method, headers: { Authorization: "Bearer t" } },
        ).finished;
        const name = `${method} ${status} ${how} ${error}`;
        assertEquals([end, state], ["end", answer], name);
        assertEquals(
          model.calls.map(({ question }) => question.prompt),
          ["p"],
          name,
        );
        assertEquals(new Set(tokens), new Set(["Bearer t"]));
        // As browsers do it, another origin does not get the token.
        assertEquals(
          new Set(leaked),
          new Set(how === "elsewhere" ? [null] : []),
          name,
        );
      }
    }
  }
});

Deno.test("over a network, a question that a redirect would lose is not sent", async () => {
  const model = quickModel();
  await using server = startServer({ ask: model.ask });
  const html = { "Content-Type": "text/html" };
  const arrived = () =>
    new Response(null, { headers: { "Content-Type": "text/event-stream" } });
  let rounds = 0;
  for (
    const head of [
      // Only what is posted is sent elsewhere.
      () => new Response(null, { headers: html }),
      () => new Response(null, { status: 404 }),
      () => new Response(null, { status: 405 }),
      // A portal.
      () =>
        new Response(null, { status: 302, headers: { Location: "/login" } }),
      // Round and round.
      () =>
        ++rounds % 2 === 0 ? arrived() : new Response(null, {
          status: 302,
          headers: { Location: `/${rounds}` },
        }),
    ]
  ) {
    const paths: string[] = [];
    await using front = startFront(server, async (request, pass) => {
      const { pathname } = new URL(request.url);
      paths.push(`${request.method} ${pathname}`);
      await request.body?.cancel();
      if (pathname === "/login") return new Response("in", { headers: html });
      if (pathname === "/helloworld") return await pass();
      if (request.method !== "POST") return head();
      return new Response(null, {
        status: 302,
        headers: { Location: "/helloworld" },
      });
    });
    const { error } = await streamFields(`${front.url}/a`, { prompt: "p" })
      .finished;
    assertEquals(error?.code, "redirected");
    assert(!paths.some((path) => path.includes("/helloworld")), paths.join());
    assert(paths.filter((path) => path.startsWith("POST")).length <= 2);
  }
  assertEquals(model.calls.length, 0);
});

Deno.test("over a network, a stop that is redirected starts nothing", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const model = new ScriptedModel();
    await using server = startServer({ ask: model.ask });
    const call = model.nextCall();
    await using front = startFront(server, async (request, pass) => {
      if (request.method !== "DELETE") return await pass();
      await request.body?.cancel();
      return new Response(null, {
        status,
        headers: { Location: `${server.url}/helloworld` },
      });
    });
    const field = streamFields(`${front.url}/helloworld`, { prompt: "p" });
    (await call).say('{"title":"');
    await field.stop();
    assertEquals((await field.finished).status, "stopped");
    const { running, kept } = server.generations;
    assertEquals([model.calls.length, running + kept], [1, 1]);
  }
});

Deno.test("over a network, an answer outlives a proxy that cuts all that is silent", async () => {
  const model = new ScriptedModel();
  await using server = startServer({
    ask: model.ask,
    config: testConfig({ limits: { heartbeatSeconds: 0.01 } }),
  });
  let cuts = 0;
  const thought = Promise.withResolvers<void>();
  /** Lets one ping through, then no more; and takes the pause out of `retry:`. */
  const filter = (): Filter => (bytes) => {
    let piece = String.fromCharCode(...bytes)
      .replace(/retry: \d{4}/, "retry: 0001");
    const ping = piece.indexOf(": ping\n");
    if (ping >= 0 && cuts < 40) {
      if (++cuts === 40) thought.resolve();
      piece = piece.slice(0, ping + 7);
    }
    return Uint8Array.from(piece, (unit) => unit.charCodeAt(0));
  };
  await using proxy = startProxy(server.url, filter);
  const called = model.nextCall();
  const delays: number[] = [];
  const field = streamFields(`${proxy.url}/helloworld`, {
    prompt: "p",
    attempts: 1,
    onConnection: ({ delay }) => delay !== undefined && delays.push(delay),
  });
  const call = await called;
  await Promise.race([thought.promise, field.finished]);
  call.say(text);
  call.end();
  const { status, state } = await field.finished;
  assertEquals([status, state], ["end", answer]);
  assertEquals(model.calls.length, 1);
  assertEquals(new Set(delays), new Set([1]));
});

/** How things between the client and the server treat event streams. */
const killers: [
  name: string,
  kill: (pass: () => Promise<Response>) => Response | Promise<Response>,
][] = [
  ["refuses them", () => new Response("<html>", { status: 502 })],
  [
    "shows a page instead",
    () => new Response("<html>", { headers: { "Content-Type": "text/html" } }),
  ],
  ["makes them something else", async (pass) => {
    const { status, body } = await pass();
    return new Response(body, {
      status,
      headers: { "Content-Type": "text/plain" },
    });
  }],
  ["cuts them before they begin", async (pass) => cut(await pass(), 0)],
  ["holds them back", async (pass) => {
    const { body, status, headers } = await pass();
    const held = new ReadableStream({ cancel: () => body!.cancel() });
    return new Response(held, { status, headers });
  }],
];

Deno.test("over a network, what lets no event stream through is got round by polls", async () => {
  await Promise.all(killers.map(async ([name, kill]) => {
    const model = new ScriptedModel();
    await using server = startServer({ ask: model.ask });
    let kills = 0;
    await using front = startFront(server, async (request, pass) => {
      const isStream = request.headers.get("Accept") === "text/event-stream";
      if (!isStream) return await pass();
      kills++;
      if (name === "refuses them" || name === "shows a page instead") {
        await request.body?.cancel();
      }
      return await kill(pass);
    });
    const called = model.nextCall();
    const states: unknown[] = [];
    const thoughts: string[] = [];
    const told: unknown[] = [];
    const offsets: string[] = [];
    const field = hurry(`${front.url}/helloworld`, {
      prompt: "p",
      ...(name === "holds them back" && { connectMilliseconds: 200 }),
      onState(state) {
        states.push(structuredClone(state));
        offsets.push(field.lastEventId);
        if (states.length === 1) {
          call.say(',"tags":["a');
          call.send({ type: "reasoning", text: "So." });
        } else if (states.length === 2) {
          call.say('","b"]}');
          call.end();
        }
      },
      onReasoning: (text) => thoughts.push(text),
      onConnection: ({ status, polling }) =>
        told.push(polling ? "polling" : status),
    });
    const call = await called;
    call.send({ type: "reasoning", text: "Hm." });
    call.say('{"title":"科技"');
    const { status, state } = await field.finished;
    const whole = { title: "科技", tags: ["a", "b"] };
    assertEquals([status, state], ["end", whole], name);
    assertEquals(states.at(-1), whole);
    assertEquals(states[1], { title: "科技", tags: ["a"] });
    assertEquals(thoughts.join(""), "Hm.So.");
    assertEquals(model.calls.length, 1);
    // A machine that is slow may take a poll for held back too.
    if (name === "holds them back") return;
    assertEquals(told.filter((status) => status === "polling").length, 1);
    assertEquals(kills, 3);
  }));
});
