/** The files in `static/`, and the project's texts; each is read once. */

import { HttpError, methodNotAllowed } from "../wire/http_error.ts";
import { WORDS } from "../wire/messages.ts";

/** The methods of a page's address. */
export const PAGE_METHODS = "GET, HEAD, OPTIONS";

/** What the page may load and do (CSP Level 3). */
const PAGE_HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

const ROOT = `${import.meta.dirname}/../..`;
const FOLDER = `${ROOT}/static`;

/** A name in the folder, which has no others in it. All else is not looked for. */
const PATH = /^\/(?:\w[\w.-]{0,99})?$/;

/** What the page links to: shown as text, which Markdown is. */
const DOCUMENTS =
  /^\/(?:llms\.txt|(?:README(?:\.zh-CN)?|docs\/[a-z]{1,20})\.md)$/;

/** A file as it is sent. */
interface StaticFile {
  bytes: Uint8Array<ArrayBuffer>;
  type: string;
  etag: string;
}

/** The files by their paths; what is not there is not remembered. */
export class StaticFiles {
  readonly #files = new Map<string, StaticFile>();

  /**
   * Answers a request for a file.
   *
   * @throws {HttpError} If there is none, or it can only be read.
   */
  async serve(request: Request, { pathname }: URL): Promise<Response> {
    const file = this.#files.get(pathname) ?? await this.#read(pathname);
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw methodNotAllowed(PAGE_METHODS);
    }
    const headers = { ...PAGE_HEADERS, etag: file.etag };
    if (hasTag(request.headers.get("if-none-match"), file.etag)) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(request.method === "HEAD" ? null : file.bytes, {
      headers: {
        ...headers,
        "content-type": file.type,
        "content-length": `${file.bytes.length}`,
      },
    });
  }

  async #read(pathname: string): Promise<StaticFile> {
    // With the first file, and not with the server's start.
    const { serveDir } = await import("@std/http/file-server");
    const isDocument = DOCUMENTS.test(pathname);
    const response = isDocument || PATH.test(pathname)
      ? await serveDir(new Request(`http://localhost${pathname}`), {
        fsRoot: isDocument ? ROOT : FOLDER,
        quiet: true,
      })
      : undefined;
    // It would also redirect to the names of folders; there are none.
    if (response?.ok !== true) {
      await response?.body?.cancel();
      throw new HttpError(404, "not_found", WORDS.notFound);
    }
    const { headers } = response;
    const file = {
      bytes: await response.bytes(),
      type: isDocument
        ? "text/plain; charset=utf-8"
        : headers.get("content-type") ?? "application/octet-stream",
      etag: headers.get("etag") ?? `"${crypto.randomUUID()}"`,
    };
    this.#files.set(pathname, file);
    return file;
  }
}

/** Whether a list of entity tags holds one (RFC 9110, section 13.1.2). */
function hasTag(list: string | null, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, "");
  return list !== null &&
    list.split(",").some((tag) =>
      tag.trim() === "*" || opaque(tag) === opaque(etag)
    );
}
