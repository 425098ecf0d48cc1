import { assertEquals } from "@std/assert";
import type { EnvelopeOptions } from "../lib/envelope.ts";
import { readEveryWay } from "./_view.ts";

const filled: EnvelopeOptions = { mayBeEmpty: false };
const rows: EnvelopeOptions = {
  ...{ root: "array", mayBeEmpty: false, elements: ["object"] },
};
const list: EnvelopeOptions = { root: "array" };
const numbers: EnvelopeOptions = { root: "array", elements: ["integer"] };

const ann = { title: "K", author: { name: "Ann" } };

/** An answer, and its value; `undefined` where it has none. */
type Answer = [text: string, options: EnvelopeOptions, value: unknown];

/**
 * Slips at the outer brace, of a value that holds another: the inner one is never
 * the answer. What begins with a brace is the value, or not JSON.
 */
const slips: [text: string, options: EnvelopeOptions, value: unknown][] = [
  ...[
    "{'title':'K','author':{'name':'Ann'}}",
    "{'title':'K','author':{\"name\":\"Ann\"}}",
    '{title:"K",author:{"name":"Ann"}}',
    '{“title”:“K”,“author”:{"name":"Ann"}}',
    '{`title`:`K`,"author":{"name":"Ann"}}',
    '{// the article\n"title":"K","author":{"name":"Ann"}}',
    '{/* {} */"title":"K","author":{"name":"Ann"}}',
    '{# {"a":1}\n"title":"K","author":{"name":"Ann"}}',
    '{\u00a0"title":"K","author":{"name":"Ann"}}',
    '{\ufeff\u3000"title":"K","author":{"name":"Ann"}}',
    '{\n\u200b"title"：“K”，"author"：{"name":"Ann"}}',
    '{{"title":"K","author":{"name":"Ann"}}}',
    '{ {\n"title":"K","author":{"name":"Ann"}} }',
    '({"title":"K","author":{"name":"Ann"}})',
    'callback({"title":"K","author":{"name":"Ann"}});',
    "const answer = {title: 'K', author: {name: 'Ann'}};",
  ].map((text): Answer => [text, filled, ann]),
  // Those that begin with a brace and cannot be mended.
  ...[
    '{title":"K","author":{"name":"Ann"}}',
    '{"title:"K","author":{"name":"Ann"}}',
    '{“title":"K","author":{"name":"Ann"}}',
    '{,"title":"K","author":{"name":"Ann"}}',
    '{:"title":"K","author":{"name":"Ann"}}',
    '{"title"="K","author"={"name":"Ann"}}',
    '{"title"=>"K","author"=>{"name":"Ann"}}',
    '{1:"K","author":{"name":"Ann"}}',
    '{..."title":"K","author":{"name":"Ann"}}',
    '{["title":"K","author":{"name":"Ann"}]}',
    '{("title":"K","author":{"name":"Ann"})}',
    '{<title>K</title>{"name":"Ann"}}',
    '{\\"title\\":\\"K\\",\\"author\\":{"name":"Ann"}}',
    '{"title" "K","author":{"name":"Ann"}}',
    '{title "K", author {"name":"Ann"}}',
  ].map((text): Answer => [text, filled, {}]),
  // Those that begin with no brace, or another bracket.
  ...[
    '"title":"K","author":{"name":"Ann"}}',
    "'title':'K','author':{'name':'Ann'}}",
    "“title”：“K”，“author”：{“name”：“Ann”}}",
    'title:"K",author:{"name":"Ann"}}',
    "title: 'K', author: {name: 'Ann'}}",
    '```json\n"title":"K","author":{"name":"Ann"}}\n```',
    'Sure!\n```json\n"title": "K",\n"author": {"name":"Ann"}}\n```',
    'Sure!\n```json\ntitle: "K",\nauthor: {"name":"Ann"}}\n```',
    '<think>So</think>title: "K", author: {"name":"Ann"}}',
    'Sure: "title":"K","author":{"name":"Ann"}}',
    '("title" => "K", "author" => {"name":"Ann"})',
    '["title":"K","author":{"name":"Ann"}]',
    '[{"title":"K","author":{"name":"Ann"}}]',
    '｛"title":"K","author":{"name":"Ann"}｝',
    '"{\\"title\\":\\"K\\",\\"author\\":{\\"name\\":\\"Ann\\"}}"',
    '"{\\"title\\":\\"K\\",\\"meta\\":{},\\"more\\":[{}]}"',
  ].map((text): Answer => [text, filled, undefined]),
  // Arrays.
  ['{"n":1},{"n":2}]', rows, undefined],
  ['{"items":[{"n":1},{"n":2}]}', rows, undefined],
  ['"a",["b"]]', list, undefined],
  ["[[{'n':1}],2]", list, [[{ n: 1 }], 2]],
  ['"[{\\"n\\":{},\\"m\\":[1]}]"', list, undefined],
  ["['title' => 'K', 'tags' => ['a']]", list, ["title"]],
  ['{"a":{"b":[1]}', list, undefined],
];

const prose: Answer[] = [
  // Empty brackets, where there has to be more.
  ['I return not {} but\n```json\n{"a":1}\n```', filled, { a: 1 }],
  ['{} or\n{"a":1}', filled, { a: 1 }],
  ['```\n{ }\n```\n```\n{"a":1}\n```', filled, { a: 1 }],
  ["{}", filled, undefined],
  ["[]", rows, undefined],
  ['[ ] first\n[{"n":1}]', rows, [{ n: 1 }]],
  // And where there does not: the first on its line, or behind a colon.
  ['I return not {} but {"a":1}', {}, { a: 1 }],
  ["So:\n{ }", {}, {}],
  ["So: {}", {}, {}],
  ["{}", {}, {}],
  ["[ ]", list, []],
  // Citations, check lists, links, footnotes, intervals.
  ['As [1] says:\n```json\n[{"n":1},{"n":2}]\n```', rows, [{ n: 1 }, { n: 2 }]],
  ['As [1] says: [{"n":1}]', list, [{ n: 1 }]],
  ['As [1, 2] and [3] say: [{"n":1}]', list, [{ n: 1 }]],
  ["As [1] says: [2, 3]", numbers, [2, 3]],
  ["As [1] says:\n[2]", numbers, [2]],
  ['[1] says:\n[{"n":1}]', rows, [{ n: 1 }]],
  ["- [ ] one\n- [x] two\n\n[3]", list, [3]],
  ["* [ ] one\n* [true] two\n\n[false]", list, [false]],
  ['See [the docs](http://a/[b]) or [note: x].\n["a"]', list, ["a"]],
  ["See [none] or [false alarm]: [ null ]", list, [null]],
  ["See ['a'] or [“b”]: ['c']", list, ["c"]],
  ['See [["a"]]. ["c"]', { root: "array", elements: ["string"] }, ["c"]],
  ['From 0 to [0, 1) it is\n```json\n{"a":1}', {}, { a: 1 }],
  // Braces in prose.
  ['Use {name}, {{other}} or {"a":1}', {}, { a: 1 }],
  ["Use {color: red} or {a, b: 1}: {a: 1}", {}, { a: 1 }],
  ["The set {'a', 'b'} and {1: 2}: {'a': 1}", {}, { a: 1 }],
  ['{"a":1} is one.\n{"b":2}', {}, { a: 1 }],
  ['It has [ {"b":2} ] in it: {"a":1}', {}, { a: 1 }],
  ['It has {a [{"b":2}], {"c":3}} in it: {"a":1}', {}, { a: 1 }],
  ['It has [[{"b":2}], {"c":3}] in it: {"a":1}', {}, { a: 1 }],
  ["Say {// which\n/* one */a/**/:1}", {}, { a: 1 }],
  // What holds a name in quotes and a colon is its value, unless on a new line.
  ['The "answer": {"b":2}', {}, undefined],
  ['The "answer":\n{"a":1}', {}, { a: 1 }],
  ['"Kingfisher" is a bird: {"a":1}', {}, { a: 1 }],
  ['\'Tis this: {"a":1}', {}, { a: 1 }],
  ["好的，如下：{“a”：1}", {}, { a: 1 }],
];

function value(chain: ReturnType<typeof readEveryWay>): unknown {
  const { state, fault } = chain.view;
  return fault === undefined ? state : { fault: state };
}

Deno.test("of a value with a slip at its outer bracket, the inner one is never shown", () => {
  for (const [text, options, wanted] of slips) {
    const chain = readEveryWay(text, options);
    assertEquals(chain.view.state, wanted, text);
    const isWhole = wanted !== undefined &&
      Object.keys(wanted as object).length > 1;
    assertEquals(chain.complete, isWhole, text);
  }
});

Deno.test("the value is found in prose that has brackets too", () => {
  for (const [text, options, wanted] of prose) {
    const chain = readEveryWay(text, options);
    assertEquals(value(chain), wanted, text);
    assertEquals(chain.restarts, 0);
  }
});

Deno.test("an answer that is nothing but brackets in which no value can begin has begun", () => {
  for (
    const [text, options, began] of [
      ["{}", filled, true],
      ["```\n[]\n```", rows, true],
      ["[1]", rows, true],
      ["<think>{}</think>{ }", filled, true],
      ["No {}.", filled, false],
      ["[]", filled, false],
      ["{", {}, false],
      ["{x", {}, true],
    ] as const
  ) {
    const { envelope } = readEveryWay(text, options);
    assertEquals(envelope.began, began, text);
  }
});
