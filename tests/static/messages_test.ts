import { assert, assertEquals } from "@std/assert";
import { messages } from "../../static/messages.js";

Deno.test("page has words for every error code of the protocol", async () => {
  const url = new URL("../../docs/protocol.md", import.meta.url);
  const protocol = await Deno.readTextFile(url);
  const section = protocol.slice(protocol.indexOf("### Error codes"));
  const first = section.matchAll(/^\| (`[^|]*`) +\|/gm);
  const inEvents = [...first].flatMap(([, cell]) => cell!.match(/[a-z_]+/g)!);
  const [statuses = ""] = /HTTP statuses[^]*?\n\n/.exec(section) ?? [];
  const inStatuses = [...statuses.matchAll(/`([a-z_]+)`/g)]
    .flatMap(([, code]) => code === "code" ? [] : code!);
  assert(inEvents.length > 12 && inStatuses.length > 10);
  // Those of client.js.
  const own = ["connection_lost", "bad_response", "redirected"];
  for (const { errors } of Object.values(messages)) {
    assertEquals(
      Object.keys(errors).sort(),
      [...inEvents, ...inStatuses, ...own].sort(),
    );
  }
});

Deno.test("page says the same in each language", () => {
  assertEquals(shape(messages.en), shape(messages.zh));
});

Deno.test("page says in its HTML what it says in Chinese", async () => {
  const url = new URL("../../static/index.html", import.meta.url);
  const html = await Deno.readTextFile(url);
  const texts = html.matchAll(/data-t="(\w+)"[^>]*>([^<]*)</g);
  let count = 0;
  for (const [, key, text] of texts) {
    const said: Record<string, unknown> = messages.zh;
    assertEquals([key, text], [key, said[key!]]);
    count++;
  }
  assert(count > 15);
});

/** Names and types, without the words. */
function shape(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, shape(member)]),
  );
}
