// The Dockerfile's own lines, without Docker: what it copies is all that there
// is, and its last line starts the server.

import { assert, assertEquals } from "@std/assert";
import { SETTINGS } from "../lib/app/settings.ts";

const root = new URL("../", import.meta.url);
const dockerfile = await Deno.readTextFile(new URL("Dockerfile", root));

/** The arguments of all lines with an instruction. */
function linesOf(instruction: string): string[] {
  return dockerfile.split("\n")
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));
}

async function copy(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await copy(`${from}/${name}`, `${to}/${name}`);
  }
}

Deno.test("what the image holds is what the server needs", async () => {
  const folder = await Deno.makeTempDir();
  for (const line of linesOf("COPY")) {
    const paths = line.split(" ");
    const to = paths.pop()!;
    for (const path of paths) {
      const target = to === "./" ? path : to;
      await copy(`${root.pathname}${path}`, `${folder}/${target}`);
    }
  }
  const command: string[] = JSON.parse(linesOf("CMD")[0]!);
  const none = Object.keys(SETTINGS).map((name) => [name, ""]);
  const [variables] = linesOf("ENV");
  const own = Object.fromEntries(
    variables!.split(" ").map((pair) => pair.split("=")),
  );
  assertEquals(own, { HOST: "0.0.0.0", PORT: linesOf("EXPOSE")[0] });
  const process = new Deno.Command(Deno.execPath(), {
    args: command,
    cwd: folder,
    env: {
      ...Object.fromEntries(none),
      ...own,
      // Where nobody else is.
      HOST: "127.0.0.1",
      PORT: "0",
      STORE: `sqlite:${folder}/answers.db`,
    },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let output = "";
  const reader = process.stdout.pipeThrough(
    new TextDecoderStream() as TransformStream<Uint8Array, string>,
  ).getReader();
  for (;;) {
    const port = /listens on http:\/\/127\.0\.0\.1:(\d+)\//.exec(output)?.[1];
    if (port !== undefined) {
      const url = `http://127.0.0.1:${port}`;
      const health = await fetch(`${url}/health`);
      assertEquals((await health.json()).status, "ok");
      const page = await fetch(`${url}/`);
      assert((await page.text()).includes("<html"));
      for (const path of ["README.md", "docs/protocol.md", "llms.txt"]) {
        const text = await fetch(`${url}/${path}`);
        await text.body?.cancel();
        assertEquals(text.status, 200, path);
      }
      break;
    }
    const { done, value } = await reader.read();
    assert(!done, output);
    output += value;
  }
  process.kill("SIGTERM");
  assertEquals((await process.status).code, 0);
  await reader.cancel();
  await Deno.remove(folder, { recursive: true });
});
