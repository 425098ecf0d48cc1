/** Which of two forms a client would rather have (RFC 9110, section 12.5.1). */

// @ts-types="@types/negotiator"
import Negotiator from "negotiator";

/** The work grows faster than the header; what clients send is shorter. */
const MAX_ACCEPT = 1000;

/**
 * Whether the client wants snapshots: JSON weighs more for it than the event
 * stream, or it names JSON and not the event stream.
 */
export function prefersJson({ headers }: Request): boolean {
  const accept = headers.get("accept") || "*/*";
  if (accept.length > MAX_ACCEPT) return false;
  return preferredType(accept, ["text/event-stream", "application/json"]) ===
    "application/json";
}

/** Of several that are liked equally, the first of `types`. */
function preferredType(accept: string, types: string[]): string | undefined {
  // The negotiator takes the first of `accept`.
  const rank = (range: string) =>
    types.findIndex((type) => negotiate(range.split(";")[0]!, [type]).length);
  const ranges = accept.split(",").sort((a, b) => rank(a) - rank(b));
  return negotiate(ranges.join(), types)[0];
}

function negotiate(accept: string, types: string[]): string[] {
  return new Negotiator({ headers: { accept } }).mediaTypes(types);
}
