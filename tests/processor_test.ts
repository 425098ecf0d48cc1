import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type Delta,
  IncrementalProcessor,
  type Operation,
  processPatches,
} from "../lib/mod.ts";
import { merge, parse, process, withProto } from "./_stream.ts";

/** The one delta of a list, after other lists that made a document. */
function change(document: unknown, ...list: Operation[]): Delta | undefined {
  const processor = new IncrementalProcessor();
  processor.processPatch([{ op: "replace", path: "", value: document }]);
  return processor.processPatch(list);
}

Deno.test("processor gives the increments of the origin's nine lists", () => {
  const lists: Operation[][] = [
    [{ op: "replace", path: "", value: {} }],
    [{ op: "add", path: "/title", value: "" }],
    [{ op: "replace", path: "/title", value: "科技" }],
    [{ op: "replace", path: "/title", value: "科技发展" }],
    [{ op: "replace", path: "/title", value: "科技发展新" }],
    [{ op: "replace", path: "/title", value: "科技发展新趋势" }],
    [{ op: "add", path: "/summary", value: "" }],
    [{ op: "replace", path: "/summary", value: "随着" }],
    [{ op: "replace", path: "/summary", value: "随着时代" }],
  ];
  assertEquals(process(lists), [
    { data: {} },
    { data: { title: "" } },
    { data: { title: "科技" } },
    { data: { title: "发展" } },
    { data: { title: "新" } },
    { data: { title: "趋势" } },
    { data: { summary: "" } },
    { data: { summary: "随着" } },
    { data: { summary: "时代" } },
  ]);
});

Deno.test("processor gives the worked example, with and without the document", () => {
  const lists = parse([
    "{",
    '"title":"',
    "科技",
    '","tags":[',
    '"AI',
    '","芯片',
    '"],"score":0.93,',
    '"x":[]}',
  ]);
  const deltas: Delta[] = [
    { data: {} },
    { data: { title: "" } },
    { data: { title: "科技" } },
    { data: { tags: [] }, complete: ["/title"] },
    { data: { tags: { 0: "AI" } } },
    { data: { tags: { 1: "芯片" } }, complete: ["/tags/0"] },
    { data: { score: 0.93 }, complete: ["/tags"] },
    { data: { x: [] }, complete: [""] },
  ];
  assertEquals(process(lists), deltas);
  assertEquals(process(lists, false), deltas);
});

Deno.test("processor says nothing where nothing has changed", () => {
  assertStrictEquals(new IncrementalProcessor().processPatch([]), undefined);
  assertStrictEquals(
    change(
      { a: "x", b: [1, { c: null }] },
      { op: "replace", path: "/a", value: "x" },
      { op: "replace", path: "/b", value: [1, { c: null }] },
      { op: "replace", path: "", value: { a: "x", b: [1, { c: null }] } },
    ),
    undefined,
  );
});

Deno.test("processor gives each delta once", () => {
  const processor = new IncrementalProcessor();
  processor.processPatch([
    { op: "add", path: "", value: { a: "" } },
    { op: "complete", path: "/a" },
    { op: "remove", path: "/a" },
  ]);
  assertStrictEquals(processor.processPatch([]), undefined);
});

Deno.test("processor finds by how much a value inside a replaced one has grown", () => {
  assertEquals(
    change(
      { a: { s: "x", n: 1, l: ["p", { q: "r" }], gone: 1 } },
      {
        op: "replace",
        path: "",
        value: {
          a: { s: "xy", n: 1, l: ["pp", { q: "rs" }, 3], new: {} },
          b: 2,
        },
      },
    ),
    {
      data: {
        a: { s: "y", l: { 0: "p", 1: { q: "s" }, 2: 3 }, new: {} },
        b: 2,
      },
      reset: ["/a/gone"],
    },
  );
});

Deno.test("processor resets a value that another takes the place of", () => {
  const cases: [old: unknown, value: unknown][] = [
    ["ab", "a"],
    ["ab", "b"],
    ["ab", 1],
    ["", null],
    [1, 2],
    [1, "1"],
    [0, -0],
    [true, false],
    [null, {}],
    [{}, []],
    [[], {}],
    [[], "x"],
    [{}, "x"],
    [[1, 2], [1]],
    [[1, 2], [1, 3, 4]],
    [["ab"], ["b"]],
    [[[1]], [[2]]],
    [[], { length: 1 }],
    [{ length: 0 }, [1]],
  ];
  for (const [old, value] of cases) {
    for (const op of ["replace", "add"] as const) {
      assertEquals(change({ a: old, b: 1 }, { op, path: "/a", value }), {
        data: { a: value },
        reset: ["/a"],
      });
      assertEquals(change(old, { op, path: "", value }), {
        data: value,
        reset: [""],
      });
    }
    // An element cannot be reset: the array comes again.
    assertEquals(
      change({ a: [0, old] }, { op: "replace", path: "/a/1", value }),
      {
        data: { a: [0, value] },
        reset: ["/a"],
      },
    );
    assertEquals(change([[old]], { op: "replace", path: "/0/0", value }), {
      data: [[value]],
      reset: [""],
    });
    assertEquals(
      change({ a: [[{ b: old }]] }, {
        op: "replace",
        path: "/a/0/0/b",
        value,
      }),
      { data: { a: { 0: { 0: { b: value } } } }, reset: ["/a/0/0/b"] },
    );
  }
});

Deno.test("processor resets no more of a replaced object than it must", () => {
  assertEquals(
    change({ a: { b: "x", c: [1], d: "y" } }, {
      op: "replace",
      path: "/a",
      value: { b: "z", c: [], d: "y" },
    }),
    { data: { a: { b: "z", c: [] } }, reset: ["/a/b", "/a/c"] },
  );
});

Deno.test("processor forgets what it found before it had to reset", () => {
  assertEquals(
    change("x", { op: "append", path: "", value: "y" }, {
      op: "remove",
      path: "",
    }),
    { reset: [""] },
  );
  assertEquals(
    change(
      { a: { l: ["x", { y: 1 }, "z"] } },
      { op: "replace", path: "/a/l", value: ["xx", { w: 1 }, "!"] },
    ),
    { data: { a: { l: ["xx", { w: 1 }, "!"] } }, reset: ["/a/l"] },
  );
});

Deno.test("processor inserts into arrays and removes from them", () => {
  const cases: [op: Operation, result: unknown[]][] = [
    [{ op: "add", path: "/a/0", value: "n" }, ["n", "x", "y"]],
    [{ op: "add", path: "/a/1", value: "n" }, ["x", "n", "y"]],
    [{ op: "remove", path: "/a/0" }, ["y"]],
    [{ op: "remove", path: "/a/1" }, ["x"]],
  ];
  for (const [operation, result] of cases) {
    assertEquals(change({ a: ["x", "y"], b: 1 }, operation), {
      data: { a: result },
      reset: ["/a"],
    });
  }
  for (const path of ["/a/2", "/a/-"]) {
    assertEquals(
      change({ a: ["x", "y"] }, { op: "add", path, value: { n: [] } }),
      { data: { a: { 2: { n: [] } } } },
    );
  }
  assertEquals(
    change(
      { "a/~": [[1], [2]] },
      { op: "remove", path: "/a~1~0/0/0" },
      { op: "add", path: "/a~1~0/0/-", value: 3 },
      { op: "add", path: "/a~1~0/0/1", value: 4 },
    ),
    { data: { "a/~": [[3, 4], [2]] }, reset: ["/a~1~0"] },
  );
});

Deno.test("processor replaces and removes the root in mid-stream", () => {
  const lists: Operation[][] = [
    [{ op: "add", path: "", value: { a: "x" } }],
    [{ op: "append", path: "/a", value: "y" }, { op: "complete", path: "/a" }],
    [
      { op: "complete", path: "" },
      { op: "replace", path: "", value: [1] },
      { op: "add", path: "/1", value: "z" },
    ],
    [{ op: "remove", path: "" }],
    [{ op: "add", path: "", value: "s" }],
    [{ op: "append", path: "", value: "t" }],
    [{ op: "append", path: "", value: "u" }, {
      op: "append",
      path: "",
      value: "v",
    }],
    [{ op: "complete", path: "" }],
    [{ op: "replace", path: "", value: {} }],
    [{ op: "complete", path: "" }],
  ];
  const deltas: Delta[] = [
    { data: { a: "x" } },
    { data: { a: "y" }, complete: ["/a"] },
    { data: [1, "z"], reset: [""] },
    { reset: [""] },
    { data: "s" },
    { data: "t" },
    { data: "uv" },
    { data: "", complete: [""] },
    { data: {}, reset: [""] },
    { data: {}, complete: [""] },
  ];
  assertEquals(process(lists), deltas);
  assertEquals(process(lists, false), deltas);
  assertEquals(process([lists.flat()]), [
    { data: {}, reset: [""], complete: [""] },
  ]);
});

Deno.test("processor folds a list into one delta", () => {
  const lists = parse([
    '{"a":"x","b":[{"c":"y',
    'z"},1,"w"],"d":{"e":',
    "true,",
    '"f":2}}',
  ]);
  const deltas: Delta[] = [
    { data: { a: "x", b: [{ c: "y" }] }, complete: ["/a"] },
    { data: { b: { 0: { c: "z" }, 1: 1, 2: "w" }, d: {} }, complete: ["/b"] },
    { data: { d: { e: true } } },
    { data: { d: { f: 2 } }, complete: [""] },
  ];
  const whole: Delta = {
    data: { a: "x", b: [{ c: "yz" }, 1, "w"], d: { e: true, f: 2 } },
    complete: [""],
  };
  for (const keepValues of [true, false]) {
    assertEquals(process(lists, keepValues), deltas);
    assertEquals(process([lists.flat()], keepValues), [whole]);
  }
});

Deno.test("processor lists only the outermost values that are complete", () => {
  const lists = parse(['{"a":{"b":["x', '"]},"aa":""', ',"a/":"","', 'z":1}']);
  for (const keepValues of [true, false]) {
    assertEquals(process(lists, keepValues).map(({ complete }) => complete), [
      undefined,
      ["/a", "/aa"],
      ["/a~1"],
      [""],
    ]);
  }
});

Deno.test("processor lists complete values apart whose names begin alike", () => {
  const lists = parse(['{"aa":"","a":"","b":[],"a/b":"","c":[["', '"]', "]}"]);
  for (const keepValues of [true, false]) {
    assertEquals(process(lists, keepValues).map(({ complete }) => complete), [
      ["/aa", "/a", "/b", "/a~1b"],
      ["/c/0"],
      [""],
    ]);
  }
  assertEquals(
    change({ a: {} }, { op: "complete", path: "/a" }, {
      op: "complete",
      path: "/a",
    }),
    { data: {}, complete: ["/a"] },
  );
});

Deno.test("processor lists only the outermost values that are reset", () => {
  const document = { a: { b: 1, c: 2 }, ab: 3, d: 4 };
  assertEquals(
    change(
      document,
      { op: "remove", path: "/a/b" },
      { op: "remove", path: "/ab" },
      { op: "remove", path: "/a" },
      { op: "remove", path: "/d" },
    ),
    { data: {}, reset: ["/ab", "/a", "/d"] },
  );
  assertEquals(
    change(
      document,
      { op: "remove", path: "/a/b" },
      { op: "replace", path: "/a", value: 5 },
      { op: "replace", path: "/a", value: { b: 6 } },
      { op: "remove", path: "/a/b" },
      { op: "add", path: "/a/c", value: 6 },
    ),
    { data: { a: { c: 6 } }, reset: ["/a"] },
  );
});

Deno.test("processor takes back a completion that a reset outdates", () => {
  const text = '{"a":{"b":"","c":""},"d":"","a":{"b":"","b":""';
  for (const keepValues of [true, false]) {
    const lists = parse([text, "}", "}"]);
    assertEquals(process(lists, keepValues), [
      {
        data: { a: { b: "" }, d: "" },
        reset: ["/a"],
        complete: ["/d", "/a/b"],
      },
      { data: {}, complete: ["/a"] },
      { data: {}, complete: [""] },
    ]);
    const again = parse(['{"a":[""],"a":[""]', ',"b":"","a":[""', ',""]}']);
    assertEquals(process(again, keepValues), [
      { data: { a: [""] }, reset: ["/a"], complete: ["/a"] },
      { data: { b: "", a: [""] }, reset: ["/a"], complete: ["/b", "/a/0"] },
      { data: { a: { 1: "" } }, complete: [""] },
    ]);
    assertEquals(process(parse(['{"a":""', ',"a":""', "}"]), keepValues), [
      { data: { a: "" }, complete: ["/a"] },
      { data: { a: "" }, reset: ["/a"], complete: ["/a"] },
      { data: {}, complete: [""] },
    ]);
  }
});

Deno.test(
  "processor treats hostile names as any other",
  withProto(() => {
    const names = [
      "__proto__",
      "constructor",
      "toString",
      "length",
      "undefined",
      "0",
    ];
    for (const name of names) {
      const text =
        `{"${name}":{"${name}":"x"},"l":[{"${name}":1}],"${name}":{"${name}":"y"}}`;
      const units = parse(text.split(""));
      for (const lists of [units, [units[0]!, units.slice(1).flat()]]) {
        const deltas = process(lists, lists === units);
        assertEquals(process(lists, lists !== units), deltas);
        const state = merge(deltas) as Record<string, Record<string, unknown>>;
        assertEquals(Object.keys(state).sort(), [name, "l"].sort());
        assertEquals(
          JSON.stringify(Object.getOwnPropertyDescriptor(state, name)?.value),
          `{"${name}":"y"}`,
        );
        assertEquals(JSON.stringify(state.l), `[{"${name}":1}]`);
        assertStrictEquals(Object.getPrototypeOf(state), Object.prototype);
      }
      const value = JSON.parse(`{"${name}":{"polluted":""}}`);
      const path = `/${name}/polluted`;
      const lists: Operation[][] = [
        [{ op: "add", path: "", value }],
        [{ op: "replace", path, value: "p" }],
        [{ op: "remove", path }],
        [{ op: "remove", path: `/${name}` }],
      ];
      assertEquals(process(lists).map((delta) => JSON.stringify(delta)), [
        `{"data":{"${name}":{"polluted":""}}}`,
        `{"data":{"${name}":{"polluted":"p"}}}`,
        `{"data":{},"reset":["${path}"]}`,
        `{"data":{},"reset":["/${name}"]}`,
      ]);
    }
    const added = change({}, { op: "add", path: "/__proto__", value: [] });
    assertEquals(
      Object.getOwnPropertyDescriptor(added?.data, "__proto__"),
      { value: [], writable: true, enumerable: true, configurable: true },
    );
    assert(!("polluted" in {}));
    assertThrows(() =>
      change({}, { op: "append", path: "/toString", value: "" })
    );
    assertThrows(() => change({}, { op: "remove", path: "/constructor" }));
    assertThrows(
      () => change({}, { op: "add", path: "/__proto__/polluted", value: 1 }),
    );
  }),
);

Deno.test("processor neither changes nor keeps the values it is given", () => {
  for (const keepValues of [true, false]) {
    const value = { a: ["x"], b: { c: 1 } };
    const { a, b } = value;
    const list: Operation[] = [
      { op: "add", path: "", value },
      { op: "append", path: "/a/0", value: "y" },
      { op: "add", path: "/a/1", value: b },
      { op: "remove", path: "/b/c" },
      { op: "add", path: "/b/d", value: b },
      { op: "add", path: "/a/2", value: a },
      { op: "append", path: "/a/2/0", value: "z" },
    ];
    const before = structuredClone(list);
    const processor = new IncrementalProcessor({ keepValues });
    const delta = processor.processPatch(list);
    const result = { a: ["xy", { c: 1 }, ["xz"]], b: { d: { c: 1 } } };
    assertEquals(delta?.data, result);
    assertEquals(list, before);
    // Neither the values nor the delta's objects are the processor's.
    b.c = 2;
    a.push("more");
    assertEquals(delta?.data, result);
    for (const part of Object.values(delta?.data as Record<string, object>)) {
      for (const key of Object.keys(part)) delete part[key as keyof object];
    }
    if (keepValues) {
      assertStrictEquals(
        processor.processPatch([{ op: "replace", path: "", value: result }]),
        undefined,
      );
    }
  }
});

Deno.test("processor does not keep a value that it inserts", () => {
  const processor = new IncrementalProcessor();
  const value = { a: 1 };
  processor.processPatch([
    { op: "add", path: "", value: [0] },
    { op: "add", path: "/0", value },
  ]);
  value.a = 2;
  assertEquals(
    processor.processPatch([{ op: "remove", path: "/1" }]),
    { data: [{ a: 1 }], reset: [""] },
  );
});

Deno.test("processor keeps raw numbers whole", () => {
  const lists = parse(["[1.10,", "2.0]"], { rawNumbers: true });
  for (const keepValues of [true, false]) {
    assertEquals(
      process(lists, keepValues).map((delta) => JSON.stringify(delta)),
      ['{"data":[1.10]}', '{"data":{"1":2.0},"complete":[""]}'],
    );
  }
  const [first, second] = parse(["1.10 "], { rawNumbers: true });
  assertEquals(second, []);
  assertEquals(
    process([first!, [{ op: "replace", path: "", value: 1 }]]).at(-1),
    { data: 1, reset: [""] },
  );
  // An object that only looks like one is an object.
  const value = Object.freeze({ rawJSON: "x" });
  const processor = new IncrementalProcessor();
  processor.processPatch([{ op: "add", path: "", value }]);
  assertEquals(
    processor.processPatch([
      { op: "append", path: "/rawJSON", value: "y" },
    ]),
    { data: { rawJSON: "y" } },
  );
});

Deno.test("processor rejects operations that do not fit the document", () => {
  const document = { a: "x", n: null, l: [1, 2], "/": 1 };
  const faults: [operation: Operation, message: string][] = [
    [
      { op: "append", path: "/n", value: "" },
      'Cannot append at "/n": no string there',
    ],
    [
      { op: "append", path: "/x", value: "" },
      'Cannot append at "/x": no string there',
    ],
    [
      { op: "append", path: "", value: "" },
      'Cannot append at "": no string there',
    ],
    [
      { op: "complete", path: "/n" },
      'Cannot complete at "/n": no string, object or array there',
    ],
    [
      { op: "complete", path: "/x" },
      'Cannot complete at "/x": no string, object or array there',
    ],
    [{ op: "remove", path: "/x" }, 'Cannot remove at "/x": nothing there'],
    [{ op: "remove", path: "/l/2" }, 'Cannot remove at "/l/2": nothing there'],
    [{ op: "remove", path: "/l/-" }, 'Cannot remove at "/l/-": nothing there'],
    [
      { op: "replace", path: "/x", value: 1 },
      'Cannot replace at "/x": nothing there',
    ],
    [
      { op: "replace", path: "/l/2", value: 1 },
      'Cannot replace at "/l/2": nothing there',
    ],
    [
      { op: "replace", path: "/l/length", value: 1 },
      'Cannot replace at "/l/length": no such index in 2 elements',
    ],
    [
      { op: "add", path: "/l/3", value: 1 },
      'Cannot add at "/l/3": no such index in 2 elements',
    ],
    [
      { op: "add", path: "/l/01", value: 1 },
      'Cannot add at "/l/01": no such index in 2 elements',
    ],
    [
      { op: "add", path: "/l/-1", value: 1 },
      'Cannot add at "/l/-1": no such index in 2 elements',
    ],
    [
      { op: "add", path: "/l/0.5", value: 1 },
      'Cannot add at "/l/0.5": no such index in 2 elements',
    ],
    [
      { op: "add", path: "/l/", value: 1 },
      'Cannot add at "/l/": no such index in 2 elements',
    ],
    [
      { op: "add", path: "/a/x", value: 1 },
      "Cannot apply an operation: no object or array holds /a/x",
    ],
    [
      { op: "add", path: "/x/y", value: 1 },
      "Cannot apply an operation: no object or array holds /x/y",
    ],
    [
      { op: "add", path: "/n/y/z", value: 1 },
      "Cannot apply an operation: no object or array holds /n/y/z",
    ],
    [
      { op: "add", path: "/l/length/z", value: 1 },
      "Cannot apply an operation: no object or array holds /l/length/z",
    ],
    [
      { op: "test", path: "/a", value: "x" } as unknown as Operation,
      'Cannot apply an operation: unknown op in {"op":"test","path":"/a","value":"x"}',
    ],
  ];
  for (const [operation, message] of faults) {
    assertThrows(() => change(document, operation), TypeError, message);
  }
  assertThrows(
    () => change(document, { op: "remove", path: "a" }),
    SyntaxError,
    "does not follow RFC 6901",
  );
  const nothing = new IncrementalProcessor();
  assertThrows(
    () => nothing.processPatch([{ op: "remove", path: "" }]),
    TypeError,
  );
  assertThrows(
    () => nothing.processPatch([{ op: "add", path: "/a", value: 1 }]),
    TypeError,
  );
  assertEquals(document, { a: "x", n: null, l: [1, 2], "/": 1 });
});

Deno.test("processor without the document may begin anywhere", () => {
  for (
    const [list, delta] of [
      [[{ op: "complete", path: "/a" }], { data: {}, complete: ["/a"] }],
      [[{ op: "append", path: "", value: "x" }], { data: "x" }],
      [[{ op: "add", path: "/a/0", value: 1 }], { data: { a: { 0: 1 } } }],
    ] as [Operation[], Delta][]
  ) {
    assertEquals(process([list], false), [delta]);
  }
});

Deno.test("processor without the document rejects what it cannot pass on", () => {
  const processor = new IncrementalProcessor({ keepValues: false });
  assertThrows(
    () =>
      processor.processPatch([
        { op: "move", path: "/a", from: "/b" } as unknown as Operation,
      ]),
    TypeError,
    'Cannot apply an operation: unknown op in {"op":"move","path":"/a","from":"/b"}',
  );
  const broken: Operation = { op: "add", path: "/a~/b", value: 1 };
  assertThrows(() => processor.processPatch([broken]), SyntaxError);
  assertThrows(() => processor.processPatch([broken]), SyntaxError);
  assertThrows(
    () =>
      processor.processPatch([
        { op: "add", path: "/a", value: "x" },
        { op: "add", path: "/a/b", value: 1 },
      ]),
    TypeError,
    "Cannot apply an operation: no object or array holds /a/b",
  );
  assertThrows(
    () => processor.processPatch([{ op: "add", path: "/a/b/c/d", value: 1 }]),
    TypeError,
    "Cannot apply an operation: no object or array holds /a/b/c/d",
  );
  assertThrows(
    () =>
      processor.processPatch([
        { op: "add", path: "/n", value: null },
        { op: "add", path: "/n/b/c", value: 1 },
      ]),
    TypeError,
    "Cannot apply an operation: no object or array holds /n/b/c",
  );
});

Deno.test("processor without the document tells with the next list what a failed one did", () => {
  const move = { op: "move", path: "/a" } as unknown as Operation;
  const lists: [failed: Operation, delta: Delta][] = [
    [{ op: "append", path: "/b", value: "1" }, { data: { b: "1", a: "2" } }],
    [{ op: "complete", path: "/b" }, { data: { a: "2" }, complete: ["/b"] }],
    [{ op: "remove", path: "/b" }, { data: { a: "2" }, reset: ["/b"] }],
  ];
  for (const [failed, delta] of lists) {
    const processor = new IncrementalProcessor({ keepValues: false });
    assertThrows(() => processor.processPatch([failed, move]), TypeError);
    assertEquals(
      processor.processPatch([{ op: "append", path: "/a", value: "2" }]),
      delta,
    );
  }
});

Deno.test("processor without the document appends here and there", () => {
  const at = ["/a", "/b", "/c/d", "/c/100", "/c/d", "", "/a"];
  assertEquals(
    process(at.map((path) => [{ op: "append", path, value: "x" }]), false),
    [
      { data: { a: "x" } },
      { data: { b: "x" } },
      { data: { c: { d: "x" } } },
      { data: { c: { 100: "x" } } },
      { data: { c: { d: "x" } } },
      { data: "x" },
      { data: { a: "x" } },
    ],
  );
});

Deno.test("processor tells with the next list what a failed one did", () => {
  const processor = new IncrementalProcessor();
  assertThrows(() =>
    processor.processPatch([
      { op: "add", path: "", value: { a: 1 } },
      { op: "remove", path: "/b" },
      { op: "remove", path: "/a" },
    ])
  );
  assertEquals(
    processor.processPatch([{ op: "add", path: "/c", value: 2 }]),
    { data: { a: 1, c: 2 } },
  );
});

Deno.test("processor passes on replaced members without the document", () => {
  assertEquals(
    process([
      [{ op: "add", path: "", value: { a: { b: "x" } } }],
      [{ op: "replace", path: "/a/b", value: "xy" }],
      [{ op: "append", path: "/a/b", value: "z" }],
      [{ op: "append", path: "/a/b", value: "!" }, {
        op: "append",
        path: "/a/b",
        value: "?",
      }],
    ], false),
    [
      { data: { a: { b: "x" } } },
      { data: { a: { b: "xy" } }, reset: ["/a/b"] },
      { data: { a: { b: "z" } } },
      { data: { a: { b: "!?" } } },
    ],
  );
});

Deno.test("processor finds its way from one place to another", () => {
  const lists: Operation[][] = [
    [{ op: "add", path: "", value: { a: { x: "" }, b: { x: "" }, x: "" } }],
    [
      { op: "append", path: "/a/x", value: "1" },
      { op: "append", path: "/b/x", value: "2" },
      { op: "append", path: "/x", value: "3" },
      { op: "append", path: "/a/x", value: "4" },
    ],
    [{ op: "append", path: "/a/x", value: "5" }],
    [
      { op: "append", path: "/a/x", value: "6" },
      { op: "remove", path: "/a" },
      { op: "add", path: "/a", value: { x: "7" } },
      { op: "append", path: "/a/x", value: "8" },
      { op: "replace", path: "", value: { a: { x: "" } } },
      { op: "append", path: "/a/x", value: "9" },
    ],
  ];
  for (const keepValues of [true, false]) {
    assertEquals(process(lists, keepValues), [
      { data: { a: { x: "" }, b: { x: "" }, x: "" } },
      { data: { a: { x: "14" }, b: { x: "2" }, x: "3" } },
      { data: { a: { x: "5" } } },
      {
        data: { a: { x: "9" } },
        reset: keepValues ? ["/a", "/b", "/x"] : [""],
      },
    ]);
  }
});

Deno.test("processPatches turns lists into deltas and passes over empty ones", async () => {
  const stream = ReadableStream.from<Operation[]>([
    [],
    [{ op: "add", path: "", value: "" }],
    [],
    [{ op: "replace", path: "", value: "" }],
    [{ op: "replace", path: "", value: "a" }],
    [],
  ]);
  assertEquals(await Array.fromAsync(processPatches(stream)), [
    { data: "" },
    { data: "a" },
  ]);
  const replaced = ReadableStream.from<Operation[]>([
    [{ op: "replace", path: "", value: "a" }],
  ]);
  assertEquals(
    await Array.fromAsync(processPatches(replaced, { keepValues: false })),
    [{ data: "a", reset: [""] }],
  );
});

Deno.test("processPatches reads a list when a delta is asked for", async () => {
  let pulled = 0;
  const stream = new ReadableStream<Operation[]>({
    pull(controller) {
      controller.enqueue([{ op: "add", path: "", value: ++pulled }]);
    },
  }, { highWaterMark: 0 });
  const reader = processPatches(stream).getReader();
  await Promise.resolve();
  assertEquals(pulled, 0);
  assertEquals(await reader.read(), { done: false, value: { data: 1 } });
  assertEquals(pulled, 1);
  await reader.cancel();
});

Deno.test("processPatches cancels the stream it reads", async () => {
  const reasons: unknown[] = [];
  const stream = () =>
    new ReadableStream<Operation[]>({
      pull(controller) {
        controller.enqueue([{ op: "append", path: "/x", value: "" }]);
      },
      cancel(reason) {
        reasons.push(reason);
        throw new Error("Cannot cancel: a test");
      },
    }, { highWaterMark: 0 });
  await assertRejects(() => processPatches(stream()).cancel("enough"));
  // An operation that does not fit ends both streams, with its own error.
  const error = await assertRejects(
    () => processPatches(stream()).getReader().read(),
    TypeError,
    "no object or array holds /x",
  );
  assertEquals(reasons, ["enough", error]);
});

Deno.test("processPatches may be cancelled while it waits", async () => {
  let reason: unknown;
  const stream = new ReadableStream<Operation[]>({
    cancel(why) {
      reason = why;
    },
  });
  const reader = processPatches(stream).getReader();
  const read = reader.read();
  await reader.cancel("enough");
  assertEquals((await read).done, true);
  assertEquals(reason, "enough");
});

Deno.test("processPatches passes on an error of the stream it reads", async () => {
  const failure = new Error("Cannot go on: a test");
  const stream = new ReadableStream<Operation[]>({
    start(controller) {
      controller.error(failure);
    },
  });
  const error = await assertRejects(() =>
    processPatches(stream).getReader().read()
  );
  assertStrictEquals(error, failure);
});
