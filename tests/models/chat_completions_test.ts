import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createAsk } from "../../lib/models/openai.ts";
import { createProviderFetch } from "../../lib/models/provider_fetch.ts";
import { toStream } from "../../lib/models/source.ts";
import { Upstream } from "../_upstream.ts";
import {
  answerOf,
  answerTo,
  bodyOf,
  delta,
  event,
  finish,
  options,
  question,
  type Said,
} from "./_answer.ts";

const encoder = new TextEncoder();

const thought = "想\u{1f600}…";
const text = '{"title":"科技\u{1f600}é"}';
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const answer: Said[] = [
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
  "without blank lines": (stream) => stream.replaceAll("\n\n", "\n"),
  "with some of them": (stream) =>
    stream.replaceAll("\n\n", () => Math.random() < 0.5 ? "\n" : "\n\n"),
  "without events": (stream) => stream.replaceAll(/^data: /gm, ""),
  "in events twice": (stream) => stream.replaceAll("data: ", "data: data: "),
  "with spaces around [DONE]": (stream) =>
    stream.replace("data: [DONE]", "data:   [DONE]  "),
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

/** Cuts bytes behind each line that is empty, as most providers send them. */
function cutAtEvents(bytes: Uint8Array): Uint8Array[] {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return text.split(/(?<=\n\n|\r\n\r\n|\r\r)/).map((event) =>
    encoder.encode(event)
  );
}

Deno.test("a provider's stream is read the same in one piece, byte by byte and cut anywhere", async () => {
  for (const [name, stream] of streams()) {
    const cuts = [[stream], cutAtRandom(stream, 1), cutAtEvents(stream)];
    for (const longest of [2, 7, 50, 500]) {
      cuts.push(cutAtRandom(stream, longest));
    }
    for (const pieces of cuts) {
      const sizes = pieces.map(({ length }) => length);
      const { parts, error } = await answerTo(...pieces);
      assertEquals([parts, error], [answer, undefined], `${name}, in ${sizes}`);
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
      ignored: [],
      error: undefined,
    });
  }
});

Deno.test("a provider's stream is read where bodies are no byte streams", async () => {
  const frames = [delta({ content: "{}" }), finish];
  const canceled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const frame = frames.shift() ?? "data: [DONE]\n\n";
      controller.enqueue(encoder.encode(frame));
    },
    cancel: () => canceled.resolve(),
  }, { highWaterMark: 0 });
  const fetch = () => Promise.resolve(new Response(body));
  const { parts, error } = await answerOf({ ...options, fetch });
  assertEquals(error, undefined);
  assertEquals(parts[0], { type: "text", text: "{}" });
  await canceled.promise;
});

Deno.test("a long text is said in slices, and others have their turn in between", async () => {
  const long = "a😀".repeat(20_000);
  const body = bodyOf([
    encoder.encode(delta({ content: long }) + delta({ content: "b" }) + finish),
  ]);
  const said: string[] = [];
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await createAsk({ ...options, fetch: body })(
    question,
    new AbortController().signal,
    (part) => {
      if (part.type === "text") said.push(part.text);
      if (part.type === "finish") said.push("finished");
    },
  );
  clearInterval(timer);
  assertEquals(said.join(""), `${long}bfinished`);
  assertEquals(said.slice(0, 3).map(({ length }) => length), [
    16_384,
    16_384,
    16_384,
  ]);
  assertLess(2, turns);
});

Deno.test("a long text is said to its end, though the provider says no more for now", async () => {
  const long = "a".repeat(40_000);
  for (const fetch of [globalThis.fetch, createProviderFetch()]) {
    await using upstream = new Upstream((call) => {
      call.say(long);
      call.say("b");
    });
    const controller = new AbortController();
    const heard = Promise.withResolvers<void>();
    let text = "";
    const asked = assertRejects(() =>
      createAsk({ ...upstream.options(), fetch })(
        question,
        controller.signal,
        (part) => {
          if (part.type === "text") text += part.text;
          if (text.endsWith("b")) heard.resolve();
        },
      )
    );
    await heard.promise;
    assertEquals(text, `${long}b`);
    controller.abort();
    await asked;
    await upstream.calls[0]!.closed;
  }
});

Deno.test("a long text is said once, though the connection breaks meanwhile", async () => {
  const long = "a".repeat(100_000);
  const body = toStream({
    pump(onPiece) {
      void onPiece(encoder.encode(delta({ content: long })));
      return Promise.reject(new TypeError("Cannot read on"));
    },
    cancel: () => Promise.resolve(),
  });
  const fetch = () => Promise.resolve(new Response(body));
  let length = 0;
  await assertRejects(() =>
    createAsk({ ...options, fetch })(
      question,
      new AbortController().signal,
      (part) => {
        if (part.type === "text") length += part.text.length;
      },
    )
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(length, long.length);
});

Deno.test("a body is let go with the question, also by a fetch that hears of no signal", async () => {
  for (const isBefore of [true, false]) {
    const controller = new AbortController();
    const canceled = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      start: (stream) =>
        stream.enqueue(encoder.encode(delta({ content: "a" }))),
      cancel: () => canceled.resolve(),
    });
    const fetch = () => {
      if (isBefore) controller.abort();
      return Promise.resolve(new Response(body));
    };
    await assertRejects(() =>
      createAsk({ ...options, fetch })(question, controller.signal, (part) => {
        if (part.type === "text") controller.abort();
      })
    );
    await canceled.promise;
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
    ...[{}, { choices: null }, { choices: [] }, { choices: [{}] }],
    ...[{ choices: [null] }, { choices: 5 }, { choices: { a: 1 } }],
    ...[{ error: null }, { usage: null }, { choices: [{ delta: null }] }],
    ...[
      { content: null, role: null },
      { content: [], refusal: true, reasoning: 1e400 },
      { content: [{ type: "reference", reference_ids: [1] }, null] },
      { content: { type: "image_url" }, tool_calls: null },
      { tool_calls: [{ index: 0, function: { name: "f", arguments: "" } }] },
      { tool_calls: [null, 5], function_call: "f", audio: { data: "a" } },
    ].map((delta) => ({ choices: [{ index: 0, delta }] })),
  ];
  assertEquals(
    await answerTo(
      ...chunks.map(event),
      ...["", "null", "None", false, 0, null].map((finish_reason) =>
        delta({}, { finish_reason })
      ),
      delta({ content: "a" }, { finish_reason: "" }),
      finish,
    ),
    {
      parts: [{ type: "text", text: "a" }, { type: "finish", reason: "stop" }],
      ignored: [],
      error: undefined,
    },
  );
});

Deno.test("one odd event kills no answer, and is told", async () => {
  const odd: [written: string, ignored: string[]][] = [
    ["data:\n\n", []],
    ["data\n\n", []],
    ["data: \n\n", []],
    ["data: null\n\n", ["null"]],
    ["data: ping\n\n", ["ping"]],
    ['data: "a"\n\n', ['"a"']],
    ["data: 5\n\n", ["5"]],
    ["data: {bad}\n\n", ["{bad}"]],
    ["data: []\n\n", ["[]"]],
    ["data: [null]\n\n", ["[null]"]],
    ["data: : OPENROUTER PROCESSING\n\n", [": OPENROUTER PROCESSING"]],
    ["data: {\n\n", ["{"]],
    ['data: {"choices":[{"delta":{"content":"no\n\n', [
      '{"choices":[{"delta":{"content":"no',
    ]],
    ["data: <html>\n\n", ["<html>"]],
    ["upstream error: reset\n\n", ["upstream error: reset"]],
    ["event: ping\ndata: {}\n\n", []],
    ["id: 1\nretry: 5\nevent: message\n\n", []],
  ];
  for (const [written, ignored] of odd) {
    for (const pieces of [[written], [...written]]) {
      const told = await answerTo(
        delta({ content: "a" }),
        ...pieces,
        delta({ content: "b" }),
        written.replace(/\n\n$/, "\n"),
        delta({ content: "c" }),
      );
      assertEquals(told, {
        parts: [{ type: "text", text: "abc" }],
        ignored: [...ignored, ...ignored],
        error: undefined,
      }, written);
    }
  }
});

Deno.test("several chunks at once are each read, in order", async () => {
  const a = delta({ content: 'a}{"' }).trim().slice(6);
  const b = delta({ content: "\\\\b" }).trim().slice(6);
  const at = [
    `${a}\n${b}`,
    `${a}${b}`,
    `${a} ${b}`,
    `${a}data: ${b}`,
    `[${a},\n${b}]`,
    `${a}\n\n${b}`,
  ];
  const text = 'a}{"\\\\bc';
  for (const both of at) {
    for (const end of ["\n\n", "\n"]) {
      const lines = both.split("\n").map((line) => line && `data: ${line}`);
      const stream = `${lines.join("\n")}${end}${delta({ content: "c" })}`;
      for (const pieces of [[stream], [...stream]]) {
        const told = await answerTo(...pieces);
        assertEquals(told, {
          parts: said(text),
          ignored: [],
          error: undefined,
        });
      }
    }
  }
  // What ends the answer may stick to its last chunk.
  const { parts } = await answerTo(
    `data: ${a}data: [DONE]\n\n`,
    delta({ content: "no" }),
  );
  assertEquals(parts, said('a}{"'));
});

/** Content in its many forms: what stands in `choices`, and what it says. */
const forms: [name: string, choices: unknown[][], parts: Said[]][] = [
  ["numbers", [content("$"), content(5), content(0)], said("$50")],
  ["digits", [content(1.5), content(-0), content(1e21)], said("1.501e+21")],
  ["words", [content(true), content(false)], said("truefalse")],
  [
    "parts",
    [
      content([{ type: "thinking", thinking: [{ type: "text", text: "Hm" }] }]),
      content([{ type: "text", text: "a" }, "b", { type: "reference" }]),
      content([{ type: "output_text", text: "c" }]),
      content({ type: "text", text: "d" }),
    ],
    [{ type: "reasoning", text: "Hm" }, ...said("abcd")],
  ],
  [
    "a refusal among parts",
    [content([{ type: "refusal", refusal: "n", text: "no" }])],
    [{ type: "refusal", text: "no" }],
  ],
  [
    "a message",
    [[{ index: 0, message: { content: "a", reasoning_content: "Hm" } }]],
    [{ type: "reasoning", text: "Hm" }, ...said("a")],
  ],
  [
    "a message beside an empty delta",
    [[{ delta: {}, message: { content: "a" } }]],
    said("a"),
  ],
  [
    "a message that repeats it all",
    [content("a"), [{ delta: { content: "b" }, message: { content: "ab" } }]],
    said("ab"),
  ],
  ["text", [[{ index: 0, text: "a" }], [{ text: "b" }]], said("a")],
  [
    "a tool call",
    [
      called(0, ""),
      called(0, '{"a'),
      called(1, "no"),
      called(0, '":1}'),
    ],
    said('{"a":1}'),
  ],
  [
    "a function call",
    [[{ delta: { content: null, function_call: { arguments: "{" } } }], [{
      delta: { function_call: { arguments: "}" } },
    }]],
    said("{}"),
  ],
  [
    "arguments that are an object",
    [called(0, { a: [1] })],
    said('{"a":[1]}'),
  ],
  [
    "a tool call behind content",
    [content("a"), called(0, "no")],
    said("a"),
  ],
  [
    "a tool call behind white space",
    [content("\n"), called(0, "{}")],
    said("\n{}"),
  ],
  [
    "an answer among the thoughts",
    [thinks('{"a'), thinks('":1}')],
    [{ type: "reasoning", text: '{"a":1}' }, ...said('{"a":1}')],
  ],
  [
    "an answer in a fence among the thoughts",
    [thinks("\n```json\n{}"), thinks("\n```")],
    [
      { type: "reasoning", text: "\n```json\n{}\n```" },
      ...said("\n```json\n{}\n```"),
    ],
  ],
  ["thoughts alone", [thinks('I think {"a":1}')], [
    { type: "reasoning", text: 'I think {"a":1}' },
  ]],
  [
    "thoughts that look like an answer",
    [thinks("{}"), content("a"), thinks("{}")],
    [
      { type: "reasoning", text: "{}" },
      ...said("a"),
      { type: "reasoning", text: "{}" },
    ],
  ],
  [
    "an index that is text",
    [[{ index: "0", delta: { content: "a" } }], [{
      index: "1",
      delta: { content: "no" },
    }]],
    said("a"),
  ],
  [
    "an index that is the only one",
    [
      [{ index: 1, delta: { content: "a" } }],
      [{ index: 1, delta: { content: "b" } }],
      [{ delta: { content: "c" } }],
    ],
    said("abc"),
  ],
];

function content(content: unknown): unknown[] {
  return [{ index: 0, delta: { content } }];
}

function thinks(text: string): unknown[] {
  return [{ index: 0, delta: { reasoning_content: text, content: null } }];
}

function called(index: number, text: unknown): unknown[] {
  const call = { index, function: { name: "f", arguments: text } };
  return [{ index: 0, delta: { content: null, tool_calls: [call] } }];
}

function said(text: string): Said[] {
  return [{ type: "text", text }];
}

for (const [name, choices, parts] of forms) {
  Deno.test(`content is read as ${name}`, async () => {
    const events = choices.map((choices) => event({ choices }));
    const told = await answerTo(...events);
    assertEquals(told, { parts, ignored: [], error: undefined });
    if (choices.length > 1) return;
    // As a whole body, pretty or not.
    for (const space of [0, 2]) {
      const body = JSON.stringify({ choices: choices[0] }, null, space);
      assertEquals((await answerTo(body)).parts, parts);
    }
  });
}

Deno.test("a number's digits are kept as they were written", async () => {
  const { parts } = await answerTo(
    ...["0", "1.10", "12345678901234567890", "1E5"].map((digits) =>
      `data: {"choices":[{"delta":{"role":"content\\":7","content": ${digits}}}]}\n\n`
    ),
  );
  assertEquals(parts, said("01.10123456789012345678901E5"));
});

Deno.test("reasoning is read in every form, once", async () => {
  const detail = { type: "reasoning.text", text: "c" };
  const { parts } = await answerTo(
    delta({ reasoning_content: "a" }),
    delta({ reasoning_content: { text: "b" } }),
    delta({ reasoning_content: "", reasoning_details: [detail] }),
    delta({ reasoning: "d", reasoning_details: [{ ...detail, text: "d" }] }),
    delta({ reasoning_details: [{ type: "reasoning.summary", summary: "e" }] }),
    delta({ reasoning_details: [{ type: "reasoning.encrypted", data: "x" }] }),
    delta({ reasoning: { content: ["f", { text: "g" }] } }),
    delta({ reasoning: "h", reasoning_content: "h" }),
    delta({ content: "." }),
  );
  assertEquals(parts, [
    { type: "reasoning", text: "abcdefgh" },
    { type: "text", text: "." },
  ]);
});

Deno.test("usage is read wherever it stands, and under names that are known", async () => {
  const known = { ...usage, prompt_tokens_details: { cached_tokens: 1 } };
  const given = {
    ...known,
    ...{ account: "sk-key", cost: 0.1, list: [1], total: 5, "sk-key": 1 },
    completion_tokens: Infinity,
    completion_tokens_details: { note: "http://provider.example/" },
    prompt_tokens_details: { cached_tokens: 1, "sk-key": 1, deep: { a: 1 } },
  };
  const { completion_tokens: _, ...shown } = known;
  for (
    const chunk of [
      { usage: given },
      { choices: [{ delta: {}, usage: given }] },
      { choices: [], x_groq: { id: "x", usage: given } },
    ]
  ) {
    const { parts } = await answerTo(event(chunk));
    assertEquals(parts, [{ type: "usage", usage: shown }]);
  }
  for (const none of [{}, [], "5", 5, { note: "x" }]) {
    assertEquals((await answerTo(event({ usage: none }))).parts, []);
  }
});

Deno.test("what came before a fault is said, however the response was cut", async () => {
  const said = delta({ content: "a" }) + delta({ refusal: "b" });
  const faults: [fault: string, message: RegExp][] = [
    [event({ error: { message: "the server's error", code: 500 } }), /error/],
    [event({ error: "an error" }) + delta({ content: "no" }), /an error/],
    [`event: error\n${event({ error: { type: "x" } })}`, /x/],
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

Deno.test("a body that says nothing is heard to its end", async () => {
  const bodies: [body: string, ignored: string[]][] = [
    ["", []],
    ["<html>\n\n</html>", ["<html>", "</html>"]],
    ["data: [DONE]\n\n", []],
    [": ping\n\n", []],
  ];
  for (const [body, ignored] of bodies) {
    const told = await answerTo(body);
    assertEquals(told, { parts: [], ignored, error: undefined });
  }
  const { error } = await answerOf({
    ...options,
    fetch: () => Promise.resolve(new Response(null, { status: 204 })),
  });
  assertEquals(error, undefined);
});

Deno.test("whatever comes tells that the provider is there", async () => {
  const pieces = [": ping\n\n", "da", "ta: {", "}\n\n", "data: ping\n\n"];
  let heard = 0;
  await createAsk({
    ...options,
    fetch: bodyOf(
      [...pieces, delta({ content: "a" })].map((piece) =>
        encoder.encode(piece)
      ),
    ),
  })(question, new AbortController().signal, () => heard++);
  // The response's head, and each read.
  assertEquals(heard, 1 + pieces.length + 1);
});

Deno.test("a provider that sends much and says nothing is given up", async () => {
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
  const floods = [
    ...[`data: ${line}`, `data: ${line}\r\n`, `: ${line}`, line].map((lines) =>
      lines.repeat(10)
    ),
    ...["data: {\n", delta({ content: null })].map((lines) =>
      lines.repeat(5_000)
    ),
    event({ usage }).repeat(1_000),
  ];
  for (const flood of floods) {
    read = 0;
    isCancelled = false;
    const fetch = bodyOf(endless(encoder.encode(flood)));
    const { parts, error } = await answerOf({ ...options, fetch });
    assertEquals(parts[0], { type: "text", text: "a" });
    assertEquals(error?.code, "upstream_unavailable");
    assertStringIncludes(error!.message, "without a word");
    assertLess(read, 10_000_000);
    assert(isCancelled);
  }
});

Deno.test("a provider may send 8 MB without a word, and not a byte more", async () => {
  for (const more of [0, 1]) {
    const comment = (bytes: number) =>
      encoder.encode(`:${"c".repeat(bytes - 3)}\n\n`);
    const { parts, error } = await answerOf({
      ...options,
      fetch: bodyOf([
        ...Array(7).fill(comment(1_000_000)),
        comment(1_000_000 + more),
        encoder.encode(delta({ content: "a" })),
        encoder.encode(finish),
      ]),
    });
    assertEquals(error?.code, more ? "upstream_unavailable" : undefined);
    assertEquals(parts.length > 0, more === 0);
  }
});

Deno.test("a small body that unfolds to a large one is not read to its end", async () => {
  const bombs: [status: number, line: string][] = [
    [200, ": ping\n\n"],
    [200, "data: {}\n\n"],
    [200, "\0"],
    [500, "no "],
  ];
  for (const [status, line] of bombs) {
    const page = encoder.encode(line.repeat(100_000 / line.length));
    let unfolded = 0;
    const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        unfolded += page.length;
        if (unfolded > 100_000_000) return controller.close();
        controller.enqueue(page.slice());
      },
    });
    const gzip = source.pipeThrough(new CompressionStream("gzip"));
    const bytes = await new Response(gzip).bytes();
    assertLess(bytes.length, 700_000);
    await using upstream = new Upstream((call) => {
      const headers = {
        "content-type": "text/event-stream",
        "content-encoding": "gzip",
      };
      call.respond(new Response(bytes.slice(), { status, headers }));
    });
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const { error } = await answerOf(upstream.options());
    clearInterval(timer);
    assertEquals(error?.code, "upstream_unavailable");
    if (status !== 200) continue;
    assertStringIncludes(error!.message, "without a word");
    // Others had their turns meanwhile.
    assert(turns > 4, String(turns));
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

Deno.test("what comes behind [DONE] is not read for long", async () => {
  const canceled = Promise.withResolvers<void>();
  let reads = 0;
  function* endless() {
    yield encoder.encode(`${delta({ content: "a" })}${finish}data: [DONE]\n\n`);
    try {
      for (;; reads++) yield encoder.encode(delta({ content: "b" }));
    } finally {
      canceled.resolve();
    }
  }
  const fetch = bodyOf(endless());
  const { parts } = await answerOf({ ...options, fetch });
  assertEquals(parts[0], { type: "text", text: "a" });
  await canceled.promise;
  assertLess(reads, 20);
});

Deno.test("a connection serves the next answer, though its end comes behind [DONE]", async () => {
  const ports = new Set<number>();
  let answers = 0;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request, { remoteAddr }) => {
      await request.text();
      ports.add(remoteAddr.port);
      answers++;
      return new Response(ReadableStream.from((async function* () {
        yield encoder.encode(`${finish}data: [DONE]\n\n`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      })()));
    },
  );
  const baseURL = `http://127.0.0.1:${server.addr.port}`;
  for (const fetch of [globalThis.fetch, createProviderFetch()]) {
    ports.clear();
    answers = 0;
    // One that asks before the last end has come gets a connection of its own.
    while (ports.size === answers) {
      assertLess(answers, 100, "no connection has served twice");
      const { error } = await answerOf({ ...options, baseURL, fetch });
      assertEquals(error, undefined);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
});

Deno.test("a connection that breaks is a fault, and worth asking again", async () => {
  await using upstream = new Upstream((call) => {
    call.say("a");
    if (upstream.calls.length > 1) call.write(finish);
    call.kill();
  });
  const first = await answerOf(upstream.options());
  assertEquals(first.parts, said("a"));
  assertEquals(first.error?.code, "upstream_unavailable");
  assertEquals(first.error?.again, true);
  const second = await answerOf(upstream.options());
  assertEquals(second.parts, [
    ...said("a"),
    { type: "finish", reason: "stop" },
  ]);
  assertEquals(second.error?.code, "upstream_unavailable");
});

Deno.test("what clients see of the finish reason is a word", async () => {
  const reasons: [given: unknown, shown: string][] = [
    ["stop", "stop"],
    ["MAX_TOKENS", "MAX_TOKENS"],
    ["content-filter", "content_filter"],
    ["FinishReason.SAFETY", "safety"],
    ["see http://provider.example/ for why", "unknown"],
    [{ reason: "sk-key" }, "unknown"],
    [["stop"], "unknown"],
    [5, "unknown"],
  ];
  for (const [finish_reason, reason] of reasons) {
    const { parts } = await answerTo(delta({}, { finish_reason }));
    assertEquals(parts, [{ type: "finish", reason }]);
  }
});
