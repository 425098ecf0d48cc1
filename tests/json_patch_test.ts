import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { joinPointer, splitPointer } from "../lib/mod.ts";

// RFC 6901, section 5: the pointers into one document, and their tokens.
const rfc: [pointer: string, tokens: string[]][] = [
  ["", []],
  ["/foo", ["foo"]],
  ["/foo/0", ["foo", "0"]],
  ["/", [""]],
  ["/a~1b", ["a/b"]],
  ["/c%d", ["c%d"]],
  ["/e^f", ["e^f"]],
  ["/g|h", ["g|h"]],
  ["/i\\j", ["i\\j"]],
  ['/k"l', ['k"l']],
  ["/ ", [" "]],
  ["/m~0n", ["m~n"]],
];

const others: [pointer: string, tokens: string[]][] = [
  ["//", ["", ""]],
  ["/~01", ["~1"]],
  ["/~10", ["/0"]],
  ["/~1~1/~0~0", ["//", "~~"]],
  ["/__proto__/-", ["__proto__", "-"]],
];

Deno.test("splitPointer reads RFC 6901's examples", () => {
  for (const [pointer, tokens] of [...rfc, ...others]) {
    assertEquals(splitPointer(pointer), tokens);
  }
});

Deno.test("joinPointer writes what splitPointer reads", () => {
  for (const [pointer, tokens] of [...rfc, ...others]) {
    let joined = "";
    for (const token of tokens) joined = joinPointer(joined, token);
    assertStrictEquals(joined, pointer);
  }
  assertStrictEquals(joinPointer("/list", 12), "/list/12");
});

Deno.test("splitPointer rejects what is no pointer", () => {
  for (const pointer of ["a", "a/b", " /a", "/~", "/~2", "/a~/b", "#/a"]) {
    assertThrows(
      () => splitPointer(pointer),
      SyntaxError,
      `Cannot split the JSON Pointer: ${
        JSON.stringify(pointer)
      } does not follow RFC 6901`,
    );
  }
});
