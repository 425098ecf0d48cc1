/** Which of several forms a client would rather have (RFC 9110, section 12.5). */

// @ts-types="@types/negotiator"
import type Negotiator from "negotiator";
import type { Language } from "../language.ts";
import type { Form, Format } from "./forms.ts";

/**
 * Loads what reads such headers, which takes half as long as an empty server
 * takes to start: with the first header, unless somebody calls it before.
 */
export async function loadNegotiator(): Promise<typeof Negotiator> {
  // @ts-types="@types/negotiator"
  const { default: Negotiator } = await import("negotiator");
  return Negotiator;
}

/** The work grows faster than the header; what clients send is shorter. */
const MAX_ACCEPT = 1000;

const TYPES: Record<Form, string> = {
  events: "text/event-stream",
  ndjson: "application/x-ndjson",
  snapshot: "application/json",
  text: "text/plain",
};

/**
 * The form that weighs most for the client. Of those that weigh the same, one
 * that it names comes before one that a range covers; and of those the address's
 * own, then the event stream.
 *
 * @param request The client's.
 * @param own The address's own form, for whoever does not say. Text is only
 * where it is that.
 */
export async function preferredForm(
  { headers }: Request,
  own: Format = "events",
): Promise<Form> {
  const accept = headers.get("accept");
  // A range such as `application/*` is one of polls.
  const isNamed = accept?.toLowerCase().includes(TYPES.ndjson) ?? false;
  const named: Form[] = isNamed ? ["ndjson"] : [];
  const forms = [...new Set<Form>([own, "events", ...named, "snapshot"])];
  const type = await preferred(
    accept,
    forms.map((form) => TYPES[form]),
    (Negotiator, accept, types) =>
      new Negotiator({ headers: { accept } }).mediaTypes(types),
  );
  return forms.find((form) => TYPES[form] === type) ?? own;
}

/** English where it weighs more for the client than Chinese. */
export async function preferredLanguage(
  { headers }: Request,
): Promise<Language> {
  const languages: Language[] = ["zh", "en"];
  return await preferred(
    headers.get("accept-language"),
    languages,
    (Negotiator, accept, languages) =>
      new Negotiator({ headers: { "accept-language": accept } })
        .languages(languages) as Language[],
  ) ?? "zh";
}

/** Of several that are liked equally, the first of `forms`. */
async function preferred<Form extends string>(
  header: string | null,
  forms: Form[],
  negotiateBy: (
    by: typeof Negotiator,
    header: string,
    forms: Form[],
  ) => string[],
): Promise<Form | undefined> {
  if (!header || header.length > MAX_ACCEPT) return undefined;
  const by = await loadNegotiator();
  const negotiate = (header: string, forms: Form[]) =>
    negotiateBy(by, header, forms);
  // The negotiator takes the first of `header`.
  const rank = (range: string) =>
    forms.findIndex((form) => negotiate(range.split(";")[0]!, [form]).length);
  const ranges = header.split(",").sort((a, b) => rank(a) - rank(b));
  return negotiate(ranges.join(), forms)[0] as Form | undefined;
}
