/** Request bodies: JSON objects that are neither too large nor too slow. */

import type { Limits } from "../answers/limits.ts";
import { type Clock, Deadline } from "../clock.ts";
import { HttpError } from "./http_error.ts";
import { bodyTooLarge, unknownMember, WORDS } from "./messages.ts";

/** How bodies are read. */
export interface BodyOptions {
  limits: Pick<Limits, "bodyBytes" | "bodySeconds">;
  clock: Clock;
}

/**
 * Reads a JSON object; an empty body is an empty one.
 *
 * @throws {HttpError} If it is anything else, too large, or does not arrive in
 * time.
 */
export async function readJsonObject(
  request: Request,
  options: BodyOptions,
): Promise<Record<string, unknown>> {
  const text = await readText(request, options);
  if (text === "") return {};
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new HttpError(
      415,
      "unsupported_media_type",
      WORDS.contentType,
    );
  }
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpError(400, "bad_request", WORDS.bodyNotObject);
  }
  return value as Record<string, unknown>;
}

/** Refuses an object that has other members than those `allowed`. */
export function allowMembers(
  members: Record<string, unknown>,
  allowed: string[],
): void {
  const unknown = Object.keys(members).find((name) => !allowed.includes(name));
  if (unknown === undefined) return;
  throw new HttpError(400, "bad_request", unknownMember(unknown));
}

async function readText(
  request: Request,
  { limits: { bodyBytes, bodySeconds }, clock }: BodyOptions,
): Promise<string> {
  if (request.body === null) return "";
  const reader = request.body.getReader();
  let isLate = false;
  const due = clock.now() + bodySeconds * 1000;
  const deadline = new Deadline(clock, () => due, () => {
    isLate = true;
    reader.cancel().catch(() => {});
  });
  deadline.watch();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.length;
      if (bytes > bodyBytes) {
        throw new HttpError(413, "too_large", bodyTooLarge(bodyBytes));
      }
      text += decoder.decode(value, { stream: true });
    }
    text += decoder.decode();
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "bad_request", WORDS.bodyNotText);
  } finally {
    deadline.clear();
    await reader.cancel().catch(() => {});
  }
  if (isLate) throw new HttpError(400, "bad_request", WORDS.bodyLate);
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, "bad_request", WORDS.bodyNotJson);
  }
}
