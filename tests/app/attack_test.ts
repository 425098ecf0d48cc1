// What strangers may send to a server with its default settings, and it lives.

import { assert, assertEquals } from "@std/assert";
import { ServerProcess } from "../_process.ts";

function ask(server: ServerProcess, schema: unknown): Promise<Response> {
  return fetch(`${server.url}/helloworld`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ prompt: "demo:invalid", schema }),
  });
}

Deno.test("no list of types ends the server", async () => {
  await using server = await ServerProcess.start({});
  // 61 KB, of which each of 600 errors would tell.
  const type = ["object", ...Array(8_400).fill("null")];
  const refused = await ask(server, {
    type: "object",
    properties: Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`p${i}`, { $ref: "#/$defs/t" }]),
    ),
    $defs: { t: { type } },
  });
  assertEquals(refused.status, 400);
  const { message } = await refused.json();
  assert(message.includes("/type"), message);
  // As long a list as there can be, often enough for ten violations.
  const most = ["null", "boolean", "number", "integer", "string", "array"];
  const taken = await ask(server, {
    type: "object",
    properties: Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`p${index}`, {
        anyOf: [{ type: most }, { type: most.toReversed() }],
      }]),
    ),
  });
  assertEquals(taken.status, 200);
  await taken.text();
  const health = await fetch(`${server.url}/health`);
  assertEquals(health.status, 200);
  await health.body!.cancel();
});
