// Stands in for jsr:@std/http/cookie, over npm:cookie.

import { parseCookie, stringifySetCookie } from "cookie";

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

// Neither function encodes values, nor decodes them.
const asIs = (value: string) => value;

export function getCookies(headers: Headers): Partial<Record<string, string>> {
  return {
    ...parseCookie(headers.get("cookie") ?? "", { decode: asIs }),
  } as Partial<Record<string, string>>;
}

export function setCookie(headers: Headers, cookie: Cookie): void {
  const { expires, sameSite, ...attributes } = cookie;
  headers.append(
    "set-cookie",
    stringifySetCookie({
      ...attributes,
      ...(expires && { expires: new Date(expires) }),
      ...(sameSite &&
        { sameSite: sameSite.toLowerCase() as Lowercase<typeof sameSite> }),
    }, { encode: asIs }),
  );
}
