import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { Upstream } from "../_upstream.ts";
import { answerOf, answerTo, delta, options } from "./_answer.ts";

const encoder = new TextEncoder();

Deno.test("each HTTP status has its code, and is asked once", async () => {
  const statuses: [status: number, code: string, again: boolean][] = [
    [400, "upstream_rejected", false],
    [401, "upstream_auth", false],
    [402, "upstream_rejected", false],
    [403, "upstream_auth", false],
    [404, "upstream_rejected", false],
    [408, "upstream_rejected", true],
    [409, "upstream_rejected", true],
    [413, "upstream_rejected", false],
    [422, "upstream_rejected", false],
    [429, "upstream_rate_limited", true],
    [500, "upstream_unavailable", true],
    [502, "upstream_unavailable", true],
    [503, "upstream_unavailable", true],
    [529, "upstream_unavailable", true],
  ];
  const bodies = ['{"error":{"message":"why"}}', '{"detail":"why"}', "why", ""];
  for (const [status, code, again] of statuses) {
    for (const body of bodies) {
      await using upstream = new Upstream((call) => {
        call.respond(new Response(body, { status }));
      });
      const { parts, error } = await answerOf(upstream.options());
      assertEquals(parts, []);
      assertEquals([error?.code, error?.again], [code, again], String(status));
      assertEquals(upstream.calls.length, 1);
      assertStringIncludes(error!.message, body && "why");
      assertStringIncludes(error!.message, String(status));
    }
  }
});

Deno.test("a failure says how long to wait", async () => {
  const at = new Date(Date.now() + 60_000).toUTCString();
  const waits: [headers: HeadersInit, least: number, most: number][] = [
    [{ "retry-after": "3" }, 3_000, 3_000],
    [{ "retry-after": "0.5" }, 500, 500],
    [{ "retry-after-ms": "7", "retry-after": "3" }, 7, 7],
    [{ "retry-after": at }, 30_000, 60_000],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0, 0],
  ];
  for (const [headers, least, most] of waits) {
    await using upstream = new Upstream((call) => {
      call.respond(new Response("busy", { status: 429, headers }));
    });
    const { error } = await answerOf(upstream.options());
    const { retryAfter } = error!;
    assert(retryAfter! >= least && retryAfter! <= most, String(retryAfter));
  }
  for (const [advice, status] of [["false", 503], ["true", 400]] as const) {
    await using upstream = new Upstream((call) => {
      const headers = { "x-should-retry": advice, "retry-after": "soon" };
      call.respond(new Response("no", { status, headers }));
    });
    const { error } = await answerOf(upstream.options());
    assertEquals(error!.again, advice === "true");
    assertEquals(error!.retryAfter, undefined);
  }
});

/** What providers say of failures: in a body of this status, or in an event. */
const faults: [
  error: Record<string, unknown>,
  status: number | undefined,
  code: string,
  again: boolean,
][] = [
  [
    { message: "You exceeded your current quota", code: "insufficient_quota" },
    429,
    "upstream_rejected",
    false,
  ],
  [
    {
      message: "You exceeded your current quota, please check your plan",
      code: 429,
      status: "RESOURCE_EXHAUSTED",
    },
    429,
    "upstream_rate_limited",
    true,
  ],
  [
    { message: "余额不足或无可用资源包,请充值。", code: "1113" },
    429,
    "upstream_rejected",
    false,
  ],
  [{ message: "Insufficient Balance" }, 402, "upstream_rejected", false],
  [
    { message: "insufficient balance", code: 1008 },
    undefined,
    "upstream_rejected",
    false,
  ],
  [
    { message: "Your account is in arrears", code: "Arrearage" },
    400,
    "upstream_rejected",
    false,
  ],
  [
    { message: "Allocated quota exceeded", code: "Throttling.AllocationQuota" },
    429,
    "upstream_rate_limited",
    true,
  ],
  [
    {
      message: "Input data may contain inappropriate content.",
      code: "data_inspection_failed",
    },
    400,
    "content_filtered",
    false,
  ],
  [
    { message: "系统检测到输入内容可能包含不安全或敏感内容", code: "1301" },
    400,
    "content_filtered",
    false,
  ],
  [
    { message: "Your input was flagged", metadata: { reasons: ["x"] } },
    403,
    "content_filtered",
    false,
  ],
  [
    { message: "The prompt is blocked", code: "content_policy_violation" },
    undefined,
    "content_filtered",
    false,
  ],
  [
    {
      message: "This model's maximum context length is 4096 tokens",
      code: "context_length_exceeded",
    },
    undefined,
    "upstream_rejected",
    false,
  ],
  [
    { message: "prompt is too long: 210000 tokens > 200000 maximum" },
    500,
    "upstream_rejected",
    false,
  ],
  [
    {
      message:
        "Request too large for gpt on tokens per min (TPM): Limit 30000, Requested 40000. The input or output tokens must be reduced",
      code: "rate_limit_exceeded",
      type: "tokens",
    },
    429,
    "upstream_rejected",
    false,
  ],
  [
    {
      message:
        "Rate limit reached for gpt on tokens per min (TPM): Limit 30000",
      code: "rate_limit_exceeded",
    },
    undefined,
    "upstream_rate_limited",
    true,
  ],
  [
    {
      message: "would exceed your rate limit of 30,000 input tokens per minute",
    },
    429,
    "upstream_rate_limited",
    true,
  ],
  [{ message: "The request took too long" }, 504, "upstream_unavailable", true],
  [
    { message: "Overloaded", type: "overloaded_error" },
    undefined,
    "upstream_unavailable",
    true,
  ],
  [
    { message: "API key not valid. Please pass a valid API key." },
    400,
    "upstream_auth",
    false,
  ],
  [
    { message: "Bad key", type: "authentication_error" },
    undefined,
    "upstream_auth",
    false,
  ],
  [
    { message: "No endpoints found", code: 404 },
    undefined,
    "upstream_rejected",
    false,
  ],
  [
    { message: "no", code: "InvalidParameter" },
    undefined,
    "upstream_rejected",
    false,
  ],
  [{ message: "who knows" }, undefined, "upstream_unavailable", true],
];

Deno.test("a failure has one code, whether a response or an event tells of it", async () => {
  for (const [error, status, code, again] of faults) {
    const body = JSON.stringify({ error });
    await using upstream = new Upstream((call) => {
      if (status !== undefined) {
        return call.respond(new Response(body, { status }));
      }
      call.write(`data: ${body}\n\n`);
      call.close();
    });
    const { error: told } = await answerOf(upstream.options());
    assertEquals([told?.code, told?.again], [code, again], body);
    assertStringIncludes(told!.message, String(error.message));
  }
});

Deno.test("an error is known in every wrapping", async () => {
  const wrappings: [event: string, code: string][] = [
    ['data: {"error":"overloaded"}', "upstream_unavailable"],
    [
      'data: {"error":{"message":"slow down","code":429}}',
      "upstream_rate_limited",
    ],
    ['data: {"error":{"code":"429"},"choices":[]}', "upstream_rate_limited"],
    ['data: [{"error":{"message":"no","code":400}}]', "upstream_rejected"],
    [
      'event: error\ndata: {"code":"InvalidParameter","message":"no"}',
      "upstream_rejected",
    ],
    [
      'event: error\ndata: {"error":{"message":"no","type":"x"}}',
      "upstream_unavailable",
    ],
    ['data: {"type":"error","code":"400","message":"no"}', "upstream_rejected"],
    [
      'data: {"type":"error","error":{"type":"overloaded_error"}}',
      "upstream_unavailable",
    ],
    ['data: {"object":"error","message":"no","code":400}', "upstream_rejected"],
    [
      'data: {"choices":null,"base_resp":{"status_code":1004,"status_msg":"invalid api key"}}',
      "upstream_auth",
    ],
    [
      'data: {"success":false,"errors":[{"code":3036,"message":"rate limited"}]}',
      "upstream_rate_limited",
    ],
    ['data: {"code":503,"message":"busy"}', "upstream_unavailable"],
    ['{"error":{"message":"no endpoint","code":404}}', "upstream_rejected"],
    [
      '{\n "error": {\n  "message": "no endpoint",\n  "code": 404\n }\n}',
      "upstream_rejected",
    ],
    [
      'data: {"choices":[{"finish_reason":"error","error":{"code":401,"message":"m"}}]}',
      "upstream_auth",
    ],
  ];
  for (const [event, code] of wrappings) {
    for (const text of [event, `${event}\n`, `${event}\n\n`]) {
      const { error } = await answerTo(text);
      assertEquals(error?.code, code, text);
    }
  }
});

Deno.test("what is no error kills no answer", async () => {
  const events = [
    ...['{"error":null}', '{"error":{}}', '{"error":""}', '{"error":[]}'],
    ...['{"error":{"code":0,"message":""}}', '{"error":false}'],
    ...['{"type":"ping","message":"hello"}', '{"code":0,"message":"ok"}'],
    ...[
      '{"status":"queued","message":"waiting"}',
      '{"code":"ok","message":""}',
    ],
    ...['{"base_resp":{"status_code":0,"status_msg":""}}', '{"choices":[]}'],
  ];
  const { parts, error } = await answerTo(
    ...events.map((data) => `data: ${data}\n\n`),
    delta({ content: "a" }),
    `data: ${
      JSON.stringify({ choices: [{ delta: { content: "b" } }], error: {} })
    }\n\n`,
  );
  assertEquals([parts, error], [[{ type: "text", text: "ab" }], undefined]);
});

Deno.test("an error's body is read to its first 64 KB", async () => {
  let sent = 0;
  let isCancelled = false;
  const page = encoder.encode("why? ".repeat(1000));
  const body = new ReadableStream({
    pull(controller) {
      sent += page.length;
      controller.enqueue(page);
    },
    cancel() {
      isCancelled = true;
    },
  }, { highWaterMark: 0 });
  const { error } = await answerOf({
    ...options,
    fetch: () => Promise.resolve(new Response(body, { status: 500 })),
  });
  assertEquals(error?.code, "upstream_unavailable");
  assert(isCancelled);
  assertLess(sent, 75_000);
  assertLess(error!.message.length, 10_100);
});

Deno.test("an error's body counts up to 64 KB, and not a byte more of it", async () => {
  for (const more of [0, 1]) {
    const fault = '{"error":{"code":"context_length_exceeded","message":"x';
    const end = '"}}';
    const size = 65_536 + more;
    const body = fault + "y".repeat(size - fault.length - end.length) + end;
    const { error } = await answerOf({
      ...options,
      fetch: () => Promise.resolve(new Response(body, { status: 400 })),
    });
    // A body that is cut is text, and says nothing of its kind.
    const isRead = !error!.message.includes('{"error"');
    assertEquals(isRead, more === 0, error!.message.slice(0, 200));
  }
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
    [400, {
      message: "response_format json_object is not supported",
    }, "RESPONSE_FORMAT to json_schema or json_object"],
    [400, {
      message:
        "Unsupported value: 'messages[0].role' does not support 'system'",
    }, "SYSTEM_ROLE to user"],
    [400, {
      message: "Developer instruction is not enabled for models/gemma-3",
    }, "SYSTEM_ROLE to user"],
    [400, { message: "System role not supported" }, "SYSTEM_ROLE to user"],
    [
      400,
      { message: "Conversation roles must alternate user/assistant" },
      "SYSTEM_ROLE to user",
    ],
    [402, { message: "Insufficient Balance" }, "nothing left to spend"],
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
