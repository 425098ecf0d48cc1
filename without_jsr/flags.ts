// What lets every task run where the JSR registry cannot be reached, as in
// networks in which only npm's can.
//
// deno.json names the real packages. A task first asks this script for flags:
// there are none where JSR answers, or has answered before; otherwise an import
// map puts the modules in this folder, thin layers over Node's own modules and
// npm packages, in the place of JSR's.
//
// --env-file adds the flag for a file `.env` that is there, --server what main.ts
// may do, and --tests the packages that only tests and checks need.

import { PROXY_VARIABLES, SETTINGS } from "../lib/app/settings.ts";

/** The JSR modules in use. A new one is added here, with its stand-in. */
const standIns: Record<string, string> = {
  "@std/assert": "./assert.ts",
  "@std/http/cookie": "./cookie.ts",
  "@std/http/file-server": "./file_server.ts",
};

/** How long the registry may be silent before it counts as unreachable. */
const patienceMilliseconds = 3_000;

/** What the server is made of. */
const ownConfig = new URL("../deno.json", import.meta.url);

/** The same and what tests it, which `deno task start` need not download. */
const testConfig = new URL("../tests/deno.json", import.meta.url);

/** Where it is kept whether the registry could be reached the last time. */
const memory = new URL(".reached", import.meta.url);

const testLock = new URL("../tests/deno.lock", import.meta.url);
const testLockCopy = new URL("../tests/.deno.lock", import.meta.url);

if (import.meta.main) {
  const flags = await readFlags(Deno.args);
  if (flags.some((flag) => flag.startsWith("--import-map"))) {
    console.error(
      "The JSR registry cannot be reached: using the stand-ins in without_jsr/",
    );
  }
  for (const flag of flags) console.log(flag);
}

/**
 * The flags, for the options that are named above.
 *
 * @param isReached Whether the registry can be reached, if that is known.
 */
export async function readFlags(
  options: string[],
  isReached?: boolean,
): Promise<string[]> {
  const flags: string[] = [];
  const isTest = options.includes("--tests");
  const config = isTest ? testConfig : ownConfig;
  const text = await Deno.readTextFile(config);
  const { imports } = JSON.parse(text);
  if (isReached ?? await canLoad(imports)) {
    if (isTest) flags.push("--config=tests/deno.json");
  } else {
    const map = JSON.stringify({ imports: importMap(imports, config) });
    flags.push(
      `--import-map=data:application/json,${encodeURIComponent(map)}`,
    );
    if (isTest) {
      // Neither a map nor stand-ins go before a config in another folder. Deno
      // would write into a lock that is not deno.json's, so it gets a copy.
      await Deno.copyFile(testLock, testLockCopy);
      flags.push("--config=deno.json", "--lock=tests/.deno.lock");
    }
  }
  // Deno warns of an --env-file that is not there.
  if (options.includes("--env-file") && await exists(".env")) {
    flags.push("--env-file");
  }
  // The settings are what the server may read of the environment, and what the
  // openai package looks for there: it would fail if it may not look.
  if (options.includes("--server")) {
    const names = [
      ...Object.keys(SETTINGS),
      ...PROXY_VARIABLES,
      "OPENAI_*",
      "DENO_JOBS",
    ];
    flags.push("--no-prompt", "--allow-net", "--allow-read");
    flags.push(`--allow-env=${names.join()}`);
  }
  return flags;
}

/** The environment, and what the file `.env` has that it has not. */
export async function readSettings(): Promise<
  Record<string, string | undefined>
> {
  const environment = Deno.env.toObject();
  if (!await exists(".env")) return environment;
  // Node's modules would take a third of the time in which start.ts starts.
  const { parseEnv } = await import("node:util");
  return { ...parseEnv(await Deno.readTextFile(".env")), ...environment };
}

/** What a server may write: the file that is its store, if one is. */
export function writeFlags(store: string): string[] {
  const [, path] = /^sqlite:(.+)$/.exec(store.trim()) ?? [];
  return path === undefined ? [] : [`--allow-write=${path}`];
}

/** `@std/http/cookie` is `jsr:@std/http@^1.1.0/cookie` by deno.json. */
function jsrSpecifier(name: string, imports: Record<string, string>): string {
  const [scope, bare, ...path] = name.split("/");
  return [imports[`${scope}/${bare}`], ...path].join("/");
}

/** What was found out the last time, if anything was. */
export async function recall(): Promise<boolean | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(memory)) === true;
  } catch {
    return undefined;
  }
}

/** Finds out whether the registry can be reached, also for the next time. */
export async function learn(): Promise<boolean> {
  const { imports } = JSON.parse(await Deno.readTextFile(ownConfig));
  const isReached = await canLoad(imports);
  await write(`${isReached}`);
  return isReached;
}

/** Has it found out anew the next time. */
export async function forget(): Promise<void> {
  await write("");
}

async function write(text: string): Promise<void> {
  try {
    await Deno.writeTextFile(memory, text);
  } catch {
    // Where nothing may be written it is found out each time.
  }
}

/**
 * Downloads what is not cached yet. Deno reports each download as it begins, so
 * a slow registry is waited for, and one that hangs is not.
 */
async function canLoad(imports: Record<string, string>): Promise<boolean> {
  const specifiers = Object.keys(standIns).map((name) =>
    jsrSpecifier(name, imports)
  );
  const download = new Deno.Command(Deno.execPath(), {
    args: ["cache", ...specifiers],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const giveUp = () => download.kill();
  let timer = setTimeout(giveUp, patienceMilliseconds);
  for await (const _ of download.stderr) {
    clearTimeout(timer);
    timer = setTimeout(giveUp, patienceMilliseconds);
  }
  clearTimeout(timer);
  return (await download.status).success;
}

/** A config's npm packages and files and, for JSR's modules, the stand-ins. */
function importMap(
  imports: Record<string, string>,
  config: URL,
): Record<string, string> {
  const map: Record<string, string> = {};
  for (const [name, specifier] of Object.entries(imports)) {
    if (specifier.startsWith(".")) map[name] = new URL(specifier, config).href;
    if (!specifier.startsWith("npm:")) continue;
    map[name] = specifier;
    // Unlike deno.json, an import map has to name a package's modules too.
    map[`${name}/`] = specifier.replace("npm:", "npm:/") + "/";
  }
  for (const [name, path] of Object.entries(standIns)) {
    map[name] = import.meta.resolve(path);
  }
  return map;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
