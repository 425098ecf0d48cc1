// Stands in for jsr:@std/http/cookie, over npm:cookie.

import { parseCookie, type SetCookie, stringifySetCookie } from "cookie";

export interface Cookie {
  name: string;
  value: string;
  expires?: Date | number;
  maxAge?: number;
  domain?: string;
  path?: string;
  secure?: boolean;
  httpOnly?: boolean;
  partitioned?: boolean;
  sameSite?: "Strict" | "Lax" | "None";
}

// Values are neither encoded nor decoded.
const asIs = (value: string) => value;

export function getCookies(headers: Headers): Partial<Record<string, string>> {
  // Of cookies with the same name, @std/http takes the last.
  const pairs = (headers.get("cookie") ?? "").split(";").reverse();
  if (pairs.some((pair) => pair.startsWith("="))) {
    throw new SyntaxError("Cookie cannot start with '='");
  }
  const cookies = parseCookie(pairs.join(";"), { decode: asIs });
  return Object.assign(Object.create(null), cookies);
}

export function setCookie(headers: Headers, cookie: Cookie): void {
  const { expires, sameSite, ...rest } = cookie;
  const attributes: SetCookie = rest;
  if (expires !== undefined) attributes.expires = new Date(expires);
  if (sameSite) {
    attributes.sameSite = sameSite.toLowerCase() as Lowercase<typeof sameSite>;
  }
  headers.append(
    "set-cookie",
    stringifySetCookie(attributes, { encode: asIs }),
  );
}
