// Stands in for jsr:@std/http/file-server, over Hono. Unlike the real one it
// knows no ranges and no directory listings.

import { Hono } from "hono";
import { serveStatic } from "hono/deno";
import { etag } from "hono/etag";

export interface ServeDirOptions {
  fsRoot?: string;
  /** The stand-in never logs. */
  quiet?: boolean;
  headers?: string[];
}

export async function serveDir(
  req: Request,
  { fsRoot = ".", headers = [] }: ServeDirOptions = {},
): Promise<Response> {
  const app = new Hono();
  app.use(etag());
  app.get(
    "*",
    (context, next) =>
      /\/\./.test(context.req.path) ? context.notFound() : next(),
  );
  app.get("*", serveStatic({ root: fsRoot }));
  app.all("*", (context) => context.text("Method Not Allowed", 405));
  const response = await app.fetch(req);
  return response;
}
