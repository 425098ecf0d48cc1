// What `deno task start` runs: main.ts, with the flags that it needs. Deno shows
// a task's command before it runs it, and theirs would fill the screen. Flags
// that this program is given, such as --watch, go before the others.

import { readFlags, readStore, writeFlags } from "./without_jsr/flags.ts";

const child = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "--quiet", ...Deno.args],
    ...await readFlags(["--env-file", "--server"]),
    ...writeFlags(await readStore()),
    new URL("main.ts", import.meta.url).href,
  ],
}).spawn();

// Ctrl-C reaches both programs by itself; without a listener this one would end
// before the other.
Deno.addSignalListener("SIGINT", () => {
  if (!Deno.stdin.isTerminal()) pass("SIGINT");
});
if (Deno.build.os !== "windows") {
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => pass(signal));
  }
}
Deno.exit((await child.status).code);

function pass(signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}
