/** The real Chromium that tests and benchmarks run pages in. */

/** Where Chromium is, if there is one. */
export const browserPath: string | undefined = findBrowser();

/** What it is started with. */
export const browserFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function findBrowser(): string | undefined {
  const named = Deno.env.get("CHROMIUM");
  if (named) return named;
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const paths = ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((name) => folders.map((folder) => `${folder}/${name}`));
  paths.push("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
