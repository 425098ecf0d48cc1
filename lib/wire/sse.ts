/** Server-Sent Events (HTML standard, section 9.2): frames, ids, headers. */

/** Response headers of an event stream. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-store, no-transform",
  vary: "Accept, Accept-Language",
  // nginx holds a response back unless it is told not to.
  "x-accel-buffering": "no",
};

/** A comment, which clients ignore and proxies take for life. */
export const PING = ": ping\n\n";

/** The field that tells a client how long to wait before it comes back. */
export function formatRetry(milliseconds: number): string {
  return `retry: ${Math.round(milliseconds)}\n\n`;
}

/**
 * One event.
 *
 * @param id The event's id.
 * @param json The data, as JSON text on one line.
 */
export function formatEvent(id: string, json: string): string {
  return `id: ${id}\ndata: ${escapeLineEnds(json)}\n\n`;
}

/**
 * Escapes U+2028, U+2029 and U+0085, which JSON allows in strings and some
 * clients take for line ends.
 */
function escapeLineEnds(json: string): string {
  if (!/[\u0085\u2028\u2029]/.test(json)) return json;
  return json
    .replaceAll("\u0085", "\\u0085")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** How many events there are in frames; comments are none. */
export function countEvents(frames: string): number {
  let count = 0;
  for (let at = -1; (at = frames.indexOf("\ndata:", at + 1)) >= 0;) count++;
  return count;
}

/** Where a client is in a generation: what its last event id said. */
export interface Position {
  generation: string;
  /** UTF-16 units of the transcript, or that it has seen the end. */
  offset: number | "end";
}

/** Makes an event's id. */
export function formatEventId({ generation, offset }: Position): string {
  return `${generation}.${offset}`;
}

/**
 * The same events with ids that are the offset alone, or `end`; and with no
 * space that need not be there. Linear in the text.
 *
 * @param frames Events as {@linkcode formatEvent} makes them, and nothing that
 * looks like one.
 */
export function shortenIds(frames: string): string {
  return frames.replaceAll(
    /^id: [\w-]{22}\.(\d+|end)\ndata: /gm,
    "id:$1\ndata:",
  );
}

/**
 * Reads an event's id; `undefined` if it is not one of ours.
 *
 * @param generation Whose offset it is where it is an offset alone; without it,
 * an id names its generation.
 */
export function parseEventId(
  text: string,
  generation?: string,
): Position | undefined {
  if (generation !== undefined && !text.includes(".")) {
    text = `${generation}.${text}`;
  }
  const match = /^([A-Za-z0-9_-]{22})\.(0|[1-9]\d{0,8}|end)$/.exec(text);
  if (match === null) return undefined;
  const [, named, offset] = match as unknown as [string, string, string];
  return {
    generation: named,
    offset: offset === "end" ? offset : Number(offset),
  };
}
