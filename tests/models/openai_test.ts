import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ModelError, type Part, type Question } from "../../lib/models/ask.ts";
import { createAsk, type ModelOptions } from "../../lib/models/openai.ts";
import { DEFAULT_SCHEMA } from "../../lib/schemas/schema.ts";
import { Upstream } from "../_upstream.ts";

const question = { prompt: "a prompt", schema: DEFAULT_SCHEMA };
const encoder = new TextEncoder();

/** What came of a request: text that came in pieces is one part. */
interface Answer {
  parts: Part[];
  error: ModelError | undefined;
}

/** Asks, and hears the answer to its end. */
async function answerOf(
  options: ModelOptions,
  signal = new AbortController().signal,
  asked: Question = question,
): Promise<Answer> {
  const parts: Part[] = [];
  try {
    await createAsk(options)(asked, signal, (part) => {
      const last = parts.at(-1);
      if (last !== undefined && "text" in last && last.type === part.type) {
        parts.pop();
        parts.push({ ...last, text: last.text + (part as typeof last).text });
      } else {
        parts.push(part);
      }
    });
    return { parts, error: undefined };
  } catch (error) {
    assert(error instanceof ModelError, String(error));
    return { parts, error };
  }
}

/** A provider without a socket: each piece of its body is one read. */
function bodyOf(pieces: Iterable<Uint8Array>): typeof fetch {
  const iterator = pieces[Symbol.iterator]();
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { done, value } = iterator.next();
      if (!done) return controller.enqueue(value.slice());
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: () => void iterator.return?.(),
  });
  return () => Promise.resolve(new Response(body));
}

/** What comes of a body in these pieces. */
function answerTo(...pieces: (string | Uint8Array)[]): Promise<Answer> {
  const bytes = pieces.map((piece) =>
    typeof piece === "string" ? encoder.encode(piece) : piece
  );
  const filled = bytes.filter(({ length }) => length > 0);
  return answerOf({ ...options, fetch: bodyOf(filled) });
}

const options: ModelOptions = {
  baseURL: "http://127.0.0.1:1/v1",
  apiKey: undefined,
  model: "a model",
  responseFormat: "text",
  parameters: {},
  timeout: 60_000,
};

function event(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

function delta(delta: unknown, rest: object = {}): string {
  return event({ choices: [{ index: 0, delta, ...rest }] });
}

const finish = delta({}, { finish_reason: "stop" });

const thought = "想\u{1f600}…";
const text = '{"title":"科技\u{1f600}é"}';
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const answer: Part[] = [
  { type: "reasoning", text: thought },
  { type: "text", text },
  { type: "finish", reason: "stop" },
  { type: "usage", usage },
];

const head = {
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
};

/** The same answer, as different providers stream it. */
const providers: Record<string, string[]> = {
  "Ark": [
    ...["", "想", "\u{1f600}", "…"].map((text) => ({
      delta: { content: "", reasoning_content: text, role: "assistant" },
    })),
    ...[...text].map((content) => ({ delta: { content, role: "assistant" } })),
    { delta: { content: "", role: "assistant" }, finish_reason: "stop" },
  ].map((choice) =>
    event({
      choices: [{ index: 0, logprobs: null, ...choice }],
      ...{ ...head, service_tier: "default", usage: null },
    })
  ).concat(event({ choices: [], ...head, usage }), "data: [DONE]\n\n"),
  "OpenAI": [
    { role: "assistant", content: "", refusal: null },
    { reasoning_content: thought },
    ...text.split(/(?<=[:"])/).map((content) => ({ content })),
  ].map((delta) => {
    const choice = { index: 0, delta, logprobs: null, finish_reason: null };
    return event({ ...head, choices: [choice], usage: null, obfuscation: "x" });
  }).concat(
    event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
    event({ ...head, choices: [], usage }),
    "data: [DONE]\n\n",
  ),
  "DeepSeek": [
    ": keep-alive\n\n",
    delta({ role: "assistant", content: null, reasoning_content: "" }),
    delta({ content: null, reasoning_content: thought }),
    ": keep-alive\n\n",
    delta({ content: text, reasoning_content: null }),
    event({
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "stop" }],
      usage,
    }),
    "data: [DONE]\n\n",
  ],
  "llama.cpp": [
    delta({ role: "assistant", content: null }, { finish_reason: null }),
    delta({ reasoning_content: thought }),
    delta({ content: text.slice(0, 13) }),
    delta({ content: text.slice(13) }),
    delta({}, { finish_reason: "stop" }),
    event({ choices: [], usage, timings: { predicted_ms: 1.5 } }),
    "data: [DONE]\n\n",
  ],
  "vLLM": [
    delta({ role: "assistant", content: "" }, { logprobs: null }),
    delta({ reasoning: thought, reasoning_content: "" }),
    delta({ content: text }, { token_ids: null }),
    delta({ content: "" }, { finish_reason: "stop", stop_reason: null }),
    event({ choices: [], usage }),
    "data: [DONE]\n\n",
  ],
  "one that sends all at once": [
    event({
      choices: [{
        delta: { content: text, reasoning: thought },
        finish_reason: "stop",
      }],
      usage,
    }),
  ],
};

/** The same stream, written in another way. */
const manners: Record<string, (stream: string) => string> = {
  "as it is": (stream) => stream,
  "with CRLF": (stream) => stream.replaceAll("\n", "\r\n"),
  "with CR": (stream) => stream.replaceAll("\n", "\r"),
  "with a BOM": (stream) => "\ufeff" + stream,
  "without [DONE]": (stream) => stream.replace("data: [DONE]\n\n", ""),
  "without the last blank line": (stream) => stream.slice(0, -1),
  "without the last line end": (stream) => stream.slice(0, -2),
  "without spaces": (stream) => stream.replaceAll("data: ", "data:"),
  "with comments": (stream) =>
    stream.replaceAll(
      "data: ",
      ": data: {\n:\n: OPENROUTER PROCESSING\ndata: ",
    ),
  "with other fields": (stream) =>
    stream.replaceAll("data: {", "event: message\nid: 1\nretry: 5\nx\ndata: {"),
  "in lines of data": (stream) =>
    stream.replaceAll('data: {"', 'data: {\ndata:  "'),
  "with more behind [DONE]": (stream) =>
    `${stream.replace(/\n+$/, "\n\n")}data: [DONE]\n\ndata: {\n\n`,
};

/** Every stream in every manner. */
function* streams(): Generator<[name: string, stream: Uint8Array]> {
  for (const [provider, events] of Object.entries(providers)) {
    for (const [name, write] of Object.entries(manners)) {
      const stream = encoder.encode(write(events.join("")));
      yield [`${provider}, ${name}`, stream];
    }
  }
}

/** Cuts bytes in pieces of random sizes. */
function cutAtRandom(bytes: Uint8Array, longest: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < bytes.length;) {
    const size = 1 + Math.floor(Math.random() * longest);
    pieces.push(bytes.subarray(from, from + size));
    from += size;
  }
  return pieces;
}

Deno.test("a provider's stream is read the same in one piece, byte by byte and cut anywhere", async () => {
  for (const [name, stream] of streams()) {
    const cuts = [[stream], cutAtRandom(stream, 1)];
    for (const longest of [2, 7, 50, 500]) {
      cuts.push(cutAtRandom(stream, longest));
    }
    for (const pieces of cuts) {
      const sizes = pieces.map(({ length }) => length);
      assertEquals(
        await answerTo(...pieces),
        { parts: answer, error: undefined },
        `${name}, in ${sizes}`,
      );
    }
  }
});

Deno.test("a provider's stream is read through a socket", async () => {
  const streams = Object.values(providers);
  await using upstream = new Upstream((call) => {
    const stream = encoder.encode(streams[upstream.calls.length - 1]!.join(""));
    for (const piece of cutAtRandom(stream, 40)) call.write(piece);
    call.close();
  });
  for (const _ of streams) {
    assertEquals(await answerOf(upstream.options()), {
      parts: answer,
      error: undefined,
    });
  }
});

Deno.test("only the first choice is read", async () => {
  const { parts } = await answerTo(
    event({
      choices: [
        { index: 1, delta: { content: "no", refusal: "no" } },
        { index: 0, delta: { content: "a" } },
        { index: 2, delta: { reasoning_content: "no" }, finish_reason: "stop" },
      ],
    }),
    event({ choices: [{ delta: { content: "b" } }] }),
    event({ choices: [{ index: 1, delta: {}, finish_reason: "length" }] }),
  );
  assertEquals(parts, [{ type: "text", text: "ab" }]);
});

Deno.test("a chunk's parts come in the order in which a model means them", async () => {
  const { parts } = await answerTo(
    event({
      usage,
      choices: [{
        finish_reason: "stop",
        delta: { refusal: "no", content: "b", reasoning_content: "a" },
      }],
    }),
    delta({ content: "c" }),
  );
  assertEquals(parts, [
    { type: "reasoning", text: "a" },
    { type: "text", text: "b" },
    { type: "refusal", text: "no" },
    { type: "finish", reason: "stop" },
    { type: "usage", usage },
    { type: "text", text: "c" },
  ]);
});

Deno.test("what a chunk need not have, and what is none of ours, is let pass", async () => {
  const chunks = [
    ...[5, "text", [], {}, { choices: null }, { choices: [] }, {
      choices: [{}],
    }],
    ...[{ error: null }, { usage: null }, { choices: [{ delta: null }] }],
    ...[
      { content: 5 },
      { content: [{ type: "thinking", thinking: "a" }] },
      { content: { text: "a" }, refusal: true, reasoning: 1 },
      { tool_calls: [{ index: 0, function: { name: "f", arguments: "{" } }] },
      { function_call: { arguments: '{"a":1}' }, audio: { data: "a" } },
    ].map((delta) => ({ choices: [{ index: 0, delta }] })),
  ];
  const { parts, error } = await answerTo(
    ...chunks.map(event),
    delta({ content: "a" }, { finish_reason: "" }),
    finish,
  );
  assertEquals({ parts, error }, {
    parts: [{ type: "text", text: "a" }, { type: "finish", reason: "stop" }],
    error: undefined,
  });
});

Deno.test("what came before a fault is said, however the response was cut", async () => {
  const said = delta({ content: "a" }) + delta({ refusal: "b" });
  const faults: [fault: string, message: RegExp][] = [
    [event({ error: { message: "the server's error", code: 500 } }), /error/],
    [event({ error: "an error" }) + delta({ content: "no" }), /an error/],
    [`event: error\n${event({ error: { type: "x" } })}`, /x/],
    ["data: {\n\n", /JSON/],
    ['data: {"choices":[{"delta":{"content":"no', /JSON/],
    ["data: null\n\n", /null/],
    ['data: {"choices":[null]}\n\n', /null/],
    ['data: {"choices":5}\n\n', /iterable/],
    ["data: <html>\n\n", /JSON/],
  ];
  for (const [fault, message] of faults) {
    for (const pieces of [[said + fault], [said, fault], [...said + fault]]) {
      const { parts, error } = await answerTo(...pieces);
      assertEquals(parts, [
        { type: "text", text: "a" },
        { type: "refusal", text: "b" },
      ]);
      assertEquals(error?.code, "upstream_unavailable", fault);
      assert(message.test(error!.message), error!.message);
    }
  }
});

Deno.test("a stream without a finish reason is a fault", async () => {
  const bodies = ["", "<html>\n\n</html>", '{"error":{"message":"m"}}'];
  for (const body of [...bodies, "data: [DONE]\n\n", ": ping\n\n"]) {
    const { parts, error } = await answerTo(body);
    assertEquals(parts, []);
    assertEquals(error?.code, "upstream_unavailable");
    assertEquals(error!.message, "The stream has no finish reason");
  }
  const { error } = await answerOf({
    ...options,
    fetch: () => Promise.resolve(new Response(null, { status: 204 })),
  });
  assertEquals(error?.code, "upstream_unavailable");
});

Deno.test("an event that never ends is given up", async () => {
  let read = 0;
  let isCancelled = false;
  function* endless(bytes: Uint8Array): Generator<Uint8Array> {
    try {
      yield encoder.encode(delta({ content: "a" }));
      for (;; read += bytes.length) yield bytes;
    } finally {
      isCancelled = true;
    }
  }
  const line = "a".repeat(50_000);
  for (
    const lines of [`data: ${line}`, `data: ${line}\r\n`, `: ${line}`, line]
  ) {
    read = 0;
    isCancelled = false;
    const fetch = bodyOf(endless(encoder.encode(lines.repeat(10))));
    const { parts, error } = await answerOf({ ...options, fetch });
    assertEquals(parts, [{ type: "text", text: "a" }]);
    assertEquals(error?.code, "upstream_unavailable");
    assertStringIncludes(error!.message, "max buffer size");
    assertLess(read, 20_000_000);
    assert(isCancelled);
  }
});

Deno.test("[DONE] ends the answer, though the provider does not hang up", async () => {
  await using upstream = new Upstream((call) => {
    call.say("a");
    call.write(`${finish}data: [DONE]\n\n`);
  });
  const { parts, error } = await answerOf(upstream.options());
  assertEquals(parts.length, 2);
  assertEquals(error, undefined);
  await upstream.calls[0]!.closed;
});

Deno.test("a connection that breaks is a fault, but for one that broke behind the finish chunk", async () => {
  await using upstream = new Upstream((call) => {
    call.say("a");
    if (upstream.calls.length > 1) call.write(finish);
    if (upstream.calls.length > 2) call.send({ error: { message: "late" } });
    call.kill();
  });
  const said: Part = { type: "text", text: "a" };
  const finished: Part = { type: "finish", reason: "stop" };
  const first = await answerOf(upstream.options());
  assertEquals(first.parts, [said]);
  assertEquals(first.error?.code, "upstream_unavailable");
  const second = await answerOf(upstream.options());
  assertEquals(second, { parts: [said, finished], error: undefined });
  const third = await answerOf(upstream.options());
  assertEquals(third.parts, [said, finished]);
  assertEquals(third.error?.message, '{"message":"late"}');
});

Deno.test("each HTTP status has its code, after the client's own retries", async () => {
  const statuses: [status: number, code: string, requests: number][] = [
    [400, "upstream_rejected", 1],
    [401, "upstream_auth", 1],
    [402, "upstream_rejected", 1],
    [403, "upstream_auth", 1],
    [404, "upstream_rejected", 1],
    [408, "upstream_rejected", 3],
    [409, "upstream_rejected", 3],
    [413, "upstream_rejected", 1],
    [422, "upstream_rejected", 1],
    [429, "upstream_rate_limited", 3],
    [500, "upstream_unavailable", 3],
    [502, "upstream_unavailable", 3],
    [503, "upstream_unavailable", 3],
    [529, "upstream_unavailable", 3],
  ];
  for (const [status, code, requests] of statuses) {
    for (const body of ['{"error":{"message":"why"}}', "why", ""]) {
      await using upstream = new Upstream((call) => {
        const headers = { "retry-after-ms": "1" };
        call.respond(new Response(body, { status, headers }));
      });
      const { parts, error } = await answerOf(upstream.options());
      assertEquals(parts, []);
      assertEquals(error?.code, code, String(status));
      assertEquals(upstream.calls.length, requests, String(status));
      assertStringIncludes(error!.message, body && "why");
    }
  }
});

Deno.test("a provider that comes round is heard", async () => {
  await using upstream = new Upstream((call) => {
    if (upstream.calls.length < 3) {
      const status = [429, 500][upstream.calls.length - 1]!;
      const headers = { "retry-after-ms": "1" };
      return call.respond(new Response("busy", { status, headers }));
    }
    call.say("a");
    call.end();
  });
  const { parts } = await answerOf(upstream.options());
  assertEquals(parts, [
    { type: "text", text: "a" },
    { type: "finish", reason: "stop" },
  ]);
  assertEquals(upstream.calls.length, 3);
});

/** Runs with the client's pauses between attempts left out. */
async function withoutPauses<T>(run: () => Promise<T>): Promise<T> {
  const original = globalThis.setTimeout;
  const hurried = (callback: () => void, delay?: number) =>
    original(callback, delay === undefined || delay > 5_000 ? delay : 0);
  globalThis.setTimeout = hurried as unknown as typeof setTimeout;
  try {
    return await run();
  } finally {
    globalThis.setTimeout = original;
  }
}

Deno.test("a connection that is refused, or closed without a word, is a provider that is not there", async () => {
  let connections = 0;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const baseURL = `http://127.0.0.1:${port}/v1`;
  const accepting = (async () => {
    for await (const connection of listener) {
      connections++;
      connection.close();
    }
  })();
  await withoutPauses(async () => {
    const closed = await answerOf({ ...options, baseURL });
    assertEquals(closed.error?.code, "upstream_unavailable");
    assert(connections >= 3, String(connections));
    listener.close();
    await accepting;
    const refused = await answerOf({ ...options, baseURL });
    assertEquals(refused.error?.code, "upstream_unavailable");
    assertStringIncludes(refused.error!.message, "refused");
  });
});

Deno.test("a provider that does not answer in time is asked again, then given up", async () => {
  await using upstream = new Upstream(() => {});
  await withoutPauses(async () => {
    const { error } = await answerOf(upstream.options({ timeout: 1 }));
    assertEquals(error?.code, "upstream_timeout");
  });
});

Deno.test("an abort closes the connection, before and in the answer", async () => {
  for (const hasBegun of [false, true]) {
    await using upstream = new Upstream();
    const controller = new AbortController();
    const answer = answerOf(upstream.options(), controller.signal);
    const call = await upstream.nextCall();
    if (hasBegun) call.say("a");
    controller.abort();
    await call.closed;
    const { error } = await answer;
    assertEquals(error?.code, "upstream_unavailable");
    assertEquals(upstream.calls.length, 1);
  }
});

Deno.test("an abort ends the wait before the next attempt", async () => {
  await using upstream = new Upstream((call) => {
    const headers = { "retry-after": "50" };
    call.respond(new Response("busy", { status: 429, headers }));
  });
  const controller = new AbortController();
  const answer = answerOf(upstream.options(), controller.signal);
  await (await upstream.nextCall()).closed;
  controller.abort();
  const { error } = await answer;
  assertEquals(error?.code, "upstream_unavailable");
  assertEquals(upstream.calls.length, 1);
});

Deno.test("an abort by whoever hears a part closes the connection", async () => {
  await using upstream = new Upstream((call) => call.say("a"));
  const controller = new AbortController();
  const ask = createAsk(upstream.options());
  await assertRejects(
    () => ask(question, controller.signal, () => controller.abort()),
    ModelError,
  );
  await upstream.calls[0]!.closed;
});

Deno.test("a request says what is asked for, in each format", async () => {
  const system =
    "Answer with one JSON value and nothing else. Write its texts in the language of the request.";
  const withSchema = `${system} The value satisfies this JSON Schema:\n${
    JSON.stringify(DEFAULT_SCHEMA)
  }`;
  const loose = { type: "object", properties: { a: { type: "string" } } };
  const formats: [
    ModelOptions["responseFormat"],
    schema: Record<string, unknown>,
    system: string,
    format: unknown,
  ][] = [
    ["text", DEFAULT_SCHEMA, withSchema, undefined],
    ["json_object", DEFAULT_SCHEMA, withSchema, { type: "json_object" }],
    ["json_schema", DEFAULT_SCHEMA, system, {
      type: "json_schema",
      json_schema: { name: "answer", schema: DEFAULT_SCHEMA, strict: true },
    }],
    ["json_schema", loose, system, {
      type: "json_schema",
      json_schema: { name: "answer", schema: loose, strict: false },
    }],
  ];
  for (const [responseFormat, schema, system, format] of formats) {
    await using upstream = new Upstream((call) => call.end());
    const ask = createAsk(upstream.options({ responseFormat }));
    const { signal } = new AbortController();
    await ask({ prompt: "问题", schema }, signal, () => {});
    assertEquals(upstream.calls[0]!.body, {
      model: "a model",
      messages: [
        { role: "system", content: system },
        { role: "user", content: "问题" },
      ],
      ...(format !== undefined && { response_format: format }),
      stream_options: { include_usage: true },
      stream: true,
    });
  }
});

Deno.test("a question may bring messages, a model and parameters of its own", async () => {
  await using upstream = new Upstream((call) => call.end());
  const bodyOf = async (asked: Question) => {
    await answerOf(
      upstream.options({ responseFormat: "json_schema" }),
      undefined,
      asked,
    );
    return upstream.calls.at(-1)!.body;
  };
  const image = { role: "user", content: [{ type: "image_url" }] };
  const body = await bodyOf({
    messages: [{ role: "system", content: "Be brief." }, image],
    prompt: "What is this?",
    model: "another",
    parameters: { temperature: 0 },
  });
  const { content } = body.messages[0];
  assert(content.startsWith("Be brief.\n\nAnswer with one JSON value"));
  assertEquals(body.messages.slice(1), [
    image,
    { role: "user", content: "What is this?" },
  ]);
  assertEquals([body.model, body.temperature], ["another", 0]);
  // No shape is asked for, so any object will do.
  assertEquals(body.response_format, { type: "json_object" });

  const history = await bodyOf({ messages: [image], schema: DEFAULT_SCHEMA });
  assertEquals(history.messages.length, 2);
  assertEquals(history.messages[0].role, "system");
  assertEquals(history.response_format.type, "json_schema");
});

Deno.test("parameters are merged into the request, and take out what is null", async () => {
  await using upstream = new Upstream((call) => call.end());
  await answerOf(upstream.options({
    responseFormat: "json_object",
    parameters: {
      temperature: 0,
      max_tokens: 10,
      thinking: { type: "disabled" },
      stop: "",
      logprobs: false,
      stream_options: null,
      response_format: null,
      stream: false,
    },
  }));
  const { messages: _, ...body } = upstream.calls[0]!.body;
  assertEquals(body, {
    model: "a model",
    temperature: 0,
    max_tokens: 10,
    thinking: { type: "disabled" },
    stop: "",
    logprobs: false,
    stream: true,
  });
});

Deno.test("a request goes where it should, and holds nothing of the environment or the machine", async () => {
  const environment = {
    OPENAI_API_KEY: "sk-lies-around",
    OPENAI_ADMIN_KEY: "sk-admin",
    OPENAI_BASE_URL: "http://127.0.0.1:2/no",
    OPENAI_ORG_ID: "org-no",
    OPENAI_PROJECT_ID: "proj-no",
    OPENAI_WEBHOOK_SECRET: "whsec-no",
    OPENAI_LOG: "debug",
    OPENAI_CUSTOM_HEADERS: "Authorization: Bearer no\nX-Custom: no",
  };
  for (const [name, value] of Object.entries(environment)) {
    Deno.env.set(name, value);
  }
  try {
    for (const apiKey of ["a key", undefined]) {
      const requests: Request[] = [];
      await answerOf({
        ...options,
        apiKey,
        fetch: (input, init) => {
          requests.push(new Request(input, init));
          return bodyOf([])(input);
        },
      });
      const [request] = requests;
      assertEquals(request!.url, "http://127.0.0.1:1/v1/chat/completions");
      assertEquals(Object.fromEntries(request!.headers), {
        "content-type": "application/json",
        ...(apiKey && { authorization: "Bearer a key" }),
      });
      await using upstream = new Upstream((call) => call.end());
      await answerOf(upstream.options({ apiKey }));
      const { headers } = upstream.calls[0]!;
      assertEquals(
        headers.get("authorization"),
        apiKey ? "Bearer a key" : null,
      );
      for (const [name, value] of headers) {
        assert(!/stainless|openai|custom/i.test(name + value), name);
      }
    }
  } finally {
    for (const name of Object.keys(environment)) Deno.env.delete(name);
  }
});

Deno.test("what clients see of the finish reason and the usage is words and numbers", async () => {
  const { parts } = await answerTo(
    delta({}, { finish_reason: "see http://provider.example/ for why" }),
    delta({}, { finish_reason: { reason: "sk-key" } }),
    event({
      choices: [],
      usage: {
        total_tokens: 3,
        details: { cached: 1, note: "http://provider.example/" },
        list: [1],
        is_byok: false,
        account: "sk-key",
      },
    }),
  );
  assertEquals(parts, [
    { type: "finish", reason: "unknown" },
    { type: "finish", reason: "unknown" },
    {
      type: "usage",
      usage: {
        total_tokens: 3,
        details: { cached: 1 },
        list: [1],
        is_byok: false,
      },
    },
  ]);
});

Deno.test("the log names the setting to change", async () => {
  const complaints: [status: number, error: unknown, hint: string][] = [
    [401, { message: "Incorrect API key provided" }, "ARK_API_KEY"],
    [403, { message: "model not allowed" }, "OPENAI_API_KEY"],
    [400, {
      message:
        "The parameter `response_format.type` specified in the request are not valid: `json_object` is not supported by this model.",
      param: "response_format.type",
    }, "RESPONSE_FORMAT"],
    [400, "Unrecognized request argument: response_format", "RESPONSE_FORMAT"],
    [422, { message: "json_schema is not supported" }, "RESPONSE_FORMAT"],
    [
      400,
      { message: "Unknown parameter: 'stream_options'" },
      'MODEL_PARAMETERS to {"stream_options":null}',
    ],
    [400, {
      message:
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    }, "change max_tokens in MODEL_PARAMETERS"],
    [
      400,
      { message: "Invalid value", param: "temperature" },
      "change temperature in MODEL_PARAMETERS",
    ],
    [404, { message: "The model `x` does not exist" }, "OPENAI_MODEL"],
    [400, { message: "Invalid model name" }, "ARK_MODEL"],
    [404, "404 page not found", "OPENAI_BASE_URL"],
    [400, {
      message:
        "This model's maximum context length is 4096 tokens, however you requested 18043 tokens",
    }, "shorten the prompt"],
    [413, "Payload Too Large", "shorten the prompt"],
    [400, { message: "Something else" }, "MODEL_PARAMETERS"],
  ];
  const parameters = { max_tokens: 5, temperature: 9 };
  for (const [status, error, hint] of complaints) {
    await using upstream = new Upstream((call) => {
      const isText = typeof error === "string";
      const body = isText ? error : JSON.stringify({ error });
      call.respond(new Response(body, { status }));
    });
    const answer = await answerOf(upstream.options({ parameters }));
    assertStringIncludes(answer.error!.message, hint);
  }
});

Deno.test("a provider that cannot be asked at all is one that is not there", async () => {
  const ask = createAsk({
    ...options,
    fetch: () => Promise.reject(new TypeError("no network")),
  });
  const { signal } = new AbortController();
  await withoutPauses(() =>
    assertRejects(
      () => ask(question, signal, () => {}),
      ModelError,
      "no network",
    )
  );
});
