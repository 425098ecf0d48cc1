import { assert, assertEquals } from "@std/assert";
import { type Clock, systemClock } from "../lib/clock.ts";
import { fieldDeltas } from "../lib/field_deltas.ts";
import { createDemoFetch } from "../lib/models/demo/model.ts";
import { WORDS } from "../lib/wire/messages.ts";

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

const [english, chinese] = await Promise.all(
  ["README.md", "README.zh-CN.md"].map((page) =>
    Deno.readTextFile(new URL(page, root))
  ),
) as [string, string];

const FENCED = /^```.*\n[^]*?^```$/gm;

const codeOf = (text: string) => text.match(FENCED) ?? [];

/** Each section's words, without code; the first comes before any heading. */
function sectionsOf(text: string): string[] {
  return text.replaceAll(FENCED, "").split(/^(?=#{1,6} )/m);
}

/** Headings as their levels, and where each link to one of them leads. */
function outlineOf(text: string): { levels: string[]; links: number[] } {
  const [, ...sections] = sectionsOf(text);
  const headings = sections.map((section) => /^(#+) (.*)$/m.exec(section)!);
  const anchors = headings.map(([, , words]) =>
    words!.toLowerCase().replaceAll(" ", "-")
  );
  const links = text.matchAll(/\]\(#(.*?)\)/g);
  return {
    levels: headings.map(([, level]) => level!),
    links: [...links].map(([, anchor]) => anchors.indexOf(anchor!)),
  };
}

/** A block of code without what is said in one of the languages. */
function codeAlone(block: string): string {
  const [fence = "", ...lines] = block.split("\n");
  let code = lines.join("\n");
  if (fence === "```mermaid") {
    code = code.replaceAll(/(?<=\w)[[{].*?[\]}]|(?<=-- ).*?(?= -->)/g, "…");
  } else if (code.includes("┌")) {
    // A drawing: its lines and the names of files.
    code = (code.match(/[│▼┌┼┐→]|\w+\.ts/g) ?? []).join(" ");
  } else if (code.startsWith("data: ")) {
    code = code.replaceAll(/"(?:message|title|summary)":".*?"/g, "…")
      // A field may end with its last characters or behind them.
      .replaceAll(/"data":\{…?\}/g, '"data":{}');
  }
  return `${fence}\n${code}`
    .replaceAll(/ +(?:#|\/\/) .*$/gm, "")
    .replaceAll(/\b(prompt: "|prompt=)[^"]+/g, "$1…");
}

Deno.test("the READMEs have the same headings, and links to them", () => {
  const outline = outlineOf(english);
  assert(outline.levels.length > 5 && outline.links.length > 0);
  assert(!outline.links.includes(-1));
  assertEquals(outlineOf(chinese), outline);
});

Deno.test("the READMEs have the same code, in the same places", () => {
  assertEquals(
    codeOf(chinese).map(codeAlone),
    codeOf(english).map(codeAlone),
  );
  const perSection = (text: string) =>
    text.split(/^#{1,6} .*[^]?/m).map((section) => codeOf(section).length);
  assertEquals(perSection(chinese), perSection(english));
  // And what stands within the words: names, settings, commands.
  const names = (text: string) =>
    sectionsOf(text).map((section) =>
      [...new Set(section.match(/`[^`]+`/g))].map((name) =>
        name.replace(/\s+/g, " ")
      ).sort()
    );
  assertEquals(names(chinese), names(english));
});

Deno.test("the READMEs state the same figures", () => {
  const figures = (text: string) =>
    sectionsOf(text).map((section) =>
      section.match(/\d+(?:[.,/]\d+)*/g)?.sort() ?? []
    );
  assert(figures(english).flat().length > 100);
  assertEquals(figures(chinese), figures(english));
});

for (
  const [language, text] of [["en", english], ["zh", chinese]] as const
) {
  Deno.test(`the events in the READMEs are the demo's: ${language}`, async () => {
    const block = codeOf(text).find((code) => code.includes("\ndata: "))!;
    const shown = block.split("\n").slice(1, -1);
    const [, asked] = /helloworld\?prompt=(.+?)"/.exec(text)!;
    const prompt = decodeURIComponent(asked!.replaceAll("+", " "));
    // Its pace has a part in where it cuts, but nobody waits for it here.
    const clock: Clock = {
      ...systemClock,
      now: () => 0,
      setTimeout: (callback) => systemClock.setTimeout(callback, 0),
    };
    const response = await createDemoFetch({ clock })(
      "http://localhost/chat/completions",
      {
        method: "POST",
        body: JSON.stringify({
          stream: true,
          messages: [{ role: "user", content: prompt }],
        }),
      },
    );
    const pieces = (await response.text()).matchAll(/^data: (\{.*)$/gm)
      .map(([, data]) => JSON.parse(data!).choices[0]?.delta.content ?? "");
    const written: string[] = [];
    for await (
      const delta of fieldDeltas(ReadableStream.from<string>(pieces))
    ) {
      written.push(`data: ${JSON.stringify({ status: "chunk", ...delta })}`);
    }
    const first = `data: {"status":"start","message":"${
      WORDS.start[language]
    }","id":"…","model":"demo","protocol":1,"linger":15}`;
    const last = `data: {"status":"end","message":"${
      WORDS.end[language]
    }","finish_reason":"stop","usage":{…}}`;
    assertEquals([shown.shift(), shown.pop()], [first, last]);
    // What stands together came together.
    let rest = `${written.join("\n")}\n`;
    for (const run of shown.join("\n").split(/^…$/m)) {
      const at = rest.indexOf(run.trimStart());
      assert(at >= 0, `The demo does not send\n${run}\nbut\n${rest}`);
      rest = rest.slice(at + run.trimStart().length);
    }
  });
}

Deno.test("the server in the READMEs is the one that the tests run", async () => {
  const block = (text: string) =>
    /^```ts ignore\n\/\/ hono\.ts\n.*?^```$/ms.exec(text)?.[0];
  const tested = block(
    await Deno.readTextFile(new URL("docs/embed.md", root)),
  );
  assert(tested !== undefined);
  assertEquals([english, chinese].map(block), [tested, tested]);
});
