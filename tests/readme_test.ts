import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);
const pages = [
  "README.md",
  "README.zh-CN.md",
  "docs/benchmarks.md",
  "docs/embed.md",
  "docs/endpoints.md",
  "docs/hooks.md",
  "docs/protocol.md",
  "docs/security.md",
];

Deno.test("what the documentation links to is there", async () => {
  for (const page of pages) {
    const url = new URL(page, root);
    const text = await Deno.readTextFile(url);
    const links = text.matchAll(
      /\]\(([^)#:]+)(?:#[^)]*)?\)|src(?:set)?="([^":]+)"/g,
    );
    for (const [, link, source] of links) {
      const target = new URL((link ?? source)!, url);
      assert((await Deno.stat(target)).isFile, `${page}: ${target.pathname}`);
    }
  }
});

Deno.test("the READMEs hold the same commands and settings", async () => {
  const [english, chinese] = await Promise.all(
    pages.slice(0, 2).map((page) => Deno.readTextFile(new URL(page, root))),
  );
  const settings = (text: string) => text.match(/`[A-Z]+(?:_[A-Z]+)*`/g);
  assertEquals(settings(english!), settings(chinese!));
  const commands = (text: string) => text.match(/npx -y \S+ task \w+/g);
  assertEquals(commands(english!), commands(chinese!));
});

Deno.test("the server in the READMEs is the one that the tests run", async () => {
  const block = (text: string) =>
    /^```ts ignore\n\/\/ hono\.ts\n.*?^```$/ms.exec(text)?.[0];
  const read = (page: string) => Deno.readTextFile(new URL(page, root));
  const tested = block(await read("docs/embed.md"));
  assert(tested !== undefined);
  for (const page of ["README.md", "README.zh-CN.md"]) {
    assertEquals(block(await read(page)), tested, page);
  }
});
