/** The forms in which an answer is sent: what each begins and goes on with. */

import { STREAM_HEADERS } from "./sse.ts";

/**
 * How an answer is sent while it grows: as Server-Sent Events, as the same
 * events of which each is a line of JSON, or as its value's own text.
 */
export type Format = "events" | "ndjson" | "text";

/** All of them. */
export const FORMATS: readonly Format[] = ["events", "ndjson", "text"];

/** How an answer is sent: as it grows, or as far as it has come. */
export type Form = Format | "snapshot";

const HEADERS: Record<Form, Readonly<Record<string, string>>> = {
  events: STREAM_HEADERS,
  ndjson: { ...STREAM_HEADERS, "content-type": "application/x-ndjson" },
  text: { ...STREAM_HEADERS, "content-type": "text/plain; charset=utf-8" },
  snapshot: {
    "content-type": "application/json",
    "cache-control": "no-store",
    vary: "Accept, Accept-Language",
  },
};

/** The headers of a response in this form. */
export function headersOf(form: Form): Readonly<Record<string, string>> {
  return HEADERS[form];
}

/**
 * The same events, each as a line of JSON whose member `id` is the event's; a
 * comment as an empty line. The work is linear in the text.
 *
 * @param frames Whole events, as sse.ts makes them: no line end stands in their
 * data.
 */
export function toLines(frames: string): string {
  return frames.replaceAll(
    /(?:id: ?(.+)\ndata: ?\{(.+)|(:.*)|retry: .+)\n\n/g,
    (_, id?: string, members?: string, comment?: string) => {
      if (id !== undefined) return `{"id":"${id}",${members}\n`;
      return comment === undefined ? "" : "\n";
    },
  );
}
