import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  applyDelta,
  type Delta,
  fieldDeltas,
  JsonPatchParser,
  JsonSyntaxError,
} from "../lib/mod.ts";

async function deltasOf(...pieces: string[]): Promise<Delta[]> {
  return await Array.fromAsync(fieldDeltas(pieces));
}

Deno.test("fieldDeltas gives each piece's delta, whatever stands around the value", async () => {
  assertEquals(
    await deltasOf("<think>a</think>```json\n", '{"a":"x', "y", '"}\n```', "!"),
    [
      { data: { a: "x" } },
      { data: { a: "y" } },
      { data: {}, complete: [""] },
    ],
  );
});

Deno.test("fieldDeltas takes a draft back when the value comes", async () => {
  const deltas = await deltasOf('{"a":1}', "</think>", '{"b":', "2}");
  let state: unknown;
  for (const delta of deltas) state = applyDelta(state, delta);
  assertEquals(state, { b: 2 });
  assertEquals(deltas.filter(({ reset }) => reset !== undefined).length, 1);
});

Deno.test("fieldDeltas fails where the text does", async () => {
  await assertRejects(() => deltasOf('{"a": b c}'), JsonSyntaxError);
  await assertRejects(
    () => deltasOf('{"a":"x'),
    SyntaxError,
    'the text ended inside the value, at "/a"',
  );
  await assertRejects(
    () => deltasOf("Sorry."),
    SyntaxError,
    "there was no JSON value",
  );
});

Deno.test("bytes get a sentence that helps", async () => {
  const bytes = new Uint8Array(1) as unknown as string;
  const sentence = "Cannot write Uint8Array: expected a string";
  assertThrows(() => new JsonPatchParser().write(bytes), TypeError, sentence);
  assertThrows(
    () => new JsonPatchParser().write(undefined as unknown as string),
    TypeError,
    "Cannot write undefined",
  );
  await assertRejects(() => deltasOf(bytes), TypeError, "expected a string");
});
