// What happens when the server is told to stop: main.ts as its own process.

import { assert, assertEquals } from "@std/assert";
import { RawConnection } from "../_client.ts";
import { ServerProcess } from "../_process.ts";
import { readEvents, type ServerEvent } from "../_server.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";

function settingsFor(upstream: Upstream): Record<string, string> {
  return {
    OPENAI_BASE_URL: upstream.url,
    OPENAI_MODEL: "a-model",
    LIMITS: JSON.stringify({ drainSeconds: 1, streamsPerClient: 100 }),
  };
}

/** Opens a stream and waits for its first text. */
async function follow(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ first: ServerEvent; rest: Promise<ServerEvent[]> }> {
  const response = await fetch(`${url}/helloworld`, { headers });
  assertEquals(response.status, 200);
  const events = readEvents(response);
  await events.next();
  const { value } = await events.next();
  return { first: value!, rest: Array.fromAsync(events) };
}

Deno.test("on SIGTERM and SIGINT each of 50 streams sees an end, and the server exits", async (t) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await t.step(signal, async () => {
      await using upstream = new Upstream((call) => call.say('{"title":"a'));
      await using server = await ServerProcess.start(settingsFor(upstream));
      const streams = await Promise.all(
        Array.from({ length: 50 }, () => follow(server.url)),
      );
      server.signal(signal);
      await server.awaitOutput(" stopping");
      // Nothing new begins; what there is goes on, and can be resumed.
      const refused = await fetch(`${server.url}/helloworld`);
      assertEquals(refused.status, 503);
      assert(Number(refused.headers.get("retry-after")) > 0);
      assertEquals((await refused.json()).code, "draining");
      const health = await fetch(`${server.url}/health`);
      assertEquals([health.status, (await health.json()).status], [
        503,
        "draining",
      ]);
      const resumed = await fetch(`${server.url}/helloworld`, {
        headers: { "Last-Event-ID": streams[0]!.first.id },
      });
      assertEquals(resumed.status, 200);
      // Half of the answers are done in time.
      for (const [place, call] of upstream.calls.entries()) {
        if (place % 2 === 1) continue;
        call.say('b"}');
        call.end();
      }
      const ends = await Promise.all(
        [
          ...streams.map(({ rest }) => rest),
          Array.fromAsync(readEvents(resumed)),
        ]
          .map(async (rest) => (await rest).at(-1)!.data),
      );
      assertEquals(
        ends.slice(0, 50).filter(({ status }) => status === "end").length,
        25,
      );
      const interrupted = ends.slice(0, 50).filter(({ status }) =>
        status === "error"
      );
      assertEquals(interrupted.length, 25);
      for (const { code, retryable } of interrupted) {
        assertEquals([code, retryable], ["interrupted", true]);
      }
      assert(["end", "error"].includes(ends[50].status));
      const { code } = await server.status;
      assertEquals(code, 0);
      await Promise.all(upstream.calls.map(({ closed }) => closed));
      await server.awaitOutput("\0");
      assertEquals(server.output.match(/ end /g)?.length, 25);
      assertEquals(server.output.match(/ interrupted /g)?.length, 25);
      assert(!/rror/.test(server.output), server.output);
    });
  }
});

Deno.test("an answer whose provider fails while the server stops is asked for again", async () => {
  await using upstream = new Upstream(() => {});
  await using server = await ServerProcess.start({
    ...settingsFor(upstream),
    LIMITS: JSON.stringify({ drainSeconds: 1_000 }),
  });
  const response = await fetch(`${server.url}/helloworld`);
  const events = Array.fromAsync(readEvents(response));
  const first = await upstream.nextCall();
  server.signal("SIGTERM");
  await server.awaitOutput(" stopping");
  await first.respond(new Response("{}", { status: 503 }));
  const second = await upstream.nextCall();
  second.say('{"title":"a"}');
  second.end();
  const end = (await events).at(-1)!.data;
  assertEquals([end.status, end.attempts], ["end", 2]);
  assertEquals((await server.status).code, 0);
});

Deno.test("a server that has nothing to do exits at once", async () => {
  await using upstream = new Upstream((call) => {
    call.say('{"title":"a"}');
    call.end();
  });
  await using server = await ServerProcess.start(settingsFor(upstream));
  // An answer that is kept, and a connection that is kept open, hold nothing up.
  const { rest } = await follow(server.url);
  await rest;
  const idle = await RawConnection.open(`${server.url}/health`);
  while (!idle.body.complete) await idle.read();
  server.signal("SIGTERM");
  assertEquals((await server.status).code, 0);
  idle.close();
});

Deno.test("who does not read the end holds nothing up", async () => {
  let call: UpstreamCall | undefined;
  await using upstream = new Upstream((it) => call = it);
  await using server = await ServerProcess.start(settingsFor(upstream));
  const stuck = await RawConnection.open(`${server.url}/helloworld`);
  const asked = await upstream.nextCall();
  assertEquals(asked, call);
  // More than sockets hold.
  asked.say('{"title":"');
  for (let n = 0; n < 20; n++) asked.say("科技".repeat(20_000));
  const slow = await RawConnection.open(`${server.url}/helloworld`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Content-Length": "100" },
  });
  server.signal("SIGTERM");
  assertEquals((await server.status).code, 0);
  stuck.close();
  slow.close();
});

Deno.test("a second signal ends the server at once", async () => {
  await using upstream = new Upstream((call) => call.say('{"title":"a'));
  await using server = await ServerProcess.start({
    ...settingsFor(upstream),
    LIMITS: JSON.stringify({ drainSeconds: 100_000 }),
  });
  const { rest } = await follow(server.url);
  const broken = rest.then(() => false, () => true);
  server.signal("SIGTERM");
  await server.awaitOutput(" stopping");
  server.signal("SIGINT");
  assertEquals((await server.status).code, 1);
  assert(!server.output.includes("Ctrl-C"), "It has no terminal");
  // The client sees that it broke, and no end.
  assert(await broken);
});

Deno.test({
  name: "on a terminal the first Ctrl-C says what a second one does",
  ignore: !hasScript(),
  async fn() {
    await using upstream = new Upstream((call) => call.say('{"title":"a'));
    await using server = await ServerProcess.start({
      ...settingsFor(upstream),
      LIMITS: JSON.stringify({ drainSeconds: 100 }),
    }, { terminal: true });
    const { rest } = await follow(server.url);
    const broken = rest.then(() => false, () => true);
    await server.type("\x03");
    await server.awaitOutput("to stop at once");
    assert(server.output.includes("100 s to finish. Press Ctrl-C again"));
    await server.type("\x03");
    assertEquals((await server.status).code, 1);
    assert(await broken);
  },
});

/** Whether util-linux's `script` is there, which makes terminals. */
function hasScript(): boolean {
  try {
    const { stdout } = new Deno.Command("script", { args: ["--version"] })
      .outputSync();
    return new TextDecoder().decode(stdout).includes("util-linux");
  } catch {
    return false;
  }
}
