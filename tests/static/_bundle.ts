/** Programs for a browser, made of the examples in docs/ and npm's packages. */

import { assert } from "@std/assert";

const root = new URL("../../", import.meta.url).pathname;

/** What the examples name, and what makes programs of them. */
const PACKAGES = [
  ...["esbuild", "react@19", "react-dom@19", "vue@3"],
  ...["@ai-sdk/react@4", "zod@4", "svelte@5"],
  ...["solid-js@1", "babel-preset-solid@1", "@babel/core@7"],
  ...["react-18@npm:react@18", "react-dom-18@npm:react-dom@18"],
];

/** What makes modules of Vue's, Svelte's and Solid's components, in their place. */
const COMPILE = `
  import { readFileSync, writeFileSync } from "node:fs";
  import { compile } from "svelte/compiler";
  import { compileScript, parse } from "vue/compiler-sfc";
  import { transformSync } from "@babel/core";
  const [file] = process.argv.slice(2);
  const code = readFileSync(file, "utf8");
  const presets = ["babel-preset-solid"];
  const compilers = {
    svelte: () => compile(code, { generate: "client" }).js.code,
    vue: () => compileScript(parse(code).descriptor, {
      id: "v", inlineTemplate: true }).content,
    jsx: () => transformSync(code, { presets, configFile: false }).code,
  };
  writeFileSync(file, compilers[file.split(".").at(-1)]());`;

/** What bundlers fill in. */
const DEFINED = {
  "process.env.NODE_ENV": '"development"',
  __VUE_OPTIONS_API__: "true",
  __VUE_PROD_DEVTOOLS__: "false",
  __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
};

/** Where what the examples import stands here. */
const aliases = Object.fromEntries(
  ["client", "react", "vue"].map((name) => [
    `@fieldstream/fieldstream/${name}`,
    `${root}static/${name}.js`,
  ]),
);

let installed: Promise<string> | undefined;

/** The folder into which the packages are installed, made once. */
function install(): Promise<string> {
  return installed ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "bundle_test_" });
    await Deno.writeTextFile(`${folder}/package.json`, '{"type":"module"}');
    const options = ["--no-audit", "--no-fund", "--legacy-peer-deps"];
    await run(folder, "npm", ["install", ...options, ...PACKAGES]);
    await Deno.writeTextFile(`${folder}/compile.js`, COMPILE);
    return folder;
  })();
}

addEventListener("unload", () => {
  installed?.then((folder) => Deno.removeSync(folder, { recursive: true }));
});

/** An example, by the name in its first line. */
export async function example(
  name: string,
  page = "docs/hooks.md",
): Promise<string> {
  const text = await Deno.readTextFile(root + page);
  const [, code] = text.match(
    new RegExp(`^\`\`\`.*\n(?://|<!--) ${name}\\b.*\n([^]*?)^\`\`\``, "m"),
  ) ?? [];
  assert(code !== undefined, `${page} has no ${name}`);
  return code;
}

/**
 * One program made of these files, of which the first is the main one.
 *
 * @param external What it leaves to others; then it is a module.
 * @param react Which React.
 */
export async function bundle(
  files: Record<string, string>,
  external?: string[],
  react = "react",
): Promise<string> {
  const folder = await install();
  const own = await Deno.makeTempDir({ dir: folder });
  for (const [name, code] of Object.entries(files)) {
    await Deno.writeTextFile(`${own}/${name}`, code);
    if (/\.(svelte|vue)$|^solid\./.test(name)) {
      await run(own, "node", [`${folder}/compile.js`, `${own}/${name}`]);
    }
  }
  await run(own, `${folder}/node_modules/.bin/esbuild`, [
    Object.keys(files)[0]!,
    ...["--bundle", "--minify", "--jsx=automatic"],
    ...[
      "--outfile=program.js",
      "--log-level=warning",
      "--loader:.svelte=js",
      "--loader:.vue=js",
    ],
    ...Object.entries(DEFINED).map(([name, as]) => `--define:${name}=${as}`),
    ...Object.entries(aliases).map(([name, to]) => `--alias:${name}=${to}`),
    `--format=${external === undefined ? "iife" : "esm"}`,
    ...external?.map((name) => `--external:${name}`) ?? [],
    // The modules in static/ find React and Vue here.
    ...Object.entries({
      react,
      "react-dom": react.replace("react", "react-dom"),
      vue: "vue",
    }).filter(([name]) => !external?.includes(name))
      .map(([name, to]) => `--alias:${name}=${folder}/node_modules/${to}`),
  ]);
  return await Deno.readTextFile(`${own}/program.js`);
}

async function run(
  cwd: string,
  command: string,
  args: string[],
): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    ...{ args, cwd, stdout: "null", stderr: "piped" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}
