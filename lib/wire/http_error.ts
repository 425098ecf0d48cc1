/** Errors that a request is answered with, before a stream starts. */

import type { Language, Words } from "../language.ts";
import type { Refusal } from "./budgets.ts";
import { WORDS } from "./messages.ts";
import { preferredLanguage } from "./negotiation.ts";

/** A request that is answered with an error. */
export class HttpError extends Error {
  override name = "HttpError";
  readonly status: number;
  /** Which error it is, in the terms of the wire protocol. */
  readonly code: string;
  readonly words: Words;
  readonly headers: Record<string, string>;

  /** Made where a request is refused. */
  constructor(
    status: number,
    code: string,
    words: Words,
    headers: Record<string, string> = {},
  ) {
    super(words.en);
    this.status = status;
    this.code = code;
    this.words = words;
    this.headers = headers;
  }
}

/** The code of a status that somebody else has chosen. */
export function defaultCode(status: number): string {
  const codes: Record<number, string> = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    410: "expired",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_streams",
    503: "overloaded",
  };
  return codes[status] ?? (status < 500 ? "bad_request" : "internal");
}

/** The code of anything thrown, as the client gets it. */
export function codeOf(error: unknown): string {
  return error instanceof HttpError ? error.code : "internal";
}

/** The response that tells of an error. */
function errorResponse(
  { status, code, words, headers }: HttpError,
  language: Language,
): Response {
  return Response.json({ status: "error", code, message: words[language] }, {
    status,
    headers: {
      "cache-control": "no-store",
      vary: "Accept-Language",
      ...headers,
    },
  });
}

/** The response that tells of anything thrown; what nobody expected, `onError` hears. */
export async function failureResponse(
  error: unknown,
  request: Request,
  onError: ((error: unknown) => void) | undefined,
): Promise<Response> {
  const language = await preferredLanguage(request);
  if (error instanceof HttpError) return errorResponse(error, language);
  onError?.(error);
  return errorResponse(
    new HttpError(500, "internal", WORDS.internal),
    language,
  );
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
  return new HttpError(405, "method_not_allowed", WORDS.method, { allow });
}

/** Refuses a client that has used up what it may. */
export function refuse(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw tooMany(refusal);
}

/** The error for a client that has used up what it may. */
export function tooMany({ code, retryAfter: seconds }: Refusal): HttpError {
  return code === "overloaded"
    ? new HttpError(503, code, WORDS.overloaded, retryAfter(seconds))
    : new HttpError(429, code, WORDS.tooMany, retryAfter(seconds));
}

/** The header that says when to come again. */
export function retryAfter(seconds: number): Record<string, string> {
  return { "retry-after": String(seconds) };
}
