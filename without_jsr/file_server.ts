// Stands in for jsr:@std/http/file-server, over npm:hono. It knows neither
// ranges nor directory listings.

import { Hono } from "hono";
import { serveStatic } from "hono/deno";
import { etag } from "hono/etag";

export interface ServeDirOptions {
  fsRoot?: string;
  /** Without effect: the stand-in never logs. */
  quiet?: boolean;
  headers?: string[];
}

export async function serveDir(
  req: Request,
  { fsRoot = ".", headers = [] }: ServeDirOptions = {},
): Promise<Response> {
  const app = new Hono();
  app.notFound((context) => context.text("Not Found", 404));
  // Reads the file to its end, so that it is closed even for a HEAD.
  app.use(etag());
  app.get("*", async (context, next) => {
    if (context.req.path.includes("/.")) return context.notFound();
    await next();
  });
  app.get(
    "*",
    serveStatic({
      root: fsRoot,
      onFound: (path, context) =>
        context.header("content-length", `${Deno.statSync(path).size}`),
    }),
  );
  if (req.method !== "GET" && req.method !== "HEAD") {
    app.all("*", (context) => context.text("Method Not Allowed", 405));
  }
  const response = await app.fetch(req);
  for (const header of headers) {
    const [name, ...value] = header.split(":");
    response.headers.append(name!, value.join(":"));
  }
  return response;
}
