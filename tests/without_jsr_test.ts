// What the project needs of the JSR packages. Where JSR can be reached these
// tests are about them, elsewhere about their stand-ins: both have to pass.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertExists,
  assertGreater,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { setCookie } from "@std/http/cookie";
import { serveDir } from "@std/http/file-server";
import { forget, learn, readFlags, recall } from "../without_jsr/flags.ts";

const nullPrototype = Object.assign(Object.create(null), { a: 1 });

const equal: [unknown, unknown][] = [
  [1, 1],
  [NaN, NaN],
  [0, -0],
  [{ a: [0] }, { a: [-0] }],
  ["é", "é"],
  [{ a: 1, b: [2, { c: null }] }, { b: [2, { c: null }], a: 1 }],
  [{ a: 1 }, nullPrototype],
  [[nullPrototype], [{ a: 1 }]],
  [JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":1}')],
  [new Map([["a", 1]]), new Map([["a", 1]])],
  [new Set([1]), new Set([1])],
  [new Date(5), new Date(5)],
  [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  [new URL("http://a/"), new URL("http://a/")],
  [/a/g, /a/g],
];

const unequal: [unknown, unknown][] = [
  [1, "1"],
  [1, 1n],
  [null, undefined],
  [null, {}],
  [[], {}],
  [[1], [1, undefined]],
  [[undefined], new Array(1)],
  [{}, { a: undefined }],
  [{ a: undefined }, { b: undefined }],
  [{}, JSON.parse('{"__proto__":1}')],
  [{ a: { b: [1] } }, { a: { b: [2] } }],
  [new Map([["a", 1]]), new Map([["a", 2]])],
  [new Set([1]), new Set([2])],
  [new Date(5), new Date(6)],
  [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  [new Uint8Array([1]), [1]],
  [new URL("http://a/"), new URL("http://b/")],
  [/a/g, /a/i],
  [class {}, class {}],
];

Deno.test("assertEquals and assertNotEquals agree on what is equal", () => {
  for (const [a, b] of equal) {
    assertEquals(a, b);
    assertThrows(() => assertNotEquals(a, b), AssertionError);
  }
  for (const [a, b] of unequal) {
    assertNotEquals(a, b);
    assertThrows(() => assertEquals(a, b), AssertionError);
  }
});

Deno.test("assertStrictEquals compares identity", () => {
  const object = {};
  assertStrictEquals(object, object);
  assertStrictEquals(NaN, NaN);
  assertThrows(() => assertStrictEquals({}, {}), AssertionError);
  assertThrows(() => assertStrictEquals(0, -0), AssertionError);
});

Deno.test("the simple assertions hold, or throw an AssertionError", () => {
  const cases: [holds: () => void, throws: () => void][] = [
    [() => assert(1), () => assert("")],
    [() => assertExists(0), () => assertExists(null)],
    [() => assertExists(""), () => assertExists(undefined)],
    [() => assertGreater(2, 1), () => assertGreater(1, 1)],
    [() => assertLess(1, 2), () => assertLess(1, 1)],
    [() => assertMatch("ab", /b$/), () => assertMatch("ab", /^b/)],
    [
      () => assertStringIncludes("abc", "b"),
      () => assertStringIncludes("abc", "d"),
    ],
    [
      () => assertInstanceOf(new RangeError(), Error),
      () => assertInstanceOf({}, Error),
    ],
    [() => assertAlmostEquals(1, 1 + 1e-8), () => assertAlmostEquals(1, 1.01)],
    [() => assertAlmostEquals(0, 1e-15, 1e-9), () => assertAlmostEquals(0, 1)],
    [
      () => assertAlmostEquals(Infinity, Infinity),
      () => assertAlmostEquals(NaN, 1),
    ],
    [() => {}, () => fail()],
  ];
  for (const [holds, throws] of cases) {
    holds();
    assertThrows(throws, AssertionError);
  }
});

Deno.test("a failed assertion says what the test says of it", () => {
  const failures = [
    () => assert(false, "why"),
    () => assertEquals(1, 2, "why"),
    () => assertNotEquals(1, 1, "why"),
    () => assertStrictEquals(1, 2, "why"),
    () => assertExists(null, "why"),
    () => assertGreater(1, 2, "why"),
    () => assertLess(2, 1, "why"),
    () => assertMatch("a", /b/, "why"),
    () => assertStringIncludes("a", "b", "why"),
    () => assertInstanceOf(1, Error, "why"),
    () => assertThrows(() => {}, "why"),
    () => assertThrows(() => {}, Error, "", "why"),
    () => fail("why"),
  ];
  for (const failure of failures) {
    assertThrows(failure, AssertionError, "why");
  }
});

function throwRangeError(): never {
  throw new RangeError("Cannot go there: too far");
}

Deno.test("assertThrows returns the error it expects", () => {
  const error = assertThrows(throwRangeError, RangeError, "too far");
  assertStrictEquals(error.message, "Cannot go there: too far");
  assertInstanceOf(assertThrows(throwRangeError), RangeError);
  for (
    const unmet of [
      () => assertThrows(() => {}),
      () => assertThrows(() => {}, RangeError),
      () => assertThrows(throwRangeError, TypeError),
      () => assertThrows(throwRangeError, RangeError, "too near"),
      () =>
        assertThrows(() => {
          throw "too far";
        }, Error),
    ]
  ) assertThrows(unmet, AssertionError);
});

Deno.test("assertRejects returns the error it expects", async () => {
  const rejecting = () => Promise.resolve().then(throwRangeError);
  const error = await assertRejects(rejecting, RangeError, "too far");
  assertStrictEquals(error.message, "Cannot go there: too far");
  assertInstanceOf(await assertRejects(rejecting), RangeError);
  for (
    const unmet of [
      () => assertRejects(() => Promise.resolve()),
      () => assertRejects(() => Promise.resolve(), RangeError),
      () => assertRejects(rejecting, TypeError),
      () => assertRejects(rejecting, RangeError, "too near"),
      () => assertRejects(throwRangeError, RangeError),
    ]
  ) await assertRejects(unmet, AssertionError);
});

Deno.test("serveDir serves files of its directory", async (t) => {
  const parent = await Deno.makeTempDir();
  const fsRoot = `${parent}/root`;
  await Deno.mkdir(fsRoot);
  await Deno.writeTextFile(`${parent}/secret`, "secret");
  await Deno.writeTextFile(`${fsRoot}/.hidden`, "hidden");
  await Deno.writeTextFile(`${fsRoot}/index.html`, "<p>é</p>");
  await Deno.writeTextFile(`${fsRoot}/a.js`, "export {};");
  await Deno.writeTextFile(`${fsRoot}/a.css`, "p {}");
  const serve = (path: string, init?: RequestInit) =>
    serveDir(new Request(`http://localhost${path}`, init), {
      fsRoot,
      quiet: true,
      headers: ["x-test: a:b"],
    });

  for (
    const [path, type, body] of [
      ["/", "text/html; charset=utf-8", "<p>é</p>"],
      ["/index.html", "text/html; charset=utf-8", "<p>é</p>"],
      ["/?q=/../a.js", "text/html; charset=utf-8", "<p>é</p>"],
      ["/a.js", "text/javascript; charset=utf-8", "export {};"],
      ["/a.css", "text/css; charset=utf-8", "p {}"],
    ] as const
  ) {
    const length = new TextEncoder().encode(body).length;
    for (const method of ["GET", "HEAD"]) {
      await t.step(`${method} ${path}`, async () => {
        const response = await serve(path, { method });
        assertEquals(response.status, 200);
        assertEquals(
          response.headers.get("content-type")?.toLowerCase(),
          type,
        );
        assertEquals(response.headers.get("content-length"), `${length}`);
        assertEquals(response.headers.get("x-test"), "a:b");
        assertEquals(await response.text(), method === "GET" ? body : "");
      });
    }
  }

  await t.step("a file that the client has is not sent again", async () => {
    const first = await serve("/a.js");
    await first.body?.cancel();
    const etag = first.headers.get("etag");
    assertExists(etag);
    for (const [tag, status] of [[etag, 304], ['"other"', 200]] as const) {
      const response = await serve("/a.js", {
        headers: { "if-none-match": tag },
      });
      await response.body?.cancel();
      assertEquals(response.status, status);
    }
  });

  for (
    const path of [
      "/missing",
      "/.hidden",
      "/%2ehidden",
      "/../secret",
      "/%2e%2e/secret",
      "/..%5csecret",
    ]
  ) {
    await t.step(`GET ${path} finds nothing`, async () => {
      const response = await serve(path);
      await response.body?.cancel();
      assertEquals(response.status, 404);
    });
  }

  for (
    const [path, location] of [
      ["/..%2fsecret", "/secret"],
      ["/%2e%2e%2fsecret", "/secret"],
      ["/x/..%2f..%2fsecret", "/secret"],
      ["//secret", "/secret"],
      ["/x//a.js?q", "/x/a.js?q"],
    ] as const
  ) {
    await t.step(`GET ${path} leads to ${location}`, async () => {
      const response = await serve(path);
      assertEquals(response.status, 301);
      assertEquals(
        response.headers.get("location"),
        `http://localhost${location}`,
      );
      assertThrows(() => response.headers.set("x-test", "a"), TypeError);
    });
  }

  await t.step("what cannot be decoded is an error", async () => {
    const response = await serve("/%zz");
    await response.body?.cancel();
    assertEquals(response.status, 500);
  });

  await t.step("only GET and HEAD are allowed", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await serve("/", { method });
      await response.body?.cancel();
      assertEquals(response.status, 405);
    }
  });

  await Deno.remove(parent, { recursive: true });
});

Deno.test("setCookie writes all attributes", () => {
  const headers = new Headers();
  setCookie(headers, { name: "a", value: "1" });
  setCookie(headers, {
    name: "b",
    value: "x%20y",
    expires: new Date(0),
    maxAge: 60,
    domain: "example.com",
    path: "/",
    secure: true,
    httpOnly: true,
    partitioned: true,
    sameSite: "Lax",
  });
  assertEquals(
    headers.getSetCookie().map((cookie) => cookie.split("; ").sort()),
    [["a=1"], [
      "Domain=example.com",
      "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "HttpOnly",
      "Max-Age=60",
      "Partitioned",
      "Path=/",
      "SameSite=Lax",
      "Secure",
      "b=x%20y",
    ]],
  );
  for (const value of ["a b", "a;b", "é"]) {
    assertThrows(() => setCookie(headers, { name: "a", value }), Error);
  }
});

Deno.test("what was found out of JSR holds until it is forgotten", async () => {
  const hasMap = (flags: string[]) =>
    flags.some((flag) => flag.startsWith("--import-map="));
  await learn();
  const isReached = await recall();
  assertEquals(hasMap(await readFlags([])), isReached === false);
  assert(hasMap(await readFlags([], false)));
  assertEquals(await readFlags([], true), []);
  await forget();
  assertEquals(await recall(), undefined);
});
