// tests/deno.json has what deno.json has, and what only tests and checks need:
// `deno task start` downloads the former.

import { assert, assertEquals } from "@std/assert";
import own from "../deno.json" with { type: "json" };
import jsr from "../jsr.json" with { type: "json" };
import tests from "./deno.json" with { type: "json" };

Deno.test("the tests' packages are those of the server, and more", () => {
  const entries = Object.fromEntries(
    Object.entries(own.exports).map(([entry, path]) => [
      `@fieldstream/fieldstream${entry.slice(1)}`,
      path,
    ]),
  );
  const imports: Record<string, string> = tests.imports;
  for (const [name, path] of Object.entries({ ...entries, ...own.imports })) {
    // From a folder further down.
    assertEquals(imports[name], path.replace(/^\.\//, "../"), name);
  }
  assertEquals(tests.compilerOptions, own.compilerOptions);
  assertEquals(tests.test, own.test);
});

Deno.test("what JSR gets is the same, with packages for React and Vue", () => {
  const { react, vue, ...imports } = jsr.imports;
  // There are no peers on JSR, and a name that stands for types is put into the
  // code as their file.
  assertEquals([react, vue].join(), "npm:react@^19,npm:vue@^3.3");
  const { react: _, vue: __, ...others } = own.imports;
  assertEquals(imports, others);
  for (
    const member of ["name", "version", "exports", "compilerOptions"] as const
  ) {
    assertEquals<unknown>(jsr[member], own[member]);
  }
});

Deno.test("what starts the server downloads no package of the tests", async () => {
  const lock = JSON.parse(
    await Deno.readTextFile(new URL("../deno.lock", import.meta.url)),
  );
  const others = Object.keys(tests.imports).filter((name) =>
    !Object.hasOwn(own.imports, name) && !name.startsWith("@fieldstream/")
  );
  assert(others.length > 5, others.join());
  for (const name of others) {
    const locked = Object.keys(lock.npm).filter((entry) =>
      entry.startsWith(`${name}@`)
    );
    assertEquals(locked, [], name);
  }
});
