/** Who may, and from where. */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { isIP, isIPv6 } from "node:net";
import { getCookies, setCookie } from "@std/http/cookie";
import type { Config } from "./config.ts";

/** Somebody who may. */
export interface Principal {
  /** Whose the generations are that it starts. */
  owner: string;
  /** Whom the limits count. */
  client: string;
}

/** What access depends on. */
export type AccessOptions = Pick<
  Config,
  "accessTokens" | "corsOrigins" | "trustProxy"
>;

const COOKIE = "fieldstream";

/** Everybody, where no tokens are configured. */
const ANYONE = "";

/** The rules of one server. */
export class Access {
  readonly #options: AccessOptions;
  /** The origins that are named, so none if all may. */
  readonly #listed: string[];
  /** SHA-256 of each token to whose it is. */
  readonly #tokens: { digest: Uint8Array; owner: string; session: string }[];

  /** Makes the rules from the configuration. */
  constructor(options: AccessOptions) {
    this.#options = options;
    this.#listed = options.corsOrigins === "*" ? [] : options.corsOrigins;
    this.#tokens = options.accessTokens.map((token) => ({
      digest: sha256(token),
      owner: createHmac("sha256", token).update("owner").digest("base64url"),
      session: createHmac("sha256", token).update("session")
        .digest("base64url"),
    }));
  }

  /**
   * Finds out who asks.
   *
   * @param request The request.
   * @param address Where it came from.
   * @returns `undefined` if it may not.
   */
  identify(request: Request, address: string): Principal | undefined {
    if (this.#tokens.length === 0) {
      return { owner: ANYONE, client: this.clientAddress(request, address) };
    }
    const bearer = /^Bearer +(\S+) *$/i.exec(
      request.headers.get("authorization") ?? "",
    );
    let owner: string | undefined;
    if (bearer !== null) owner = this.#ownerOfToken(bearer[1]!);
    // Browsers send the cookie for pages of sibling hosts and other ports too.
    else if (this.#isOwnPage(request)) {
      owner = this.#ownerOfSession(sessionOf(request.headers));
    }
    return owner === undefined ? undefined : { owner, client: owner };
  }

  /**
   * Signs in: makes the cookie that stands for a token, for pages whose
   * EventSource cannot set headers.
   *
   * @param token What the user typed.
   * @param headers The response's, which get the cookie.
   * @param secure Whether the cookie is for HTTPS only.
   * @returns Whether the token is one of ours.
   */
  signIn(token: string, headers: Headers, secure: boolean): boolean {
    if (this.#tokens.length === 0) return true;
    const owner = this.#ownerOfToken(token);
    const entry = this.#tokens.find((entry) => entry.owner === owner);
    if (entry === undefined) return false;
    setCookie(headers, {
      name: COOKIE,
      value: entry.session,
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      secure,
    });
    return true;
  }

  /**
   * Where the client is: behind a trusted proxy, what the proxy says. An IPv6
   * client is its network.
   */
  clientAddress(request: Request, address: string): string {
    if (this.#options.trustProxy) {
      // The last one is the proxy's own word; those before it are the client's.
      const last = request.headers.get("x-forwarded-for")?.split(",").at(-1)
        ?.trim();
      if (last !== undefined && isIP(last) !== 0) address = last;
    }
    return networkOf(address);
  }

  /** Whether the page that sent the request may use this server. */
  allowsOrigin(request: Request): boolean {
    const { corsOrigins, accessTokens } = this.#options;
    if (corsOrigins === "*") return true;
    // Where a token or cookie is needed, a page that borrows our address has none.
    return this.#isOwnPage(request) &&
      (accessTokens.length > 0 || this.#isOwnName(request));
  }

  /** Whether a page of ours, or one in the list, or no page sent the request. */
  #isOwnPage({ headers, url }: Request): boolean {
    const origin = headers.get("origin");
    // Browsers say it over HTTPS, and to this machine (Fetch Metadata).
    const site = headers.get("sec-fetch-site");
    if (site === "same-origin") return true;
    if (origin === null) return site === null || site === "none";
    if (this.#listed.includes(origin)) return true;
    // Behind a proxy that ends TLS the schemes differ, the hosts do not.
    return site === null && URL.canParse(origin) &&
      new URL(origin).host === (headers.get("host") ?? new URL(url).host);
  }

  /**
   * Whether a stranger cannot have made the name that the server was reached
   * by: one that leads to another's address makes any page of theirs our own
   * (DNS rebinding).
   */
  #isOwnName({ url }: Request): boolean {
    const { host, hostname } = new URL(url);
    return !hostname.includes(".") || isIP(hostname) !== 0 ||
      this.#listed.some((listed) => new URL(listed).host === host);
  }

  #ownerOfToken(token: string): string | undefined {
    const digest = sha256(token);
    let owner: string | undefined;
    for (const entry of this.#tokens) {
      if (timingSafeEqual(digest, entry.digest)) owner = entry.owner;
    }
    return owner;
  }

  #ownerOfSession(session: string): string | undefined {
    const digest = sha256(session);
    let owner: string | undefined;
    for (const entry of this.#tokens) {
      if (timingSafeEqual(digest, sha256(entry.session))) owner = entry.owner;
    }
    return owner;
  }
}

/** The cookie; `""` if there is none, or what came is no cookie at all. */
function sessionOf(headers: Headers): string {
  try {
    return getCookies(headers)[COOKIE] ?? "";
  } catch (error) {
    if (error instanceof SyntaxError) return "";
    throw error;
  }
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** An IPv6 client has a network of 64 bits, and as many addresses as it likes. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const canonical = new URL(`http://[${address.split("%")[0]}]`).hostname
    .slice(1, -1);
  // An IPv4 address.
  if (canonical.startsWith("::ffff:")) return canonical;
  const [head, tail] = canonical.split("::").map((groups) =>
    groups === "" ? [] : groups.split(":")
  ) as [string[], string[]?];
  const zeros = Array(8 - head.length - (tail?.length ?? 0)).fill("0");
  return [...head, ...zeros].slice(0, 4).join(":");
}
