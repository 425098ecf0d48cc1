// What the log tells of answers that have failed, and what it does not.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { ServerProcess } from "../_process.ts";
import { readEvents } from "../_server.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";

const secret = "sk-secret-of-the-provider";

/** The log's line of an answer. */
async function lineOf(script: (call: UpstreamCall) => void): Promise<string> {
  await using upstream = new Upstream(script);
  await using server = await ServerProcess.start({
    OPENAI_MODEL: "stub",
    OPENAI_API_KEY: secret,
    OPENAI_BASE_URL: upstream.url,
  });
  const response = await fetch(`${server.url}/helloworld`);
  const [first] = await Array.fromAsync(readEvents(response));
  const start = `generation ${first!.data.id}`;
  await server.awaitOutput(start);
  return server.output.slice(server.output.indexOf(start)).trimEnd();
}

Deno.test("the log tells what the provider said", async () => {
  const lines: [script: (call: UpstreamCall) => void, told: RegExp][] = [
    [(call) => {
      call.write("data: ping\n\ndata: null\n\n");
      call.say('{"title":"a","summary":"b"}');
      call.end();
    }, / end .* ignored=2 first_ignored="ping"$/],
    [
      (call) => {
        call.say("I would rather not.");
        call.end();
      },
      / no_json .* status=200 content_type="text\/event-stream" finish_reason=stop unread="I would rather not\."/,
    ],
    [
      (call) => {
        call.say('{"title":"a" oops');
        call.end();
      },
      / malformed_json .* finish_reason=none unread="\{\\"title\\":\\"a\\" oops"/,
    ],
    [(call) => {
      call.say('{"title":"a');
      call.close();
    }, / upstream_unavailable .* finish_reason=none/],
    [(call) => {
      call.say('{"title":"a');
      call.end("network_error");
    }, / upstream_unavailable .* finish_reason=network_error/],
    [
      (call) => {
        const headers = { "content-type": "text/html" };
        call.respond(new Response("<h1>no</h1>", { status: 404, headers }));
      },
      / upstream_rejected .* status=404 content_type="text\/html" .* error=ModelError: 404 <h1>no<\/h1>/,
    ],
  ];
  for (const [script, told] of lines) assertMatch(await lineOf(script), told);
});

Deno.test("the log holds no secret, and no half of one where it cuts", async () => {
  for (const before of [180, 190, 200, 990]) {
    const text = "x".repeat(before) + secret + "y".repeat(2_000);
    const scripts = [
      (call: UpstreamCall) => {
        call.write(`data: ${text}\n\n`);
        call.say(text);
        call.end();
      },
      (call: UpstreamCall) => {
        call.respond(new Response(text, { status: 400 }));
      },
    ];
    for (const script of scripts) {
      const line = await lineOf(script);
      assert(!line.includes("sk-"), line);
      assertStringIncludes(line, "x".repeat(180));
      assert(line.length < 2_000, String(line.length));
    }
  }
});

Deno.test("the log holds as much of an error, and of what is no answer, as docs/security.md says", async () => {
  const document = new URL("../../docs/security.md", import.meta.url);
  const stated = (await Deno.readTextFile(document)).replaceAll(/\s+/g, " ");
  const count = (sentence: RegExp) =>
    Number(sentence.exec(stated)![1]!.replaceAll(",", ""));
  const unread = count(/could not be read it holds (\S+) characters/);
  const told = count(/messages of a provider's errors \((\S+) characters\)/);
  for (const more of [0, 1]) {
    const line = await lineOf((call) => {
      call.say("u".repeat(unread + more));
      call.end();
    });
    assertMatch(line, new RegExp(` unread="u{${unread}}"$`));
    // "ModelError: 400 " is part of it.
    const rest = told - "ModelError: 400 ".length;
    const error = await lineOf((call) => {
      call.respond(new Response("e".repeat(rest + more), { status: 400 }));
    });
    assertMatch(error, new RegExp(` error=ModelError: 400 e{${rest}}$`));
  }
});

Deno.test("with LOG_FORMAT=json each line is an entry, and holds no secret", async () => {
  const prompt = "a\u001b[31m \u2028line";
  await using upstream = new Upstream((call) => {
    call.say(`no JSON, but \u001b[0m "${secret}"`);
    call.end();
  });
  await using server = await ServerProcess.start({
    OPENAI_MODEL: "stub",
    OPENAI_API_KEY: secret,
    OPENAI_BASE_URL: upstream.url,
    LOG_FORMAT: "json",
    LOG_PROMPTS: "true",
  });
  const query = new URLSearchParams({ prompt });
  const response = await fetch(`${server.url}/helloworld?${query}`);
  const [first] = await Array.fromAsync(readEvents(response));
  await server.awaitOutput('"event":"generation"');
  server.signal("SIGTERM");
  await server.awaitOutput('"event":"stopping"');
  assert(!server.output.includes("sk-"));
  // deno-lint-ignore no-control-regex
  assert(!/[\u0000-\u0009\u000b-\u001f]/.test(server.output));
  const entries = server.output.trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  for (const { time } of entries) {
    assertMatch(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
  const start = entries.filter(({ event }) => event === "start");
  assertMatch(start.at(-1).message, /^fieldstream listens on http/);
  const rest = entries.filter(({ event }) => event !== "start");
  assertEquals(rest.map(({ event }) => event), [
    ...["prompt", "generation", "stopping"],
  ]);
  const { id } = first!.data;
  assertEquals([rest[0].id, rest[0].prompt], [id, prompt]);
  const { time: _, first_token_ms, duration_ms, ...fields } = rest[1];
  assert(Number.isInteger(first_token_ms) && Number.isInteger(duration_ms));
  assertEquals(fields, {
    event: "generation",
    id,
    outcome: "no_json",
    ...{ characters: fields.characters, tokens: null, status: 200 },
    ...{ content_type: "text/event-stream", finish_reason: "stop" },
    unread: 'no JSON, but \u001b[0m "[redacted]"',
  });
});
