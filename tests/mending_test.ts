import { assert, assertEquals } from "@std/assert";
import { isPrefix } from "./_prefix.ts";
import { readEveryWay, viewsByUnit } from "./_view.ts";

/** What a model writes, what it means, and what is told of it. */
type Slip = [text: string, value: unknown, mended: string[]];

const x = "x\u200by";

const slips: Slip[] = [
  // Words of other languages.
  ['{"a":True,"b":False,"c":None}', { a: true, b: false, c: null }, [
    "literal",
  ]],
  ['{"a":[TRUE,FALSE,NULL,undefined]}', { a: [true, false, null, null] }, [
    "literal",
  ]],
  ['{"a":NaN,"b":Infinity,"c":-Infinity,"d":-1}', {
    ...{ a: null, b: null, c: null, d: -1 },
  }, ["literal"]],
  ['{"a":"True","None":"NaN"}', { a: "True", None: "NaN" }, []],
  // Comments, wherever white space may be.
  ['{"a":1, // one\n"b":2}', { a: 1, b: 2 }, ["comment"]],
  ['{ // an object\r"a":1 # one\n}', { a: 1 }, ["comment"]],
  ['{/**/"a"/*:*/:/* { " */1/***/,/* * / */"b"//:\n:[#[\n]}', {
    ...{ a: 1, b: [] },
  }, ["comment"]],
  ['{"a":[1//,2\n,3,//it\'s\n]}', { a: [1, 3] }, ["comment", "comma"]],
  ['{"a":1}// and so on', { a: 1 }, []],
  ['{"a":"http://a/*b*/#c"}', { a: "http://a/*b*/#c" }, []],
  // White space that is not JSON's, between tokens.
  ['{\u00a0"a"\u3000:\ufeff1\u200b,\u2003"b":\u202f[\u2028]}', {
    ...{ a: 1, b: [] },
  }, ["space"]],
  [`{"a":"\u00a0${x}\ufeff"}`, { a: `\u00a0${x}\ufeff` }, []],
  // Full-width punctuation.
  ['{"a"：1，"b"：[1，2]}', { a: 1, b: [1, 2] }, ["punctuation"]],
  ['{"a，b"："，："}', { "a，b": "，：" }, ["punctuation"]],
  ['{"a":1，}', { a: 1 }, ["punctuation", "comma"]],
  // Quotes of every kind; each string ends at its own.
  ["{'a':'b','':''}", { a: "b", "": "" }, ["quote"]],
  ["{“a”:“b”}", { a: "b" }, ["quote"]],
  ["{‘a’:‘b’,`c`:`d`,«e»:「f」,＂g＂:＇h＇}", {
    ...{ a: "b", c: "d", e: "f", g: "h" },
  }, ["quote"]],
  ["{”a”:„b“,’c’:1}", { a: "b", c: 1 }, ["quote"]],
  [`{'a':'say "b"',"c":"it's “d”",“e”:“'"”}`, {
    ...{ a: 'say "b"', c: "it's “d”", e: "'\"" },
  }, ["quote"]],
  [`{'a':'it\\'s \\"b\\"',“c”:“\\””}`, { a: 'it\'s "b"', c: "”" }, [
    ...["quote", "escape"],
  ]],
  // Bare names.
  ["{a:1,_b$:2,c-d:3,e1:4,名称:5,true:6}", {
    ...{ a: 1, _b$: 2, "c-d": 3, e1: 4, 名称: 5, true: 6 },
  }, ["name"]],
  ["{a :{b\n:[{c:1}]}}", { a: { b: [{ c: 1 }] } }, ["name"]],
  // What is left out.
  ['{"a":[1,2,...],"b":[...],"c":[1 ...]}', { a: [1, 2], b: [], c: [1] }, [
    "ellipsis",
  ]],
  ['{"a":["b", … ],"c":["..."]}', { a: ["b"], c: ["..."] }, ["ellipsis"]],
  ['{"a":[1, ... // more\n]}', { a: [1] }, ["comment", "ellipsis"]],
  // Commas at the end.
  ['{"a":[1,2, ],"b":{"c":1\n,\n},}', { a: [1, 2], b: { c: 1 } }, ["comma"]],
  // In strings.
  ['{"a":"1\n2\t3\0"}', { a: "1\n2\t3\0" }, ["control"]],
  ['{"a":"It\\\'s","b\\\'s":1}', { a: "It's", "b's": 1 }, ["escape"]],
  ['{"a":"\\x41\\ \\u12","b":"\\uz"}', { a: "\\x41\\ \\u12", b: "\\uz" }, [
    "escape",
  ]],
  // Many at once.
  [
    "{a:'b',//c\n\u00a0d：None，e:[True,...],}",
    {
      ...{ a: "b", d: null, e: [true] },
    },
    ["name", "quote", "comment", "space", "punctuation", "literal"].concat([
      ...["ellipsis", "comma"],
    ]),
  ],
];

/** LaTeX: what is written in a string's quotes, and what it means. */
const latex: [written: string, meant: string][] = [
  // By who escapes no backslash, from the first that JSON does not know.
  ["\\(\\frac{a}{b}\\)", "\\(\\frac{a}{b}\\)"],
  [
    "\\alpha\\beta\\nu\\rho\\theta\\forall",
    "\\alpha\\beta\\nu\\rho\\theta\\forall",
  ],
  ["$\\sum \\neq \\times$", "$\\sum \\neq \\times$"],
  ["\\[x\\]\\n\\n1", "\\[x\\]\n\n1"],
  ["\\(x\\)\\n\\(y\\)", "\\(x\\)\n\\(y\\)"],
  ["\\d+\\t \\\\ \\/ \\u00e9", "\\d+\t \\ / é"],
  // Without such a sign, JSON's word holds.
  ["\\frac\\nu", "\frac\nu"],
  ["\\\\(\\\\frac\\\\) \\n", "\\(\\frac\\) \n"],
  ["a\\nb\\tc", "a\nb\tc"],
];

Deno.test("slips are mended into what they mean, and told, however they are cut", () => {
  for (const [text, value, mended] of slips) {
    const chain = readEveryWay(text);
    assertEquals(
      chain.view,
      { reasoning: "", state: value, fault: undefined },
      text,
    );
    assertEquals(chain.envelope.mended, mended, text);
    assertEquals(JSON.parse(chain.json), value, text);
  }
});

Deno.test("slips are mended in the middle of a large value as at its root", () => {
  for (const [text, value, mended] of slips) {
    if (!text.endsWith("}")) continue;
    const chain = readEveryWay(`{"v":[[${text} ,2], ${text}\n]}`);
    assertEquals(chain.view.state, { v: [[value, 2], value] }, text);
    assertEquals(chain.envelope.mended, mended, text);
  }
});

Deno.test("nothing that is shown of a value with slips is taken back", () => {
  for (const [text, value] of slips) {
    for (const { state } of viewsByUnit(text)) {
      assert(isPrefix(state, value), text);
    }
  }
});

Deno.test("backslashes stay where they escape nothing, and from there on", () => {
  for (const [written, meant] of latex) {
    const text = `{"a":"${written}","b":"\\frac\\n","\\t":1}`;
    const chain = readEveryWay(text);
    // The next string is another matter.
    assertEquals(chain.view.state, { a: meant, b: "\frac\n", "\t": 1 }, text);
    let strict = true;
    try {
      strict = JSON.parse(text).a === meant;
    } catch {
      strict = false;
    }
    assertEquals(chain.envelope.mended, strict ? [] : ["escape"], text);
  }
});

Deno.test("an escape waits for no more than the unit behind it", () => {
  assertEquals(
    viewsByUnit('{"a":"\\(\\f1\\fr"}').map(({ state }) =>
      (state as { a?: string } | undefined)?.a
    ).slice(6),
    ["", "", "\\(", "\\(", "\\(", "\\(\f1", "\\(\f1", "\\(\f1"].concat([
      ...["\\(\f1\\fr", "\\(\f1\\fr", "\\(\f1\\fr"],
    ]),
  );
});

Deno.test("what ends a value early is a fault, and nothing behind it is read", () => {
  const faults: [text: string, state: unknown][] = [
    // Missing commas, and quotes inside strings, are not mended.
    ['{"a":1 "b":2}', { a: 1 }],
    ['{"a":"b" "c":2}', { a: "b" }],
    ['{"a":"say "b"","c":2}', { a: "say " }],
    ["{'a':'it's','b':2}", { a: "it" }],
    // Numbers are JSON's, or none.
    ['{"a":1,"b":+1}', { a: 1 }],
    ['{"a":1,"b":.5}', { a: 1 }],
    ['{"a":1,"b":5.}', { a: 1 }],
    ['{"a":1,"b":0x1F}', { a: 1, b: 0 }],
    ['{"a":1,"b":1_000}', { a: 1, b: 1 }],
    ['{"a":1,"b":007}', { a: 1 }],
    // Words that could be anything, dots that leave out members.
    ['{"a":1,"b":yes}', { a: 1 }],
    ['{"a":1,"b":Nope}', { a: 1 }],
    ['{"a":1,"b":Truely}', { a: 1, b: true }],
    ['{"a":1,...}', { a: 1 }],
    ['{"a":[1,...,9]}', { a: [1] }],
    ['{"a":[1,..]}', { a: [1] }],
    // Comments and other signs that are none.
    ['{"a":1 / 2}', { a: 1 }],
    ['{"a":1 -- one\n}', { a: 1 }],
    ['{"a":1;"b":2}', { a: 1 }],
    ['{"a":1、"b":2}', { a: 1 }],
    ['{"a":1]', { a: 1 }],
  ];
  for (const [text, state] of faults) {
    const chain = readEveryWay(text + '{"z":9}');
    assert(chain.view.fault !== undefined, text);
    assertEquals(chain.view.state, state, text);
  }
});

Deno.test("a value that ends in a comment or a string goes on", () => {
  for (const end of ['/* "b":2}', "//}", "#}", "'}", '“}"', "..."]) {
    const chain = readEveryWay(`{"a":[1,${end}`);
    assertEquals(chain.view.fault, undefined, end);
    assertEquals(chain.envelope.bare, true);
  }
});
