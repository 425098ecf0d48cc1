// Two processes that share a store: one dies, stands still, or goes; the store
// does.

import { assert, assertEquals } from "@std/assert";
import { makeGenerationId } from "../../lib/answers/id.ts";
import type { ServerProcess } from "../_process.ts";
import { type Proxy, startProxy } from "../_proxy.ts";
import { Upstream } from "../_upstream.ts";
import {
  ask,
  begin,
  engines,
  Fleet,
  Follower,
  LEASE,
  processTest,
  suspend,
} from "./_fleet.ts";

/** Lets a process end, and counts its calls of onFinish for an answer. */
async function finishes(process: ServerProcess, id: string): Promise<number> {
  try {
    process.signal("SIGTERM");
  } catch {
    // It has ended by itself.
  }
  await process.status;
  await process.awaitOutput("\0");
  return process.output.split(`generation ${id} `).length - 1;
}

processTest(
  "kill -9 of the writer: interrupted elsewhere, and what was shown stays",
  async (shared) => {
    await using fleet = await Fleet.start(shared.store);
    const { id, call, onA, onB } = await begin(fleet);
    fleet.a.signal("SIGKILL");
    const start = performance.now();
    await onB.ended;
    // Within lease + 4 s, by a clock that no load slows: in seam_test.ts.
    const took = Math.round(performance.now() - start);
    console.log(`interrupted after ${took} ms, with a lease of ${LEASE} s`);
    assertEquals(onB.last?.data.code, "interrupted");
    assertEquals(onB.state, { title: "on" });
    await onA.ended;
    await call.closed;
    // Whoever comes later sees the same, and nobody asks again.
    const later = new Follower(await ask(fleet.b, id));
    await later.ended;
    assertEquals([later.state, later.last?.data.code], [
      { title: "on" },
      "interrupted",
    ]);
    assertEquals(fleet.upstream.calls.length, 1);
    // Nobody has called onFinish, which the log is written by: neither who died
    // nor who has buried it.
    assertEquals([await finishes(fleet.a, id), await finishes(fleet.b, id)], [
      0,
      0,
    ]);
  },
);

processTest(
  "a writer that stood still for longer than its lease is fenced when it wakes",
  async (shared) => {
    await using fleet = await Fleet.start(shared.store);
    const { id, call, onA, onB } = await begin(fleet);
    await suspend(fleet.a, shared);
    await onB.ended;
    assertEquals(onB.last?.data.code, "interrupted");
    call.say("e");
    fleet.a.signal("SIGCONT");
    await onA.ended;
    assertEquals(onA.last?.data.code, "interrupted");
    await call.closed;
    const later = new Follower(await ask(fleet.b, id));
    await later.ended;
    assertEquals(later.state, { title: "on" });
    await fleet.a.awaitOutput(`generation ${id} interrupted`);
    // Only who has written it has called onFinish, and once.
    assertEquals([await finishes(fleet.a, id), await finishes(fleet.b, id)], [
      1,
      0,
    ]);
  },
);

processTest("a writer that stood still for less goes on", async (shared) => {
  await using fleet = await Fleet.start(shared.store, {
    LIMITS: '{"leaseSeconds":60}',
  });
  const { call, onA, onB } = await begin(fleet);
  fleet.a.signal("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  fleet.a.signal("SIGCONT");
  call.say('e"}');
  call.end();
  await onA.ended;
  await onB.ended;
  for (const { state, last } of [onA, onB]) {
    assertEquals([state, last?.data.status], [{ title: "one" }, "end"]);
  }
});

processTest(
  "SIGTERM with 50 streams: all are told, here and elsewhere",
  async (shared) => {
    await using fleet = await Fleet.start(shared.store, {
      LIMITS: JSON.stringify({
        leaseSeconds: 60,
        drainSeconds: 0.5,
        streamsPerClient: 200,
        generationsPerMinute: 200,
      }),
    });
    const { a, b, upstream } = fleet;
    const followers: Follower[] = [];
    for (let n = 0; n < 50; n++) {
      const id = makeGenerationId();
      const calling = upstream.nextCall();
      followers.push(new Follower(await ask(a, id)));
      (await calling).say('{"title":"on');
      followers.push(new Follower(await ask(b, id)));
    }
    for (const follower of followers) await follower.sees("on");
    a.signal("SIGTERM");
    for (const follower of followers) await follower.ended;
    assertEquals((await a.status).code, 0);
    for (const [n, { last, state }] of followers.entries()) {
      if (last?.data.status !== "error") {
        // Too slow to read it within the last words, it comes back elsewhere.
        assertEquals(n % 2, 0);
        const headers = { "last-event-id": last!.id };
        const back = new Follower(
          await fetch(`${b.url}/helloworld`, { headers }),
        );
        await back.ended;
        assertEquals(back.last?.data.code, "interrupted");
      } else assertEquals(last.data.code, "interrupted");
      assertEquals(state, { title: "on" });
    }
    assertEquals(upstream.calls.length, 50);
  },
);

processTest(
  "after a restart of everything, what had ended is still there",
  async (shared) => {
    const id = makeGenerationId();
    {
      await using fleet = await Fleet.start(shared.store, {}, answering());
      const follower = new Follower(await ask(fleet.a, id));
      await follower.ended;
      assertEquals(follower.state, { title: "one" });
      fleet.a.signal("SIGTERM");
      await fleet.a.status;
    }
    await using fleet = await Fleet.start(shared.store);
    for (const process of [fleet.a, fleet.b]) {
      const follower = new Follower(await ask(process, id));
      await follower.ended;
      assertEquals([follower.state, follower.last?.data.status], [
        { title: "one" },
        "end",
      ]);
    }
    assertEquals(fleet.upstream.calls.length, 0);
  },
);

processTest(
  "durable: what anybody has seen outlives the writer",
  async (shared) => {
    await using fleet = await Fleet.start(shared.store, { DURABLE: "true" });
    const { id, call, onA } = await begin(fleet);
    // Killed as soon as somebody has seen it.
    call.say("e two three");
    await onA.sees("one two three");
    fleet.a.signal("SIGKILL");
    await onA.ended;
    const later = new Follower(await ask(fleet.b, id));
    await later.ended;
    assertEquals(later.last?.data.code, "interrupted");
    const { title } = onA.state as { title: string };
    assert((later.state as { title: string }).title.startsWith(title));
  },
);

/** A provider that answers at once. */
function answering(): Upstream {
  return new Upstream((call) => {
    call.say('{"title":"one"}');
    call.end();
  });
}

processTest(
  "the store is killed, and comes back empty: nobody notices who follows the writer, others catch up",
  async (shared) => {
    const { redis } = shared;
    await using fleet = await Fleet.start(shared.store, {
      LIMITS: '{"leaseSeconds":60}',
    });
    const { call, onA, onB } = await begin(fleet);
    await redis!.kill();
    call.say("e");
    await onA.sees("one");
    const refused = await ask(fleet.b, makeGenerationId());
    assertEquals([refused.status, (await refused.json()).code], [
      503,
      "overloaded",
    ]);
    // It says so, without the address's secrets. Had it not noticed by now, it
    // might not at all.
    await fleet.a.awaitOutput("error StoreError: Cannot use the store: ");
    await redis!.restart();
    call.say(' two"}');
    call.end();
    await onA.ended;
    await onB.ended;
    for (const { state, last } of [onA, onB]) {
      assertEquals([state, last?.data.status], [{ title: "one two" }, "end"]);
    }
    assertEquals(fleet.upstream.calls.length, 1);
  },
  ["Redis"],
);

processTest(
  "the store is emptied, full, and stands still, in mid-answer",
  async (shared) => {
    const redis = shared.redis!;
    await using fleet = await Fleet.start(shared.store, {
      LIMITS: '{"leaseSeconds":60}',
    });
    const { id, call, onA, onB } = await begin(fleet);
    await redis.command("FLUSHALL");
    call.say("e");
    await onB.sees("one");
    // What Redis says when it has no more memory.
    await redis.command("CONFIG SET maxmemory 1");
    call.say(" two");
    await onA.sees("two");
    await redis.command("CONFIG SET maxmemory 0");
    await onB.sees("two");
    redis.signal("SIGSTOP");
    call.say(" three");
    await onA.sees("three");
    await new Promise((resolve) => setTimeout(resolve, 3000));
    redis.signal("SIGCONT");
    await onB.sees("three");
    call.say('"}');
    call.end();
    await onA.ended;
    await onB.ended;
    const later = new Follower(await ask(fleet.b, id));
    await later.ended;
    for (const { state, last } of [onA, onB, later]) {
      assertEquals([state, last?.data.status], [
        { title: "one two three" },
        "end",
      ]);
    }
  },
  ["Redis"],
);

processTest("the store is far away: 40 ms", async (shared) => {
  await using proxy = startProxy(shared.store, undefined, { delay: 20 });
  await using fleet = await Fleet.start(redisUrl(proxy));
  const { call, onA, onB } = await begin(fleet);
  const times: number[] = [];
  let text = "on";
  for (let n = 0; n < 20; n++) {
    const start = performance.now();
    const said = `${String.fromCharCode(97 + n)}`;
    call.say(said);
    text += said;
    await onB.sees(text);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  console.log(`elsewhere after ${Math.round(times[10]!)} ms (median)`);
  call.say('"}');
  call.end();
  for (const follower of [onA, onB]) {
    await follower.ended;
    assertEquals(follower.state, { title: text });
  }
}, ["Redis"]);

processTest(
  "the connections to the store are cut, again and again",
  async (shared) => {
    await using proxy = startProxy(shared.store);
    await using fleet = await Fleet.start(redisUrl(proxy), {
      LIMITS: '{"leaseSeconds":60}',
    });
    const { call, onA, onB } = await begin(fleet);
    let text = "on";
    for (let n = 0; n < 10; n++) {
      proxy.cut();
      const said = `${n}`;
      call.say(said);
      text += said;
      await onA.sees(text);
      if (n % 3 === 0) await onB.sees(text);
    }
    call.say('"}');
    call.end();
    for (const follower of [onA, onB]) {
      await follower.ended;
      assertEquals([follower.state, follower.last?.data.status], [
        { title: text },
        "end",
      ]);
    }
  },
  ["Redis"],
);

function redisUrl({ url }: Proxy): string {
  return url.replace("http:", "redis:");
}

Deno.test("a process that was suspended in a transaction holds up nobody's readers", async () => {
  const shared = await engines.SQLite!.start();
  await using _ = shared;
  await using fleet = await Fleet.start(shared.store, {
    LIMITS: '{"leaseSeconds":60}',
  });
  const { call, onA, onB } = await begin(fleet);
  const path = shared.store.slice("sqlite:".length);
  const holder = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { DatabaseSync } from "node:sqlite";
      new DatabaseSync(${JSON.stringify(path)}).exec("BEGIN IMMEDIATE");
      console.log("held");
      setInterval(() => {}, 1000);`,
    ],
    stdout: "piped",
  }).spawn();
  const output = holder.stdout.getReader();
  await output.read();
  holder.kill("SIGSTOP");
  call.say("e");
  await onA.sees("one");
  const response = await fetch(`${fleet.a.url}/health`);
  assertEquals(response.status, 200);
  await response.body!.cancel();
  holder.kill("SIGKILL");
  await holder.status;
  await output.cancel();
  await onB.sees("one");
  call.say('"}');
  call.end();
  await onB.ended;
  assertEquals(onB.last?.data.status, "end");
});
