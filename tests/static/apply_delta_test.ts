import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { applyDelta, type Delta } from "../../lib/mod.ts";
import { deltaBetween } from "../../static/apply_delta.js";
import { sizes, texts } from "../_documents.ts";
import { cut, merge, parse, process, withProto } from "../_stream.ts";

/** Makes the value and all that is in it unchangeable. */
function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

Deno.test("applyDelta merges the worked example", () => {
  const deltas: Delta[] = freeze([
    { data: {} },
    { data: { title: "" } },
    { data: { title: "科技" } },
    { data: { tags: [] }, complete: ["/title"] },
    { data: { tags: { 0: "AI" } } },
    { data: { tags: { 1: "芯片" } }, complete: ["/tags/0"] },
    { data: { score: 0.93 }, complete: ["/tags"] },
    { data: {}, complete: [""] },
  ]);
  assertEquals(merge(deltas), {
    title: "科技",
    tags: ["AI", "芯片"],
    score: 0.93,
  });
});

Deno.test("applyDelta takes any value where there is none", () => {
  for (const data of ["", "a", 0, 1.5, true, false, null, {}, [], [1, [{}]]]) {
    assertEquals(applyDelta(undefined, { data }), data);
    assertEquals(applyDelta({}, { data: { a: data } }), { a: data });
    assertEquals(applyDelta([], { data: { 0: data } }), [data]);
  }
});

Deno.test("applyDelta appends strings", () => {
  assertStrictEquals(applyDelta("a", { data: "b" }), "ab");
  assertStrictEquals(applyDelta("a", { data: "" }), "a");
  assertEquals(applyDelta({ a: ["x"] }, { data: { a: { 0: "y" } } }), {
    a: ["xy"],
  });
});

Deno.test("applyDelta merges into arrays by index, new ones behind the last", () => {
  assertEquals(
    applyDelta(["a", {}], { data: { 0: "b", 1: { c: 1 }, 2: 2, 3: 3 } }),
    ["ab", { c: 1 }, 2, 3],
  );
  const many = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [index, index]),
  );
  assertEquals(applyDelta([], { data: many }), Object.values(many));
});

Deno.test("applyDelta leaves objects and arrays as they are for empty ones", () => {
  assertEquals(applyDelta({ a: 1 }, { data: {} }), { a: 1 });
  assertEquals(applyDelta([1], { data: {} }), [1]);
  assertEquals(applyDelta([1], { data: [] }), [1]);
  assertEquals(applyDelta({ a: [1] }, { data: { a: [] } }), { a: [1] });
});

Deno.test("applyDelta changes nothing where there is no data", () => {
  assertEquals(applyDelta({ a: 1 }, {}), { a: 1 });
  assertEquals(applyDelta({ a: 1 }, { complete: ["/a"] }), { a: 1 });
  assertStrictEquals(applyDelta(undefined, {}), undefined);
});

Deno.test("applyDelta resets before it merges", () => {
  assertEquals(
    applyDelta({ a: "old", b: [1] }, {
      data: { a: "new", b: [2] },
      reset: ["/a", "/b"],
    }),
    { a: "new", b: [2] },
  );
  assertEquals(applyDelta({ a: 1 }, { data: "x", reset: [""] }), "x");
  assertStrictEquals(applyDelta({ a: 1 }, { reset: [""] }), undefined);
  assertEquals(
    applyDelta({ a: [{ b: 1, c: 2 }] }, { data: {}, reset: ["/a/0/b"] }),
    { a: [{ c: 2 }] },
  );
});

Deno.test("applyDelta resets members with any name", () => {
  for (
    const [key, pointer] of [["a/b~c", "/a~1b~0c"], ["~1", "/~01"], ["", "/"]]
  ) {
    assertEquals(
      applyDelta({ [key!]: 1, d: { [key!]: 2 } }, {
        reset: [pointer!, `/d${pointer}`],
      }),
      { d: {} },
    );
  }
});

Deno.test("applyDelta has nothing to reset where there is nothing", () => {
  const state = { a: { b: "c" }, d: [1], e: null };
  for (const pointer of ["/x", "/a/x", "/a/b/c", "/x/y/z", "/d/1/x", "/e/x"]) {
    assertEquals(applyDelta(state, { reset: [pointer] }), {
      a: { b: "c" },
      d: [1],
      e: null,
    });
  }
  assertStrictEquals(applyDelta(undefined, { reset: ["/a", ""] }), undefined);
  assertStrictEquals(applyDelta("abc", { reset: ["/0"] }), "abc");
});

Deno.test("applyDelta changes the state in place and never the delta", () => {
  const state = { a: [{ b: "x" }] };
  const { a } = state;
  const data = freeze({ a: { 0: { b: "y", c: { d: [{}] } } } });
  assertStrictEquals(applyDelta(state, { data }), state);
  assertStrictEquals(state.a, a);
  // Nothing of a delta becomes part of the state: it may be merged again.
  const deltas: Delta[] = freeze([
    { data: { list: [{ x: "" }], "__proto__": { y: {} } } },
    { data: { list: { 0: { x: "a" }, 1: { x: [] } } } },
    { data: { list: { 1: { x: { 0: 1 } } } } },
    { data: {}, reset: ["/list/1/x"] },
  ]);
  assertEquals(merge(deltas), { list: [{ x: "a" }, {}] });
  assertEquals(merge(deltas), { list: [{ x: "a" }, {}] });
});

Deno.test("applyDelta throws where the delta does not fit the state", () => {
  const misfits: [state: unknown, data: unknown, pointer: string][] = [
    ["a", 1, ""],
    ["a", {}, ""],
    ["a", [], ""],
    ["a", null, ""],
    [1, 1, ""],
    [1, "a", ""],
    [1, {}, ""],
    [true, true, ""],
    [null, null, ""],
    [null, {}, ""],
    [{}, "a", ""],
    [{}, 1, ""],
    [{}, null, ""],
    [{}, [], ""],
    [{}, [1], ""],
    [[], "a", ""],
    [[], null, ""],
    [[1], [1], ""],
    [[], [1], ""],
    [{ a: { "/~": 1 } }, { a: { "/~": 1 } }, "/a/~1~0"],
    [{ a: [{ b: "c" }] }, { a: { 0: { b: {} } } }, "/a/0/b"],
    [[1], { 2: 1 }, "/2"],
    [[1], { "-1": 1 }, "/-1"],
    [[1], { "0.5": 1 }, "/0.5"],
    [[1], { "01": 1 }, "/01"],
    [[1], { "1e0": 1 }, "/1e0"],
    [[1], { " 1": 1 }, "/ 1"],
    [[1], { "": 1 }, "/"],
    [[1], { "-": 1 }, "/-"],
    [[1], { x: 1 }, "/x"],
    [[1], { length: 1 }, "/length"],
    [[1], JSON.parse('{"__proto__":{}}'), "/__proto__"],
  ];
  for (const [state, data, pointer] of misfits) {
    assertThrows(
      () => applyDelta(structuredClone(state), freeze({ data })),
      TypeError,
      `Cannot merge a delta: it does not fit the state at "${pointer}"`,
    );
  }
});

Deno.test("applyDelta throws where an array's element would be reset", () => {
  for (
    const [state, pointer] of [[[1], "/0"], [{ a: [[]] }, "/a/0"]] as const
  ) {
    assertThrows(
      () => applyDelta(structuredClone(state), { reset: [pointer] }),
      TypeError,
      `Cannot merge a delta: it does not fit the state at "${pointer}"`,
    );
  }
});

Deno.test(
  "applyDelta treats hostile names as any other",
  withProto(() => {
    const before = Object.getOwnPropertyNames(Object.prototype).sort();
    const names = ["__proto__", "constructor", "prototype", "toString"];
    for (const name of names) {
      for (const pair of [["x", "y"], [{ polluted: 1 }, { polluted2: [] }]]) {
        const deltas = pair.map((value): Delta => ({
          data: JSON.parse(
            `{${JSON.stringify(name)}:${JSON.stringify(value)}}`,
          ),
        }));
        const state = merge(freeze(deltas)) as Record<string, unknown>;
        assertEquals(Object.keys(state), [name]);
        assertEquals(
          Object.getOwnPropertyDescriptor(state, name),
          {
            value: pair[0] === "x" ? "xy" : { polluted: 1, polluted2: [] },
            writable: true,
            enumerable: true,
            configurable: true,
          },
        );
        assertStrictEquals(Object.getPrototypeOf(state), Object.prototype);
        const nested = merge([{ data: { a: {} } }, { data: { a: state } }]);
        assertEquals(Object.keys((nested as { a: object }).a), [name]);
        for (const pointer of [`/${name}/polluted`, `/${name}`]) {
          applyDelta(state, { data: {}, reset: [pointer] });
        }
        assertEquals(Object.keys(state), []);
        // Once more, with no such member of its own.
        applyDelta(state, {
          data: {},
          reset: [`/${name}/toString`, `/${name}`],
        });
        applyDelta([], { data: {}, reset: [`/${name}/push`] });
      }
    }
    assertEquals(Object.getOwnPropertyNames(Object.prototype).sort(), before);
    assert(!("polluted" in {}));
    assert(typeof [].push === "function");
  }),
);

Deno.test("deltaBetween leads from any state to any other, by appending where that is enough", () => {
  const state = fc.option(fc.jsonValue({ maxDepth: 4 }), { nil: undefined });
  fc.assert(fc.property(state, state, (from, to) => {
    const delta = deltaBetween(freeze(from), freeze(to));
    const start = structuredClone(from);
    assertEquals(applyDelta(start, delta ?? {}), to);
    if (from !== undefined) {
      assertStrictEquals(deltaBetween(from, structuredClone(from)), undefined);
    }
  }));
  fc.assert(fc.property(texts(), sizes, (text, sizes) => {
    let state: unknown;
    for (const delta of process(parse(cut(text, sizes)))) {
      const before = structuredClone(state);
      state = applyDelta(state, delta);
      // What was reset by a duplicate key may be written again just so.
      if (delta.reset === undefined) {
        assertStrictEquals(deltaBetween(before, state)?.reset, undefined);
      }
      assertEquals(
        applyDelta(before, deltaBetween(before, state) ?? {}),
        state,
      );
    }
  }));
});

Deno.test("deltaBetween tells no more than what is new", () => {
  for (
    const [from, to, delta] of [
      [undefined, undefined, undefined],
      [undefined, {}, { data: {} }],
      [{}, {}, undefined],
      [{}, undefined, { reset: [""], data: undefined }],
      [{ a: "b" }, { a: "bc" }, { data: { a: "c" } }],
      [{ a: "b" }, { a: "c" }, { reset: [""], data: { a: "c" } }],
      [{ a: "b", n: 1 }, { n: 1 }, { reset: [""], data: { n: 1 } }],
      [{ a: [1, { b: [] }] }, { a: [1, { b: ["x"] }, null] }, {
        data: { a: { 1: { b: { 0: "x" } }, 2: null } },
      }],
      [{ a: [] }, { a: {} }, { reset: [""], data: { a: {} } }],
      [1, 2, { reset: [""], data: 2 }],
      [null, null, undefined],
    ] as const
  ) assertEquals(deltaBetween(from, to), delta);
});
