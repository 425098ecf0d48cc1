import { assert, assertEquals, assertRejects } from "@std/assert";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { openRedisStore } from "../../lib/stores/redis.ts";
import type { Append, Piece } from "../../lib/stores/store.ts";
import { hasRedis, RedisServer } from "./_redis.ts";

const claim = {
  token: "T",
  meta: { owner: "me" },
  lease: 60_000,
  retention: 60_000,
};

function append(id: string, start: number, text: string): Append {
  return { id, token: "T", start, runs: [{ type: "text", text }] };
}

/** Tries again until it does not fail any more. */
async function eventually<T>(action: () => Promise<T>): Promise<T> {
  for (let turn = 0;; turn++) {
    try {
      return await action();
    } catch (error) {
      if (turn === 3000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function redisTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !hasRedis, fn });
}

Deno.test("a server that is not there is told in one line, without the password", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const { message } = await assertRejects(
    () => openRedisStore(`redis://user:s3cret@127.0.0.1:${port}/1`),
    Error,
    `Cannot connect to Redis at 127.0.0.1:${port}: `,
  );
  assert(!/s3cret|\n/.test(message), message);
});

Deno.test("a server that takes connections and says nothing is given up", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const accepting = listener.accept();
  await assertRejects(
    () => openRedisStore(`redis://127.0.0.1:${port}`),
    Error,
    "no answer",
  );
  (await accepting).close();
  listener.close();
});

redisTest("a wrong password is told in one line, without it", async () => {
  await using server = await RedisServer.start("--requirepass", "right");
  const { port } = server;
  const { message } = await assertRejects(
    () => openRedisStore(`redis://:wr0ng@127.0.0.1:${port}`),
    Error,
    "WRONGPASS",
  );
  assert(!message.includes("wr0ng"), message);
  const store = await openRedisStore(`redis://:right@127.0.0.1:${port}/3`);
  assertEquals(await store.find(makeGenerationId()), undefined);
  await store.close();
});

redisTest("when the server is back, all goes on, listening too", async () => {
  await using server = await RedisServer.start();
  const [a, b] = [
    await openRedisStore(server.url),
    await openRedisStore(server.url),
  ];
  const id = makeGenerationId();
  const heard: Piece[] = [];
  const nudges: string[] = [];
  b.listen(id, (piece) => heard.push(piece));
  a.onNudge((id) => nudges.push(id));
  await a.claim(id, claim);
  await server.kill();
  await eventually(async () => {
    await assertRejects(() => a.find(id));
  });
  // Begun while the server is away.
  const other = makeGenerationId();
  b.listen(other, (piece) => heard.push(piece));
  await server.restart();
  for (const  of of[id, other]) {
    await eventually(() => a.claim(of, claim));
    let start = 0;
    heard.length = 0;
    await eventually(async () => {
      await a.append([append(of, start, "a")]);
      start++;
      assert(heard.length > 0, "nothing is heard");
    });
  }
  await eventually(async () => {
    await b.attend([{ id, reading: true }]);
    await b.attend([{ id, reading: false }]);
    assert(nudges.length > 0, "nothing is heard");
  });
  await a.close();
  await b.close();
});

redisTest("a server that stands still is left, and found again", async () => {
  await using server = await RedisServer.start();
  const store = await openRedisStore(server.url);
  const id = makeGenerationId();
  await store.claim(id, claim);
  server.signal("SIGSTOP");
  await assertRejects(() => store.append([append(id, 0, "ab")]));
  server.signal("SIGCONT");
  // What it had been sent before it stood still may be there.
  const [answer] = await eventually(() => store.append([append(id, 0, "ab")]));
  assert(answer?.status === "ok" || answer?.status === "moved");
  assertEquals(answer.length, 2);
  await store.close();
});

redisTest("what Redis drops of a generation is lost as a whole", async () => {
  await using server = await RedisServer.start();
  const store = await openRedisStore(server.url);
  const [log, hash] = [makeGenerationId(), makeGenerationId()];
  for (const id of [log, hash]) {
    await store.claim(id, claim);
    await store.append([append(id, 0, "ab")]);
  }
  await server.command(`DEL fs1:${log}:log`);
  await server.command(`DEL fs1:${hash}`);
  for (const id of [log, hash]) {
    assertEquals(await store.find(id), undefined);
    assertEquals(await store.read(id, 0), undefined);
    assertEquals(await store.append([append(id, 2, "c")]), [{
      status: "gone",
    }]);
    const other = { ...claim, token: "T2" };
    assertEquals(await store.claim(id, other), { won: true, stopped: false });
    const reading = { pieces: [], length: 0, outcome: undefined };
    assertEquals(await store.read(id, 0), reading);
  }
  await store.close();
});

redisTest("readers whose instance has died are not counted", async () => {
  await using server = await RedisServer.start();
  const store = await openRedisStore(server.url);
  const id = makeGenerationId();
  await store.claim(id, claim);
  await server.command(`ZADD fs1:${id}:r 1 dead`);
  await server.command(`ZADD fs1:${id}:r 99999999999999 alive`);
  const [answer] = await store.append([append(id, 0, "ab")]);
  assertEquals(answer?.status === "ok" && answer.readers, 1);
  await store.close();
});

redisTest("everything that it keeps has an end", async () => {
  await using server = await RedisServer.start();
  const store = await openRedisStore(server.url);
  const id = makeGenerationId();
  await store.stop(makeGenerationId(), "me");
  await store.claim(id, claim);
  await store.append([append(id, 0, "ab")]);
  await store.attend([{ id, reading: true }]);
  await store.spend("a client", 1, 100);
  await store.hold([{ key: "a client", count: 1, limit: 3 }]);
  const keys = [
    `fs1:${id}`,
    `fs1:${id}:log`,
    `fs1:${id}:r`,
    "fs1:b:a client",
    "fs1:h:a client",
  ];
  for (const key of keys) {
    const time = await server.command(`PTTL "${key}"`);
    assert(Number(time.slice(1)) > 0, `${key} ${time}`);
  }
  assertEquals(await server.command("DBSIZE"), `:${keys.length + 1}`);
  await store.close();
});

redisTest(
  "a piece takes at most 64 bytes beside its text, an answer 6 KB",
  async () => {
    await using server = await RedisServer.start();
    const store = await openRedisStore(server.url);
    const bytesOf = async (pieces: number) => {
      const id = makeGenerationId();
      await store.claim(id, claim);
      for (let n = 0; n < pieces; n++) {
        await store.append([append(id, n * 50, "x".repeat(50))]);
      }
      let sum = 0;
      for (const key of [`fs1:${id}`, `fs1:${id}:log`]) {
        const usage = await server.command(`MEMORY USAGE ${key} SAMPLES 0`);
        sum += Number(usage.slice(1));
      }
      return sum;
    };
    const one = await bytesOf(1);
    assert(one < 6000, `${one}`);
    const each = await bytesOf(1000) / 1000 - 50;
    assert(each < 64, `${each}`);
    await store.close();
  },
);
