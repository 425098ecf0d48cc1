// What is read of, whichever way it comes: by a stream, or by itself.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Readable } from "node:stream";
import { sourceOf } from "../../lib/models/plain_http.ts";
import { type Source, toSource, toStream } from "../../lib/models/source.ts";
import { turn } from "../_server.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A source, and what it is written by. */
interface Written {
  source: Source;
  write(text: string): void;
  close(): void;
  fail(error: Error): void;
  /** Whether nothing more is wanted of it. */
  isCancelled(): boolean;
}

function streamed(type?: "bytes"): Written {
  let controller!: ReadableStreamController<Uint8Array>;
  let isCancelled = false;
  const stream = new ReadableStream({
    type: type as undefined,
    start(given) {
      controller = given;
    },
    cancel() {
      isCancelled = true;
    },
  });
  return {
    source: toSource(stream),
    write: (text) => controller.enqueue(encoder.encode(text)),
    close: () => controller.close(),
    fail: (error) => controller.error(error),
    isCancelled: () => isCancelled,
  };
}

function pushed(): Written & { readable: Readable } {
  const readable = new Readable({ read() {} });
  return {
    readable,
    source: sourceOf(readable, undefined),
    write: (text) => void readable.push(encoder.encode(text)),
    close: () => void readable.push(null),
    fail: (error) => void readable.destroy(error),
    isCancelled: () => readable.destroyed,
  };
}

const kinds: [name: string, make: () => Written][] = [
  ["a stream", () => streamed()],
  ["a stream of bytes", () => streamed("bytes")],
  ["node:http", pushed],
  ["a stream of what comes by node:http", () => {
    const written = pushed();
    const stream = toStream(written.source);
    return { ...written, source: toSource(stream.pipeThrough(through())) };
  }],
];

/** One that is another stream, and passes all on. */
function through(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream();
}

for (const [name, make] of kinds) {
  Deno.test(`${name}: all pieces come, in order, and then the end`, async () => {
    const { source, write, close } = make();
    let text = "";
    const pumped = source.pump((piece) => {
      text += decoder.decode(piece);
      return undefined;
    });
    write("a");
    await turn();
    assertEquals(text, "a");
    for (const piece of ["b", "c", "d"]) write(piece);
    close();
    await pumped;
    assertEquals(text, "abcd");
  });

  Deno.test(`${name}: while a piece is busy, no other comes`, async () => {
    const { source, write, close } = make();
    const texts: string[] = [];
    const busy = Promise.withResolvers<void>();
    const pumped = source.pump((piece) => {
      texts.push(decoder.decode(piece));
      return texts.length === 1 ? busy.promise : undefined;
    });
    write("a");
    await turn();
    for (const piece of ["b", "c"]) write(piece);
    close();
    for (let turns = 0; turns < 5; turns++) await turn();
    assertEquals(texts, ["a"]);
    busy.resolve();
    await pumped;
    assertEquals(texts.join(""), "abc");
  });

  Deno.test(`${name}: what is thrown at a piece ends it, at once or later`, async () => {
    for (const isLater of [false, true]) {
      const { source, write, isCancelled } = make();
      let pieces = 0;
      const fault = new Error("a fault");
      const pumped = source.pump(() => {
        pieces++;
        if (isLater) return Promise.reject(fault);
        throw fault;
      });
      const failed = assertRejects(() => pumped, Error, "a fault");
      for (const piece of ["a", "b", "c"]) write(piece);
      await failed;
      await source.cancel().catch(() => {});
      await turn();
      assertEquals([pieces, isCancelled()], [1, true]);
    }
  });

  Deno.test(`${name}: a fault is told behind what came before it`, async () => {
    const { source, write, fail } = make();
    let text = "";
    const failed = assertRejects(
      () =>
        source.pump((piece) => {
          text += decoder.decode(piece);
          return undefined;
        }),
      Error,
      "a fault",
    );
    write("a");
    await turn();
    fail(new Error("a fault"));
    await failed;
    assertEquals(text, "a");
  });

  Deno.test(`${name}: when it is cancelled nothing more comes, also in the middle of a piece`, async () => {
    const { source, write, isCancelled } = make();
    let text = "";
    const pumped = source.pump((piece) => {
      text += decoder.decode(piece);
      if (text === "b") void source.cancel();
      return undefined;
    });
    for (const piece of ["b", "c"]) write(piece);
    await pumped;
    await turn();
    assertEquals([text, isCancelled()], ["b", true]);
    await source.cancel();
  });
}

Deno.test("a stream that nobody has read of is not gone through", async () => {
  const { source, readable } = pushed();
  const stream = toStream(source);
  assertEquals(toSource(stream), source);
  // It is nobody else's now.
  assertThrows(() => stream.getReader(), TypeError);
  assertThrows(() => toSource(stream), TypeError);
  await source.cancel();
  assertEquals(readable.destroyed, true);
});

Deno.test("a stream that was read of goes on where it is", async () => {
  const { source, write, close } = pushed();
  const stream = toStream(source);
  for (const piece of ["a", "b", "c"]) write(piece);
  close();
  const reader = stream.getReader();
  let text = decoder.decode((await reader.read()).value);
  assertEquals(text, "abc".slice(0, text.length));
  reader.releaseLock();
  await toSource(stream).pump((piece) => {
    text += decoder.decode(piece);
    return undefined;
  });
  assertEquals(text, "abc");
});

Deno.test("nothing is made ahead of who reads a stream", async () => {
  let made = 0;
  const stream = toStream({
    async pump(onPiece) {
      for (; made < 5; made++) await onPiece(encoder.encode(`${made}`));
    },
    cancel: () => Promise.resolve(),
  });
  const reader = stream.getReader();
  await turn();
  assertEquals(made, 0);
  // Two that are wanted at once, too.
  const read = await Promise.all([reader.read(), reader.read()]);
  assertEquals(read.map(({ value }) => decoder.decode(value)), ["0", "1"]);
  await turn();
  assertEquals(made, 1);
  await reader.cancel();
});

Deno.test("a connection that breaks before anybody reads is a fault for whoever reads", async () => {
  const { source, fail } = pushed();
  fail(new Error("a fault"));
  await turn();
  await assertRejects(
    () => toStream(source).getReader().read(),
    TypeError,
    "Cannot read on: a fault",
  );
});
