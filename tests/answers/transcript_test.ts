import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { failure } from "../../lib/answers/outcome.ts";
import {
  MARK,
  type Marker,
  type Run,
  Transcript,
  type TranscriptReader,
} from "../../lib/answers/transcript.ts";

const stopped = failure("stopped");

function readAll(reader: TranscriptReader, limit?: number): Run[] {
  const runs: Run[] = [];
  for (;;) {
    const run = reader.next(limit);
    if (run === undefined) return runs;
    runs.push(run);
  }
}

Deno.test("a reader takes what is there as runs of one kind", () => {
  const transcript = new Transcript();
  const reader = transcript.read();
  assertEquals(reader.next(), undefined);
  transcript.append("reasoning", "Hm");
  transcript.append("reasoning", "m.");
  transcript.append("text", "{");
  transcript.append("text", "");
  transcript.append("text", '"a"');
  assertEquals(readAll(reader), [
    { type: "reasoning", text: "Hmm." },
    { type: "text", text: '{"a"' },
  ]);
  assertEquals(reader.offset, 8);
  assertEquals(transcript.length, 8);
  transcript.append("text", ":1}");
  assertEquals(readAll(reader), [{ type: "text", text: ":1}" }]);
  assertEquals(readAll(transcript.read()), [
    { type: "reasoning", text: "Hmm." },
    { type: "text", text: '{"a":1}' },
  ]);
});

Deno.test("a limit cuts runs, but no surrogate pairs", () => {
  const transcript = new Transcript();
  transcript.append("reasoning", "a😀b");
  transcript.append("text", "cd");
  const reader = transcript.read();
  assertEquals(readAll(reader, 2).map(({ text }) => text), [
    "a",
    "😀",
    "b",
    "cd",
  ]);
  assertEquals(reader.offset, 6);
  assertEquals(
    readAll(transcript.read(), 1).map(({ text }) => text),
    ["a", "\ud83d", "\ude00", "b", "c", "d"],
  );
});

Deno.test("readers at any place read the same, during and after", () => {
  const piece = fc.record({
    type: fc.constantFrom("text" as const, "reasoning" as const),
    text: fc.string({ unit: "binary", maxLength: 9 }),
  });
  // So many of one kind that they are made one.
  const many = fc.tuple(piece, fc.integer({ min: 200, max: 600 }))
    .map(([piece, count]) => Array(count).fill(piece));
  const pieces = fc.array(
    fc.oneof({ weight: 9, arbitrary: piece.map((one) => [one]) }, many),
  ).map((lists) => lists.flat());
  fc.assert(fc.property(
    pieces,
    fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
    (pieces, limits) => {
      const transcript = new Transcript();
      const readers = [{ reader: transcript.read(), live: "" }];
      let turn = 0;
      for (const { type, text } of pieces) {
        transcript.append(type, text);
        if (turn % 100 === 50) {
          readers.push({ reader: transcript.read(), live: "" });
        }
        // Each reads on now and then.
        const one = readers[turn % readers.length]!;
        one.live += one.reader.next(limits[turn++ % limits.length])?.text ?? "";
        assertEquals(one.reader.offset, one.live.length);
      }
      const whole = pieces.map(({ text }) => text).join("");
      assertEquals(transcript.length, whole.length);
      transcript.finish(stopped);
      // Those that have begun, and one that begins when it is over.
      for (const { reader, live } of readers) {
        const rest = readAll(reader).map(({ text }) => text).join("");
        assertEquals(live + rest, whole);
      }
      const later = readAll(transcript.read());
      assertEquals(later.map(({ text }) => text).join(""), whole);
      assert(later.every(({ type }, n) => type !== later[n + 1]?.type));
    },
  ));
});

Deno.test("changed() resolves at the next text and at the outcome", async () => {
  const transcript = new Transcript();
  let changes = 0;
  const count = () => changes++;
  const first = transcript.changed().then(count);
  const same = transcript.changed().then(count);
  transcript.append("text", "");
  await Promise.resolve();
  assertEquals(changes, 0);
  transcript.append("text", "a");
  await Promise.all([first, same]);
  assertEquals(changes, 2);
  const end = transcript.changed().then(count);
  transcript.finish(stopped);
  await end;
  assertEquals(changes, 3);
});

Deno.test("who waits is called once, when all is written that comes at once", async () => {
  const transcript = new Transcript();
  const lengths: number[] = [];
  transcript.onceChanged(() => lengths.push(transcript.length));
  transcript.append("text", "a");
  transcript.append("text", "b");
  assertEquals(lengths, []);
  await Promise.resolve();
  assertEquals(lengths, [2]);
  transcript.append("text", "c");
  await Promise.resolve();
  assertEquals(lengths, [2]);
});

Deno.test("who has left is not called, nor kept", async () => {
  const transcript = new Transcript();
  const calls: string[] = [];
  const stay = () => calls.push("stays");
  const leave = () => calls.push("leaves");
  transcript.onceChanged(leave);
  transcript.onceChanged(stay);
  transcript.forget(leave);
  // One that does not wait.
  transcript.forget(leave);
  transcript.append("text", "a");
  await Promise.resolve();
  assertEquals(calls, ["stays"]);
});

Deno.test("the first outcome counts, and nothing comes after it", () => {
  const transcript = new Transcript();
  assertEquals(transcript.outcome, undefined);
  transcript.append("text", "a");
  transcript.finish(stopped);
  transcript.finish(failure("internal"));
  transcript.append("text", "b");
  assertEquals(transcript.outcome, stopped);
  assertEquals(readAll(transcript.read()), [{ type: "text", text: "a" }]);
  assertEquals(transcript.length, 1);
});

// docs/security.md: one or two bytes a character, and of such tokens two more.
Deno.test("a transcript takes up little more than its text, also while it grows", () => {
  const count = 200_000;
  for (const unit of ["a", "\u4e00"]) {
    const transcript = new Transcript();
    const stuck: TranscriptReader[] = [];
    const before = usedHeap();
    for (let n = 0; n < count; n++) {
      transcript.append("text", unit);
      // Those that read no further hold up nothing.
      if (n % 10_000 === 5) stuck.push(stuckAt(transcript, n));
    }
    const growing = usedHeap() - before;
    transcript.finish(stopped);
    const finished = usedHeap() - before;
    console.log(`${count} units: ${growing} bytes while it grows, ${finished}`);
    const bytes = unit === "a" ? 1 : 2;
    assert(growing < (bytes + 2) * count, `${growing} bytes`);
    assert(finished < (bytes + 2) * count, `${finished} bytes`);
    assertEquals(transcript.length, count);
    for (const [place, reader] of stuck.entries()) {
      assertEquals(reader.offset, place * 10_000 + 5);
      reader.next();
      assertEquals(reader.offset, count);
    }
  }
});

/** A reader that has read so much. */
function stuckAt(transcript: Transcript, offset: number): TranscriptReader {
  const reader = transcript.read();
  while (reader.offset < offset) reader.next(offset - reader.offset);
  return reader;
}

/** In bytes, without garbage. */
function usedHeap(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return Deno.memoryUsage().heapUsed;
}

Deno.test("a marker is a run of its own, wherever a reader stands", () => {
  const violation = { pointer: "/a", keyword: "type", values: ["x"] };
  const marker: Marker = { type: "invalid", text: MARK, violation };
  const attempt: Marker = {
    ...{ type: "attempt", text: MARK, attempt: 2, continues: true },
    reason: "truncated",
  };
  const text = (text: string): Run => ({ type: "text", text });
  const written = [text("a\ud83d"), attempt, text("\ude00b"), marker, marker];
  const transcript = new Transcript();
  const early = transcript.read();
  for (const run of written) transcript.add(run);
  transcript.add(text("c"));
  const runs = [...written, text("c")];
  assertEquals(transcript.length, 8);
  for (const reader of [early, transcript.read()]) {
    assertEquals(runs.map(() => reader.next()), runs);
    assertEquals(reader.next(), undefined);
    assertEquals(reader.offset, 8);
  }
  const slow = transcript.read();
  const units = Array.from({ length: 8 }, () => slow.next(1)!);
  assertEquals(units.map(({ type }) => type), [
    ...["text", "text", "attempt", "text", "text", "invalid", "invalid"],
    "text",
  ]);
  transcript.finish(stopped);
  transcript.add(marker);
  assertEquals(transcript.length, 8);
});
