import { assert, assertEquals, assertThrows } from "@std/assert";
import { openai, type OpenAIOptions } from "../lib/openai.ts";
import { Upstream } from "./_upstream.ts";

Deno.test("openai() asks the provider it is told of, by Structured Outputs", async () => {
  await using upstream = new Upstream((call) => {
    call.say("{}");
    call.end();
  });
  const { baseURL } = upstream.options();
  const ask = openai({ model: "m", baseURL, apiKey: "key" });
  assertEquals(ask.model, "m");
  let text = "";
  await ask(
    { prompt: "p", schema: { type: "object" } },
    new AbortController().signal,
    (part) => text += part.type === "text" ? part.text : "",
  );
  assertEquals(text, "{}");
  const [{ headers, body }] = upstream.calls as [typeof upstream.calls[0]];
  assertEquals(headers.get("authorization"), "Bearer key");
  assertEquals([body.model, body.response_format.type], ["m", "json_schema"]);
});

Deno.test({
  name:
    "openai() asks by HTTPS over HTTP/1.1, where answers do not wait for each other",
  // The client is kept for what is asked next.
  sanitizeResources: false,
  async fn() {
    const original = globalThis.fetch;
    const clients: unknown[] = [];
    globalThis.fetch = (_, init) => {
      clients.push((init as { client?: unknown }).client);
      return Promise.resolve(new Response("data: [DONE]\n\n"));
    };
    try {
      for (const scheme of ["https", "https", "http"]) {
        const baseURL = `${scheme}://provider.invalid/v1`;
        const ask = openai({ model: "m", baseURL });
        await ask({ prompt: "p" }, new AbortController().signal, () => {});
      }
    } finally {
      globalThis.fetch = original;
    }
    assert(clients[0] instanceof Deno.HttpClient);
    assertEquals(clients, [clients[0], clients[0], undefined]);
  },
});

Deno.test("openai() wants a model's name", () => {
  assertThrows(
    () => openai({} as OpenAIOptions),
    TypeError,
    "its name as model",
  );
});
