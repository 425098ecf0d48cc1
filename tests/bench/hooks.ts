/**
 * What it takes a page to show an answer of 60 items while it is written, beside
 * the peers' hooks: `deno task bench:hooks`.
 *
 * The pages are those in `hooks/`, built for production, and run in Chromium one
 * at a time. They and the provider's script are the same but for the hook. The
 * contenders take turns in every round; a ratio is that of two figures of one
 * round, and the table holds the medians.
 */

import { gzipSync } from "node:zlib";
import puppeteer, { type Browser } from "puppeteer-core";
import { browserFlags, browserPath } from "../static/_chromium.ts";
import { table } from "./documents.ts";
import type { Peer } from "./peers.ts";
import { aiSdk } from "./peers/ai_sdk.ts";
import { tanStack } from "./peers/tanstack.ts";
import { startFieldstream, startUpstream } from "./process.ts";
import { readOptions } from "./options.ts";
import { median, printTable, Samples } from "./table.ts";
import { answerText, type Script } from "./upstream.ts";

const ITEMS = 60;
const SCRIPT: Script = {
  kind: "rows",
  size: table(ITEMS, "elements").length,
  rate: 100,
};

type Served = AsyncDisposable & { url: string };

interface Contender {
  name: string;
  /** The page, of those in `hooks/`. */
  page: string;
  /** What it takes of npm, or of here, as one module. */
  library: string;
  /** Whether items are rendered only when one of their values is another. */
  memoised?: boolean;
  /** Where the empty page is, and what is asked. */
  paths: [page: string, asked: string];
  start(upstreamUrl: string): Promise<Served>;
}

/** What a page has taken. */
interface Figures {
  /** Of the response's body. */
  bytes: number;
  renders: { page: number; items: number };
  /** Seconds that the page's thread ran scripts, and was busy. */
  scripts: number;
  busy: number;
}

/** Answers with an empty page, and what is posted as a peer does. */
function serve(peer: Peer): Promise<Served> {
  const prompt = JSON.stringify(SCRIPT);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      request.method === "POST"
        ? peer({ prompt, request })
        : new Response("", { headers: { "content-type": "text/html" } }),
  );
  return Promise.resolve({
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}

const ours: Contender = {
  name: "fieldstream",
  page: "fieldstream",
  library:
    'export { useField, useFieldStream } from "@fieldstream/fieldstream/react"',
  paths: ["/health", "/helloworld"],
  async start(upstreamUrl) {
    const { server } = await startFieldstream(upstreamUrl, { limits: {} });
    const url = await server.url();
    return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
};

const useObject: Contender = {
  name: "`useObject`",
  page: "ai_sdk",
  library: `export { experimental_useObject } from "@ai-sdk/react";
    export { jsonSchema } from "ai";`,
  paths: ["/", "/"],
  start: (upstreamUrl) => serve(aiSdk(`${upstreamUrl}/v1`)["AI SDK, text"]!),
};

const useChat: Contender = {
  name: "`useChat`",
  page: "tanstack_ai",
  library:
    'export { fetchServerSentEvents, useChat } from "@tanstack/ai-react"',
  paths: ["/", "/"],
  start: (upstreamUrl) => serve(tanStack(`${upstreamUrl}/v1`)["TanStack AI"]!),
};

const CONTENDERS: Contender[] = [
  ours,
  { ...useObject, name: "`useObject`, items memoised", memoised: true },
  useObject,
  { ...useChat, name: "`useChat`, items memoised", memoised: true },
  useChat,
];

const here = (path: string) => new URL(path, import.meta.url).pathname;

/** What pages are made of: outside of here, where `react` stands for its types. */
async function makeWorkshop(): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.copyFile(here("deno.json"), `${folder}/deno.json`);
  for (const name of ["page", ...new Set(CONTENDERS.map(({ page }) => page))]) {
    const file = `${name}.jsx`;
    await Deno.copyFile(here(`hooks/${file}`), `${folder}/${file}`);
  }
  for (const name of ["apply_delta", "client", "field_store", "react"]) {
    await Deno.copyFile(
      here(`../../static/${name}.js`),
      `${folder}/${name}.js`,
    );
  }
  return folder;
}

/** A program for a browser, as `deno bundle` makes it. */
async function bundle(
  workshop: string,
  file: string,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--platform=browser", "--minify"],
      ...[`--config=${workshop}/deno.json`, ...args, file],
    ],
    cwd: workshop,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** What a page loads of a contender, beyond React: minified and compressed. */
async function codeSize(
  workshop: string,
  { library }: Contender,
): Promise<number> {
  await Deno.writeTextFile(`${workshop}/library.js`, library);
  const code = await bundle(
    workshop,
    "library.js",
    ...["react", "react-dom", "react/jsx-runtime"].map((name) =>
      `--external=${name}`
    ),
  );
  return gzipSync(code, { level: 9 }).length;
}

/** What the page shows when all is there. */
const shown = JSON.parse(answerText(SCRIPT)).elements
  .map(({ name, note }: { name: string; note: string }) => `${name} ${note}`)
  .join("\n");

async function measure(
  browser: Browser,
  program: string,
  { paths, memoised = false }: Contender,
  server: string,
): Promise<Figures> {
  const page = await browser.newPage();
  try {
    const [empty, url] = paths;
    await page.goto(server + empty);
    await page.evaluate('document.body.textContent = ""');
    await page.evaluate(program);
    const before = await page.metrics();
    const options = { url, prompt: JSON.stringify(SCRIPT), memoised };
    const renders = await page.evaluate(
      `show(${JSON.stringify(options)})`,
    ) as Figures["renders"];
    const after = await page.metrics();
    const text = await page.evaluate(
      `[...document.querySelectorAll("li")]
        .map((item) => item.textContent).join("\\n")`,
    );
    if (text !== shown) throw new Error(`Cannot measure: shown was ${text}`);
    const bytes = await page.evaluate(
      `performance.getEntriesByType("resource").at(-1).encodedBodySize`,
    ) as number;
    return {
      bytes,
      renders,
      scripts: after.ScriptDuration! - before.ScriptDuration!,
      busy: after.TaskDuration! - before.TaskDuration!,
    };
  } finally {
    await page.close();
  }
}

if (browserPath === undefined) throw new Error("Cannot measure: no Chromium");
await using upstream = startUpstream();
const upstreamUrl = await upstream.url();
const browser = await puppeteer.launch({
  executablePath: browserPath,
  args: browserFlags,
});
const workshop = await makeWorkshop();
const programs = new Map<string, string>();
for (const { page } of CONTENDERS) {
  programs.set(page, await bundle(workshop, `${page}.jsx`));
}
const scripts = new Samples();
const busy = new Samples();
const results = new Map<Contender, Figures[]>();
const { rounds = 3 } = readOptions(Deno.args);
for (let round = 0; round < rounds; round++) {
  for (const contender of CONTENDERS) {
    await using server = await contender.start(upstreamUrl);
    const program = programs.get(contender.page)!;
    const figures = await measure(browser, program, contender, server.url);
    results.set(contender, [...results.get(contender) ?? [], figures]);
    scripts.add(contender.name, figures.scripts);
    busy.add(contender.name, figures.busy);
  }
}
await browser.close();

const rows: string[][] = [];
for (const [contender, figures] of results) {
  const count = (of: (figures: Figures) => number) =>
    median(figures.map(of)).toLocaleString("en");
  rows.push([
    contender.name,
    (await codeSize(workshop, contender)).toLocaleString("en"),
    count(({ bytes }) => bytes),
    count(({ renders }) => renders.page),
    count(({ renders }) => renders.items),
    scripts.ratio(contender.name, ours.name),
    busy.ratio(contender.name, ours.name),
  ]);
}
await Deno.remove(workshop, { recursive: true });
printTable(
  `A page of ${ITEMS} items`,
  ["", "code", "on the wire", "renders", "of items", "scripts", "busy"],
  rows,
);
Deno.exit();
