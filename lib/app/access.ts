/** Who may, and from where. */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { isIP, isIPv6 } from "node:net";
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

/**
 * Its name over HTTPS: browsers take one of this name only from this very host,
 * over HTTPS, and not from its siblings (RFC 6265bis, section 4.1.3.2).
 */
const HOST_COOKIE = `__Host-${COOKIE}`;

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
      owner = this.#ownerOfSessions(this.#sessionsOf(request));
    }
    return owner === undefined ? undefined : { owner, client: owner };
  }

  /**
   * Signs in: makes the cookie that stands for a token, for pages whose
   * EventSource cannot set headers.
   *
   * @param token What the user typed.
   * @param request What came with it.
   * @param headers The response's, which get the cookie.
   * @returns Whether the token is one of ours.
   */
  async signIn(
    token: string,
    request: Request,
    headers: Headers,
  ): Promise<boolean> {
    if (this.#tokens.length === 0) return true;
    const owner = this.#ownerOfToken(token);
    const entry = this.#tokens.find((entry) => entry.owner === owner);
    if (entry === undefined) return false;
    // Behind a proxy that ends TLS, the page knows best how it was reached.
    const secure = this.#isSecure(request) ||
      request.headers.get("origin")?.startsWith("https:") === true;
    // With the first who signs in, and not with the server's start.
    const { setCookie } = await import("@std/http/cookie");
    setCookie(headers, {
      name: secure ? HOST_COOKIE : COOKIE,
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

  /** Whether the request is known to have come over HTTPS. */
  #isSecure({ headers, url }: Request): boolean {
    return url.startsWith("https:") ||
      (this.#options.trustProxy &&
        headers.get("x-forwarded-proto") === "https");
  }

  /** The cookies that may count: over HTTPS only those that are from there. */
  #sessionsOf(request: Request): string[] {
    const sessions = cookiesOf(request.headers, HOST_COOKIE);
    return sessions.length > 0 || this.#isSecure(request)
      ? sessions
      : cookiesOf(request.headers, COOKIE);
  }

  /**
   * Whose the cookies are; nobody's if they are of several. A sibling host can
   * add one of the same name, and which of them comes first is its choice.
   */
  #ownerOfSessions(sessions: string[]): string | undefined {
    const owners = new Set(
      sessions.map((session) => this.#ownerOfSession(session)),
    );
    owners.delete(undefined);
    return owners.size === 1 ? [...owners][0] : undefined;
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

/** The values of all cookies of a name: a browser may have several. */
function cookiesOf(headers: Headers, name: string): string[] {
  return (headers.get("cookie") ?? "").split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
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
