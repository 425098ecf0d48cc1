import { assert, assertEquals } from "@std/assert";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import {
  formatEvent,
  formatEventId,
  formatRetry,
  parseEventId,
  PING,
  shortenIds,
} from "../../lib/wire/sse.ts";

const generation = "AAAAAAAAAAAAAAAAAAA-_9";

Deno.test("an event is one id and one line of data", () => {
  assertEquals(formatEvent("x.1", '{"a":1}'), 'id: x.1\ndata: {"a":1}\n\n');
  assertEquals(PING, ": ping\n\n");
  assertEquals(formatRetry(1234.5), "retry: 1235\n\n");
});

Deno.test("whatever a text holds, an event has one line of data", () => {
  const text = "a\n\r\n\r\u2028\u2029\u0085\0\ufeff😀\ud83d: \u{10ffff}";
  const frame = formatEvent("x.1", JSON.stringify({ text }));
  assert(!/[\r\u2028\u2029\u0085]/.test(frame));
  assertEquals(frame.split("\n").length, 4);
  const events: EventSourceMessage[] = [];
  createParser({ onEvent: (event) => events.push(event) }).feed(frame);
  assertEquals(events.length, 1);
  assertEquals(JSON.parse(events[0]!.data), { text });
});

Deno.test("an event's id is read as it was made", () => {
  for (const offset of [0, 1, 10, 999_999_999, "end"] as const) {
    const position = { generation, offset };
    assertEquals(parseEventId(formatEventId(position)), position);
  }
});

Deno.test("short ids are the offset alone, and nothing else is shortened", () => {
  const looks = `\nid: ${generation}.1\ndata: {}\n\n\u2028id: ${generation}.2`;
  const json = JSON.stringify({ text: `id: ${generation}.1`, looks });
  const long = formatRetry(1000) + PING +
    ([0, 12, "end"] as const).map((offset) =>
      formatEvent(formatEventId({ generation, offset }), json)
    ).join("");
  const read = (frames: string) => {
    const events: EventSourceMessage[] = [];
    createParser({ onEvent: (event) => events.push(event) }).feed(frames);
    return events.map(({ id, data }) => [id, JSON.parse(data)]);
  };
  const short = shortenIds(long);
  assert(short.startsWith(formatRetry(1000) + PING));
  const data = { text: `id: ${generation}.1`, looks };
  assertEquals(read(short), [["0", data], ["12", data], ["end", data]]);
  assertEquals(long.length - short.length, 3 * (generation.length + 3));
});

Deno.test("a short event takes at most 58 bytes", () => {
  for (const offset of [0, 99, 99_999]) {
    const id = formatEventId({ generation, offset });
    const json = '{"status":"chunk","data":{"title":"abcd"}}';
    assert(shortenIds(formatEvent(id, json)).length <= 58);
  }
});

Deno.test("an offset alone is read where the generation is known", () => {
  for (const offset of [0, 7, "end"] as const) {
    const position = { generation, offset };
    assertEquals(parseEventId(`${offset}`, generation), position);
    assertEquals(parseEventId(formatEventId(position), generation), position);
    assertEquals(parseEventId(`${offset}`), undefined);
  }
  for (const text of ["", "-1", "01", "1e9", "END", " 1", "1\n", "end."]) {
    assertEquals(parseEventId(text, generation), undefined, text);
  }
});

Deno.test("what is no id of ours is none", () => {
  for (
    const text of [
      "",
      generation,
      `${generation}.`,
      `${generation}.-1`,
      `${generation}.+1`,
      `${generation}.01`,
      `${generation}.1e9`,
      `${generation}.1.0`,
      `${generation}.1000000000`,
      `${generation}.0x1`,
      `${generation}.END`,
      `${generation}.end `,
      ` ${generation}.1`,
      `${generation}.1\n`,
      `${generation}.1\0`,
      `${generation}.１`,
      `${generation}A.1`,
      `${generation.slice(1)}.1`,
      `${generation.slice(1)}%.1`,
      `${generation.slice(1)}+.1`,
      "constructor",
    ]
  ) assertEquals(parseEventId(text), undefined, JSON.stringify(text));
});
