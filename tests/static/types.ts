// The types of the files in static/ that others may take, made of their
// comments: `deno task types` writes them beside the files.

import ts from "typescript";

const root = new URL("../../", import.meta.url).pathname;
const folder = `${root}static/`;

/** The files that have types of their own. */
const files = [
  ...["apply_delta.js", "client.js", "field_store.js", "react.js", "vue.js"],
];

/** What TypeScript makes of the files, by name; and what is wrong with them. */
export function makeTypes(): { types: Map<string, string>; faults: string[] } {
  const types = new Map<string, string>();
  const options: ts.CompilerOptions = {
    allowJs: true,
    checkJs: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    declaration: true,
    emitDeclarationOnly: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
    // As in deno.json: what is needed of them.
    paths: {
      react: [`${root}lib/peers/react.d.ts`],
      vue: [`${root}lib/peers/vue.d.ts`],
    },
  };
  const host = ts.createCompilerHost(options);
  // The types that are there already are what is made anew.
  const { fileExists } = host;
  host.fileExists = (path) =>
    !(path.startsWith(folder) && path.endsWith(".d.ts")) && fileExists(path);
  const paths = files.map((name) => folder + name);
  const program = ts.createProgram(paths, options, host);
  program.emit(undefined, (path, text) => {
    types.set(path.slice(path.lastIndexOf("/") + 1), text);
  });
  const faults = ts.getPreEmitDiagnostics(program).map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, " ")
  );
  return { types, faults };
}

if (import.meta.main) {
  const { types, faults } = makeTypes();
  for (const fault of faults) console.error(fault);
  for (const [name, text] of types) Deno.writeTextFileSync(folder + name, text);
  Deno.exit(faults.length > 0 ? 1 : 0);
}
