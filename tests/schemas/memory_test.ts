import { assert, assertEquals } from "@std/assert";

// docs/security.md: judging an answer takes 50 MB at most.

Deno.test("the documents that take the most memory are judged in a heap of 50 MB", async () => {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--v8-flags=--max-old-space-size=50,--max-semi-space-size=2",
      new URL("_memory.ts", import.meta.url).pathname,
    ],
    cwd: new URL("../..", import.meta.url),
  }).output();
  assert(success, new TextDecoder().decode(stderr).slice(0, 2_000));
  assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), [
    "unique numbers: true",
    "unique lists: true",
    "unique objects: true",
    "an object compared as a whole: false",
    "unevaluated members, forbidden: cost",
    "unevaluated members, described: cost",
    "elements that are contained and evaluated: cost",
    "many states: cost",
    "unevaluated members, each with violations that wait: cost",
    "violations that wait, at every depth: cost",
    "a long string: false",
  ]);
});
