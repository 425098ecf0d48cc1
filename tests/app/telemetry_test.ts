import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { providerName, Telemetry } from "../../lib/app/telemetry.ts";
import { ServerProcess } from "../_process.ts";
import { readEvents } from "../_server.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";
import { OtlpReceiver } from "./_otlp.ts";
import { readSamples } from "./_prometheus.ts";

const secret = "sk-secret-of-the-provider";
const token = "a-token-of-this-test";
const prompt = "a prompt that nobody else may read";

/** What the READMEs' settings are for all of these tests. */
function settingsOf(upstream: Upstream): Record<string, string> {
  return {
    OPENAI_MODEL: "stub",
    OPENAI_API_KEY: secret,
    OPENAI_BASE_URL: upstream.url,
    ACCESS_TOKENS: token,
  };
}

const answer = '{"title":"a text of the model","summary":"b"}';

function ask(
  server: ServerProcess,
  id: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const query = new URLSearchParams({ id, prompt });
  return fetch(`${server.url}/helloworld?${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
}

Deno.test("OpenTelemetry is told of each generation and connection, and of nothing secret", async () => {
  const traceparents: (string | null)[] = [];
  await using upstream = new Upstream((call: UpstreamCall) => {
    traceparents.push(call.headers.get("traceparent"));
    call.say(answer);
    call.end("stop", { prompt_tokens: 7, completion_tokens: 12 });
  });
  await using receiver = new OtlpReceiver();
  await using server = await ServerProcess.start({
    ...settingsOf(upstream),
    ...receiver.settings,
  });
  const id = makeGenerationId();
  const events = await Array.fromAsync(readEvents(await ask(server, id)));
  const from = events.find(({ data }) => data.status === "chunk")!.id;
  const rest = await ask(server, id, { "last-event-id": from });
  await rest.body!.pipeTo(new WritableStream());
  const named = (name: string) =>
    receiver.spans.filter((span) => span.name === name);
  await receiver.until(() =>
    named("chat stub").length === 1 &&
    named("fieldstream.connection").length === 2 &&
    receiver.metrics.has("gen_ai.client.operation.duration")
  );
  const [generation] = named("chat stub");
  const { "gen_ai.response.time_to_first_chunk": first, ...attributes } =
    generation!.attributes;
  assert(typeof first === "number" && first > 0);
  assertEquals(attributes, {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "127.0.0.1",
    "gen_ai.request.model": "stub",
    "gen_ai.request.stream": true,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 7,
    "gen_ai.usage.output_tokens": 12,
    "fieldstream.attempts": 1,
    "fieldstream.characters": answer.length,
  });
  // The provider's request is part of it.
  const [, trace, parent] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/
    .exec(traceparents[0]!)!;
  assertEquals(trace, generation!.traceId);
  await receiver.until(() =>
    receiver.spans.some(({ spanId }) => spanId === parent)
  );
  const request = receiver.spans.find(({ spanId }) => spanId === parent);
  assertEquals(request!.parentSpanId, generation!.spanId);
  const connections = named("fieldstream.connection");
  for (const { links } of connections) {
    assertEquals(links.map(({ spanId }) => spanId), [generation!.spanId]);
  }
  const [whole, resumed] = connections.sort((a, b) =>
    Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano))
  );
  assertEquals(whole!.attributes["fieldstream.events"], events.length);
  assert(Number(whole!.attributes["fieldstream.bytes"]) > 100);
  assertEquals(whole!.attributes["fieldstream.ended"], "answer");
  assertEquals(whole!.attributes["fieldstream.resumed_from"], undefined);
  assertEquals(
    resumed!.attributes["fieldstream.resumed_from"],
    Number(from.split(".")[1]),
  );
  for (
    const name of [
      ...["fieldstream.connections.open", "fieldstream.generations.running"],
      ...["fieldstream.resumes", "fieldstream.slowest_reader"],
    ]
  ) assert(receiver.metrics.has(name), name);
  for (const { name, attributes } of receiver.spans) {
    // Deno's own spans of requests have their addresses, which the id is in.
    if (!/^(?:chat|fieldstream)/.test(name)) continue;
    const text = JSON.stringify(attributes);
    for (const hidden of [id, secret, token, prompt, "text of the model"]) {
      assert(!text.includes(hidden), text);
    }
  }
});

/** Prometheus' own checker, where it is installed (Debian: prometheus). */
async function check(page: string): Promise<string | undefined> {
  try {
    const child = new Deno.Command("promtool", {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(page));
    await writer.close();
    const { success, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    const words = decoder.decode(stdout) + decoder.decode(stderr);
    return success ? "" : words || "it failed";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("/metrics tells figures to whoever has a token", async () => {
  await using upstream = new Upstream((call: UpstreamCall) => {
    call.say(answer);
    call.end("stop", { prompt_tokens: 7, completion_tokens: 12 });
  });
  await using server = await ServerProcess.start({
    ...settingsOf(upstream),
    METRICS: "true",
  });
  const id = makeGenerationId();
  await Array.fromAsync(readEvents(await ask(server, id)));
  const refused = await fetch(`${server.url}/metrics`);
  assertEquals([refused.status, (await refused.json()).code], [
    401,
    "unauthorized",
  ]);
  const response = await fetch(`${server.url}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assertEquals(
    response.headers.get("content-type"),
    "text/plain; version=0.0.4; charset=utf-8",
  );
  const page = await response.text();
  assertMatch(page, /\{worker="[0-9a-f]{8}"/);
  const samples = readSamples(page);
  const expected: [string, number][] = [
    ['fieldstream_generations_total{outcome="end"}', 1],
    ['fieldstream_generation_duration_seconds_count{outcome="end"}', 1],
    [
      'fieldstream_generation_duration_seconds_bucket{outcome="end",le="+Inf"}',
      1,
    ],
    ["fieldstream_time_to_first_token_seconds_count", 1],
    ['fieldstream_tokens_total{type="output"}', 12],
    ["fieldstream_running_generations", 0],
    ["fieldstream_open_connections", 0],
    ['fieldstream_connections_total{ended="answer"}', 1],
    ['fieldstream_refusals_total{code="unauthorized"}', 1],
    ["fieldstream_slowest_reader_seconds", 0],
  ];
  for (const [name, value] of expected) {
    assertEquals(samples.get(name), value, name);
  }
  for (const hidden of [id, secret, token, prompt]) {
    assert(!page.includes(hidden));
  }
  assertEquals(await check(page) ?? "", "");
});

Deno.test("there is no /metrics unless it is wanted", async () => {
  await using server = await ServerProcess.start({});
  const response = await fetch(`${server.url}/metrics`);
  assertEquals(response.status, 404);
  await response.body?.cancel();
});

Deno.test("Prometheus' own checker finds no fault, and would find one", async () => {
  const telemetry = new Telemetry({
    baseURL: "https://api.openai.com/v1",
    labels: { worker: 'a"b\\c\nd' },
  });
  telemetry.onRefusal("forbidden");
  telemetry.onStoreFault();
  const page = telemetry.format();
  assertMatch(page, /worker="a\\"b\\\\c\\nd",code="forbidden"\} 1\n/);
  const samples = readSamples(page);
  assertEquals(samples.get('fieldstream_refusals_total{code="forbidden"}'), 1);
  assertEquals(samples.get("fieldstream_store_faults_total"), 1);
  const words = await check(page);
  const hasChecker = words !== undefined;
  if (hasChecker) assertEquals(words, "");
  const family = "# HELP a_total b\n# TYPE a_total counter\n";
  for (
    const wrong of [
      'a{b="} 1\n',
      `${family}a_total{b="c} 1\n`,
      `${family}a_total 1`,
      `${family}a_total one\n`,
      `${family}a_total{b="c"} 1\na_total{b="c"} 1\n`,
      `${family}${family}a_total 1\n`,
    ]
  ) {
    assertThrows(() => readSamples(wrong), SyntaxError);
  }
  if (hasChecker) assert(await check('a{b="} 1\n') !== "");
});

Deno.test("providers have the names of the conventions", () => {
  assertEquals(providerName("https://api.openai.com/v1"), "openai");
  assertEquals(providerName("https://x.openai.azure.com/"), "azure.ai.openai");
  assertEquals(providerName("http://localhost:11434/v1"), "localhost");
  assertEquals(providerName("https://notopenai.com/v1"), "notopenai.com");
});
