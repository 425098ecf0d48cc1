import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  takeSnapshot,
  takeSnapshotInTurns,
} from "../../lib/answers/snapshot.ts";
import { Envelope } from "../../lib/envelope.ts";
import { JsonPatchParser } from "../../lib/parser.ts";
import { applyDelta, IncrementalProcessor } from "../../lib/mod.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { cut } from "../_stream.ts";
import { sizes, texts } from "../_documents.ts";

const options = { root: "object", maxDepth: 128 } as const;
type SnapshotOptions = Parameters<typeof takeSnapshot>[1];

function snapshotOf(text: string, own: Partial<SnapshotOptions> = {}): unknown {
  const transcript = new Transcript();
  transcript.append("text", text);
  return takeSnapshot(transcript, { ...options, ...own });
}

Deno.test("a snapshot has all that is there, whole or not", () => {
  for (
    const [text, value] of [
      ["", undefined],
      ["Sure! {", undefined],
      ['Sure! {"', {}],
      ['{"title"', {}],
      ['{"title":', {}],
      ['{"title":"', { title: "" }],
      ['{"title":"科技', { title: "科技" }],
      ['{"title":"a\\', { title: "a" }],
      ['{"title":"a\\n', { title: "a\n" }],
      ['{"title":"a","n":', { title: "a" }],
      ['{"n":1,"tags":[', { n: 1, tags: [] }],
      ['{"n":1,"tags":["a","b', { n: 1, tags: ["a", "b"] }],
      ['{"n":1,"tags":[{"a":true}', { n: 1, tags: [{ a: true }] }],
      ['```json\n{"a":{}}\n```', { a: {} }],
      ['{"a":"b",}', { a: "b" }],
      ['{"a":"b","c" "d"}', { a: "b" }],
      ["{}", {}],
    ] as const
  ) assertEquals(snapshotOf(text), value, text);
});

Deno.test("a snapshot leaves the thinking out", () => {
  const transcript = new Transcript();
  transcript.append("reasoning", '{"not":"this"}');
  transcript.append("text", '<think>{"nor":"this"}</think>{"a":"b');
  transcript.append("reasoning", "Hm.");
  transcript.append("text", 'c"}');
  assertEquals(takeSnapshot(transcript, options), { a: "bc" });
});

Deno.test("the snapshot of a whole document is JSON.parse's, however it was cut", () => {
  fc.assert(fc.property(texts(), sizes, (text, sizes) => {
    const json = `{"v":${text}}`;
    const transcript = new Transcript();
    for (const piece of cut(json, sizes)) transcript.append("text", piece);
    assertEquals(takeSnapshot(transcript, options), JSON.parse(json));
  }));
});

Deno.test("after every unit there is a snapshot, and it is an object", () => {
  fc.assert(
    fc.property(texts(), (text) => {
      const json = `{"v":${text}}`;
      for (let length = 3; length <= json.length; length++) {
        const value = snapshotOf(json.slice(0, length));
        assert(
          typeof value === "object" && value !== null && !Array.isArray(value),
          json.slice(0, length),
        );
      }
    }),
    { numRuns: 20 },
  );
});

Deno.test("a snapshot is what the deltas so far make, so that it can be gone on from", () => {
  const check = (json: string) => {
    const envelope = new Envelope(options);
    const parser = new JsonPatchParser();
    const processor = new IncrementalProcessor({ keepValues: false });
    let state: unknown;
    for (let length = 1; length <= json.length; length++) {
      for (const piece of envelope.write(json[length - 1]!)) {
        assert(piece.type === "json");
        const delta = processor.processPatch(parser.write(piece.text));
        if (delta) state = applyDelta(state, delta);
      }
      const snapshot = snapshotOf(json.slice(0, length));
      assertEquals(snapshot, state, json.slice(0, length));
    }
  };
  check('{"a":"x\\ud83d\\ude00y\\ud83dz\\ude00","b":"😀\ud83d"}');
  check('{"a":[-1.5e3,12,{"b":1,"b":2,"c":"d","c":""}],"__proto__":{"x":"y"}}');
  fc.assert(fc.property(texts(), (text) => check(`{"v":${text}}`)), {
    numRuns: 20,
  });
});

Deno.test("a snapshot tells what was thought", async () => {
  const transcript = new Transcript();
  const reasoningIn = async (transcript: Transcript) => {
    const pause = () => undefined;
    return (await takeSnapshotInTurns(transcript, options, pause)).reasoning;
  };
  transcript.append("reasoning", "One.");
  transcript.append("text", "<think>Two.</thi");
  assertEquals(await reasoningIn(transcript), "One.Two.");
  transcript.append("text", 'nk>{"a":"<think>no</think>');
  transcript.append("reasoning", "Three.");
  assertEquals(await reasoningIn(transcript), "One.Two.Three.");
  assertEquals(await reasoningIn(new Transcript()), "");
});

Deno.test("a snapshot is taken in slices, and of what was there at first", async () => {
  const { prototype } = JsonPatchParser;
  const { write } = prototype;
  for (const end of ["", "]}"]) {
    const transcript = new Transcript();
    // Whose pointers are long, in one piece: 0.8 s and 300 MB at a stretch.
    const rows = Array(100_000).fill('""');
    transcript.append("text", `{"${"k".repeat(980)}":[${rows}${end}`);
    const { length } = transcript;
    let atOnce = 0;
    let most = 0;
    prototype.write = function (text) {
      atOnce += text.length;
      most = Math.max(most, atOnce);
      return write.call(this, text);
    };
    try {
      const pause = () => {
        atOnce = 0;
        if (end === "") transcript.append("text", ',"later"');
        return undefined;
      };
      const { data, offset } = await takeSnapshotInTurns(
        transcript,
        options,
        pause,
      );
      assertEquals(offset, length);
      assertEquals(data, { ["k".repeat(980)]: Array(100_000).fill("") });
    } finally {
      prototype.write = write;
    }
    assert(most > 0 && most <= 10_000, `${most} units at a stretch`);
  }
});

Deno.test("a snapshot is as deep as the stream", () => {
  const deep = `{"a":${"[".repeat(200)}`;
  assertEquals(depthOf(snapshotOf(deep, { maxDepth: 128 })), 128);
  assertEquals(depthOf(snapshotOf(deep, { maxDepth: 1000 })), 201);
});

function depthOf(value: unknown): number {
  let depth = 0;
  while (typeof value === "object" && value !== null) {
    depth++;
    value = Object.values(value)[0];
  }
  return depth;
}
