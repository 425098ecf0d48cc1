// Node's request and response, through a real server of node:http.

import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { makeGenerationId } from "../lib/answers/id.ts";
import { sendResponse, toRequest } from "../lib/node.ts";
import { createFieldStreams } from "../lib/server.ts";
import { readEvents, ScriptedModel, stateAfter, until } from "./_server.ts";

/** A server of Node's, on a free port. */
async function serve(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

Deno.test("an answer is streamed, cut and resumed through Node's own objects", async () => {
  const model = new ScriptedModel();
  const streams = createFieldStreams({ ask: model.ask });
  await using server = await serve(async (request, response) => {
    const answer = await streams.handle(toRequest(request), {
      owner: "ann",
      question: ({ input }) => ({ prompt: `About ${input.topic}` }),
    });
    await sendResponse(response, answer);
  });
  const url = `${server.url}/api?id=${makeGenerationId()}`;
  const first = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"input":{"topic":"tea"}}',
  });
  await until(() => model.calls.length === 1);
  assertEquals(model.calls[0]!.question.prompt, "About tea");
  model.calls[0]!.say('{"title":"Te');
  const seen = [];
  for await (const event of readEvents(first)) {
    seen.push(event);
    if (event.data.data?.title === "Te") break;
  }
  await until(() => streams.health.openStreams === 0);
  assertEquals(streams.health.running, 1);
  const second = await fetch(url, {
    headers: { "last-event-id": seen.at(-1)!.id },
  });
  model.calls[0]!.say('a"}');
  model.calls[0]!.end();
  seen.push(...await Array.fromAsync(readEvents(second)));
  assertEquals(stateAfter(seen), { title: "Tea" });
  assertEquals(model.calls.length, 1);
  await streams.drain();
});

Deno.test("a body that a parser has read is sent on", async () => {
  for (const [body, expected] of [[{ a: 1 }, '{"a":1}'], [{}, "{}"]] as const) {
    const request = toRequest({
      method: "POST",
      url: "/recipe?x=1",
      originalUrl: "/api/recipe?x=1",
      headers: { host: "h.example", "x-list": ["1", "2"], ":path": "/" },
      body,
      async *[Symbol.asyncIterator]() {},
    });
    assertEquals(request.url, "http://h.example/api/recipe?x=1");
    assertEquals(request.headers.get("x-list"), "1, 2");
    assertEquals(request.headers.get("content-type"), "application/json");
    assertEquals(await request.text(), expected);
  }
});

Deno.test("a client that reads nothing is waited for, and one that has left is let go", async () => {
  const canceled = Promise.withResolvers<void>();
  let pulls = 0;
  await using server = await serve((_, response) => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls++;
        controller.enqueue(new Uint8Array(100_000));
      },
      cancel: () => canceled.resolve(),
    }, { highWaterMark: 0 });
    sendResponse(response, new Response(body));
  });
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(server.url).port),
  });
  await connection.write(
    new TextEncoder().encode("GET / HTTP/1.1\r\nhost: h\r\n\r\n"),
  );
  // It stands still once the sockets are full.
  let last = -1;
  while (last !== pulls || pulls === 0) {
    last = pulls;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert(pulls < 1000, `${pulls}`);
  connection.close();
  await canceled.promise;
});

Deno.test("a response without a body, with cookies, and one that fails", async () => {
  await using server = await serve((request, response) => {
    if (request.url === "/empty") {
      const headers = new Headers([
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ]);
      sendResponse(response, new Response(null, { status: 204, headers }));
      return;
    }
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(1));
        controller.error(new Error("broken"));
      },
    });
    sendResponse(response, new Response(body));
  });
  const empty = await fetch(`${server.url}/empty`);
  assertEquals(empty.status, 204);
  assertEquals(empty.headers.getSetCookie(), ["a=1", "b=2"]);
  const failed = await fetch(`${server.url}/failed`)
    .then((response) => response.bytes())
    .then(() => "ended", () => "failed");
  assertEquals(failed, "failed");
});
