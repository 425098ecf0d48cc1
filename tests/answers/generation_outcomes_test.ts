// How generations end, and what clients hear of it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Clock, systemClock } from "../../lib/clock.ts";
import type { Config } from "../../lib/app/config.ts";
import { createDemoFetch } from "../../lib/models/demo/model.ts";
import { type Ask, ModelError, type Part } from "../../lib/models/ask.ts";
import { createAsk } from "../../lib/models/openai.ts";
import type { FinishedAnswer } from "../../lib/answers/answer.ts";
import type { Generations } from "../../lib/answers/generations.ts";
import type { ErrorCode } from "../../lib/answers/outcome.ts";
import {
  type ModelCall,
  readEvents,
  ScriptedModel,
  type ServerEvent,
  startServer,
  stateAfter,
  TestClock,
  testConfig,
  turn,
} from "../_server.ts";
import { Upstream } from "../_upstream.ts";

/** What a client hears, and what the log is told. */
interface Heard {
  events: ServerEvent[];
  /** The data of the last event. */
  end: Record<string, unknown>;
  /** The log's error. */
  error: unknown;
}

/** Starts a generation and follows it to its end. */
async function hear(
  ask: Ask,
  { config = testConfig(), clock = new TestClock(), ...members }: {
    config?: Config;
    clock?: Clock;
    prompt?: string;
    schema?: unknown;
  } = {},
): Promise<Heard> {
  await using server = startServer({ ask, config, clock });
  const response = await server.handle(request(JSON.stringify(members)));
  assertEquals(response.status, 200, await peek(response));
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(server.errors, []);
  assertEquals(server.reports.length, 1);
  const [report] = server.reports;
  const { data: end } = events.at(-1)!;
  assertEquals(report!.outcome, end.code ?? "end");
  return { events, end, error: report!.error };
}

async function peek(response: Response): Promise<string> {
  return response.ok ? "" : await response.clone().text();
}

function request(body: BodyInit, headers: HeadersInit = {}): Request {
  return new Request("http://localhost/helloworld", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

/** A model that says this, part by part, and breaks off at an error. */
function saying(...parts: (Part | Error)[]): Ask {
  return async (_question, _signal, onPart) => {
    for (const part of parts) {
      if (part instanceof Error) throw part;
      await Promise.resolve();
      onPart(part);
    }
  };
}

const text = (text: string): Part => ({ type: "text", text });
const reasoning = (text: string): Part => ({ type: "reasoning", text });
const refusal = (text: string): Part => ({ type: "refusal", text });
const finish = (reason: string): Part => ({ type: "finish", reason });
const stop = finish("stop");

/** What docs/protocol.md says of each code. */
const retryable: Record<ErrorCode, boolean> = {
  upstream_auth: false,
  upstream_rejected: false,
  upstream_rate_limited: true,
  upstream_unavailable: true,
  upstream_timeout: true,
  no_json: true,
  malformed_json: true,
  truncated: true,
  invalid: true,
  refused: false,
  content_filtered: false,
  output_too_large: false,
  stopped: false,
  abandoned: true,
  interrupted: true,
  internal: true,
};

/** The error that a client hears. */
function failed(code: ErrorCode, path?: string): Record<string, unknown> {
  return {
    ...{ status: "error", code, retryable: retryable[code] },
    ...(path !== undefined && { path }),
  };
}

function ended(reason: string, rest: object = {}): Record<string, unknown> {
  return { status: "end", finish_reason: reason, ...rest };
}

const usage = { completion_tokens: 5 };
const broken = new ModelError("upstream_unavailable", "broken");
const filtered = new ModelError("content_filtered", "filtered");

function blanks(length: number): Part[] {
  return Array.from({ length: length / 10 }, () => text(" ".repeat(10)))
    .concat(length % 10 ? text(" ".repeat(length % 10)) : []);
}

const outcomes: [
  name: string,
  parts: (Part | Error)[],
  end: Record<string, unknown>,
][] = [
  ["a value", [text('{"a":1}'), stop], ended("stop")],
  ["a value and text", [text('{"a":1}}} {"b": 2'), stop], ended("stop")],
  [
    "a value in a fence, with slips",
    [text("```json\n{'a':1,}\n```"), stop],
    ended("stop", { mended: ["quote", "comma"] }),
  ],
  ["brackets that hold less than the schema wants", [text("{}"), stop], {
    ...failed("malformed_json", ""),
  }],
  [
    "empty brackets in prose, then a value",
    [text('Not {}, but {"a":1}'), stop],
    ended("stop"),
  ],
  [
    "a draft in thinking that was never opened, then a value",
    [text('Say {"b":1}?</think>'), text('{"a":1}'), stop],
    ended("stop"),
  ],
  [
    "a draft in thinking that was never opened, and no value",
    [text('Say {"b":1}?</think> No.'), stop],
    failed("no_json"),
  ],
  [
    "a draft that is not JSON, then a value",
    [text('Say {"b":x}?</think>'), text('{"a":1}'), stop],
    ended("stop"),
  ],
  ["a draft that is not JSON, alone", [text('Say {"b":x} so.'), stop], {
    ...failed("malformed_json", ""),
  }],
  [
    "a value at the limit",
    [text('{"a":1}'), finish("length")],
    ended("length"),
  ],
  ["a value and tool calls", [text('{"a":1}'), finish("tool_calls")], {
    ...ended("tool_calls"),
  }],
  [
    "usage",
    [text('{"a":1}'), stop, { type: "usage", usage }],
    ended("stop", { usage }),
  ],
  ["content behind the finish", [text('{"a":'), stop, text("1}")], {
    ...ended("stop"),
  }],
  [
    "half a value",
    [text('{"a":[1,{"b":"c'), stop],
    failed("malformed_json", "/a/1/b"),
  ],
  ["half a name", [text('{"a":{"b'), stop], failed("malformed_json", "/a")],
  ["a value cut off", [text('{"a":[1,{"b":"c'), finish("length")], {
    ...failed("truncated", "/a/1/b"),
  }],
  ["a value cut off at its start", [text('{"'), finish("length")], {
    ...failed("truncated", ""),
  }],
  [
    "no value, cut off",
    [text("Let me see: {"), finish("length")],
    failed("truncated"),
  ],
  [
    "thinking, cut off",
    [text('<think>{"a":1}'), finish("length")],
    failed("truncated"),
  ],
  ["nothing, cut off", [finish("length")], failed("truncated")],
  ["prose", [text("I would say: { yes }."), stop], failed("no_json")],
  ["nothing", [stop], failed("no_json")],
  [
    "thinking without an end",
    [text('<think>{"a":1}'), stop],
    failed("no_json"),
  ],
  ["thinking alone", [reasoning('{"a":1}'), stop], failed("no_json")],
  ["tool calls", [finish("tool_calls")], failed("no_json")],
  ["an array", [text('["a"]'), stop], failed("no_json")],
  ["not JSON", [text('{"a":x}'), stop], failed("malformed_json", "")],
  ["not JSON at all", [text('{"a" "b"}'), stop], failed("malformed_json", "")],
  ["a filter", [text('{"a":"b'), finish("content_filter")], {
    ...failed("content_filtered", "/a"),
  }],
  ["a filter behind the value", [text('{"a":1}'), finish("content_filter")], {
    ...failed("content_filtered"),
  }],
  ["no finish", [text('{"a":"b')], failed("upstream_unavailable", "/a")],
  ["no finish behind the value", [text('{"a":1}')], ended("unknown")],
  ["a break behind the value", [text('{"a":1}'), broken], ended("unknown")],
  ["a fault of ours behind the value", [text('{"a":1}'), new TypeError("no")], {
    ...ended("unknown"),
  }],
  ["a refusal behind the value", [text('{"a":1}'), refusal("No"), stop], {
    ...ended("stop"),
  }],
  ["a value, and the provider's failure", [text('{"a":1}'), finish("error")], {
    ...ended("error"),
  }],
  ["a value that a filter takes back", [text('{"a":1}'), finish("SAFETY")], {
    ...failed("content_filtered"),
  }],
  ["a value that an error takes back", [text('{"a":1}'), filtered], {
    ...failed("content_filtered"),
  }],
  ["nothing whatever", [], failed("upstream_unavailable")],
  ["a break", [text('{"a":"b'), broken], failed("upstream_unavailable", "/a")],
  ["a break behind the finish", [text('{"a":1}'), stop, broken], ended("stop")],
  ["a break, with stop in each chunk", [text('{"a":"b'), stop, broken], {
    ...failed("upstream_unavailable", "/a"),
  }],
  ["a break behind the limit", [text('{"a'), finish("MAX_TOKENS"), broken], {
    ...failed("truncated", ""),
  }],
  ["a failure for its finish", [text('{"a":"b'), finish("network_error")], {
    ...failed("upstream_unavailable", "/a"),
  }],
  ["white space without end", [text('{"a":1,'), ...blanks(2_000)], {
    ...failed("malformed_json", ""),
  }],
  ["white space and no value", blanks(2_000), failed("no_json")],
  ["much white space", [text('{"a":1,'), ...blanks(1_999), text('"b":2}')], {
    ...ended("unknown"),
  }],
  [
    "white space in a string",
    [text('{"a":"'), ...blanks(3_000), text('"}')],
    ended("unknown"),
  ],
  [
    "a fault of ours",
    [text('{"a'), new TypeError("no")],
    failed("internal", ""),
  ],
  ["too deep", [text(`{"a":${"[".repeat(128)}`), stop], {
    ...failed("output_too_large", "/a" + "/0".repeat(126)),
  }],
  ["a name too long", [text(`{"a":{"${"n".repeat(1025)}`), stop], {
    ...failed("output_too_large", "/a"),
  }],
];

/** What a model that declines says is more than anything else. */
const declining: (Part | Error)[][] = [
  [refusal("I can't"), refusal(" do that"), stop],
  [refusal("I can't do that")],
  [refusal("I can't do that"), finish("content_filter")],
  [refusal("I can't do that"), finish("length")],
  [text('{"a":"'), refusal("I can't do that"), text('b"}'), stop],
  [refusal("I can't do that"), text("prose"), stop],
  [refusal("I can't do that"), text('{"a":x}'), stop],
  [refusal("I can't do that"), broken],
];

for (const [name, parts, end] of outcomes) {
  Deno.test(`an answer with ${name} ends in ${end.code ?? "end"}`, async () => {
    const heard = await hear(saying(...parts));
    const { message, ...rest } = heard.end;
    assertEquals(rest, end);
    assertMatch(String(message), /^[\p{Script=Han}，A-Z ]+$/u);
    if (name.startsWith("not JSON")) assert(heard.error instanceof SyntaxError);
  });
}

Deno.test("a model that declines is quoted, whatever else happens", async () => {
  for (const parts of declining) {
    const { end } = await hear(saying(...parts));
    const { path: _, ...rest } = end;
    assertEquals(rest, { ...failed("refused"), message: "I can't do that" });
  }
});

Deno.test("text that is no JSON ends the request to the provider", async () => {
  const model = new ScriptedModel((call) => call.say('{"a":"b",}{"c'));
  const broken = new ScriptedModel((call) => call.say('{"a":"b" c'));
  const { end, events } = await hear(broken.ask);
  assertEquals(end.code, "malformed_json");
  assertEquals(stateAfter(events), { a: "b" });
  assert(broken.calls[0]!.signal.aborted);

  // What comes after the value does not: the provider is heard to its end.
  await using server = startServer({ ask: model.ask });
  const called = model.nextCall();
  const response = await server.handle(request("{}"));
  const call = await called;
  assert(!call.signal.aborted);
  call.end();
  const last = (await Array.fromAsync(readEvents(response))).at(-1)!;
  assertEquals(last.data.status, "end");
});

Deno.test("text, thinking and refusals have a bound together", async () => {
  const config = testConfig({ limits: { outputCharacters: 12 } });
  for (const one of [text, reasoning, refusal]) {
    for (const other of [text, reasoning]) {
      const within = await hear(saying(other("a"), one("b".repeat(11)), stop), {
        config,
      });
      assert(within.end.code !== "output_too_large");
      const { end, events } = await hear(
        saying(other("a"), one("b".repeat(12)), stop),
        { config },
      );
      assertEquals(end.code, "output_too_large");
      assert(!JSON.stringify(events).includes("bbb"));
    }
  }
  const half = refusal("b".repeat(8));
  const { end } = await hear(saying(half, half, stop), { config });
  assertEquals(end.code, "output_too_large");
});

Deno.test("a depth that is allowed is validated and shown to its bottom", async () => {
  const config = testConfig({ limits: { depth: 200 } });
  const value = `{"a":${"[".repeat(199)}${"]".repeat(199)},"b":1}`;
  const schema = { type: "object", required: ["a", "b"] };
  const { end, events } = await hear(saying(text(value), stop), {
    config,
    schema,
  });
  assertEquals(end.valid, true);
  assertEquals(stateAfter(events), JSON.parse(value));
});

/** A model that the test drives, of which a client hears, and its clock. */
async function drive(
  limits: Partial<Config["limits"]> = {},
): Promise<
  AsyncDisposable & {
    clock: TestClock;
    call: ModelCall;
    model: ScriptedModel;
    reports: FinishedAnswer[];
    generations: Generations;
    /** The data of the last event. */
    end: Promise<Record<string, unknown>>;
    /** Lets the generation hear what the model has said, then time go on. */
    tick(seconds: number): Promise<void>;
  }
> {
  const model = new ScriptedModel();
  const clock = new TestClock();
  const config = testConfig({ limits });
  const server = startServer({ ask: model.ask, clock, config });
  const called = model.nextCall();
  const response = await server.handle(request("{}"));
  const call = await called;
  const heard = Array.fromAsync(readEvents(response));
  return {
    ...{ clock, call, model },
    ...{ reports: server.reports, generations: server.generations },
    end: heard.then((events) => events.at(-1)!.data),
    async tick(seconds) {
      for (let turns = 0; turns < 10; turns++) await turn();
      clock.tick(seconds * 1000);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

Deno.test("a silent model is given up, and sooner if it has said all", async () => {
  const prose = text('Here: {"a":1}');
  const cases: [parts: Part[], seconds: number, code: string | undefined][] = [
    [[], 300, "upstream_timeout"],
    [[{ type: "usage", usage }], 300, "upstream_timeout"],
    [[text("Hm")], 60, "upstream_timeout"],
    [[reasoning("Hm")], 60, "upstream_timeout"],
    [[text('{"a":1}')], 0.9, undefined],
    [[text('{"a":1}'), stop], 0.9, undefined],
    [[text("{"), stop], 0.9, "no_json"],
    [[text('{"a'), finish("length")], 0.9, "truncated"],
    // Behind prose, what follows may be another value.
    [[prose], 60, undefined],
    [[prose, stop], 0.9, undefined],
    // One that gives a reason with each chunk has not finished.
    [[text('{"a'), stop, text('"')], 60, "malformed_json"],
    [[refusal("No"), text("{")], 60, "refused"],
  ];
  for (const [parts, seconds, code] of cases) {
    await using driven = await drive();
    driven.call.send(...parts);
    await driven.tick(seconds - 0.02);
    assertEquals(driven.reports, []);
    await driven.tick(0.02);
    assertEquals((await driven.end).code, code);
    assert(driven.call.signal.aborted);
    const [report] = driven.reports;
    const hasText = parts.some((part) => "text" in part);
    assertEquals(report!.firstToken !== undefined, hasText);
    if (code === "upstream_timeout") {
      const name = hasText ? "tokenGapSeconds" : "firstTokenSeconds";
      assertMatch(String(report!.error), new RegExp(`${name} in LIMITS`));
    }
  }
});

Deno.test("a provider that sends anything at all is waited for, but not for ever", async () => {
  const signs: Part[] = [
    { type: "alive" },
    { type: "ignored", text: "ping" },
    { type: "usage", usage },
    { type: "response", status: 200, contentType: "text/event-stream" },
  ];
  const limits = {
    firstTokenSeconds: 10,
    tokenGapSeconds: 5,
    generationSeconds: 60,
  };
  for (const sign of signs) {
    await using driven = await drive(limits);
    const { call, reports } = driven;
    for (let seconds = 0; seconds < 27; seconds += 9) {
      call.send(sign);
      await driven.tick(9);
    }
    call.say("Hm");
    for (let seconds = 27; seconds < 59; seconds += 4) {
      call.send(sign);
      await driven.tick(4);
    }
    assertEquals(reports, []);
    call.send(sign);
    await driven.tick(1);
    assertEquals((await driven.end).code, "upstream_timeout");
    assertMatch(String(reports[0]!.error), /generationSeconds in LIMITS/);
  }
});

Deno.test("a stall of the process is not one of the model", async () => {
  await using driven = await drive();
  driven.call.say('{"a":');
  await driven.tick(1);
  driven.clock.jump(100_000);
  await driven.tick(0);
  assertEquals(driven.reports, []);
  // What waited in the socket is read now.
  driven.call.say("1}");
  driven.call.end();
  assertEquals((await driven.end).status, "end");

  await using silent = await drive();
  silent.call.say('{"a":');
  await silent.tick(1);
  silent.clock.jump(100_000);
  await silent.tick(2.9);
  assertEquals(silent.reports, []);
  await silent.tick(0.1);
  assertEquals((await silent.end).code, "upstream_timeout");
});

Deno.test("a model that failed before it said a word is asked again, and no other", async () => {
  const again = { again: true };
  const busy = new ModelError("upstream_rate_limited", "busy", {
    ...again,
    retryAfter: 7_000,
  });
  const gone = new ModelError("upstream_unavailable", "gone", again);
  const bad = new ModelError("upstream_rejected", "bad");

  await using driven = await drive();
  const { model, clock } = driven;
  driven.call.fail(busy);
  await driven.tick(6.9);
  assertEquals(model.calls.length, 1);
  let called = model.nextCall();
  clock.tick(100);
  (await called).fail(gone);
  await driven.tick(0);
  called = model.nextCall();
  clock.tick(1000);
  (await called).fail(gone);
  assertEquals((await driven.end).code, "upstream_unavailable");
  assertEquals(model.calls.length, 3);

  for (const part of [text('{"a":"'), reasoning("Hm"), refusal("No"), stop]) {
    await using told = await drive();
    told.call.send(part);
    await told.tick(0);
    told.call.fail(gone);
    await told.end;
    assertEquals(told.model.calls.length, 1);
  }
  await using rejected = await drive();
  rejected.call.fail(bad);
  assertEquals((await rejected.end).code, "upstream_rejected");
  assertEquals(rejected.model.calls.length, 1);
});

Deno.test("who wants to be left alone for longer than there is time is not asked again", async () => {
  await using driven = await drive({ firstTokenSeconds: 5 });
  driven.call.fail(
    new ModelError("upstream_rate_limited", "busy", {
      again: true,
      retryAfter: 5_000,
    }),
  );
  assertEquals((await driven.end).code, "upstream_rate_limited");
  const [report] = driven.reports;
  assertMatch(String(report!.error), /busy.*5 s.*firstTokenSeconds/);
});

Deno.test("a generation that is stopped while it waits to ask again asks no more", async () => {
  await using driven = await drive();
  driven.call.fail(
    new ModelError("upstream_unavailable", "gone", {
      again: true,
      retryAfter: 200_000,
    }),
  );
  await driven.tick(1);
  driven.generations.stopAll();
  assertEquals((await driven.end).code, "interrupted");
  await driven.tick(300);
  assertEquals(driven.model.calls.length, 1);
  assertEquals(driven.clock.timers, 0);
});

Deno.test("events of an answer in prose, thought and a fence tell them apart", async () => {
  const { events } = await hear(
    saying(
      reasoning("First. "),
      text('Sure. <think>Then {"a":0}.</think>'),
      text('```json\n{"a":"`'),
      text('``","b":1,}\n``` {"c":1}'),
      stop,
    ),
  );
  const said = (status: string) =>
    events.filter(({ data }) => data.status === status);
  assertEquals(
    said("reasoning").map(({ data }) => data.data).join(""),
    'First. Then {"a":0}.',
  );
  assertEquals(stateAfter(events), { a: "```", b: 1 });
});

Deno.test("nothing that a provider says of itself reaches a client", async () => {
  const secret = "sk-secret-of-the-provider";
  const gossip =
    `${secret} http://provider.example/v1?key=${secret} at main.ts:1`;
  const error = { message: gossip, code: gossip, type: gossip, param: gossip };
  const statuses = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503];
  const streams: ((call: Upstream["calls"][number]) => void)[] = [
    (call) => call.send({ error }),
    (call) => call.send(gossip),
    (call) => call.write(`data: ${gossip}\n\n`),
    (call) => call.write(`${gossip}\n`),
    (call) => call.send({ choices: { gossip } }),
    (call) => call.end(gossip),
    (call) => {
      call.say('{"a":1}');
      call.end(gossip, { note: gossip, total_tokens: 1 });
    },
    (call) => {
      call.say('{"a":1}');
      call.end("stop", gossip);
    },
  ];
  const scripts = [
    ...statuses.map((status) => (call: Upstream["calls"][number]) => {
      const headers = { "retry-after-ms": "1", "x-request-id": secret };
      const body = JSON.stringify({ error });
      return call.respond(new Response(body, { status, headers }));
    }),
    ...streams.map((script) => (call: Upstream["calls"][number]) => {
      script(call);
      call.close();
    }),
  ];
  // Together: some are asked again after a moment.
  await Promise.all(scripts.map(async (script) => {
    await using upstream = new Upstream(script);
    const ask = createAsk(upstream.options({ apiKey: secret }));
    const { events } = await hear(ask, { clock: systemClock });
    const shown = JSON.stringify(events);
    for (const part of [secret, "provider.example", "main.ts", upstream.url]) {
      assert(!shown.includes(part), shown);
    }
  }));
});

Deno.test("the log is told what clients are not", async () => {
  await using upstream = new Upstream((call) => {
    const error = { message: "Unknown parameter: 'response_format'" };
    call.respond(Response.json({ error }, { status: 400 }));
  });
  const { end, error } = await hear(createAsk(upstream.options()));
  assertEquals(end.code, "upstream_rejected");
  assertMatch(String(error), /RESPONSE_FORMAT/);
});

const schema = {
  type: "object",
  properties: { n: { type: "integer" }, s: { enum: ["x", "y"] } },
  required: ["n"],
};

Deno.test("an answer is validated where a schema was given", async () => {
  const answers: [text: string, valid: boolean, pointers: string[]][] = [
    ['{"n":1,"s":"x"}', true, []],
    ['```{"n":1,}```', true, []],
    ['{"n":1,"s":"z"}', false, ["/s"]],
    ['{"t":1}', false, [""]],
    ['{"n":1.5,"n":2}', true, []],
  ];
  const strict = testConfig({ schema, schemaGiven: true });
  for (const [answer, valid, pointers] of answers) {
    for (const options of [{ schema }, { config: strict }]) {
      const { end } = await hear(saying(text(answer), stop), options);
      assertEquals(end.status, "end");
      assertEquals(end.valid, valid, answer);
      const errors = (end.errors ?? []) as { pointer: string }[];
      assertEquals(errors.map(({ pointer }) => pointer), pointers);
      assertEquals("errors" in end, !valid);
    }
    const { end } = await hear(saying(text(answer), stop));
    assertEquals("valid" in end, false);
  }
});

Deno.test("an answer that satisfies nothing has at most ten errors", async () => {
  const required = Array.from({ length: 100 }, (_, index) => `m${index}`);
  const { end } = await hear(saying(text('{"a":1}'), stop), {
    schema: { required },
  });
  assertEquals(end.valid, false);
  const { length } = end.errors as unknown[];
  assertEquals(length, 10);
});

Deno.test("a schema of an array has an array for an answer", async () => {
  const { end, events } = await hear(
    saying(text('Here [is] it: {"a":1} [{"b":[1]},"c",]'), stop),
    { schema: { type: "array" } },
  );
  assertEquals(end.valid, true);
  assertEquals(stateAfter(events), [{ b: [1] }, "c"]);
});

Deno.test("the model is asked with the request's schema, else with the server's", async () => {
  const config = testConfig({ prompt: "by default" });
  for (const members of [{}, { prompt: "" }, { prompt: "p" }, { schema }]) {
    const model = new ScriptedModel((call) => call.end());
    await hear(model.ask, { config, ...members });
    assertEquals(model.calls[0]!.question, {
      prompt: ("prompt" in members && members.prompt) || "by default",
      schema: "schema" in members ? members.schema : config.schema,
    });
  }
});

/** Schemas that are not taken, and what the message names. */
const hostile: [schema: unknown, named: RegExp][] = [
  [null, /schema/],
  [true, /schema/],
  [[], /schema/],
  ["{}", /schema/],
  [{ titel: {} }, /关键字/],
  [{ type: "objekt" }, /type/],
  [{ type: "string" }, /对象/],
  [{ type: ["object", "array"] }, /对象/],
  [{ properties: { a: { pattern: 1 } } }, /\/properties\/a\/pattern/],
  [{ type: ["null", "object", "null"] }, /type/],
  [{ patternProperties: { "(a+)+$": {} } }, /patternProperties/],
  [{ $ref: "http://127.0.0.1/schema" }, /\$ref/],
  [{ $ref: "other.json" }, /\$ref/],
  [{ $ref: "#/$defs/no" }, /\$ref/],
  [{ $ref: "#" }, /schema/],
  [{ properties: { a: { $id: "b", $ref: "#" } } }, /\$id/],
  [{ $dynamicRef: "#a" }, /dynamicRef/],
  [{ properties: { a: 1 } }, /\/properties\/a/],
  [{ enum: [] }, /enum/],
  [{ required: "a" }, /required/],
  [nested(40), /过深/],
  [{ const: nested(5_000) }, /过深/],
  [{ enum: Array(25_000).fill(1) }, /过大/],
];

/** Schemas in one another. */
function nested(depth: number): unknown {
  let schema: unknown = { type: "object" };
  for (let level = 0; level < depth; level++) schema = { not: schema };
  return schema;
}

Deno.test("a request that is wrong is told what is wrong, and nothing is sent upstream", async () => {
  const json = (value: unknown) => JSON.stringify(value);
  const requests: [
    body: string,
    status: number,
    code: string,
    named: RegExp,
    headers?: HeadersInit,
  ][] = [
    ["{", 400, "bad_request", /JSON/],
    ["prompt=a", 400, "bad_request", /JSON/],
    ["[]", 400, "bad_request", /对象/],
    ["null", 400, "bad_request", /对象/],
    ['"a"', 400, "bad_request", /对象/],
    [json({ promt: "a" }), 400, "bad_request", /promt/],
    ['{"__proto__":{"schema":{}}}', 400, "bad_request", /__proto__/],
    [json({ prompt: 1 }), 400, "bad_request", /prompt/],
    [json({ prompt: null }), 400, "bad_request", /prompt/],
    [json({ prompt: "a".repeat(8_001) }), 413, "too_large", /8000/],
    [json({ prompt: "a".repeat(65_536) }), 413, "too_large", /65536/],
    ["[".repeat(65_000), 400, "bad_request", /JSON/],
    ...["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
      .map((type): [string, number, string, RegExp, HeadersInit] => [
        ...["{}", 415, "unsupported_media_type", /application\/json/] as const,
        { "content-type": type },
      ]),
    ...hostile.map(([schema, named]): [string, number, string, RegExp] => [
      ...[json({ prompt: "p", schema }), 400, "bad_request", named] as const,
    ]),
  ];
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  for (const [body, status, code, named, headers] of requests) {
    const response = await server.handle(request(body, headers));
    const answer = await response.json();
    assertEquals([response.status, answer.code], [status, code], body);
    assertEquals(answer.status, "error");
    assertMatch(answer.message, named);
    assert(answer.message.length < 300, answer.message);
  }
  assertEquals(model.calls, []);
  assertEquals(server.generations.running, 0);
  assertEquals(server.errors, []);
});

Deno.test("the demo model misbehaves as its prompts say", async () => {
  const prompts: Record<string, string | undefined> = {
    "": undefined,
    "a topic": undefined,
    "demo:fence": undefined,
    "demo:think": undefined,
    "demo:think-tag": undefined,
    "demo:hostile": undefined,
    "demo:truncated": "truncated",
    "demo:refusal": "refused",
    "demo:malformed": "malformed_json",
    "demo:no-json": "no_json",
    "demo:filter": "content_filtered",
    "demo:error": "upstream_unavailable",
    "demo:cut": "upstream_unavailable",
    "demo:rate-limit": "upstream_rate_limited",
    "demo:auth": "upstream_auth",
  };
  const { model } = testConfig();
  const schemas = [undefined, {
    type: "object",
    properties: {
      tags: { type: "array", items: { type: "string" }, minItems: 2 },
      author: {
        type: "object",
        properties: { name: { type: "string" }, kind: { enum: ["a", "b"] } },
        required: ["name", "kind"],
      },
      score: { type: "number", minimum: 1, maximum: 2 },
    },
    required: ["tags", "author", "score"],
  }];
  for (const schema of schemas) {
    for (const [prompt, code] of Object.entries(prompts)) {
      const fetch = createDemoFetch({ tokensPerSecond: Infinity });
      const ask = createAsk({ ...model, responseFormat: "json_schema", fetch });
      // After a moment, some are asked again.
      const options = { prompt, schema, clock: systemClock };
      const { end, events } = await hear(ask, options);
      assertEquals(end.code, code, prompt);
      if (code !== undefined) continue;
      assertEquals(end.valid, schema && true, prompt);
      const thinks = prompt.startsWith("demo:think");
      const has = events.some(({ data }) => data.status === "reasoning");
      assertEquals(has, thinks, prompt);
    }
  }
});
