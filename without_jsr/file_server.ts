// Stands in for jsr:@std/http/file-server, over npm:hono. It knows neither
// ranges nor directory listings.

import { normalize } from "node:path/posix";
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
  const response = await respond(req, fsRoot);
  if (response.status === 301) return response;
  for (const header of headers) {
    const [name, ...value] = header.split(":");
    response.headers.append(name!, value.join(":"));
  }
  return response;
}

function respond(req: Request, root: string): Response | Promise<Response> {
  if (req.method !== "GET" && req.method !== "HEAD") {
    return new Response("Method Not Allowed", { status: 405 });
  }
  const url = new URL(req.url);
  const path = decodePath(url);
  if (path === undefined) {
    return new Response("Internal Server Error", { status: 500 });
  }
  if (normalize(path) !== path) {
    url.pathname = normalize(path);
    return Response.redirect(url, 301);
  }
  if (path.includes("/.")) return new Response("Not Found", { status: 404 });

  const app = new Hono();
  // Reads the file to its end, so that it is closed even for a HEAD.
  app.use(etag());
  app.use(serveStatic({
    root,
    onFound: (file, context) =>
      context.header("content-length", `${Deno.statSync(file).size}`),
  }));
  return app.fetch(req);
}

function decodePath(url: URL): string | undefined {
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    return undefined;
  }
}
