// Stands in for jsr:@std/http/cookie, over npm:cookie.

import { type SetCookie, stringifySetCookie } from "cookie";

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

// Values are not encoded.
const asIs = (value: string) => value;

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
