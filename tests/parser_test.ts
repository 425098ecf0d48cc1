import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  JsonBoundsError,
  JsonPatchParser,
  JsonSyntaxError,
  type Operation,
} from "../lib/mod.ts";
import { account, cuts, merge, parse, process } from "./_stream.ts";

/** The value that a client ends with. */
function valueOf(pieces: Iterable<string>): unknown {
  return merge(process(parse(pieces), false));
}

/** What a client sees after each piece. */
function statesOf(pieces: Iterable<string>): unknown[] {
  const parser = new JsonPatchParser();
  const lists: Operation[][] = [];
  return Array.from(pieces, (piece) => {
    lists.push(parser.write(piece));
    return merge(process(lists, false));
  });
}

Deno.test("parser gives the worked example token by token", () => {
  assertEquals(
    parse(['{"title":', '"科', '技"', ',"tags":["A', 'I"],"score":0.9', "3}"]),
    [
      [{ op: "add", path: "", value: {} }],
      [
        { op: "add", path: "/title", value: "" },
        { op: "append", path: "/title", value: "科" },
      ],
      [
        { op: "append", path: "/title", value: "技" },
        { op: "complete", path: "/title" },
      ],
      [
        { op: "add", path: "/tags", value: [] },
        { op: "add", path: "/tags/0", value: "" },
        { op: "append", path: "/tags/0", value: "A" },
      ],
      [
        { op: "append", path: "/tags/0", value: "I" },
        { op: "complete", path: "/tags/0" },
        { op: "complete", path: "/tags" },
      ],
      [
        { op: "add", path: "/score", value: 0.93 },
        { op: "complete", path: "" },
      ],
      [],
    ],
  );
});

Deno.test("parser gives the whole of a document that comes in one piece", () => {
  assertEquals(parse(['[{"a":{"b":[]}},[[1,-2]],"",null,true,false]']), [[
    { op: "add", path: "", value: [] },
    { op: "add", path: "/0", value: {} },
    { op: "add", path: "/0/a", value: {} },
    { op: "add", path: "/0/a/b", value: [] },
    { op: "complete", path: "/0/a/b" },
    { op: "complete", path: "/0/a" },
    { op: "complete", path: "/0" },
    { op: "add", path: "/1", value: [] },
    { op: "add", path: "/1/0", value: [] },
    { op: "add", path: "/1/0/0", value: 1 },
    { op: "add", path: "/1/0/1", value: -2 },
    { op: "complete", path: "/1/0" },
    { op: "complete", path: "/1" },
    { op: "add", path: "/2", value: "" },
    { op: "complete", path: "/2" },
    { op: "add", path: "/3", value: null },
    { op: "add", path: "/4", value: true },
    { op: "add", path: "/5", value: false },
    { op: "complete", path: "" },
  ], []]);
});

Deno.test("parser says nothing to an empty piece", () => {
  assertEquals(parse(["", '"a', "", '"', ""]), [
    [],
    [
      { op: "add", path: "", value: "" },
      { op: "append", path: "", value: "a" },
    ],
    [],
    [{ op: "complete", path: "" }],
    [],
    [],
  ]);
});

Deno.test("parser shows an empty string, object and array at once", () => {
  for (const [text, value] of [['"', ""], ["{", {}], ["[", []]] as const) {
    assertEquals(new JsonPatchParser().write(text), [
      { op: "add", path: "", value },
    ]);
    assertEquals(new JsonPatchParser().write(`{"a":${text}`).at(-1), {
      op: "add",
      path: "/a",
      value,
    });
  }
});

Deno.test("parser reads white space between any two tokens", () => {
  const space = " \t\r\n";
  const tokens = '{ "a" : [ 1 , "b" , true ] , "c" : { } }';
  assertEquals(
    account([space + tokens.replaceAll(" ", space) + space]),
    account([tokens.replaceAll(" ", "")]),
  );
  for (const other of ["\f", "\v", "\u00a0", "\u2028", "\ufeff", "\0"]) {
    assertThrows(() => parse([other + "1"]), JsonSyntaxError);
    assertThrows(() => parse([`{${other}}`]), JsonSyntaxError);
  }
});

Deno.test("parser reads every escape, cut anywhere", () => {
  const text = String
    .raw`"\"\\\/\b\f\n\r\t\u0041\u00e9\u2028\uD83D\uDE00\u0000"`;
  const value = '"\\/\b\f\n\r\tAé\u2028😀\0';
  assertStrictEquals(valueOf([text]), value);
  for (const pieces of cuts(text)) {
    assertStrictEquals(valueOf(pieces), value);
  }
});

Deno.test("parser holds an escape sequence until it is whole", () => {
  assertEquals(
    statesOf(["[", '"', "\\", "u", "2", "7", "0", "5", "\\", "n", '"']),
    [[], [""], [""], [""], [""], [""], [""], ["✅"], ["✅"], ["✅\n"], [
      "✅\n",
    ]],
  );
});

Deno.test("parser holds a high surrogate until its pair comes", () => {
  assertEquals(parse(['"a\ud83d', '\ude00b"']), [
    [
      { op: "add", path: "", value: "" },
      { op: "append", path: "", value: "a" },
    ],
    [{ op: "append", path: "", value: "😀b" }, { op: "complete", path: "" }],
    [],
  ]);
});

Deno.test("parser holds an escaped high surrogate until its pair comes", () => {
  assertEquals(
    statesOf(['"', "\\ud83", "d", "\\ude0", "0"]),
    ["", "", "", "", "😀"],
  );
});

Deno.test("parser joins a raw surrogate and an escaped one", () => {
  assertEquals(statesOf(['"\ud83d', "\\ude0", "0"]), ["", "", "😀"]);
  assertEquals(statesOf(['"\\ud83d', "\ude00"]), ["", "😀"]);
  assertEquals(statesOf(['"\ud83d\\', 'ude00"']), ["", "😀"]);
});

Deno.test("parser passes on a surrogate that is alone once that is certain", () => {
  assertEquals(statesOf(['"\ud83d', '"']), ["", "\ud83d"]);
  assertEquals(statesOf(['"\ud83d', "a"]), ["", "\ud83da"]);
  assertEquals(statesOf(['"\ud83d', "\ud83d", "\ude00"]), [
    "",
    "\ud83d",
    "\ud83d😀",
  ]);
  assertEquals(statesOf(['"\ud83d\ud83d', "\ude00"]), ["\ud83d", "\ud83d😀"]);
  assertEquals(statesOf(['"\ud83d\\', "n"]), ["", "\ud83d\n"]);
  assertEquals(statesOf(['"\ud83d\\u004', "1"]), ["", "\ud83dA"]);
  assertEquals(statesOf(['"\ud83d\\ud83d', "\\ud83d", "."]), [
    "\ud83d",
    "\ud83d\ud83d",
    "\ud83d\ud83d\ud83d.",
  ]);
  assertEquals(statesOf(['"\\ud83d', '"']), ["", "\ud83d"]);
  assertEquals(statesOf(['"\ude00', "\ude00"]), ["\ude00", "\ude00\ude00"]);
  assertEquals(statesOf(['"\ude00\ud83d']), ["\ude00"]);
});

Deno.test("parser puts surrogates in keys together as in strings", () => {
  for (
    const text of [
      '{"\ud83d\ude00":1}',
      '{"\\ud83d\\ude00":1}',
      '{"\ud83d\\ude00":1}',
      '{"\\ud83d\ude00":1}',
    ]
  ) {
    for (const pieces of cuts(text)) {
      assertEquals(valueOf(pieces), { "😀": 1 });
    }
  }
  for (const pieces of cuts('{"\ud83d":{"\\ude00\ud83d":0}}')) {
    assertEquals(valueOf(pieces), { "\ud83d": { "\ude00\ud83d": 0 } });
  }
});

Deno.test("parser shows a number when the unit after it comes", () => {
  assertEquals(statesOf(["[1", "2", ",", "-", "0", ".", "5", "e", "1", "]"]), [
    [],
    [],
    [12],
    [12],
    [12],
    [12],
    [12],
    [12],
    [12],
    [12, -5],
  ]);
  assertEquals(statesOf(["[7", " "]), [[], [7]]);
  assertEquals(statesOf(['{"a":7', "}"]), [{}, { a: 7 }]);
});

Deno.test("parser completes a number that is the document by the text's end", () => {
  const parser = new JsonPatchParser();
  assertEquals(parser.write("-1.5"), []);
  assertEquals(parser.write("e1"), []);
  assert(!parser.complete);
  assertEquals(parser.end(), [{ op: "add", path: "", value: -15 }]);
  assert(parser.complete);
  assertEquals(parser.end(), []);

  assertEquals(parse(["12 "]), [[{ op: "add", path: "", value: 12 }], []]);
});

Deno.test("parser reads every form of number and no other", () => {
  const numbers = "0 -0 1 -1 10 1.0 0.001 1e5 1E5 1e+5 1e-5 -0.5e-10 1e400 " +
    "-1e400 1e-400 12345678901234567890 0.1e1 9007199254740993";
  for (const text of numbers.split(" ")) {
    for (const pieces of cuts(text)) {
      assertStrictEquals(valueOf(pieces), Number(text));
    }
    assertEquals(valueOf([`[${text}]`]), [Number(text)]);
  }
  const others = "- + +1 .5 1. 01 -01 00 1.e5 1e 1e+ 1.5.5 1e5.5 1-2 --1 1+1 " +
    "0x10 1e5e5 e5 E NaN Infinity -Infinity 1_000 .";
  for (const text of others.split(" ")) {
    assertThrows(() => parse([text]), JsonSyntaxError);
    assertThrows(() => parse([`[${text}]`]), JsonSyntaxError);
    assertThrows(() => parse([`{"a":${text}}`]), JsonSyntaxError);
  }
});

Deno.test("parser keeps a number's digits where it is asked to", () => {
  const numbers = ["1.10", "1e400", "-0", "12345678901234567890", "1E+05"];
  const text = `[${numbers.join(",")}]`;
  const lists = parse([text], { rawNumbers: true });
  assertEquals(
    lists.flat().filter(({ path }) => path !== "").map((operation) =>
      JSON.stringify(operation)
    ),
    numbers.map((digits, i) => `{"op":"add","path":"/${i}","value":${digits}}`),
  );
  const [delta] = process(lists, false);
  assertStrictEquals(
    JSON.stringify(delta),
    `{"data":${text},"complete":[""]}`,
  );
});

Deno.test("parser shows a literal with its last character", () => {
  assertEquals(statesOf(["[t", "ru", "e", ",nul", "l"]), [
    [],
    [],
    [true],
    [true],
    [true, null],
  ]);
  assertEquals(statesOf(["fals", "e"]), [undefined, false]);
  assertEquals(parse(["null"]), [[{ op: "add", path: "", value: null }], []]);
});

Deno.test("parser accepts no other literal", () => {
  for (
    const text of [
      "tr ue",
      "tru,",
      "nulL",
      "True",
      "falsee",
      "truefalse",
      "t",
      "nul",
      "undefined",
    ]
  ) {
    assertThrows(() => parse([text]), JsonSyntaxError);
    assertThrows(() => parse([`[${text}]`]), JsonSyntaxError);
  }
});

Deno.test("parser takes back a value when another of the same name begins", () => {
  assertEquals(parse(['{"a":"x","a"', ':"', 'y","b":1,"a":', "2", "}"]), [
    [
      { op: "add", path: "", value: {} },
      { op: "add", path: "/a", value: "" },
      { op: "append", path: "/a", value: "x" },
      { op: "complete", path: "/a" },
    ],
    [{ op: "remove", path: "/a" }, { op: "add", path: "/a", value: "" }],
    [
      { op: "append", path: "/a", value: "y" },
      { op: "complete", path: "/a" },
      { op: "add", path: "/b", value: 1 },
    ],
    [],
    [
      { op: "remove", path: "/a" },
      { op: "add", path: "/a", value: 2 },
      { op: "complete", path: "" },
    ],
    [],
  ]);
});

Deno.test("parser tells duplicate names by object, whatever their escaping", () => {
  for (const value of ["{}", "[]", "true", "1", '"s"']) {
    const text = `{"a/b":0,"\\u0061\\/b":${value},"c":{"a/b":1},"d":[{"c":1}]}`;
    for (const pieces of cuts(text)) {
      const removed = parse(pieces).flat().filter(({ op }) => op === "remove");
      assertEquals(removed, [{ op: "remove", path: "/a~1b" }]);
      assertEquals(valueOf(pieces), JSON.parse(text));
    }
  }
  // A name that is new in the object that comes in the old one's place.
  const text = '{"a":{"b":1},"a":{"b":2,"b":3}}';
  assertEquals(
    parse([text]).flat().filter(({ op }) => op === "remove"),
    [{ op: "remove", path: "/a" }, { op: "remove", path: "/a/b" }],
  );
  assertEquals(valueOf([text]), { a: { b: 3 } });
});

Deno.test("parser looks up no name by a hash that anyone can foresee", () => {
  const { add } = Set.prototype;
  const names: unknown[] = [];
  Set.prototype.add = function (name) {
    names.push(name);
    return add.call(this, name);
  };
  const parser = new JsonPatchParser();
  let operations: unknown[];
  try {
    // Multiples of 65,536 were all found in one place: 65,000 of them, in 36 s.
    operations = parser.write('{"65536":0,".65536":0,"65536":1,"a":2}');
  } finally {
    Set.prototype.add = add;
  }
  assertEquals(names.length, 4);
  for (const name of names) assert(!/^\d/.test(String(name)), String(name));
  assertEquals(operations.slice(1), [
    { op: "add", path: "/65536", value: 0 },
    { op: "add", path: "/.65536", value: 0 },
    { op: "remove", path: "/65536" },
    { op: "add", path: "/65536", value: 1 },
    { op: "add", path: "/a", value: 2 },
    { op: "complete", path: "" },
  ]);
});

Deno.test("parser writes any name as a pointer", () => {
  const names = [
    "",
    "/",
    "~",
    "~1",
    "a/b~c",
    " ",
    "0",
    "-",
    "__proto__",
    "constructor",
    "\\",
    'quote"d',
    "\u2028",
    "\ud83d",
  ];
  const text = `{${names.map((name) => `${JSON.stringify(name)}:[]`).join()}}`;
  const paths = names.map((name) =>
    "/" + name.replaceAll("~", "~0").replaceAll("/", "~1")
  );
  for (const pieces of [[text], text.split("")]) {
    assertEquals(
      parse(pieces).flat().filter(({ op }) => op === "add"),
      [
        { op: "add", path: "", value: {} },
        ...paths.map((path) => ({ op: "add" as const, path, value: [] })),
      ],
    );
  }
});

Deno.test("parser rejects what is not JSON, where it stops being JSON", () => {
  const faults: [text: string, position: number, reason: string][] = [
    ["", 0, "unexpected end of the text"],
    ["  ", 2, "unexpected end of the text"],
    ["{", 1, "unexpected end of the text"],
    ['{"a', 3, "unexpected end of the text"],
    ['{"a"', 4, "unexpected end of the text"],
    ['{"a":', 5, "unexpected end of the text"],
    ['{"a":1', 6, "unexpected end of the text"],
    ['{"a":1,', 7, "unexpected end of the text"],
    ["[", 1, "unexpected end of the text"],
    ["[1", 2, "unexpected end of the text"],
    ["[1,", 3, "unexpected end of the text"],
    ['"a', 2, "unexpected end of the text"],
    ['"a\\', 3, "unexpected end of the text"],
    ["tru", 3, "unexpected end of the text"],
    [" 1.", 1, "not a number"],
    ["[ 01]", 2, "not a number"],
    ["[ trux", 2, "not true"],
    ["[nulll", 5, 'expected , or the end of the object or array, found "l"'],
    ["]", 0, 'expected a value, found "]"'],
    [":", 0, 'expected a value, found ":"'],
    ["[}", 1, 'expected a value or ], found "}"'],
    ["[,", 1, 'expected a value or ], found ","'],
    ["[1,]", 3, 'expected a value, found "]"'],
    ["[1}", 2, 'expected , or the end of the object or array, found "}"'],
    ["[1:", 2, 'expected , or the end of the object or array, found ":"'],
    ["[1/", 2, 'expected , or the end of the object or array, found "/"'],
    ["[1 2", 3, 'expected , or the end of the object or array, found "2"'],
    ['["a""', 4, 'expected , or the end of the object or array, found "\\""'],
    ["{1", 1, 'expected a name or }, found "1"'],
    ["{]", 1, 'expected a name or }, found "]"'],
    ["{,", 1, 'expected a name or }, found ","'],
    ["{{", 1, 'expected a name or }, found "{"'],
    ['{"a"}', 4, 'expected :, found "}"'],
    ['{"a","b"', 4, 'expected :, found ","'],
    ['{"a" "b"', 5, 'expected :, found "\\""'],
    ['{"a"1', 4, 'expected :, found "1"'],
    ['{"a"::', 5, 'expected a value, found ":"'],
    ['{"a":}', 5, 'expected a value, found "}"'],
    ['{"a":1]', 6, 'expected , or the end of the object or array, found "]"'],
    ['{"a":1,}', 7, 'expected a name, found "}"'],
    ['{"a":1,2', 7, 'expected a name, found "2"'],
    ["[]]", 2, 'expected nothing more, found "]"'],
    ['""x', 2, 'expected nothing more, found "x"'],
    ["1 1", 2, 'expected nothing more, found "1"'],
    ["'a'", 0, 'expected a value, found "\'"'],
    ['"a\nb"', 2, "a control character in a string"],
    ['"\u001f', 1, "a control character in a string"],
    ['{"a\tb', 3, "a control character in a string"],
    ['"\ud83d\u0000', 2, "a control character in a string"],
    ['"a\\x', 3, "an unknown escape sequence"],
    ['"\ud83d\\x', 3, "an unknown escape sequence"],
    ['"\\U0041', 2, "an unknown escape sequence"],
    ['"\\u00g0', 5, "not a hexadecimal digit"],
    ['"\\u"', 3, "not a hexadecimal digit"],
    ['"\\u004"', 6, "not a hexadecimal digit"],
    ['{"\\u 041', 4, "not a hexadecimal digit"],
  ];
  for (const [text, position, reason] of faults) {
    const message = `Cannot parse JSON: ${reason} at position ${position}`;
    const whole = account([text]);
    const { path, complete } = whole.fault as { path: string; complete: true };
    const fault = { name: "JsonSyntaxError", message, position };
    assertEquals(whole.fault, { ...fault, path, complete }, text);
    for (const pieces of cuts(text)) {
      assertEquals(account(pieces), whole, JSON.stringify(pieces));
    }
  }
});

Deno.test("parser's errors hold what the same piece said before the fault", () => {
  const parser = new JsonPatchParser();
  assertEquals(parser.write('{"a":"x'), [
    { op: "add", path: "", value: {} },
    { op: "add", path: "/a", value: "" },
    { op: "append", path: "/a", value: "x" },
  ]);
  const error = assertThrows(() => parser.write("y\n"), JsonSyntaxError);
  assertInstanceOf(error, SyntaxError);
  assertEquals(error.operations, [{ op: "append", path: "/a", value: "y" }]);
  assertEquals(error.position, 8);
});

Deno.test("parser reads nothing more once it has failed", () => {
  const syntax = new JsonPatchParser();
  assertThrows(() => syntax.write("x"), JsonSyntaxError);
  assertThrows(
    () => syntax.write("1"),
    TypeError,
    'Cannot parse more JSON: the parser has failed (expected a value, found "x")',
  );
  assertThrows(() => syntax.end(), TypeError, "the parser has failed");

  const inString = new JsonPatchParser();
  assertThrows(() => inString.write('"a\n'), JsonSyntaxError);
  assertThrows(() => inString.write("a"), TypeError, "the parser has failed");

  const bounds = new JsonPatchParser({ maxDepth: 0 });
  assertThrows(() => bounds.write("{"), JsonBoundsError);
  assertThrows(() => bounds.end(), TypeError, "nested deeper than 0");
});

Deno.test("parser bounds how deep values nest", () => {
  const at = "[".repeat(128) + "]".repeat(128);
  assertEquals(account([at]).fault, undefined);
  const past = '{"a":'.repeat(129);
  for (const pieces of [[past], past.split("")]) {
    const { operations, fault } = account(pieces);
    assertEquals(operations.length, 128);
    assertEquals(fault, {
      name: "JsonBoundsError",
      message: "Cannot parse JSON: nested deeper than 128 at position 640",
      position: 640,
      path: "/a".repeat(127),
      complete: false,
    });
  }
  const flat = '{"a":{},"b":[[],[]],"c":{"d":1}}';
  assertEquals(account([flat], { maxDepth: 3 }).fault, undefined);
  assertThrows(() => parse(["[[["], { maxDepth: 2 }), JsonBoundsError);
});

Deno.test("parser gives up at a number that is too long, wherever it is cut", () => {
  const options = { maxNumberLength: 5 };
  for (const text of ["[12345]", "[-1e10,1.234]", '{"a":12345}', "12345"]) {
    for (const pieces of cuts(text)) {
      assertEquals(account(pieces, options).fault, undefined, text);
    }
  }
  for (
    const [text, position] of [
      ["[123456]", 1],
      ["[1,-12345,2]", 3],
      ['{"a":1.2345', 5],
      ["123456", 0],
    ] as const
  ) {
    const faults = [...cuts(text)].map((pieces) => account(pieces, options));
    for (const { fault } of faults) {
      assertEquals((fault as { position: number }).position, position, text);
      assertEquals((fault as { name: string }).name, "JsonBoundsError");
    }
  }
});

Deno.test("parser bounds the length of pointers", () => {
  const options = { maxPointerLength: 8 };
  for (
    const text of [
      '{"1234567":1}',
      '{"a":{"23456":1}}',
      '{"a":{"~~":1}}',
      '{"a":{"\\n\\u0041\\ud83d\\ude00.":{}}}',
      '{"abc":[0,[1,2]]}',
      "[[[[1]]]]",
      '{"123456\ud83d":1}',
    ]
  ) {
    for (const pieces of cuts(text)) {
      assertEquals(account(pieces, options).fault, undefined, text);
    }
  }
  for (
    const [text, position] of [
      ['{"12345678":1}', 1],
      ['{"a":{"234567":1}}', 6],
      ['{"a":{"~~/":1}}', 6],
      ['{"a":{"\\n\\u0041\\ud83d\\ude00..":{}}}', 6],
      ['{"abcd":[0,[1,2]]}', 12],
      ['{"abcd":[0,["', 12],
      ['{"123456\\ud83d\\ude00":1}', 1],
      ['{"1234567\ud83d":1}', 1],
      ['{"12345678901234567890', 1],
      ['{"\\n\\n\\n\\n\\n\\n\\n\\n', 1],
      ['{"12345678', 1],
      ['{"a":{"123456', 6],
    ] as const
  ) {
    const whole = account([text], options);
    const { message, name } = whole.fault as JsonBoundsError;
    assertEquals(name, "JsonBoundsError", text);
    assertEquals(
      message,
      `Cannot parse JSON: a JSON Pointer longer than 8 units at position ${position}`,
    );
    for (const pieces of cuts(text)) {
      assertEquals(account(pieces, options), whole, JSON.stringify(pieces));
    }
  }
  const key = "k".repeat(1023);
  assertEquals(account([`{"${key}":1}`]).fault, undefined);
  assertThrows(() => parse([`{"${key}k":1}`]), JsonBoundsError);
});

Deno.test("parser bounds the text's length, wherever it is cut", () => {
  const text = '{"a":"xyz","b":1,"c":true}';
  assertEquals(account([text], { maxLength: 26 }).fault, undefined);
  for (let maxLength = 0; maxLength < text.length; maxLength++) {
    const whole = account([text], { maxLength });
    const { name, message, position } = whole.fault as JsonBoundsError;
    assertEquals([name, position], ["JsonBoundsError", maxLength]);
    assertEquals(
      message,
      `Cannot parse JSON: longer than ${maxLength} units at position ${maxLength}`,
    );
    assertEquals(
      whole.operations,
      account([text.slice(0, maxLength)]).operations,
    );
    for (const pieces of cuts(text)) {
      assertEquals(account(pieces, { maxLength }), whole);
    }
  }
  // What is too long counts even where it says nothing.
  assertThrows(() => parse(["1 "], { maxLength: 1 }), JsonBoundsError);
  assertInstanceOf(
    assertThrows(() => parse(["[] "], { maxLength: 2 })),
    RangeError,
  );
});

Deno.test("parser knows where it is", () => {
  const parser = new JsonPatchParser();
  const places: [piece: string, path: string][] = [
    ["", ""],
    ["{", ""],
    ['"a', ""],
    ['"', ""],
    [":", ""],
    ["1", "/a"],
    ["2", "/a"],
    [",", ""],
    ['"b', ""],
    ['":"', "/b"],
    ["\\u00", "/b"],
    ['41"', ""],
    [',"c":[', "/c"],
    ["t", "/c/0"],
    ["rue", "/c"],
    [",{", "/c/1"],
    ['"/":', "/c/1"],
    ["[", "/c/1/~1"],
    ["]", "/c/1"],
    ["}]", ""],
    ["}", ""],
    [" ", ""],
  ];
  for (const [piece, path] of places) {
    assert(!parser.complete || piece === " ");
    parser.write(piece);
    assertEquals(parser.path, path, piece);
  }
  assert(parser.complete);
});

// What at least one well-known library for partial or streamed JSON gets wrong.

Deno.test("known failure: a fence inside a string", () => {
  const text = '{"code":"```js\\nlet a = `b`;\\n```"}';
  for (const pieces of cuts(text)) {
    assertEquals(valueOf(pieces), { code: "```js\nlet a = `b`;\n```" });
  }
});

Deno.test("known failure: an odd number of escaped quotes in an unfinished string", () => {
  assertEquals(statesOf(['{"a":"say \\"hi', '\\" and \\"']), [
    { a: 'say "hi' },
    { a: 'say "hi" and "' },
  ]);
});

Deno.test("known failure: \\u2705 cut after each digit", () => {
  for (let at = 1; at < 6; at++) {
    const pieces = ['"ok \\u2705'.slice(0, 4 + at), "\\u2705".slice(at) + "!"];
    assertEquals(statesOf(pieces), ["ok ", "ok ✅!"]);
  }
});

Deno.test("known failure: the escapes of a pair in different chunks", () => {
  assertEquals(statesOf(['{"a":"\\ud83d', "\\ude00", '"}']), [
    { a: "" },
    { a: "😀" },
    { a: "😀" },
  ]);
});

Deno.test("known failure: brackets inside a string", () => {
  const text = '{"t":"f(x){return [x]}"}';
  assertEquals(
    statesOf(text.split("")).slice(5, -2),
    [
      ..."f(x){return [x]}",
      "",
    ].map((_, length) => ({ t: "f(x){return [x]}".slice(0, length) })),
  );
  for (const pieces of cuts(text)) {
    assertEquals(valueOf(pieces), { t: "f(x){return [x]}" });
  }
});

Deno.test("known failure: a key with / and ~", () => {
  assertEquals(parse(['{"a/b~c":"x', '"}']), [
    [
      { op: "add", path: "", value: {} },
      { op: "add", path: "/a~1b~0c", value: "" },
      { op: "append", path: "/a~1b~0c", value: "x" },
    ],
    [{ op: "complete", path: "/a~1b~0c" }, { op: "complete", path: "" }],
    [],
  ]);
  for (const pieces of cuts('{"a/b~c":"x","~1":{"/":"y"}}')) {
    assertEquals(valueOf(pieces), { "a/b~c": "x", "~1": { "/": "y" } });
  }
});

Deno.test("known failure: a number cut before its last digit", () => {
  assertEquals(statesOf(["[1e+", "5", "]"]), [[], [], [1e5]]);
  assertEquals(statesOf(["[-0.5e-1", "0", "]"]), [[], [], [-0.5e-10]]);
});

Deno.test("known failure: 12. shown as 12", () => {
  assertEquals(statesOf(["[12.", "5", "]"]), [[], [], [12.5]]);
  assertThrows(() => parse(["[12.]"]), JsonSyntaxError);
});

Deno.test("known failure: t shown as true", () => {
  assertEquals(statesOf(["[t", "r", "u", "e"]), [[], [], [], [true]]);
});

Deno.test("known failure: empty values that are not shown", () => {
  assertEquals(statesOf(['{"a":"', '","b":{', '},"c":[', "]}"]), [
    { a: "" },
    { a: "", b: {} },
    { a: "", b: {}, c: [] },
    { a: "", b: {}, c: [] },
  ]);
});

Deno.test("known failure: a raw emoji cut between its two units", () => {
  assertEquals(statesOf(['["a\ud83d', "\ude00", '"]']), [
    ["a"],
    ["a😀"],
    ["a😀"],
  ]);
});
