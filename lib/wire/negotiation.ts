/** Which of two forms a client would rather have (RFC 9110, section 12.5). */

// @ts-types="@types/negotiator"
import Negotiator from "negotiator";
import type { Language } from "../language.ts";

/** The work grows faster than the header; what clients send is shorter. */
const MAX_ACCEPT = 1000;

/**
 * Whether the client wants snapshots: JSON weighs more for it than the event
 * stream, or it names JSON and not the event stream.
 */
export function prefersJson({ headers }: Request): boolean {
  return preferred(
    headers.get("accept"),
    ["text/event-stream", "application/json"],
    (accept, types) =>
      new Negotiator({ headers: { accept } }).mediaTypes(types),
  ) === "application/json";
}

/** English where it weighs more for the client than Chinese. */
export function preferredLanguage({ headers }: Request): Language {
  const languages: Language[] = ["zh", "en"];
  return preferred(
    headers.get("accept-language"),
    languages,
    (accept, languages) =>
      new Negotiator({ headers: { "accept-language": accept } })
        .languages(languages) as Language[],
  ) ?? "zh";
}

/** Of several that are liked equally, the first of `forms`. */
function preferred<Form extends string>(
  header: string | null,
  forms: Form[],
  negotiate: (header: string, forms: Form[]) => string[],
): Form | undefined {
  if (!header || header.length > MAX_ACCEPT) return undefined;
  // The negotiator takes the first of `header`.
  const rank = (range: string) =>
    forms.findIndex((form) => negotiate(range.split(";")[0]!, [form]).length);
  const ranges = header.split(",").sort((a, b) => rank(a) - rank(b));
  return negotiate(ranges.join(), forms)[0] as Form | undefined;
}
