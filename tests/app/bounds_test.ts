// The bounds that docs/security.md states, as they are where nothing is set: each
// is reached, and then exceeded by one.

import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS, type Limits } from "../../lib/answers/limits.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { SILENT_BYTES, TURN_BYTES } from "../../lib/models/chat_completions.ts";
import { ERROR_SIZE } from "../../lib/models/openai.ts";
import { MAX_VIOLATIONS } from "../../lib/schemas/findings.ts";
import { WORK, WORK_PER_VALUE } from "../../lib/schemas/meter.ts";
import { CLIENTS, RESUMED_UNITS } from "../../lib/wire/budgets.ts";
import { MAX_SIZE } from "../../lib/wire/replays.ts";
import {
  readEvents,
  ScriptedModel,
  startServer,
  TestClock,
  testConfig,
  until,
} from "../_server.ts";

const root = new URL("../../", import.meta.url);
const DEFAULTS: Limits = { ...DEFAULT_LIMITS };

/** A server with the default limits, which is asked as by a proxy. */
function setUp(script?: ConstructorParameters<typeof ScriptedModel>[0]) {
  const clock = new TestClock();
  const model = new ScriptedModel(script);
  const config = testConfig({ limits: DEFAULTS, trustProxy: true });
  const server = startServer({ ask: model.ask, config, clock });
  const send = (
    { address = 1, query = "", ...init }: RequestInit & {
      /** Who asks. */
      address?: number;
      query?: string;
    } = {},
  ) => {
    const headers = new Headers(init.headers);
    const from = `10.0.${address >> 8}.${address & 255}`;
    headers.set("x-forwarded-for", from);
    if (init.body) headers.set("content-type", "application/json");
    const url = `${server.url}/helloworld${query}`;
    return server.handle(new Request(url, { ...init, headers }));
  };
  /** Sends a request of which only the status matters, and leaves. */
  const statusOf = async (init?: Parameters<typeof send>[0]) => {
    const { status, body } = await send(init);
    await body?.cancel();
    return status;
  };
  return { clock, model, server, send, statusOf };
}

const POLL = { headers: { accept: "application/json" } };

/** Says an answer of so many characters. */
function answerOf(characters: number): string {
  return `{"title":"${"x".repeat(characters - 12)}"}`;
}

Deno.test("the table of docs/security.md holds the defaults", async () => {
  const text = await Deno.readTextFile(new URL("docs/security.md", root));
  const rows = text.matchAll(/^\| [^|]+ \| (`\w+`[^|]*)\| ([\d][^|]*)\|$/gm);
  const stated: Record<string, number> = {};
  for (const [, fields, values] of rows) {
    const numbers = values!.match(/[\d,]+(?: M)?/g)!.map((value) =>
      Number(value.replaceAll(",", "").replace(" M", "000000"))
    );
    const names = fields!.match(/\w+/g)!;
    assertEquals(numbers.length, names.length, fields);
    names.forEach((name, n) => stated[name] = numbers[n]!);
  }
  assert(Object.keys(stated).length >= 11, "all rows are read");
  for (const [name, value] of Object.entries(stated)) {
    assertEquals(value, DEFAULT_LIMITS[name as keyof Limits], name);
  }
});

Deno.test("the sentences of docs/security.md hold the figures of the code", async () => {
  const document = await Deno.readTextFile(new URL("docs/security.md", root));
  const text = document.replaceAll(/\s+/g, " ");
  const limits = DEFAULT_LIMITS;
  // What is beyond each is refused by the test that is named.
  const figures: [sentence: RegExp, ...figures: number[]][] = [
    // tests/models/failures_test.ts
    [/of an error's body (\S+) KB are read/, ERROR_SIZE / 1024],
    // tests/models/chat_completions_test.ts
    [/sends (\S+) MB without a word of the answer/, SILENT_BYTES / 1e6],
    [/others have their turn after each (\S+) MB/, TURN_BYTES / 1024 ** 2],
    // tests/answers/generation_outcomes_test.ts
    [
      /and `generationSeconds` \((\S+), (\S+) and (\S+)\)/,
      ...[limits.firstTokenSeconds, limits.tokenGapSeconds],
      limits.generationSeconds,
    ],
    // tests/wire/budgets_test.ts
    [/once more for every (\S+) characters/, RESUMED_UNITS],
    [/does not grow beyond (\S+) of them/, CLIENTS],
    // tests/schemas/meter_test.ts and validation_test.ts
    [/up to (\S+) errors/, MAX_VIOLATIONS],
    [/a budget of (\S+) million such steps/, WORK / 1e6],
    [/such steps and (\S+) more for each value/, WORK_PER_VALUE],
    // tests/wire/replays_test.ts; a unit has two bytes at most.
    [/and (\S+) MB for what late followers/, 2 * MAX_SIZE / 1e6],
  ];
  for (const [sentence, ...values] of figures) {
    const [, ...stated] = sentence.exec(text) ?? [];
    const numbers = stated.map((value) => Number(value.replaceAll(",", "")));
    assertEquals(numbers, values, String(sentence));
  }
});

Deno.test("bodyBytes and promptCharacters: one more is refused", async () => {
  const { server, statusOf } = setUp();
  await using _ = server;
  const { bodyBytes, promptCharacters } = DEFAULT_LIMITS;
  const post = (body: string) => statusOf({ method: "POST", body });
  const prompt = (length: number) =>
    JSON.stringify({ prompt: "x".repeat(length) });
  assertEquals(await post("{}".padEnd(bodyBytes)), 200);
  assertEquals(await post("{}".padEnd(bodyBytes + 1)), 413);
  assertEquals(await post(prompt(promptCharacters)), 200);
  assertEquals(await post(prompt(promptCharacters + 1)), 413);
});

Deno.test("bodySeconds: a millisecond more is refused", async () => {
  const { clock, server, send } = setUp();
  await using _ = server;
  let status = 0;
  const timers = clock.timers;
  const body = new ReadableStream({ type: "bytes" });
  const sent = send({ method: "POST", body }).then(async (response) => {
    status = response.status;
    await response.body!.cancel();
  });
  await until(() => clock.timers > timers);
  clock.tick(DEFAULT_LIMITS.bodySeconds * 1000 - 1);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(status, 0);
  clock.tick(1);
  await sent;
  assertEquals(status, 400);
});

Deno.test("outputCharacters: one more ends the answer", async () => {
  const { outputCharacters } = DEFAULT_LIMITS;
  for (const more of [0, 1]) {
    const { server, send } = setUp((call) => {
      call.say(answerOf(outputCharacters + more));
      call.end();
    });
    await using _ = server;
    const events = await Array.fromAsync(readEvents(await send()));
    const { status, code } = events.at(-1)!.data;
    assertEquals(
      [status, code],
      more ? ["error", "output_too_large"] : ["end", undefined],
    );
  }
});

Deno.test("streams and streamsPerClient: one more is refused", async () => {
  const { server, send } = setUp();
  await using _ = server;
  const { streams, streamsPerClient } = DEFAULT_LIMITS;
  const open: Response[] = [];
  for (let n = 0; n < streams; n++) {
    const response = await send({ address: Math.floor(n / streamsPerClient) });
    assertEquals(response.status, 200);
    open.push(response);
    if (n !== streamsPerClient - 1) continue;
    const refused = await send({ address: 0 });
    assertEquals(refused.status, 429);
    await refused.body!.cancel();
  }
  const refused = await send({ address: 9_999 });
  assertEquals(refused.status, 503);
  await refused.body!.cancel();
  for (const { body } of open) await body!.cancel();
});

Deno.test("generationsPerMinute and resumesPerMinute: one more is refused", async () => {
  const { server, statusOf } = setUp((call) => {
    call.say('{"title":"a"}');
    call.end();
  });
  await using _ = server;
  const { generationsPerMinute, resumesPerMinute } = DEFAULT_LIMITS;
  const count = async (
    limit: number,
    allowed: number,
    init: Parameters<typeof statusOf>[0],
  ) => {
    const start = performance.now();
    let taken = 0;
    while (taken < 2 * limit && await statusOf(init) === allowed) taken++;
    // What is spent comes back by and by, a minute's worth in a minute.
    // The two clocks need not agree on the last millisecond.
    const back = limit * (performance.now() - start + 10) / 60_000;
    assert(taken >= limit && taken <= limit + back, `${taken} of ${limit}`);
  };
  const query = `?id=${makeGenerationId()}`;
  assertEquals(await statusOf({ ...POLL, query, address: 2 }), 202);
  await count(generationsPerMinute, 202, POLL);
  await count(resumesPerMinute, 200, { ...POLL, query });
});

Deno.test("retainedCharacters and retentionSeconds: what is more is forgotten", async () => {
  const { outputCharacters, retainedCharacters, retentionSeconds } =
    DEFAULT_LIMITS;
  const { clock, server, send, statusOf } = setUp((call) => {
    call.say(answerOf(outputCharacters));
    call.end();
  });
  await using _ = server;
  const ids: string[] = [];
  const ask = async (address: number) => {
    const id = makeGenerationId();
    ids.push(id);
    const response = await send({ query: `?id=${id}`, address });
    await response.body!.pipeTo(new WritableStream());
  };
  const isThere = async (id: string) =>
    await statusOf({
      query: `?id=${id}`,
      headers: { "last-event-id": `${id}.${outputCharacters - 1}` },
    }) === 200;
  for (let n = 0; n < retainedCharacters / outputCharacters; n++) await ask(n);
  assertEquals(await isThere(ids[0]!), true);
  await ask(999);
  assertEquals(await isThere(ids[0]!), false);
  assertEquals(await isThere(ids[1]!), true);
  clock.tick(retentionSeconds * 1000 - 1_000);
  assertEquals(await isThere(ids.at(-1)!), true);
  clock.tick(1_000);
  assertEquals(await isThere(ids.at(-1)!), false);
});

Deno.test("connectionSeconds: no connection becomes older", async () => {
  const { connectionSeconds } = DEFAULT_LIMITS;
  const { clock, server, send } = setUp((call) => call.say('{"title":"'));
  await using _ = server;
  const response = await send();
  let done = false;
  const reading = response.body!.pipeTo(new WritableStream())
    .then(() => done = true);
  clock.tick(0.8 * connectionSeconds * 1000 - 1);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(done, false);
  clock.tick(0.2 * connectionSeconds * 1000 + 1);
  await reading;
});

Deno.test("what is remembered of strangers takes as much as is said", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "--v8-flags=--expose-gc"],
      "--allow-env",
      new URL("_counters.ts", import.meta.url).pathname,
    ],
    cwd: root,
    stderr: "inherit",
  }).output();
  assert(success);
  const { counters, stopped, replays } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const document = await Deno.readTextFile(new URL("docs/security.md", root));
  const text = document.replaceAll(/\s+/g, " ");
  const [, forCounters, forStopped, forReplays] =
    /(\d+) MB for the counters of 10,000 clients, (\d+) MB for 10,000 answers[^,]+, and (\d+) MB/
      .exec(text)!;
  assert(counters <= Number(forCounters), `${counters} MB for counters`);
  assert(stopped <= Number(forStopped), `${stopped} MB for what was stopped`);
  assert(replays <= Number(forReplays), `${replays} MB for late followers`);
  // It is what was measured: most of it was held.
  assert(replays > 0.7 * Number(forReplays), `${replays} MB held`);
});
