// Each setting stands once, in lib/app/settings.ts: what else tells of it is
// held against that.

import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../lib/answers/limits.ts";
import { readConfig } from "../../lib/app/config.ts";
import {
  PROXY_VARIABLES,
  type Setting,
  SETTINGS,
} from "../../lib/app/settings.ts";

const root = new URL("../../", import.meta.url);
const settings: [string, Setting<unknown>][] = Object.entries(SETTINGS);

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, root));
}

/** The cells of a README's table of settings. */
async function tableOf(page: string): Promise<string[][]> {
  const rows = (await read(page)).matchAll(
    /^\| `([A-Z_]+)` +\| (?:`(.*?)`|) +\| (.*?) *\|$/gm,
  );
  return [...rows].map(([, ...cells]) => cells.map((cell) => cell ?? ""));
}

Deno.test("the program reads the settings in the table, whether there is a proxy, and nothing else", () => {
  const names = new Set<string>();
  for (const given of ["", "ARK_API_KEY", "OPENAI_MODEL"]) {
    readConfig({
      get(name) {
        names.add(name);
        return name === given ? "x" : undefined;
      },
    });
  }
  const known = [...Object.keys(SETTINGS), ...PROXY_VARIABLES];
  assertEquals(names, new Set(known));
});

Deno.test("start and dev may read the settings, and what the SDK looks for", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-read", "--allow-run"],
      ...["without_jsr/flags.ts", "--server"],
    ],
    cwd: root,
    stderr: "null",
  }).output();
  assertEquals(code, 0);
  const flags = new TextDecoder().decode(stdout);
  const allowed = flags.match(/^--allow-env=(\S+)$/m)![1]!.split(",");
  assertEquals(allowed, [
    ...[...Object.keys(SETTINGS), ...PROXY_VARIABLES],
    ...["OPENAI_*", "DENO_JOBS"],
  ]);
});

Deno.test("every default is a value of its setting", () => {
  for (const [name, { fallback, parse }] of settings) {
    if (fallback !== "") assert(parse(fallback) !== undefined, name);
  }
});

Deno.test("the READMEs tell of every setting, in order, with its default", async () => {
  const english = await tableOf("README.md");
  assertEquals(
    english.map(([name, fallback]) => [name, fallback]),
    settings.map(([name, { fallback }]) => [name, fallback]),
  );
  // They may add an example or a link.
  for (const [name, , text] of english) {
    const { purpose } = SETTINGS[name as keyof typeof SETTINGS];
    assert(text!.startsWith(purpose), `${name}: ${text}`);
  }
  const chinese = await tableOf("README.zh-CN.md");
  assertEquals(
    chinese.map(([name, fallback]) => [name, fallback]),
    settings.map(([name, { fallback }]) => [name, fallback]),
  );
});

Deno.test("every limit is documented with its default", async () => {
  const fields = (await read("lib/answers/limits.ts")).matchAll(
    /^ {2}\/\*\*\n {3}\* [^@]+\n {3}\*\n {3}\* @default \{([\d_.]+)\}\n {3}\*\/\n {2}(\w+): number;$/gm,
  );
  assertEquals(
    Object.fromEntries(
      [...fields].map((
        [, value, name],
      ) => [name, Number(value!.replaceAll("_", ""))]),
    ),
    { ...DEFAULT_LIMITS },
  );
});
