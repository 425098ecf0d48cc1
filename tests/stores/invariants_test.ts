// docs/instances.md names tests: each of them is there, by that name.

import { assert, assertEquals } from "@std/assert";
import { storeCases } from "../../lib/stores/testing.ts";

const root = new URL("../../", import.meta.url);

Deno.test("each invariant of docs/instances.md is held by tests that exist", async () => {
  const text = await Deno.readTextFile(new URL("docs/instances.md", root));
  const [, invariants = ""] = text.split("\n## Invariants\n");
  const [section = ""] = invariants.split("\n## ");
  // A name has several words, unlike what else stands in backticks.
  const named = (text: string) =>
    [...text.matchAll(/`([^`]+)`/g)]
      .map(([, name]) => name!)
      .filter((name) => name.includes(" "));
  const rows = section.split("\n").filter((line) => /^\| \d/.test(line));
  assertEquals(rows.length, 11);
  for (const row of rows) assert(named(row).length > 0, row);
  const tests = new Set(storeCases.map(({ name }) => name));
  const folder = new URL("tests/stores/", root);
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith("_test.ts")) continue;
    const code = await Deno.readTextFile(new URL(name, folder));
    // Some go on with the engine's name.
    const names = code.matchAll(
      /(?:Test\(|\.test\(|name:)\s*["`](.+?)(?:["`]|: \$)/g,
    );
    for (const [, name] of names) tests.add(name!);
  }
  for (const name of named(section)) {
    assert(tests.has(name), name);
  }
});
