// Where a model goes on: dropped is what it had said, and nothing else.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Seam } from "../../lib/answers/seam.ts";

/** What goes on of what a model says, a unit or so at a time. */
function cross(before: string, said: string, size = 3): string | "again" {
  const seam = new Seam(before, {
    root: before[0] === "[" ? "array" : "object",
  });
  let rest = "";
  for (let at = 0; at < said.length; at += size) {
    if (seam.isClear) rest += said.slice(at, at + size);
    else rest += seam.write(said.slice(at, at + size));
    if (seam.again !== undefined) return "again";
  }
  if (!seam.isClear) rest += seam.end();
  return seam.again === undefined ? rest : "again";
}

const text =
  '{"title":"The kingfisher \\"😀\\" \\u00e9","n":[12.50, -3e+10 , true,null],\n  "summary":"It dives.\\nThe river is its home, and 河流是它的家。"}';

Deno.test("what goes on at once is let through, wherever it broke off", () => {
  for (let at = 1; at < text.length; at++) {
    for (const size of [1, 7, 200]) {
      assertEquals(
        cross(text.slice(0, at), text.slice(at), size),
        text.slice(at),
      );
    }
  }
});

Deno.test("the last words are dropped that come again, wherever it broke off", () => {
  for (let at = 1; at < text.length; at++) {
    for (const count of [10, 16, 40, 500]) {
      const from = Math.max(0, at - count);
      if (at - from < 10) continue;
      // Between the values of an array as little may be the next ones.
      if (at - from < 16 && /[,[]\s*$/.test(text.slice(0, at))) continue;
      const rest = cross(text.slice(0, at), text.slice(from));
      assertEquals(rest, text.slice(at), text.slice(0, at));
    }
  }
});

Deno.test("a new fence is dropped, and what it repeats", () => {
  for (let at = 1; at < text.length; at++) {
    const rest = text.slice(at);
    const fenced = `\`\`\`json\n${rest}\n\`\`\``;
    assertEquals(cross(text.slice(0, at), fenced), `${rest}\n\`\`\``);
    if (at < 10) continue;
    const again = `\n\`\`\`json\n${text}`;
    assertEquals(cross(text.slice(0, at), again), rest);
  }
});

Deno.test("what begins anew with other words is told", () => {
  const other = '{"title":"Kingfishers","n":[1],"summary":"They dive."}';
  const pretty = JSON.stringify(JSON.parse(other), null, 2);
  const from = '{"title":"The k'.length;
  for (let at = from; at < text.length; at++) {
    // Where a value may begin, it may be meant for that.
    if (/[:,[]\s*$/.test(text.slice(0, at))) continue;
    for (const said of [other, pretty, `\`\`\`json\n${pretty}`]) {
      assertEquals(cross(text.slice(0, at), said), "again", text.slice(0, at));
    }
  }
});

Deno.test("half of a pair that was not sent comes again", () => {
  const at = text.indexOf("😀") + 1;
  const before = text.slice(0, at);
  assertEquals(cross(before, text.slice(at)), text.slice(at));
  assertEquals(cross(before, text.slice(at - 1)), text.slice(at));
  assertEquals(cross(before, text.slice(at - 12)), text.slice(at));
});

Deno.test("what is alike is not taken for a repetition", () => {
  for (
    const whole of [
      `[${Array(40).fill("0").join()}]`,
      `["${"ha".repeat(100)}"]`,
      `["${"cha cha ".repeat(20)}"]`,
      `[${Array(9).fill('{"name":"kingfisher"}').join()}]`,
    ]
  ) {
    const from = Math.ceil(whole.length / 2);
    for (let at = from; at < whole.length; at++) {
      assertEquals(cross(whole.slice(0, at), whole.slice(at)), whole.slice(at));
    }
  }
});

/** Whether what goes on begins with some of what came last: nobody can tell. */
function isAlike(before: string, rest: string, count: number): boolean {
  for (const said of [rest, rest.trimStart()]) {
    for (let length = Math.min(500, said.length); length > 0; length--) {
      const same = said.slice(0, length);
      if (!before.endsWith(same)) continue;
      const words = same.replaceAll(/true|false|null/g, "0")
        .replaceAll(/[\s,[\]{}]/g, "");
      return words.length >= count;
    }
  }
  return false;
}

/**
 * Any of these documents goes on, wherever it broke off.
 *
 * @param count How much may come again, as long as `isAlike` says.
 */
function assertGoesOn(documents: fc.Arbitrary<unknown>, count: number): void {
  fc.assert(fc.property(
    documents,
    fc.nat(),
    fc.integer({ min: 1, max: 50 }),
    (document, cut, size) => {
      const whole = JSON.stringify(document);
      const at = 1 + cut % (whole.length - 1);
      const [before, rest] = [whole.slice(0, at), whole.slice(at)];
      fc.pre(!isAlike(before, rest, count));
      assertEquals(cross(before, rest, size), rest, before);
    },
  ));
}

Deno.test("literals and numbers that come again are not taken for a repetition", () => {
  const values = fc.constantFrom(true, false, null, 0, 1, 12, -0.5, "", {}, []);
  assertGoesOn(fc.array(values, { minLength: 20, maxLength: 60 }), 8);
});

Deno.test("what is alike behind a seam is not dropped", () => {
  for (
    const [before, rest] of [
      // Literals, and what closes an object.
      ["[null,[true,null,false,", "null,false,true]]"],
      ["[{},false,{},true,{", "},true,{},{},1,false,12,[],0,true]"],
      // A string that ends at once.
      ['["",-0.5,"', '",-0.5,"",true,true,true,12,{},12,[]]'],
      // Half of a character that is there twice.
      [`{"${"𝅘𝅥𝅱"}\ud834`, `${"𝅘𝅥𝅱".slice(1)}":null}`],
    ] as const
  ) {
    assertEquals(cross(before, rest, 1), rest, before);
  }
});

Deno.test("any document goes on, whatever it is", () => {
  const documents = fc.oneof(
    fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()),
    fc.array(fc.jsonValue()),
  );
  assertGoesOn(documents, 4);
});

Deno.test("little is held back of what goes on", () => {
  const seam = new Seam('{"a":"some words, and ', { root: "object" });
  assertEquals(seam.write("others, "), "");
  assert(!seam.isClear);
  const more = "as they come, one after the other";
  assertEquals(seam.write(more), `others, ${more}`);
  assert(seam.isClear);
});
