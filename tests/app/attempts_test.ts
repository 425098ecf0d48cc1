// What clients see of a model that fails and goes on, over real sockets.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { streamFields } from "../../static/client.js";
import { createDemoFetch } from "../../lib/models/demo/model.ts";
import { createAsk } from "../../lib/models/openai.ts";
import { ServerProcess } from "../_process.ts";
import { cutAfterEvent, startProxy } from "../_proxy.ts";
import { readEvents, startServer, testConfig } from "../_server.ts";
import { Upstream } from "../_upstream.ts";

/** The demo model, as fast as it can. */
const demo = createAsk({
  baseURL: "https://demo.invalid/v1",
  apiKey: undefined,
  model: "demo",
  responseFormat: "json_schema",
  parameters: {},
  fetch: createDemoFetch({ tokensPerSecond: Infinity }),
});

Deno.test("the demo model goes on where it breaks off or stops for length, wherever the client is cut", async () => {
  const cases = [["demo:breaks", 2], ["demo:length", 3]] as const;
  for (const [prompt, attempts] of cases) {
    for (const n of [1, 2, 3]) {
      await using server = startServer({ ask: demo });
      await using proxy = startProxy(
        server.url,
        () => cutAfterEvent(() => {}),
      );
      const told: [number, boolean][] = [];
      const stream = streamFields(`${proxy.url}/helloworld`, {
        prompt: `${prompt} ${n}`,
        onAttempt: ({ attempt, continues }) => told.push([attempt, continues]),
      });
      const { status, state, end } = await stream.finished;
      assertEquals(status, "end");
      assertEquals(end?.attempts, attempts);
      const [report] = server.reports;
      assertEquals(state, report!.value);
      assert(told.every(([, continues]) => continues));
      assertEquals(
        told.map(([attempt]) => attempt),
        Array.from({ length: attempts - 1 }, (_, n) => n + 2),
      );
    }
  }
});

Deno.test("the demo model corrects itself where that is allowed", async () => {
  const config = testConfig({
    attempts: {
      ...{ continuations: 4, restarts: 0, retriesInvalid: 1 },
      abortInvalid: false,
    },
  });
  await using server = startServer({ ask: demo, config });
  const stream = streamFields(`${server.url}/helloworld`, {
    prompt: "demo:invalid",
    schema: {
      type: "object",
      properties: { title: { type: "string" } },
      required: ["title"],
    },
  });
  const { state, end } = await stream.finished;
  assertEquals([end?.valid, end?.attempts], [true, 2]);
  assertEquals(typeof state.title, "string");
  assertEquals(server.reports[0]!.value, state);
});

Deno.test("a provider is asked to go on as it likes, and each request is logged", async () => {
  const whole = '{"title":"a","summary":"b"}';
  await using upstream = new Upstream((call) => {
    if (upstream.calls.length === 1) {
      call.say(whole.slice(0, 12));
      return call.end("length");
    }
    call.say(whole.slice(12));
    call.end();
  });
  await using server = await ServerProcess.start({
    OPENAI_MODEL: "stub",
    OPENAI_BASE_URL: upstream.url,
    CONTINUE: "prefix",
  });
  const response = await fetch(`${server.url}/helloworld`);
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(events.at(-1)!.data.attempts, 2);
  await server.awaitOutput(" end ");
  assertMatch(
    server.output,
    / attempt \S+ 2 truncated continues=true\n.* generation \S+ end .* attempts=2/,
  );
  assertEquals(upstream.calls.length, 2);
});
