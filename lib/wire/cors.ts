/** Which pages may read a response (Fetch standard, CORS protocol). */

/** The methods of an address. */
export const STREAM_METHODS = "GET, POST, DELETE, HEAD, OPTIONS";

/**
 * Adds the headers that let pages read the response.
 *
 * @param origins Whose pages may, with their credentials; `"*"`: all, without.
 */
export function addCorsHeaders(
  request: Request,
  headers: Headers,
  origins: "*" | string[],
): void {
  headers.set("access-control-expose-headers", "Retry-After");
  if (origins === "*") {
    headers.set("access-control-allow-origin", "*");
    return;
  }
  headers.append("vary", "Origin");
  const origin = request.headers.get("origin");
  if (origin === null || !origins.includes(origin)) return;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-allow-credentials", "true");
}

/** The answer to a browser that asks whether its page may. */
export function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": STREAM_METHODS,
      "access-control-allow-headers":
        "Content-Type, Authorization, Last-Event-ID",
      "access-control-max-age": "86400",
    },
  });
}
