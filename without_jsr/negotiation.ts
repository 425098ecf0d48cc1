// Stands in for jsr:@std/http/negotiation, over npm:negotiator.

// @ts-types="@types/negotiator"
import Negotiator from "negotiator";

export function accepts(request: Pick<Request, "headers">): string[];
export function accepts<T extends string = string>(
  request: Pick<Request, "headers">,
  ...types: T[]
): T | undefined;
export function accepts(
  request: Pick<Request, "headers">,
  ...types: string[]
): string | string[] | undefined {
  const accept = request.headers.get("accept") || "*/*";
  if (types.length === 0) return negotiate(accept);
  // Where the client likes several types equally, @std/http takes the first of
  // `types`, but negotiator the first of `accept`.
  const rank = (range: string) =>
    types.findIndex((type) => negotiate(range.split(";")[0]!, [type]).length);
  const ranges = accept.split(",").sort((a, b) => rank(a) - rank(b));
  return negotiate(ranges.join(), types)[0];
}

function negotiate(accept: string, types?: string[]): string[] {
  return new Negotiator({ headers: { accept } }).mediaTypes(types);
}
