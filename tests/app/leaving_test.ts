// Readers that leave at each moment of a connection's life, over sockets:
// main.ts as its own process.

import { assert, assertEquals } from "@std/assert";
import { RawConnection } from "../_client.ts";
import { ServerProcess } from "../_process.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";

const decoder = new TextDecoder();

/** Reads until a text has come; `undefined` waits for nothing. */
async function readTo(
  connection: RawConnection,
  text: string | undefined,
): Promise<void> {
  while (text !== undefined) {
    if (decoder.decode(connection.bytes).includes(text)) return;
    assert(await connection.read(), `It ended before ${text}`);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Milliseconds around the moment at which something is due. */
const AROUND = Array.from({ length: 17 }, (_, place) => place / 4 - 2);

/** When readers leave: after which text, and how long after it. */
const moments: {
  name: string;
  script?: (call: UpstreamCall) => void;
  after: string | undefined;
  delays: number[];
}[] = [
  { name: "before the start", after: undefined, delays: AROUND },
  { name: "after the start", after: '"start"', delays: AROUND },
  {
    name: "by the first heartbeat",
    after: '"start"',
    delays: AROUND.map((delay) => 1000 + delay),
  },
  {
    name: "by the second heartbeat",
    after: ": ping",
    delays: AROUND.map((delay) => 1000 + delay),
  },
  {
    name: "by an event",
    script: (call) => call.say('{"title":"a'),
    after: '"chunk"',
    delays: AROUND,
  },
  {
    name: "in a pause between two events",
    script: (call) => {
      for (let n = 0; n < 50; n++) call.say(n === 0 ? '{"title":"a' : "b");
    },
    after: '"chunk"',
    delays: AROUND,
  },
  {
    name: "by the end",
    script: (call) => {
      call.say('{"title":"a"}');
      call.end();
    },
    after: '"chunk"',
    delays: AROUND,
  },
  {
    name: "by a failure",
    script: (call) => {
      call.say('{"title":"a');
      call.end("length");
    },
    after: '"chunk"',
    delays: AROUND,
  },
  {
    name: "at any age",
    after: '"start"',
    // It ends at 0.8 to 1.0 of its time.
    delays: AROUND.map((delay) => 2700 + delay * 150),
  },
];

Deno.test("no reader ends the server, whenever it leaves", async (t) => {
  let script: ((call: UpstreamCall) => void) | undefined;
  await using upstream = new Upstream((call) => script?.(call));
  await using server = await ServerProcess.start({
    OPENAI_BASE_URL: upstream.url,
    OPENAI_MODEL: "a-model",
    LIMITS: JSON.stringify({
      heartbeatSeconds: 1,
      connectionSeconds: 3,
      lingerSeconds: 0.05,
      streamsPerClient: 1000,
      generationsPerMinute: 1_000_000,
    }),
  });
  let ended = false;
  server.status.then(() => ended = true);
  for (const { name, script: ownScript, after, delays } of moments) {
    await t.step(name, async () => {
      script = ownScript;
      await Promise.all(delays.map(async (delay) => {
        const connection = await RawConnection.open(`${server.url}/helloworld`);
        await readTo(connection, after);
        if (delay > 0) await sleep(delay);
        connection.close();
      }));
    });
  }
  const health = await fetch(`${server.url}/health`);
  assertEquals([health.status, await health.json()], [200, {
    status: "ok",
    message: "Server is running",
  }]);
  assert(!ended);
  // Each of them has been noticed: nobody reads any more.
  server.signal("SIGTERM");
  assertEquals((await server.status).code, 0);
  await server.awaitOutput("\0");
  assert(!/rror/.test(server.output), server.output);
});
