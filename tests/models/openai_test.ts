import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ModelError, type Part, type Question } from "../../lib/models/ask.ts";
import { createAsk, type ModelOptions } from "../../lib/models/openai.ts";
import { DEFAULT_SCHEMA } from "../../lib/schemas/schema.ts";
import { Upstream } from "../_upstream.ts";
import { answerOf, bodyOf, options, question } from "./_answer.ts";

Deno.test("a connection that is refused, or closed without a word, is worth asking again", async () => {
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
  const closed = await answerOf({ ...options, baseURL });
  assertEquals(closed.error?.code, "upstream_unavailable");
  assertEquals([closed.error?.again, connections], [true, 1]);
  listener.close();
  await accepting;
  const refused = await answerOf({ ...options, baseURL });
  assertEquals(refused.error?.code, "upstream_unavailable");
  assertEquals(refused.error?.again, true);
  assertStringIncludes(refused.error!.message, "refused");
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

Deno.test("where a provider takes no system message, the user tells what is wanted", async () => {
  await using upstream = new Upstream((call) => call.end());
  const messagesOf = async (
    asked: Question,
    systemRole: "developer" | "user",
  ) => {
    await answerOf(upstream.options({ systemRole }), undefined, asked);
    return upstream.calls.at(-1)!.body.messages;
  };
  const schema = DEFAULT_SCHEMA;
  const [developer, user] = await messagesOf(
    { prompt: "p", schema },
    "developer",
  );
  assertEquals([developer.role, user], ["developer", {
    role: "user",
    content: "p",
  }]);
  const instructions = developer.content;
  assertEquals(await messagesOf({ prompt: "p", schema }, "user"), [
    { role: "user", content: `p\n\n${instructions}` },
  ]);
  const image = { type: "image_url" };
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: [image] },
    { role: "assistant", content: "?" },
  ];
  const text = `Be brief.\n\n${instructions}`;
  assertEquals(await messagesOf({ messages, schema }, "user"), [
    { role: "user", content: [image, { type: "text", text }] },
    messages[2],
  ]);
  assertEquals(
    await messagesOf({ messages: messages.slice(0, 1), schema }, "user"),
    [
      { role: "user", content: text },
    ],
  );
});

Deno.test("a model is asked to go on as its provider takes it", async () => {
  const asked: Question = { prompt: "p", continuation: '{"a":' };
  const ways: [
    continues: ModelOptions["continues"],
    message: object | undefined,
    request: object,
  ][] = [
    [undefined, undefined, {}],
    ["off", undefined, {}],
    ["prefix", { prefix: true }, {}],
    ["final-message", {}, {
      continue_final_message: true,
      add_generation_prompt: false,
    }],
    ["trailing", {}, {}],
  ];
  for (const [continues, message, request] of ways) {
    await using upstream = new Upstream((call) => call.end());
    const options = upstream.options({ continues });
    assertEquals(createAsk(options).continues, message !== undefined);
    const bodies = [];
    for (const question of [{ prompt: "p" }, asked]) {
      await answerOf(options, undefined, question);
      bodies.push(upstream.calls.at(-1)!.body);
    }
    const [plain, continued] = bodies;
    const last = { role: "assistant", content: asked.continuation, ...message };
    assertEquals(continued, {
      ...plain,
      ...request,
      messages: [...plain.messages, ...(message ? [last] : [])],
    });
  }
});

Deno.test("some addresses are known to go on", () => {
  const addresses: [baseURL: string, continues: boolean][] = [
    ["https://api.deepseek.com/beta", true],
    ["https://api.deepseek.com/v1", false],
    ["https://api.mistral.ai/v1", true],
    ["https://ark.cn-beijing.volces.com/api/v3", true],
    ["https://api.openai.com/v1", false],
    ["https://api.mistral.ai.example/v1", false],
  ];
  for (const [baseURL, continues] of addresses) {
    assertEquals(createAsk({ ...options, baseURL }).continues, continues);
    const off = createAsk({ ...options, baseURL, continues: "off" });
    assertEquals(off.continues, false);
  }
});

Deno.test("the head of a response is told, whatever its status", async () => {
  for (const status of [200, 404, 503]) {
    await using upstream = new Upstream((call) => {
      const headers = { "content-type": "text/x; charset=utf-8" };
      call.respond(new Response("no", { status, headers }));
    });
    const parts: Part[] = [];
    const { signal } = new AbortController();
    await createAsk(upstream.options())(
      question,
      signal,
      (part) => parts.push(part),
    ).catch(() => {});
    const contentType = "text/x; charset=utf-8";
    assertEquals(parts[0], { type: "response", status, contentType });
  }
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

Deno.test("a provider that cannot be asked at all is one that is not there", async () => {
  const ask = createAsk({
    ...options,
    fetch: () => Promise.reject(new TypeError("no network")),
  });
  const { signal } = new AbortController();
  await assertRejects(
    () => ask(question, signal, () => {}),
    ModelError,
    "no network",
  );
});

Deno.test("an abort cancels the body, even where fetch has forgotten the signal", async () => {
  // Deno's may, once V8 has optimized it and has collected garbage. It may also
  // come before the body is read.
  for (const last of ["response", "text"]) {
    const canceled = Promise.withResolvers<void>();
    const body = new ReadableStream({
      type: "bytes",
      start: (controller) =>
        controller.enqueue(
          new TextEncoder().encode(
            'data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
          ),
        ),
      cancel: () => canceled.resolve(),
    });
    const headers = { "content-type": "text/event-stream" };
    const ask = createAsk({
      ...options,
      fetch: () => Promise.resolve(new Response(body, { headers })),
    });
    const controller = new AbortController();
    const heard: Part[] = [];
    await assertRejects(
      () =>
        ask(question, controller.signal, (part) => {
          heard.push(part);
          if (part.type !== last) return;
          if (last === "response") controller.abort();
          else queueMicrotask(() => controller.abort());
        }),
      ModelError,
    );
    await canceled.promise;
    assertEquals(heard.at(-1)?.type, last);
  }
});
