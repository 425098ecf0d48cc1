import { assertEquals } from "@std/assert";
import { prefersJson } from "../../lib/wire/negotiation.ts";

Deno.test("a client gets the form that weighs more for it, else the stream", () => {
  for (
    const [accept, expected] of [
      [undefined, false],
      ["", false],
      ["*/*", false],
      ["text/event-stream", false],
      ["TEXT/event-stream", false],
      ["text/*", false],
      ["application/json", true],
      ["application/json;q=0.5, text/event-stream", false],
      ["text/event-stream;q=0.5, application/json", true],
      ["text/event-stream, application/json", false],
      ["application/json, text/event-stream", false],
      ["text/*, application/*", false],
      ["application/json, text/plain, */*", true],
      ["text/event-stream, text/plain, */*", false],
      ["text/event-stream;q=0, */*;q=0.1", true],
      ["text/html,application/xhtml+xml,*/*;q=0.8", false],
      ["text/html", false],
      ["text/event-stream;q=0", false],
      ["nonsense", false],
      [`application/json${", a/b".repeat(1000)}`, false],
    ] as const
  ) {
    const headers = new Headers(accept === undefined ? [] : { accept });
    const request = new Request("http://localhost/", { headers });
    assertEquals(prefersJson(request), expected, accept);
  }
});
