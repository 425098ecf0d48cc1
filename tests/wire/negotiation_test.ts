import { assertEquals } from "@std/assert";
import { preferredLanguage, prefersJson } from "../../lib/wire/negotiation.ts";

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

Deno.test("a client hears English where it weighs more than Chinese, else Chinese", () => {
  for (
    const [accept, expected] of [
      [undefined, "zh"],
      ["", "zh"],
      ["*", "zh"],
      ["zh", "zh"],
      ["zh-CN,zh;q=0.9,en;q=0.8", "zh"],
      ["zh-Hant-TW, en;q=0.9", "zh"],
      ["en", "en"],
      ["EN", "en"],
      ["en-US,en;q=0.9", "en"],
      ["en-GB", "en"],
      ["en-US,en;q=0.9,zh-CN;q=0.8,zh;q=0.7", "en"],
      ["zh;q=0.5, en;q=0.6", "en"],
      ["zh;q=0.6, en;q=0.5", "zh"],
      ["en, zh", "zh"],
      ["fr-FR,fr;q=0.9,en;q=0.8", "en"],
      ["fr-FR,fr;q=0.9", "zh"],
      ["fr, en;q=0.3, zh;q=0.2", "en"],
      ["en;q=0", "zh"],
      ["zh;q=0, *;q=0.1", "en"],
      ["*;q=0.5, en", "en"],
      ["*, en;q=0.5", "zh"],
      ["english", "zh"],
      ["nonsense;;q=,", "zh"],
      [`en${", fr".repeat(1000)}`, "zh"],
    ] as const
  ) {
    const headers = new Headers(
      accept === undefined ? [] : { "accept-language": accept },
    );
    const request = new Request("http://localhost/", { headers });
    assertEquals(preferredLanguage(request), expected, accept);
  }
});
