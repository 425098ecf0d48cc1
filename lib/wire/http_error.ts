/** Errors that a request is answered with, before a stream starts. */

import type { Refusal } from "./budgets.ts";

/** A request that is answered with an error. */
export class HttpError extends Error {
  override name = "HttpError";
  readonly status: number;
  /** Which error it is, in the terms of the wire protocol. */
  readonly code: string;
  readonly headers: Record<string, string>;

  /** Made where a request is refused. */
  constructor(
    status: number,
    code: string,
    message: string,
    headers: Record<string, string> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The response that tells of an error. */
export function errorResponse(
  { status, code, message, headers }: HttpError,
): Response {
  return Response.json({ status: "error", code, message }, {
    status,
    headers: { "cache-control": "no-store", ...headers },
  });
}

/** Refuses a method that an address does not know. */
export function allowMethods(
  request: Request,
  methods: string[],
  allow: string,
): void {
  if (!methods.includes(request.method)) throw methodNotAllowed(allow);
}

/** The error for a method that an address does not know. */
export function methodNotAllowed(allow: string): HttpError {
  return new HttpError(405, "method_not_allowed", "不支持这个方法", { allow });
}

/** Refuses a client that has used up what it may. */
export function refuse(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw tooMany(refusal);
}

/** The error for a client that has used up what it may. */
export function tooMany({ code, retryAfter: seconds }: Refusal): HttpError {
  return code === "overloaded"
    ? new HttpError(503, code, "服务器繁忙", retryAfter(seconds))
    : new HttpError(429, code, "请求过多，请稍后再试", retryAfter(seconds));
}

/** The header that says when to come again. */
export function retryAfter(seconds: number): Record<string, string> {
  return { "retry-after": String(seconds) };
}
