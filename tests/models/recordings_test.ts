// Streams of a real server, replayed through a real socket and cut anywhere.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Allow, parse as parsePartial } from "partial-json";
import { applyDelta } from "../../lib/mod.ts";
import { createAsk } from "../../lib/models/openai.ts";
import { isPrefix, wholeCharacters } from "../_prefix.ts";
import {
  readEvents,
  type ServerEvent,
  startServer,
  stateAfter,
} from "../_server.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";

/** What a recording says, read without any of the project's code. */
interface Recording {
  bytes: Uint8Array;
  reasoning: string;
  text: string;
  usage: unknown;
}

async function read(name: string): Promise<Recording> {
  const url = new URL(`../recordings/${name}.sse`, import.meta.url);
  const bytes = await Deno.readFile(url);
  let reasoning = "";
  let text = "";
  let usage: unknown;
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    if (!line.startsWith("data: {")) continue;
    const chunk = JSON.parse(line.slice(6));
    const delta = chunk.choices?.[0]?.delta;
    reasoning += delta?.reasoning_content ?? "";
    text += delta?.content ?? "";
    usage ??= chunk.usage;
  }
  return { bytes, reasoning, text, usage };
}

/** Replays some bytes, in pieces of random sizes. */
function replay(bytes: Uint8Array, call: UpstreamCall): void {
  const longest = 2 ** (3 + Math.floor(Math.random() * 10));
  for (let from = 0; from < bytes.length;) {
    const size = 1 + Math.floor(Math.random() * longest);
    call.write(bytes.slice(from, from + size));
    from += size;
  }
}

/** What a client of the server gets from this provider. */
async function eventsOf(
  script: (call: UpstreamCall) => void,
): Promise<ServerEvent[]> {
  await using upstream = new Upstream(script);
  const ask = createAsk(upstream.options());
  await using server = startServer({ ask });
  const response = await fetch(`${server.url}/helloworld`);
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(server.errors, []);
  return events;
}

function reasoningOf(events: ServerEvent[]): string {
  return events.filter(({ data }) => data.status === "reasoning")
    .map(({ data }) => data.data).join("");
}

const whole = [
  ...["corpus-00", "corpus-01", "corpus-02", "numbers", "odd-keys", "rows"],
  ...["short-s1", "think-then-json", "usage"],
];

for (const name of whole) {
  Deno.test(`recording ${name} ends in what JSON.parse makes of its text`, async () => {
    const { bytes, reasoning, text, usage } = await read(name);
    for (let round = 0; round < 3; round++) {
      const events = await eventsOf((call) => {
        replay(bytes, call);
        call.close();
      });
      assertEquals(stateAfter(events), JSON.parse(text));
      assertEquals(reasoningOf(events), reasoning);
      const { data } = events.at(-1)!;
      assertEquals(data, {
        status: "end",
        message: data.message,
        finish_reason: "stop",
        ...(usage !== undefined && { usage }),
      });
    }
  });
}

/** Recordings that end badly: how they ended, the code, the field. */
const cut: [
  name: string,
  end: "close" | "kill",
  code: string,
  path: string | undefined,
][] = [
  ["article-s3-t15", "close", "truncated", "/tags/6"],
  ["cut-at-1", "close", "truncated", undefined],
  ["cut-at-12", "close", "truncated", "/title"],
  ["escapes-ascii", "close", "upstream_unavailable", "/lines"],
  ["fault-killed", "kill", "upstream_unavailable", "/summary"],
  ["fault-killed", "close", "upstream_unavailable", "/summary"],
  ["free-text-51", "close", "upstream_unavailable", undefined],
];

for (const [name, end, code, path] of cut) {
  Deno.test(`recording ${name} ends in ${code} (${end})`, async () => {
    const { bytes, text } = await read(name);
    // The truth is one that goes on: what is unfinished may be its beginning.
    const truth = text.startsWith("{")
      ? parsePartial(text, Allow.STR | Allow.ARR | Allow.OBJ)
      : undefined;
    const events = await eventsOf((call) => {
      replay(bytes, call);
      call[end]();
    });
    assertEquals(stateAfter(events), wholeCharacters(truth));
    let state: unknown;
    for (const { data } of events) {
      if (data.status === "chunk") state = applyDelta(state, data);
      assert(isPrefix(state, truth));
    }
    const { data } = events.at(-1)!;
    assertEquals([data.status, data.code, data.path], ["error", code, path]);
  });
}

Deno.test("recording error-prompt-too-long ends in upstream_rejected", async () => {
  const { bytes } = await read("error-prompt-too-long");
  const { error } = JSON.parse(new TextDecoder().decode(bytes));
  const events = await eventsOf((call) => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    const { code: status } = error;
    call.respond(new Response(bytes.slice(), { status, headers }));
  });
  assertEquals(events.map(({ data }) => [data.status, data.code]), [
    ["start", undefined],
    ["error", "upstream_rejected"],
  ]);
  assertNotEquals(events[1]!.data.message, error.message);
});

Deno.test("every recording is replayed", async () => {
  const names = new Set([...whole, ...cut.map(([name]) => name)]);
  names.add("error-prompt-too-long");
  for await (
    const { name } of Deno.readDir(`${import.meta.dirname}/../recordings`)
  ) {
    if (name.endsWith(".sse")) assert(names.has(name.slice(0, -4)), name);
  }
});
