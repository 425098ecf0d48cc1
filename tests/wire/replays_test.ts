// Late followers share what is made of a finished answer.

import { assert, assertEquals } from "@std/assert";
import { failure } from "../../lib/answers/outcome.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { JsonPatchParser } from "../../lib/parser.ts";
import type { Events } from "../../lib/wire/events.ts";
import { MAX_SIZE, Replays } from "../../lib/wire/replays.ts";

const id = "AAAAAAAAAAAAAAAAAAAAAA";

/** An answer of several batches. */
function finished(rows = 30_000): Transcript {
  const transcript = new Transcript();
  transcript.append("reasoning", "Hm, 科技.".repeat(20_000));
  for (let n = 0; n < rows; n++) {
    transcript.append("text", `${n === 0 ? '{"a":[' : ","}"row ${n}"`);
  }
  transcript.append("text", "]}");
  transcript.finish(failure("stopped"));
  return transcript;
}

function read(replays: Replays, transcript: Transcript, offset = 0): Events {
  return replays.read({ id, transcript, maxDepth: 128 }, offset);
}

/** All that one reader is sent. */
async function readAll(events: Events): Promise<string> {
  let frames = "";
  for (;;) {
    if (events.skip()) continue;
    if (!events.isBehind) return frames;
    frames += await events.next();
  }
}

/** How many pieces of text are parsed meanwhile. */
async function parses(act: () => Promise<unknown>): Promise<number> {
  const { prototype } = JsonPatchParser;
  const { write } = prototype;
  let count = 0;
  prototype.write = function (text) {
    count++;
    return write.call(this, text);
  };
  try {
    await act();
  } finally {
    prototype.write = write;
  }
  return count;
}

Deno.test("an answer that has ended is made once for all who come", async () => {
  const replays = new Replays();
  const transcript = finished();
  const alone = await readAll(read(new Replays(0), transcript));
  const together: string[] = [];
  const first = await parses(async () => {
    const readers = Array.from({ length: 5 }, () => read(replays, transcript));
    together.push(...await Promise.all(readers.map(readAll)));
  });
  assert(first > 0);
  // Some at another pace, and later.
  const later = await parses(async () => {
    const slow = read(replays, transcript);
    together.push(await slow.next() + await readAll(slow));
    together.push(await readAll(read(replays, transcript)));
  });
  assertEquals(later, 0);
  assertEquals(together.map((frames) => frames === alone), Array(7).fill(true));
});

Deno.test("who resumes gets the rest, from what is held or else alone", async () => {
  const replays = new Replays();
  const transcript = finished();
  const whole = await readAll(read(replays, transcript));
  const ids = [...whole.matchAll(/^id: .*\.(\d+)$/gm)]
    .map(([, offset]) => Number(offset));
  assert(ids.length > 3);
  let free = 0;
  for (const offset of ids) {
    let rest = "";
    const count = await parses(async () => {
      rest = await readAll(read(replays, transcript, offset));
    });
    assertEquals(rest.length === 0, offset === transcript.length);
    if (count > 0) continue;
    free++;
    assert(whole.endsWith(rest));
  }
  assert(free >= 3, `${free}`);
  // From inside an event.
  const rest = await readAll(read(replays, transcript, ids.at(-1)! - 5));
  assert(rest.startsWith(`id: ${id}.${transcript.length}\n`), rest);
});

Deno.test("what is held is bounded; who reads what is let go reads on", async () => {
  const maxSize = 3_000_000;
  const replays = new Replays(maxSize);
  const transcripts = Array.from({ length: 8 }, (_, n) => finished(30_000 + n));
  const alone = await Promise.all(
    transcripts.map((transcript) => readAll(read(new Replays(0), transcript))),
  );
  const slow = read(replays, transcripts[0]!);
  let frames = await slow.next();
  for (const [place, transcript] of transcripts.entries()) {
    assertEquals(await readAll(read(replays, transcript)), alone[place]);
    assert(replays.size > 0 && replays.size <= maxSize, `${replays.size}`);
  }
  frames += await readAll(slow);
  assertEquals(frames, alone[0]);
  // The last is held still.
  const last = read(replays, transcripts.at(-1)!);
  assertEquals(await parses(() => readAll(last)), 0);
});

Deno.test("by default so much is held together, and one unit more lets the first go", () => {
  for (const more of [0, 1]) {
    const replays = new Replays();
    const first = new Transcript();
    first.append("text", "1".repeat(MAX_SIZE / 2));
    const second = new Transcript();
    second.append("text", "2".repeat(MAX_SIZE / 2 + more));
    // What is no value makes no event: only the text counts.
    read(replays, first);
    const other = { id: `${id.slice(1)}B`, transcript: second, maxDepth: 128 };
    replays.read(other, 0);
    assertEquals(replays.size, more === 0 ? MAX_SIZE : second.length);
  }
});

Deno.test("a fault in the making is everybody's, and the next one tries again", async () => {
  const replays = new Replays();
  const transcript = finished();
  const { prototype } = JsonPatchParser;
  const { write } = prototype;
  prototype.write = () => {
    throw new Error("Cannot parse: a test");
  };
  let results: PromiseSettledResult<string>[];
  try {
    results = await Promise.allSettled(
      [1, 2].map(() => readAll(read(replays, transcript))),
    );
  } finally {
    prototype.write = write;
  }
  assertEquals(results.map(({ status }) => status), ["rejected", "rejected"]);
  const alone = await readAll(read(new Replays(0), transcript));
  assertEquals(await readAll(read(replays, transcript)), alone);
});
