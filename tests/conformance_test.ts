import { assert, assertEquals } from "@std/assert";
import { JsonBoundsError } from "../lib/mod.ts";
import { account, cuts, merge, parse, process } from "./_stream.ts";
import suite from "./conformance/json_test_suite.json" with { type: "json" };

interface Case {
  name: string;
  verdict: string;
  text?: string;
  times?: number;
  base64?: string;
}

/** Where we differ from `JSON.parse`, and why. */
const differences: Record<string, string> = {
  i_structure_500_nested_arrays: "nested deeper than 128 at position 128",
};

// A byte order mark is part of the text: JSON.parse rejects it, and so do we.
// What models write begins with lib/envelope.ts, which passes it over.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function textOf({ text = "", times = 1, base64 }: Case): string {
  if (base64 === undefined) return text.repeat(times);
  return decoder.decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
}

/** Every single cut of a short text. */
function waysOf(text: string): Iterable<string[]> {
  return text.length < 2_000 ? cuts(text) : [[text], text.split("")];
}

function casesOf(verdict: string): Case[] {
  const cases = suite.cases.filter((each) => each.verdict === verdict);
  assert(cases.length > 30);
  return cases;
}

/** The value, or the error, that `JSON.parse` makes of a text. */
function parsed(text: string): { value: unknown } | { error: unknown } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error };
  }
}

function assertAccepted(name: string, text: string, value: unknown): void {
  for (const pieces of waysOf(text)) {
    assertEquals(merge(process(parse(pieces), false)), value, name);
  }
}

function assertRejected(name: string, text: string): void {
  const whole = account([text]);
  assert(whole.fault !== undefined, name);
  for (const pieces of waysOf(text)) {
    assertEquals(account(pieces), whole, name);
  }
}

Deno.test("JSONTestSuite: what must be accepted is, under every cut", () => {
  for (const each of casesOf("accept")) {
    const text = textOf(each);
    assertAccepted(each.name, text, JSON.parse(text));
  }
});

Deno.test("JSONTestSuite: what must be rejected is, under every cut", () => {
  for (const each of casesOf("reject")) {
    assertRejected(each.name, textOf(each));
  }
});

Deno.test("JSONTestSuite: the rest is as JSON.parse has it, but for our bounds", () => {
  const found: Record<string, string> = {};
  for (const each of casesOf("either")) {
    const text = textOf(each);
    const result = parsed(text);
    const { fault } = account([text]);
    if ("error" in result) {
      assertRejected(each.name, text);
    } else if (fault === undefined) {
      assertAccepted(each.name, text, result.value);
    } else {
      const { name, message } = fault as Error;
      assertEquals(name, JsonBoundsError.name);
      found[each.name] = message.replace("Cannot parse JSON: ", "");
      const lists = parse([text], { maxDepth: Infinity });
      assertEquals(merge(process(lists, false)), result.value);
    }
  }
  assertEquals(found, differences);
});
