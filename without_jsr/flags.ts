// What lets every task run where the JSR registry cannot be reached (jsr.io is
// blocked in some networks whose npm registry works).
//
// deno.json names the real packages. A task asks this script for flags first:
// it prints none where JSR answers or its packages are cached, and otherwise
// an import map that puts the modules beside this file, thin layers over
// Node's own modules and npm packages, in their place.

/** The JSR modules in use. A new one is added here, with its stand-in. */
const standIns: Record<string, string> = {
  "@std/assert": "./assert.ts",
  "@std/http/cookie": "./cookie.ts",
  "@std/http/file-server": "./file_server.ts",
  "@std/http/negotiation": "./negotiation.ts",
};

/** How long the registry may say nothing before it counts as unreachable. */
const patienceMilliseconds = 3_000;

const { imports }: { imports: Record<string, string> } = JSON.parse(
  await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
);

if (!await canLoad(Object.keys(standIns).map(registrySpecifier))) {
  console.error(
    "The JSR registry cannot be reached: using the stand-ins in without_jsr/",
  );
  const map = { imports: { ...imports } };
  for (const [specifier, path] of Object.entries(standIns)) {
    map.imports[specifier] = import.meta.resolve(path);
  }
  console.log(
    "--import-map=data:application/json," +
      encodeURIComponent(JSON.stringify(map)),
  );
}

// Deno warns of an --env-file that is not there.
if (Deno.args.includes("--env-file") && hasEnvFile()) {
  console.log("--env-file");
}

function hasEnvFile(): boolean {
  try {
    return Deno.statSync(".env").isFile;
  } catch {
    return false;
  }
}

/** `@std/http/cookie` → `jsr:@std/http@^1.1.0/cookie`, as deno.json has it. */
function registrySpecifier(specifier: string): string {
  const [scope, name, ...path] = specifier.split("/");
  return [imports[`${scope}/${name}`], ...path].join("/");
}

/**
 * Downloads the modules, unless they are cached. Deno reports each download as
 * it begins, so that a slow registry, unlike a hanging one, is waited for.
 */
async function canLoad(specifiers: string[]): Promise<boolean> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["cache", ...specifiers],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let timer = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => process.kill(), patienceMilliseconds);
  };
  wait();
  for await (const _ of process.stderr) wait();
  clearTimeout(timer);
  return (await process.status).success;
}
