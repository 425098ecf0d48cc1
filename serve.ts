// The same program for `deno serve --parallel`: as many workers in one process,
// which share what the setting STORE names. `deno task serve` starts it.

// Loaded before anything is loaded on demand: where workers do that side by side,
// Deno 2.9 may look for a package of npm's, here the client of Redis, which can
// do without this one, where it is not.
import "@opentelemetry/api";
import { announce, createProgram, LAST_WORDS, onStop } from "./main.ts";

/** How many workers there are, this one included. */
const workers = Number(Deno.env.get("DENO_JOBS")) ||
  navigator.hardwareConcurrency;

const program = await createProgram();
const { config, handler, log } = program;
if (config.store === undefined && workers > 1) {
  console.error(
    "Cannot start: several workers need a STORE, such as sqlite:answers.db",
  );
  Deno.exit(1);
}

/** The workers tell one another when they have drained. */
const channel = new BroadcastChannel("fieldstream");
let drained = 0;

/** The process ends for all of them, so the last one ends it. */
function count(): void {
  drained++;
  // Followers now send the terminal event; one that does not read it is cut.
  if (drained === workers) setTimeout(() => Deno.exit(0), LAST_WORDS);
}
channel.onmessage = count;

onStop(program, async () => {
  await program.drain();
  channel.postMessage("drained");
  count();
});

export default {
  fetch: handler,
  onListen: (address) => announce(config, address as Deno.NetAddr, log),
} satisfies Deno.ServeDefaultExport;
