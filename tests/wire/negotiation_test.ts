import { assertEquals } from "@std/assert";
import {
  preferredForm,
  preferredLanguage,
} from "../../lib/wire/negotiation.ts";
import type { Form, Format } from "../../lib/wire/forms.ts";

Deno.test("a client gets the form that weighs more for it, else the stream", async () => {
  for (
    const [accept, expected] of [
      [undefined, "events"],
      ["", "events"],
      ["*/*", "events"],
      ["text/event-stream", "events"],
      ["TEXT/event-stream", "events"],
      ["text/*", "events"],
      ["application/json", "snapshot"],
      ["application/json;q=0.5, text/event-stream", "events"],
      ["text/event-stream;q=0.5, application/json", "snapshot"],
      ["text/event-stream, application/json", "events"],
      ["application/json, text/event-stream", "events"],
      ["text/*, application/*", "events"],
      ["application/json, text/plain, */*", "snapshot"],
      ["text/event-stream, text/plain, */*", "events"],
      ["text/event-stream;q=0, */*;q=0.1", "snapshot"],
      ["text/html,application/xhtml+xml,*/*;q=0.8", "events"],
      ["text/html", "events"],
      ["text/event-stream;q=0", "events"],
      ["nonsense", "events"],
      [`application/json${", a/b".repeat(1000)}`, "events"],
    ] as const
  ) {
    const headers = new Headers(accept === undefined ? [] : { accept });
    const request = new Request("http://localhost/", { headers });
    assertEquals(await preferredForm(request), expected, accept);
  }
});

const polls = Array(3).fill("snapshot");

/** What a client with this header gets at an address of this format. */
function formFor(accept: string, own: Format): Promise<Form> {
  const headers = new Headers(accept === "" ? [] : { accept });
  return preferredForm(new Request("http://localhost/", { headers }), own);
}

Deno.test("a client gets lines where it names them, and the address's own form where it does not say", async () => {
  for (
    const [accept, atEvents, atLines, atText] of [
      ["", "events", "ndjson", "text"],
      ["*/*", "events", "ndjson", "text"],
      ["text/html", "events", "ndjson", "text"],
      ["application/x-ndjson", "ndjson", "ndjson", "ndjson"],
      ["Application/X-NDJSON, */*", "ndjson", "ndjson", "ndjson"],
      ["application/x-ndjson, application/json", ...Array(3).fill("ndjson")],
      ["application/x-ndjson;q=0.5, application/json", ...polls],
      ["application/x-ndjson;q=0, */*", "events", "events", "text"],
      ["application/*", "snapshot", "ndjson", "snapshot"],
      ["application/json", ...polls],
      ["text/event-stream", "events", "events", "events"],
      ["text/event-stream, */*", "events", "events", "events"],
      ["text/plain", "events", "ndjson", "text"],
      ["text/plain, */*", "events", "ndjson", "text"],
      ["text/plain;q=0.5, */*", "events", "ndjson", "events"],
      ["application/json, text/plain, */*", "snapshot", "snapshot", "text"],
    ] as [string, Form, Form, Form][]
  ) {
    assertEquals(
      [
        await formFor(accept, "events"),
        await formFor(accept, "ndjson"),
        await formFor(accept, "text"),
      ],
      [atEvents, atLines, atText],
      accept,
    );
  }
});

Deno.test("a client hears English where it weighs more than Chinese, else Chinese", async () => {
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
    assertEquals(await preferredLanguage(request), expected, accept);
  }
});
