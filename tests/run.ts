// Runs `deno test` with the arguments it is given, shows the output as it
// comes, and ends with one line that is easy to count: "12 passed, 0 failed".

import { stripVTControlCharacters } from "node:util";

const process = new Deno.Command(Deno.execPath(), {
  args: ["test", ...Deno.args],
  stdout: "piped",
}).spawn();

let output = "";
const decoder = new TextDecoder();
for await (const bytes of process.stdout) {
  Deno.stdout.writeSync(bytes);
  output += decoder.decode(bytes, { stream: true });
}
const { code } = await process.status;

// Deno's own last words: "ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)"
const counts = stripVTControlCharacters(output).match(
  /^(?:ok|FAILED) \| \d+ passed .*$/gm,
)?.at(-1) ?? "";
const count = (what: string) =>
  Number(counts.match(`(\\d+) ${what}`)?.[1] ?? 0);

const passed = count("passed");
const skipped = count("ignored");
// A run that ends badly without saying so has failed as a whole.
const failed = count("failed") || (code === 0 ? 0 : 1);
console.log(
  `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`,
);
Deno.exit(code);
