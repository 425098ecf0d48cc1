// What clients are told in words, in the language that each of them prefers.

import { assert, assertEquals } from "@std/assert";
import {
  type ErrorCode,
  failure,
  RETRYABLE,
} from "../../lib/answers/outcome.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { describeOutcome, WORDS } from "../../lib/wire/messages.ts";
import { FAULTS } from "../../lib/schemas/faults.ts";
import {
  readEvents,
  ScriptedModel,
  type ServerEvent,
  startServer,
  TestClock,
  testConfig,
  type TestServer,
  until,
} from "../_server.ts";

const english = { "accept-language": "en-US,en;q=0.9,zh-CN;q=0.8" };
const json = { accept: "application/json" };

function isChinese(text: string): boolean {
  return /\p{Script=Han}/u.test(text);
}

function isEnglish(text: string): boolean {
  return /^[\x20-\x7e…]+$/.test(text) && /[a-z] [a-z]/.test(text);
}

async function follow(
  server: TestServer,
  id: string,
  headers: HeadersInit,
): Promise<ServerEvent[]> {
  const url = `${server.url}/helloworld?id=${id}`;
  const response = await server.handle(new Request(url, { headers }));
  return await Array.fromAsync(readEvents(response));
}

Deno.test("everything is said in both languages", () => {
  for (
    const { zh, en } of [...Object.values(WORDS), ...Object.values(FAULTS)]
  ) {
    assert(isChinese(zh), zh);
    assert(isEnglish(en), en);
  }
  for (const code of Object.keys(RETRYABLE) as ErrorCode[]) {
    assert(isChinese(String(describeOutcome(failure(code), "zh").message)));
    assert(isEnglish(String(describeOutcome(failure(code), "en").message)));
  }
});

Deno.test("two readers of one answer hear of it in two languages", async (t) => {
  const cases: [string, (call: ScriptedModel["calls"][number]) => void][] = [
    ["an end", (call) => {
      call.say('{"title":"a"}');
      call.end();
    }],
    ["an error", (call) => {
      call.say('{"title":"a');
      call.end("length");
    }],
  ];
  for (const [name, script] of cases) {
    await t.step(name, async () => {
      const model = new ScriptedModel(script);
      await using server = startServer({ ask: model.ask });
      const id = makeGenerationId();
      const [inChinese, inEnglish] = await Promise.all([
        follow(server, id, {}),
        follow(server, id, english),
      ]);
      assertEquals(model.calls.length, 1);
      for (const place of [0, -1]) {
        const { message: zh, ...restZh } = inChinese.at(place)!.data;
        const { message: en, ...restEn } = inEnglish.at(place)!.data;
        assertEquals(restZh, restEn);
        assert(isChinese(zh) && isEnglish(en), `${zh} ${en}`);
      }
      // Those that poll, and those that come back, too.
      const url = `${server.url}/helloworld?id=${id}`;
      for (const own of [{}, english]) {
        const poll = await server.handle(
          new Request(url, { headers: { ...json, ...own } }),
        );
        assertEquals(poll.headers.get("vary")?.includes("Language"), true);
        const { message } = await poll.json();
        const resumed = await follow(server, id, {
          ...own,
          "last-event-id": `${id}.3`,
        });
        const expected = own === english ? inEnglish : inChinese;
        assertEquals(message, expected.at(-1)!.data.message);
        assertEquals(resumed.at(-1), expected.at(-1));
      }
    });
  }
});

Deno.test("a refusal keeps the model's own words", async () => {
  const model = new ScriptedModel((call) => {
    call.send({ type: "refusal", text: "Non, merci." });
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  for (const headers of [{}, english]) {
    const events = await follow(server, makeGenerationId(), headers);
    assertEquals(events.at(-1)!.data.message, "Non, merci.");
  }
});

Deno.test("a refusal that goes on is cut short", async () => {
  const model = new ScriptedModel((call) => {
    for (let n = 0; n < 100; n++) {
      call.send({ type: "refusal", text: "\u0001".repeat(5_000) });
    }
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  const events = await follow(server, makeGenerationId(), {});
  assertEquals(events.at(-1)!.data.message, "\u0001".repeat(10_000));
});

Deno.test("each refused request is told why in its language", async () => {
  const config = testConfig({
    accessTokens: ["a-token-of-this-test"],
    limits: { bodyBytes: 10_000, bodySeconds: 10, promptCharacters: 5 },
  });
  const model = new ScriptedModel();
  await using server = startServer({
    ask: model.ask,
    config,
    clock: new TestClock(),
  });
  const id = makeGenerationId();
  const authorization = "Bearer a-token-of-this-test";
  const post = (body: unknown, headers: HeadersInit = {}): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json", authorization, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const get = (headers: HeadersInit): RequestInit => ({
    headers: { authorization, ...headers },
  });
  const schema = (schema: unknown) => post({ schema });
  const requests: [path: string, init: RequestInit, status: number][] = [
    ["/helloworld", {}, 401],
    ["/nowhere", {}, 404],
    ["/helloworld", { method: "PUT" }, 405],
    ["/health", { method: "PUT" }, 405],
    ["/helloworld", get({ "sec-fetch-mode": "no-cors" }), 403],
    ["/helloworld?id=short", get({}), 400],
    ["/helloworld", get({ "last-event-id": "x" }), 400],
    [`/helloworld?id=${id}`, get({ "last-event-id": `${id}x` }), 400],
    ["/helloworld", get({ "last-event-id": `${id}.0` }), 410],
    ["/helloworld", post("{"), 400],
    ["/helloworld", post("[]"), 400],
    ["/helloworld", post({ a: 1 }), 400],
    ["/helloworld", post({ prompt: 1 }), 400],
    ["/helloworld", post({ prompt: "123456" }), 413],
    ["/helloworld", post(" ".repeat(10_001)), 413],
    ["/helloworld", post("{}", { "content-type": "text/plain" }), 415],
    ["/session", post({ token: 1 }), 400],
    ["/session", post({ token: "x" }), 401],
    ["/helloworld", schema([]), 400],
    ["/helloworld", schema({ titel: 1 }), 400],
    ["/helloworld", schema({ type: "string" }), 400],
    ["/helloworld", schema({ type: "objekt" }), 400],
    ["/helloworld", schema({ properties: { a: { pattern: 1 } } }), 400],
    ["/helloworld", schema({ $ref: "#/no" }), 400],
    ["/helloworld", schema({ minItems: -1 }), 400],
  ];
  for (const [path, init, status] of requests) {
    const told: string[] = [];
    for (const own of [{}, english]) {
      const headers = { ...init.headers, ...own };
      const request = new Request(server.url + path, { ...init, headers });
      const response = await server.handle(request);
      assertEquals(response.status, status, path);
      assert(/Accept-Language/i.test(response.headers.get("vary") ?? ""));
      told.push((await response.json()).message);
    }
    const [zh, en] = told as [string, string];
    assert(isChinese(zh), zh);
    assert(isEnglish(en), en);
  }
  assertEquals(model.calls, []);
});

Deno.test("a server that drains, and one that is full, say so in each language", async () => {
  const limits = { streams: 1, generationsPerMinute: 2 };
  const model = new ScriptedModel();
  await using server = startServer({
    ask: model.ask,
    config: testConfig({ limits }),
    clock: new TestClock(),
  });
  const say = async (headers: HeadersInit) => {
    const request = new Request(`${server.url}/helloworld`, { headers });
    const response = await server.handle(request);
    const { code, message } = await response.json();
    return `${response.status} ${code} ${message}`;
  };
  await say(json);
  assertEquals(await say({}), "503 overloaded 服务器繁忙");
  assertEquals(await say(english), "503 overloaded The server is busy");
  server.generations.stopAll();
  await until(() => server.generations.running === 0);
  await say(json);
  server.generations.stopAll();
  assertEquals(await say({}), "429 too_many_streams 请求过多，请稍后再试");
  assertEquals(
    await say(english),
    "429 too_many_streams Too many requests; try again later",
  );
  await server.generations.drain();
  assertEquals(await say({}), "503 draining 服务器正在重启");
  assertEquals(await say(english), "503 draining The server is restarting");
});
