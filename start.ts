// What `deno task start` and `deno task serve` run: main.ts, or serve.ts by
// `deno serve --parallel`, with the flags that it needs. Deno shows a task's
// command before it runs it, and theirs would fill the screen. Flags that this
// program is given, such as --watch, go before the others.

import {
  forget,
  learn,
  readFlags,
  readSettings,
  recall,
  writeFlags,
} from "./without_jsr/flags.ts";

/** When it is found out whether JSR can be reached, in milliseconds. */
const LEARN_AFTER = 3000;

const isParallel = Deno.args[0] === "--parallel";
const { HOST, PORT, STORE, DENO_JOBS } = await readSettings();
// Workers share nothing but a store.
const store = STORE || (isParallel ? "sqlite:answers.db" : "");
// To find it out takes as long as the server takes to start. So it is taken to be
// as it was, and found out for the next time while the server runs.
const isReached = await recall() ?? await learn();
const child = new Deno.Command(Deno.execPath(), {
  args: [
    isParallel ? "serve" : "run",
    ...["--quiet", ...Deno.args],
    // `deno serve` reads neither by itself.
    ...(isParallel
      ? ["--host", HOST || "0.0.0.0", "--port", PORT || "5001"]
      : []),
    ...await readFlags(["--env-file", "--server"], isReached),
    ...writeFlags(store),
    new URL(isParallel ? "serve.ts" : "main.ts", import.meta.url).href,
  ],
  env: {
    STORE: store,
    // What the workers are told is as many as there are.
    ...(isParallel && {
      DENO_JOBS: DENO_JOBS || `${navigator.hardwareConcurrency}`,
    }),
  },
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
setTimeout(() => learn().catch(() => {}), LEARN_AFTER);
const { code } = await child.status;
if (code !== 0) await forget();
Deno.exit(code);

function pass(signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}
