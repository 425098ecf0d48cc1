import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { failure } from "../../lib/answers/outcome.ts";
import { MARK, Transcript } from "../../lib/answers/transcript.ts";
import { follow, type FollowOptions } from "../../lib/wire/follow.ts";
import { type Format, toLines } from "../../lib/wire/forms.ts";
import { describeOutcome } from "../../lib/wire/messages.ts";
import { formatEvent } from "../../lib/wire/sse.ts";
import { TestClock, turn } from "../_server.ts";
import { cut } from "../_stream.ts";

const id = "AAAAAAAAAAAAAAAAAAAAAA";
const end = { status: "end", finish_reason: "stop" } as const;

/** What a connection sends, piece by piece; how often it was closed. */
class Connection {
  readonly clock = new TestClock();
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  closed = 0;

  constructor(
    format: Format,
    transcript: Transcript,
    options: Partial<FollowOptions> = {},
  ) {
    this.#reader = follow({
      ...{ format, id, transcript, start: undefined, offset: 0 },
      ...{ language: "zh", maxDepth: 128, heartbeat: 15_000, pause: 2 },
      ...{ maxAge: 600_000, onClose: () => this.closed++, ...options },
      clock: this.clock,
    }).getReader();
  }

  /** The next piece; `undefined` at the end. */
  async read(): Promise<string | undefined> {
    const { value } = await this.#reader.read();
    return value && this.#decoder.decode(value, { stream: true });
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  /** All of it. */
  async text(): Promise<string> {
    let text = "";
    for (let piece; (piece = await this.read()) !== undefined;) text += piece;
    return text;
  }
}

const linesOf = (text: string) =>
  text.trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("lines are the events, each with its id", async () => {
  const transcript = new Transcript();
  transcript.append("reasoning", "Hm");
  transcript.append("text", '{"a":"b\u2028 id: x\\n\\ndata: {"}');
  transcript.finish(end);
  const start = { status: "start", model: "m" };
  const lines = new Connection("ndjson", transcript, { start });
  const length = transcript.length;
  assertEquals(linesOf(await lines.text()), [
    { id: `${id}.0`, status: "start", model: "m" },
    { id: `${id}.2`, status: "reasoning", data: "Hm" },
    {
      id: `${id}.${length}`,
      status: "chunk",
      data: { a: "b\u2028 id: x\n\ndata: {" },
      complete: [""],
    },
    { id: `${id}.end`, ...describeOutcome(end, "zh") },
  ]);
  assertEquals([lines.closed, lines.clock.timers], [1, 0]);
  const short = new Connection("ndjson", transcript, { shortIds: true });
  assertEquals(linesOf(await short.text()).map(({ id }) => id), [
    ...["2", `${length}`, "end"],
  ]);
  // One that resumes gets what came since, and no start.
  const rest = new Connection("ndjson", transcript, { offset: 2 });
  assertEquals(linesOf(await rest.text()).map(({ id }) => id.slice(23)), [
    `${length}`,
    "end",
  ]);
});

Deno.test("any data is the same on a line as in an event", () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (data) => {
    delete data.id;
    const json = JSON.stringify(data);
    fc.pre(json !== "{}");
    const frames = formatEvent(`${id}.1`, json) + formatEvent(`${id}.2`, json);
    const expected = JSON.parse(json);
    assertEquals(linesOf(toLines(frames)), [
      { id: `${id}.1`, ...expected },
      { id: `${id}.2`, ...expected },
    ]);
  }));
});

Deno.test("silence between lines is an empty line; their age ends them", async () => {
  const transcript = new Transcript();
  const connection = new Connection("ndjson", transcript);
  const next = connection.read();
  await turn();
  connection.clock.tick(15_000);
  assertEquals(await next, "\n");
  await connection.cancel();
  const old = new Connection("ndjson", transcript, { heartbeat: 1e6 });
  const last = old.read();
  await turn();
  old.clock.tick(600_000);
  assertEquals(await last, undefined);
  assertEquals([old.closed, old.clock.timers], [1, 0]);
});

Deno.test("text is the value's own, mended, from the beginning on", async () => {
  const transcript = new Transcript();
  transcript.append("reasoning", "Hm");
  const said = "Sure: ```json\n{'a': \"😀\", b: [1,],}\n``` That is it.";
  for (const piece of cut(said, [1])) transcript.append("text", piece);
  const connection = new Connection("text", transcript, { offset: 9 });
  let text = await connection.read();
  transcript.finish(end);
  text += await connection.text();
  assertEquals(JSON.parse(text!), { a: "😀", b: [1] });
  assert(text!.startsWith("{") && text!.endsWith("}"));
  assertEquals([connection.closed, connection.clock.timers], [1, 0]);
});

Deno.test("text grows with the value, and no character of it is cut in two", async () => {
  const json = '{"a":"科😀技é, \\" x","b":["x"]}';
  const transcript = new Transcript();
  const connection = new Connection("text", transcript);
  let text = "";
  for (let at = 0; at < json.length; at++) {
    transcript.append("text", json[at]!);
    // A bracket may begin no value, a comma be one too many, and an escape none.
    const isHeld = at === 0 || /[\ud800-\udbff\\]/.test(json[at]!) ||
      json.startsWith(',"', at);
    if (isHeld) continue;
    text += await connection.read();
    assertEquals(text, json.slice(0, at + 1));
  }
  transcript.finish(end);
  assertEquals(await connection.read(), undefined);
});

Deno.test("text that is JSON stays as it is, however it was cut and laid out", () => {
  const layout = fc.constantFrom("", " ", "\n  ", "\t");
  return fc.assert(fc.asyncProperty(
    fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
    layout,
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
    async (value, indent, sizes) => {
      const json = JSON.stringify(value, null, indent);
      const transcript = new Transcript();
      const connection = new Connection("text", transcript);
      for (const piece of cut(json, sizes)) transcript.append("text", piece);
      const first = connection.read();
      await turn();
      transcript.finish(end);
      const text = (await first ?? "") + await connection.text();
      assertEquals(text, json.toWellFormed());
    },
  ));
});

Deno.test("much text comes in pieces, and whole", async () => {
  const transcript = new Transcript();
  const json = JSON.stringify({ a: "😀x".repeat(100_000) });
  transcript.append("text", json);
  transcript.finish(end);
  const text = await new Connection("text", transcript).text();
  assert(text === json);
});

Deno.test("text fails where the answer does, and where the connection is too old", async () => {
  const failed = new Transcript();
  failed.append("text", '{"a":1}');
  const connection = new Connection("text", failed);
  assertEquals(await connection.read(), '{"a":1}');
  failed.finish(failure("content_filtered"));
  await assertRejects(() => connection.read(), Error, "content_filtered");
  assertEquals([connection.closed, connection.clock.timers], [1, 0]);

  const transcript = new Transcript();
  const old = new Connection("text", transcript, { heartbeat: 1e6 });
  const next = old.read();
  await turn();
  old.clock.tick(600_000);
  await assertRejects(() => next, Error, "too old");
  assertEquals([old.closed, old.clock.timers], [1, 0]);
});

Deno.test("text fails where the value that was shown was thinking; one that was not shown is dropped", async () => {
  const transcript = new Transcript();
  const connection = new Connection("text", transcript);
  transcript.append("text", '{"draft":1}');
  assertEquals(await connection.read(), '{"draft":1}');
  transcript.append("text", '</think>{"a":1}');
  await assertRejects(() => connection.read(), Error, "begins anew");
  assertEquals([connection.closed, connection.clock.timers], [1, 0]);
  transcript.finish(end);
  const late = new Connection("text", transcript);
  assertEquals(await late.text(), '{"a":1}');
});

Deno.test("text goes on where the model was asked to go on, and fails where it was asked anew", async () => {
  for (const continues of [true, false]) {
    const transcript = new Transcript();
    const connection = new Connection("text", transcript);
    transcript.append("text", '{"a":"b');
    assertEquals(await connection.read(), '{"a":"b');
    const why = { reason: "invalid", continues } as const;
    transcript.add({ type: "attempt", text: MARK, attempt: 2, ...why });
    transcript.append("text", continues ? 'c"}' : '{"a":"c"}');
    transcript.finish(end);
    if (continues) assertEquals(await connection.read(), 'c"}');
    else await assertRejects(() => connection.read(), Error, "begins anew");
  }
});

Deno.test("silence before the value is white space, in it nothing", async () => {
  const transcript = new Transcript();
  const connection = new Connection("text", transcript);
  const next = connection.read();
  await turn();
  connection.clock.tick(15_000);
  assertEquals(await next, "\n");
  transcript.append("text", '{"a":"');
  assertEquals(await connection.read(), '{"a":"');
  const more = connection.read();
  // It waits for the model once it has read what is there.
  for (let turns = 0; turns < 9; turns++) await turn();
  connection.clock.tick(45_000);
  transcript.append("text", 'b"}');
  assertEquals(await more, 'b"}');
  transcript.finish(end);
  assertEquals(await connection.read(), undefined);
});
