import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { toStream } from "../../lib/models/source.ts";
import { type Answer, answerOf, answerTo, finish, options } from "./_answer.ts";

const encoder = new TextEncoder();

/** What comes in one read: an event, or whatever a provider makes of one. */
type Piece = Uint8Array;

/** How one provider writes an event around its content. */
type Shape = (content: string, number: number) => string;

const padded = (content: string, padding: string) =>
  `data: {"choices":[{"index":0,"delta":{"content":${content}}}],"usage":null,"obfuscation":"${padding}"}\n\n`;

const shapes: Record<string, Shape> = {
  "as most do": (content) =>
    `data: {"id":"a","choices":[{"index":0,"delta":{"content":${content}},"finish_reason":null}]}\n\n`,
  "with a role and spaces": (content) =>
    `data: {"choices": [{"delta": {"role": "assistant", "content": ${content}}, "index": 0}]}\n\n`,
  "with padding, as OpenAI does": (content, number) =>
    padded(content, "x".repeat(number % 5)),
  "with padding that is none": (content, number) =>
    padded(content, ["", "x", "\\n", "\\x", '","y":"'][number % 5]!),
  "with the time, as llama.cpp does": (content, number) =>
    `data: {"choices":[{"index":0,"delta":{"content":${content}}}],"created":${
      Math.floor(number / 3)
    }}\n\n`,
  "with a number each": (content, number) =>
    `data: {"choices":[{"index":0,"delta":{"content":${content}}}],"n":${number}}\n\n`,
  "twice": (content, number) =>
    `data: {"choices":[{"index":0,"delta":{"content":"a","content":${content}}}],"n":"${
      number % 3
    }"}\n\n`,
  "and once more elsewhere": (content) =>
    `data: {"id":${content},"choices":[{"index":0,"delta":{"content":${content}}}]}\n\n`,
  "with a letter each": (content, number) =>
    `data: {"id":"${
      "ab?!"[number % 4]
    }","choices":[{"index":0,"delta":{"content":${content}}}]}\n\n`,
  "two at once": (content, number) =>
    shapes["as most do"]!('"b"', number) +
    shapes["as most do"]!(content, number),
  "elsewhere first": (content) =>
    `data: {"id":"a","choices":[{"index":0,"x":"?","delta":{"content":${content}}}],"y":"!"}\n\n`,
  "with other line ends": (content) =>
    `data: {"choices":[{"index":0,"delta":{"content":${content}}}]}\r\n\r\n`,
  "with a name": (content) =>
    `event: message\ndata: {"choices":[{"index":0,"delta":{"content":${content}}}]}\n\n`,
  "and no end": (content) =>
    `data: {"choices":[{"index":0,"delta":{"content":${content}}}]}\n`,
};

/** What stands where the content does: JSON mostly, and what is none. */
const contents = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "?", "!", ",", " ", "中", "𝄞") },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom("\ufeffa", "x".repeat(40), "é") },
).map((text) => JSON.stringify(text));
const odd = fc.constantFrom(
  ...['""', '"\\u4e2d\\ud834"', '"\\/"', "null", "7", '"a"b"', '"\\x"', '"\t"'],
  ...['"a","content":"b"', '"a"},"x":{"content":"b"', '"\\"', '"a'],
);

/** What may come before an event, and changes what it means. */
const HALVES = [
  ...["event: error\n", "data: {", "data: [\n", "data: ", "\r", ": a"].map((
    text,
  ) => encoder.encode(text)),
  new Uint8Array([0xe4]),
];

const pieces: fc.Arbitrary<Piece[]> = fc.array(
  fc.tuple(
    fc.constantFrom(...Object.values(shapes)),
    fc.array(
      fc.oneof({ weight: 9, arbitrary: contents }, {
        weight: 1,
        arbitrary: odd,
      }),
      { minLength: 1, maxLength: 12 },
    ),
    // Bytes that are put anywhere, or none.
    fc.option(
      fc.tuple(fc.nat(), fc.nat(), fc.constantFrom(0xff, 0xe4, 0x22, 0x0a, 1)),
      { freq: 4 },
    ),
    fc.option(fc.constantFrom(...HALVES), { freq: 3 }),
  ),
  { minLength: 1, maxLength: 6 },
).map((runs) =>
  runs.flatMap(([shape, contents, fault, half]) => {
    const events = contents.map((content, number) =>
      encoder.encode(shape(content, number))
    );
    if (fault !== null) {
      const [which, where, byte] = fault;
      const event = events[which % events.length]!;
      event[where % event.length] = byte;
    }
    return half === null ? events : [half, ...events];
  })
);

/** Reads pieces as they are, and each in two: that is to be the same. */
async function checkPieces(pieces: Piece[], at: number): Promise<void> {
  const all = [...pieces, encoder.encode(finish)];
  const inTwo = all.flatMap((piece) => [
    piece.subarray(0, at),
    piece.subarray(at),
  ]);
  const [whole, cut] = [await answerTo(...all), await answerTo(...inTwo)];
  assertEquals(whole.parts, cut.parts);
  assertEquals(whole.ignored, cut.ignored);
  assertEquals(whole.error?.message, cut.error?.message);
}

Deno.test("what a read brings means the same as if it came in two", async () => {
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 9 }), checkPieces),
    { numRuns: 500 },
  );
});

Deno.test("what came before an event counts, also where the event is known", async () => {
  const event = (content: string) =>
    encoder.encode(shapes["as most do"]!(JSON.stringify(content), 0));
  for (const half of HALVES) {
    for (const last of [event("d"), encoder.encode('data: {"x":1}\n\n')]) {
      await checkPieces(
        [event("a"), event("b"), half, event("c"), last],
        5,
      );
    }
  }
});

/** How often JSON is parsed while something goes on. */
async function parses(during: () => Promise<void>): Promise<number> {
  const { parse } = JSON;
  let count = 0;
  JSON.parse = (text, reviver) => {
    count++;
    return parse(text, reviver);
  };
  try {
    await during();
  } finally {
    JSON.parse = parse;
  }
  return count;
}

Deno.test("events that differ in their text alone are not parsed", async () => {
  for (
    const [name, most] of [
      ["as most do", 10],
      ["with a role and spaces", 10],
      ["with padding, as OpenAI does", 10],
      // Each third one is a new one.
      ["with the time, as llama.cpp does", 140],
    ] as const
  ) {
    const words = ['{"a":"', ..."words, or 中文 ".repeat(20)].slice(0, 200);
    const events = words.map((word, number) =>
      shapes[name]!(JSON.stringify(word), number)
    );
    let text = "";
    const count = await parses(async () => {
      const { parts } = await answerTo(...events, finish);
      text = parts.map((part) => "text" in part ? part.text : "").join("");
    });
    assertEquals(text, words.join(""));
    assert(count <= most, `${name}: ${count} of ${events.length}`);
  }
});

Deno.test("events are known wherever they stand in what was read, as Node gives them", async () => {
  const events = [...'{"a":"words"}'].map((word) =>
    encoder.encode(shapes["as most do"]!(JSON.stringify(word), 0))
  );
  for (const place of [1, 2, 3, 4]) {
    const body = toStream({
      async pump(onPiece) {
        for (const event of [...events, encoder.encode(finish)]) {
          const read = new Uint8Array(place + event.length);
          read.set(event, place);
          await onPiece(read.subarray(place));
        }
      },
      cancel: () => Promise.resolve(),
    });
    let answer: Answer | undefined;
    const count = await parses(async () => {
      const fetch = () => Promise.resolve(new Response(body));
      answer = await answerOf({ ...options, fetch });
    });
    assertEquals(answer!.parts[0], { type: "text", text: '{"a":"words"}' });
    assert(count < 10, `${count}`);
  }
});

Deno.test("where each event is another, that is not tried for ever", async () => {
  const words = ['{"a":"', ..."no end to it ".repeat(20)];
  const events = words.map((word, number) =>
    shapes["with a number each"]!(JSON.stringify(word), number)
  );
  const count = await parses(async () =>
    void await answerTo(...events, finish)
  );
  assert(count <= events.length + 20, `${count} of ${events.length}`);
});
