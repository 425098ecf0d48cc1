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
  const negotiator = new Negotiator({ headers: { accept } });
  return types.length > 0
    ? negotiator.mediaType(types)
    : negotiator.mediaTypes();
}
