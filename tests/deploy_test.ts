// The Dockerfile's own lines, without Docker: what it copies, and what it then
// downloads, is all that there is, and its last line starts the server.

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

/** Runs a program to its end. */
async function run(command: string, args: string[], options = {}) {
  const { success, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...options,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** Who is not root, and owns a folder; whoever runs the test, if it is so. */
async function nobody(
  folder: string,
): Promise<{ uid?: number; gid?: number }> {
  if (Deno.uid() !== 0) return {};
  const user = { uid: 65534, gid: 65534 };
  try {
    await Deno.chown(folder, user.uid, user.gid);
    await run("true", [], user);
    return user;
  } catch {
    // A root that may be nobody else, as in some sandboxes.
    return {};
  }
}

Deno.test("what the image holds is what the server needs: no network to start, and nothing to write to", async () => {
  const image = await Deno.makeTempDir();
  const [app, data, bin] = ["app", "data", "bin"].map((name) =>
    `${image}/${name}`
  );
  for (const folder of [app, data, bin]) await Deno.mkdir(folder!);
  const deno = `${bin}/deno`;
  await Deno.copyFile(Deno.execPath(), deno);
  for (const line of linesOf("COPY")) {
    const paths = line.split(" ");
    const to = paths.pop()!;
    for (const path of paths) {
      const target = to === "./" ? path : to;
      await copy(`${root.pathname}${path}`, `${app}/${target}`);
    }
  }
  const DENO_DIR = `${image}/deno-dir`;
  const [download] = linesOf("RUN");
  await run("sh", ["-c", download!], {
    cwd: app,
    env: { DENO_DIR, PATH: `${bin}:${Deno.env.get("PATH")}` },
  });
  // As for the image's user, who is not root, and owns the data alone.
  const user = await nobody(data!);
  await Deno.chmod(image, 0o755);
  await run("chmod", ["-R", "a+rX,a-w", app!, bin!, DENO_DIR]);
  const command: string[] = JSON.parse(linesOf("CMD")[0]!);
  const none = Object.keys(SETTINGS).map((name) => [name, ""]);
  const [variables] = linesOf("ENV");
  const own = Object.fromEntries(
    variables!.split(" ").map((pair) => pair.split("=")),
  );
  assertEquals(own, { HOST: "0.0.0.0", PORT: linesOf("EXPOSE")[0] });
  const nowhere = "http://127.0.0.1:1";
  const process = new Deno.Command(deno, {
    args: command,
    cwd: app!,
    ...user,
    env: {
      ...Object.fromEntries(none),
      ...own,
      DENO_DIR,
      HOME: "/nonexistent",
      HTTP_PROXY: nowhere,
      HTTPS_PROXY: nowhere,
      // Where nobody else is.
      HOST: "127.0.0.1",
      PORT: "0",
      STORE: `sqlite:${data}/answers.db`,
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
  await run("chmod", ["-R", "u+w", image]);
  await Deno.remove(image, { recursive: true });
});
