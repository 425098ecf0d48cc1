// How much is made of a text, whatever it is.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createParser } from "eventsource-parser";
import { MARK, Transcript } from "../../lib/answers/transcript.ts";
import { joinPointer } from "../../lib/json_patch.ts";
import {
  BYTES_PER_BATCH,
  BYTES_PER_UNIT,
  EventMaker,
  MAX_BYTES,
} from "../../lib/wire/events.ts";
import { type ServerEvent, stateAfter } from "../_server.ts";

const id = "AAAAAAAAAAAAAAAAAAAAAA";
const encoder = new TextEncoder();

function transcriptOf(text: string, reasoning = ""): Transcript {
  const transcript = new Transcript();
  transcript.append("reasoning", reasoning);
  transcript.append("text", text);
  return transcript;
}

/** An event, and how long it was as it was sent. */
type SizedEvent = ServerEvent & { bytes: number; offset: number };

/** All that is made of a transcript from an offset on, in batches. */
async function makeBatches(
  transcript: Transcript,
  offset = 0,
): Promise<SizedEvent[][]> {
  const maker = new EventMaker({ id, transcript, maxDepth: 128 }, offset);
  while (maker.skip());
  const batches: SizedEvent[][] = [];
  while (maker.isBehind) {
    const before = maker.offset;
    const frames = await maker.next();
    assert(maker.offset > before, "It goes on");
    const batch = eventsOf(frames);
    const bytes = encoder.encode(frames).length;
    assert(bytes <= MAX_BYTES, `${bytes} bytes in a batch`);
    const bound = BYTES_PER_BATCH + BYTES_PER_UNIT * (maker.offset - before);
    assert(bytes <= bound, `${bytes} bytes of ${maker.offset - before} units`);
    if (batch.length > 0) batches.push(batch);
  }
  return batches;
}

function eventsOf(frames: string): SizedEvent[] {
  const events: SizedEvent[] = [];
  for (const frame of frames.split(/(?<=\n\n)/)) {
    createParser({
      onEvent: ({ id, data }) =>
        events.push({
          id: id!,
          data: JSON.parse(data),
          bytes: encoder.encode(frame).length,
          offset: Number(id!.slice(23)),
        }),
    }).feed(frame);
  }
  return events;
}

/** The strings, objects and arrays in a value that no list holds. */
function incomplete(value: unknown, events: ServerEvent[]): string[] {
  const complete = new Set<string>(
    events.flatMap(({ data }) => data.complete ?? []),
  );
  const missing: string[] = [];
  const visit = (value: unknown, pointer: string) => {
    const isNode = typeof value === "object" && value !== null;
    if ((!isNode && typeof value !== "string") || complete.has(pointer)) return;
    missing.push(pointer);
    if (!isNode) return;
    for (const [key, member] of Object.entries(value)) {
      visit(member, joinPointer(pointer, key));
    }
  };
  visit(value, "");
  return missing;
}

Deno.test("the answer that became one event of 22 MB becomes many small ones", async () => {
  const elements = Array(20_000).fill('""').join();
  const text = `{"${"k".repeat(980)}":[${elements}],"n":1}`;
  const events = (await makeBatches(transcriptOf(text))).flat();
  assert(events.every(({ bytes }) => bytes <= MAX_BYTES));
  assertEquals(stateAfter(events), JSON.parse(text));
  assertEquals(incomplete(JSON.parse(text), events), []);
  const bytes = events.reduce((sum, { bytes }) => sum + bytes, 0);
  assert(
    bytes <= BYTES_PER_UNIT * text.length + BYTES_PER_BATCH * events.length,
  );
});

Deno.test("what is common comes in as few events as before", async () => {
  const sentences = Array.from(
    { length: 800 },
    (_, n) => `${n} 科技发展新趋势。`,
  );
  for (
    const text of [
      JSON.stringify({ title: "a", summary: "科技发展".repeat(15_000) }),
      JSON.stringify({ title: "a", summary: "\u0001".repeat(10_000) }),
      JSON.stringify({ parts: sentences.map((text, id) => ({ id, text })) }),
      JSON.stringify({ tags: sentences }, null, 2),
      JSON.stringify({ rows: sentences.map((_, n) => [n, n / 7, n % 2 > 0]) }),
    ]
  ) {
    assert(text.length <= 65_536);
    const batches = await makeBatches(transcriptOf(text));
    assertEquals(batches.map((batch) => batch.length), [1], text.slice(0, 20));
  }
  const long = "Hm, 科".repeat(30_000);
  const batches = await makeBatches(transcriptOf('{"a":1}', long));
  assertEquals(batches.flat().map(({ data }) => data.data.length), [
    ...[65_536, 65_536, long.length - 2 * 65_536, undefined],
  ]);
});

Deno.test("thinking, too, is bounded by what it takes", async () => {
  for (const unit of ["\u0001", "\u2028", "\u{1f600}", '"', "科"]) {
    const thoughts = unit.repeat(70_000);
    const events = [
      ...(await makeBatches(transcriptOf("", thoughts))).flat(),
      ...(await makeBatches(transcriptOf(`<think>${thoughts}</think>`))).flat(),
    ];
    assertEquals(
      events.map(({ data }) => data.data).join(""),
      thoughts + thoughts,
    );
    assert(events.every(({ data }) => data.data.isWellFormed()));
  }
});

const units = fc.constantFrom(
  ...["a", "é", "科", "\u{1f600}", "\u0001", "\n", '"', "\\", "/", "~"],
  ...["\u2028", "\u0085", "\ud800", "\u007f", "0"],
);

/** Keys that take more room than they look. */
const keys = fc.oneof(
  fc.tuple(units, fc.integer({ min: 0, max: 1000 }))
    .map(([unit, length]) => unit.repeat(length / unit.length)),
  fc.string({ unit: units, maxLength: 8 }),
  // V8 misreads some keys that end in a backslash (tests/_documents.ts).
).map((key) => key.endsWith("\\") ? `${key}a` : key);

const small = fc.constantFrom(
  ...['""', "{}", "[]", "1", "null", '"a"', "[[]]", '{"":""}', "-1.5e300"],
  ...['"\\u0001"', '"😀"', "9".repeat(1000), `"${"科".repeat(500)}"`],
);

/** JSON text in which small values stand far inside. */
const hostile = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthSize: "small" },
    small,
    fc.tuple(small, fc.integer({ min: 1, max: 3000 }))
      .map(([text, count]) => `[${Array(count).fill(text).join()}]`),
    fc.array(tie("value"), { maxLength: 4 }).map((texts) => `[${texts}]`),
    fc.array(fc.tuple(keys, tie("value")), { maxLength: 4 }).map((members) =>
      `{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`)}}`
    ),
    // A name again and again.
    fc.tuple(keys, small, fc.integer({ min: 2, max: 300 })).map((
      [key, text, count],
    ) => `{${Array(count).fill(`${JSON.stringify(key)}:${text}`).join()}}`),
  ),
})).value.map((text) => `{"v":${text}}`);

Deno.test("invariant 6: bytes are bounded by the text, whatever its keys", async () => {
  await fc.assert(
    fc.asyncProperty(hostile, fc.nat(), async (text, seed) => {
      // What is nested too deep, or has too long a pointer, ends early.
      const transcript = transcriptOf(text);
      const batches = await makeBatches(transcript);
      const events = batches.flat();
      const bytes = events.reduce((sum, { bytes }) => sum + bytes, 0);
      assert(
        bytes <=
          BYTES_PER_UNIT * text.length + BYTES_PER_BATCH * batches.length,
      );
      const last = events.at(-1)!;
      if (!last.data.complete?.includes("")) return;
      assertEquals(stateAfter(events), JSON.parse(text));
      assertEquals(incomplete(JSON.parse(text), events), []);
      // Whoever resumes, behind whichever event, misses nothing.
      const place = seed % events.length;
      const before = events.slice(0, place + 1);
      const after = await makeBatches(transcript, before.at(-1)!.offset);
      const all = [...before, ...after.flat()];
      assertEquals(stateAfter(all), JSON.parse(text));
      assertEquals(incomplete(JSON.parse(text), all), []);
    }),
    { numRuns: 100 },
  );
});

Deno.test("invariant 6: what is said of the text is bounded with it", async () => {
  const name = "k".repeat(1_000);
  const transcript = new Transcript();
  for (let round = 2; round < 40; round++) {
    transcript.append("text", `{"${name}":{"${"é".repeat(10)}":[`);
    for (let n = 0; n < 10; n++) {
      transcript.append("text", `${n},`);
      const values = ["值".repeat(150)];
      const pointer = `/${name}/${n}`;
      const violation = { pointer, keyword: "const", values };
      transcript.add({ type: "invalid", text: MARK, violation });
    }
    transcript.add({
      ...{ type: "attempt", text: MARK, attempt: round },
      ...{ reason: "invalid", continues: false },
    });
  }
  const events = (await makeBatches(transcript)).flat();
  const found = events.flatMap(({ data }) => data.invalid ?? []);
  assertEquals(found.length, 380);
  const attempts = events.filter(({ data }) => data.status === "attempt");
  assertEquals(attempts.length, 38);
  for (const { data } of events) {
    assert(data.status !== "chunk" || data.data !== undefined);
  }
});
