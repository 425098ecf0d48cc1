import { assert, assertEquals } from "@std/assert";

// The folders say what is what, and imports run down only: main → app → server
// → wire, stores → answers → models, schemas → core.

const root = new URL("../", import.meta.url).pathname;

/** The floor a room is on; it may import what is on its own or a lower one. */
const floors: [pattern: RegExp, floor: number][] = [
  [/^lib\/(?:mod|json_patch|parser|processor|field_deltas|not_text)\.ts$/, 0],
  [/^lib\/(?:envelope|beginning|keys|mending|thinking)\.ts$/, 0],
  [/^static\/(?:apply_delta|client|field_store|react|vue)\.js$/, 0],
  [/^lib\/(?:clock|language)\.ts$/, 1],
  [/^lib\/(?:models|schemas)\//, 2],
  [/^lib\/answers\//, 3],
  [/^lib\/(?:wire|stores)\//, 4],
  [/^lib\/(?:client|react|vue|server|openai|node)\.ts$/, 5],
  [/^lib\/(?:peers|server)\//, 5],
  [/^lib\/app\//, 6],
  [/^main\.ts$/, 7],
  [/^serve\.ts$/, 8],
];

/** The models are asked for shapes; a shape knows no model. */
const forbidden: [from: RegExp, to: RegExp][] = [
  [/^lib\/schemas\//, /^lib\/models\//],
  [/^lib\/stores\//, /^lib\/wire\//],
  [/^lib\/wire\//, /^lib\/stores\//],
  [/^lib\/wire\//, /^lib\/models\//],
];

function floorOf(path: string): number {
  const floor = floors.find(([pattern]) => pattern.test(path))?.[1];
  assert(floor !== undefined, `${path} is on no floor`);
  return floor;
}

/** Why a room may not import what it does; `undefined` if it may. */
function fault(from: string, to: string): string | undefined {
  if (floorOf(to) > floorOf(from)) return `${from} reaches up to ${to}`;
  return forbidden.some(([room, other]) => room.test(from) && other.test(to))
    ? `${from} must not know ${to}`
    : undefined;
}

async function* modules(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(root + folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* modules(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

/** What a module imports, types included; not what its examples do. */
function* importsOf(path: string, text: string): Generator<string> {
  const code = text.replaceAll(/^ *\*.*$/gm, "");
  for (
    const [, name] of code.matchAll(
      /(?:\bfrom|\bimport) ?\(?\s*"(\.{1,2}\/[^"]+)"/g,
    )
  ) {
    yield new URL(name!, `file:///${path}`).pathname.slice(1);
  }
}

Deno.test("no room reaches up", async () => {
  const paths = ["main.ts", "serve.ts"];
  for await (const path of modules("lib")) paths.push(path);
  const faults: string[] = [];
  let arrows = 0;
  for (const path of paths) {
    const text = await Deno.readTextFile(root + path);
    for (const target of importsOf(path, text)) {
      arrows++;
      const found = fault(path, target);
      if (found !== undefined) faults.push(found);
    }
  }
  assertEquals(faults, []);
  assert(arrows > 50, `${arrows}`);
});

Deno.test("a room that reached up would be seen", () => {
  const text = `
    import { a } from "./limits.ts";
    import type { Follower } from "../wire/follow.ts";
    export * from "../server.ts";
    const later = import("../app/config.ts");
  `;
  const from = "lib/answers/generation.ts";
  const faults = [...importsOf(from, text)].map((to) => fault(from, to));
  assertEquals(faults, [
    undefined,
    `${from} reaches up to lib/wire/follow.ts`,
    `${from} reaches up to lib/server.ts`,
    `${from} reaches up to lib/app/config.ts`,
  ]);
});

/**
 * Who finds out which runtime it is: how a provider is reached best depends on
 * that. A server's author chooses them; `mod.ts` and `server.ts` reach none.
 */
const RUNTIME_AWARE = [
  "lib/models/http1_fetch.ts",
  "lib/models/runtime.ts",
];

Deno.test("only the application knows its runtime, and only main.ts logs", async () => {
  const aware: string[] = [];
  for await (const path of modules("lib")) {
    const code = (await Deno.readTextFile(root + path))
      .replaceAll(/^ *(?:\*|\/\/|\/\*\*).*$/gm, "");
    assert(!/\bconsole\./.test(code), `${path} logs`);
    if (path.startsWith("lib/app/")) continue;
    if (/\bDeno\??\./.test(code)) aware.push(path);
    assert(!/"@std\//.test(code), `${path} uses @std`);
    assert(!/\bprocess\.env\b/.test(code), `${path} reads the environment`);
  }
  assertEquals(aware.sort(), RUNTIME_AWARE);
});

Deno.test("the library's main entries reach nothing that knows its runtime", async () => {
  const reached = new Set<string>();
  const reach = async (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    const text = await Deno.readTextFile(root + path);
    for (const target of importsOf(path, text)) await reach(target);
  };
  await reach("lib/mod.ts");
  await reach("lib/server.ts");
  assert(reached.size > 30, `${reached.size}`);
  for (const path of [...RUNTIME_AWARE, "lib/models/plain_http.ts"]) {
    assert(!reached.has(path), path);
  }
});
