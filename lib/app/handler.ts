/** Requests to responses: the routes of docs/protocol.md. */

import { serveDir } from "@std/http/file-server";
import { accepts } from "@std/http/negotiation";
import { Access, type Principal, type Refusal } from "./access.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Config } from "./config.ts";
import type { Generation } from "../answers/generation.ts";
import type { Generations } from "../answers/generations.ts";
import {
  checkSchema,
  type JsonSchema,
  SchemaError,
} from "../schemas/schema.ts";
import {
  isGenerationId,
  parseEventId,
  type Position,
  STREAM_HEADERS,
} from "../wire/sse.ts";

/** What the routes need. */
export interface HandlerOptions {
  config: Config;
  generations: Generations;
  /** @default {new Access(config)} */
  access?: Access;
  /** @default {systemClock} */
  clock?: Clock;
  /** Called with what nobody expected, for the log. */
  onError?: (error: unknown) => void;
  /** Called with a prompt that starts a generation, and its id. */
  onPrompt?: (id: string, prompt: string) => void;
}

/** Where a request came from. `Deno.ServeHandlerInfo` is one. */
export interface ConnectionInfo {
  remoteAddr: Deno.Addr;
}

/** A request that is answered with an error. */
class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Record<string, string> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

const STREAM_METHODS = "GET, POST, DELETE, HEAD, OPTIONS";
const PAGE_METHODS = "GET, HEAD, OPTIONS";

/** What the page may load and do (CSP Level 3). */
const PAGE_HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

const SNAPSHOT_HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  vary: "Accept",
};

const STATIC_FILES = `${import.meta.dirname}/../../static`;

/** Makes the server's request handler. */
export function createHandler(
  options: HandlerOptions,
): (request: Request, info: ConnectionInfo) => Promise<Response> {
  const routes = new Routes(options);
  return (request, info) => routes.handle(request, info);
}

class Routes {
  readonly #config: Config;
  readonly #generations: Generations;
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #options: HandlerOptions;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#config = options.config;
    this.#generations = options.generations;
    this.#access = options.access ?? new Access(options.config);
  }

  async handle(request: Request, info: ConnectionInfo): Promise<Response> {
    let response: Response;
    try {
      response = await this.#route(request, info);
    } catch (error) {
      if (error instanceof HttpError) {
        response = errorResponse(error);
      } else {
        this.#options.onError?.(error);
        response = errorResponse(
          new HttpError(500, "internal", "服务器内部错误"),
        );
      }
    }
    response.headers.set("x-content-type-options", "nosniff");
    response.headers.set("referrer-policy", "no-referrer");
    this.#access.addCorsHeaders(request, response.headers);
    return response;
  }

  #route(
    request: Request,
    info: ConnectionInfo,
  ): Response | Promise<Response> {
    if (request.method === "OPTIONS") return preflight();
    const url = URL.parse(request.url);
    if (url === null) throw new HttpError(400, "bad_request", "Host 不合法");
    switch (url.pathname) {
      case "/helloworld":
        return this.#helloworld(request, url, info);
      case "/health":
        return this.#health(request);
      case "/session":
        return this.#session(request, url, info);
      default:
        return servePage(request, url);
    }
  }

  #health(request: Request): Response {
    allowMethods(request, ["GET", "HEAD"], PAGE_METHODS);
    return this.#generations.draining
      ? Response.json(
        { status: "draining", message: "Server is shutting down" },
        { status: 503, headers: { "cache-control": "no-store" } },
      )
      : Response.json(
        { status: "ok", message: "Server is running" },
        { headers: { "cache-control": "no-store" } },
      );
  }

  /** Exchanges an access token for a cookie. */
  async #session(
    request: Request,
    url: URL,
    info: ConnectionInfo,
  ): Promise<Response> {
    allowMethods(request, ["POST"], "POST, OPTIONS");
    this.#checkPage(request);
    const address = this.#access.clientAddress(request, addressOf(info));
    refuse(this.#access.countResume(address));
    const { token } = await this.#readMembers(request, ["token"]);
    if (typeof token !== "string") {
      throw new HttpError(400, "bad_request", "token 应为字符串");
    }
    const response = new Response(null, {
      status: 204,
      headers: { "cache-control": "no-store" },
    });
    // Behind a proxy that ends TLS, the page knows best how it was reached.
    const isSecure = url.protocol === "https:" ||
      request.headers.get("origin")?.startsWith("https:") ||
      (this.#config.trustProxy &&
        request.headers.get("x-forwarded-proto") === "https");
    if (!this.#access.signIn(token, response.headers, isSecure)) {
      throw unauthorized();
    }
    return response;
  }

  async #helloworld(
    request: Request,
    url: URL,
    info: ConnectionInfo,
  ): Promise<Response> {
    allowMethods(request, ["GET", "POST", "DELETE", "HEAD"], STREAM_METHODS);
    this.#checkPage(request);
    const principal = this.#access.identify(request, addressOf(info));
    if (principal === undefined) throw unauthorized();
    if (request.method === "DELETE") return this.#stop(url, principal);
    const asJson = prefersJson(request);
    if (request.method === "HEAD") {
      return new Response(null, {
        headers: asJson ? SNAPSHOT_HEADERS : STREAM_HEADERS,
      });
    }
    const id = url.searchParams.get("id");
    const position = readPosition(request, id);
    const visit: Visit = { request, url, principal, asJson };
    const found = this.#generations.get(id ?? position?.generation ?? "");
    const known = found?.owner === principal.owner ? found : undefined;
    if (position?.offset === "end" && !(asJson && known)) {
      return new Response(null, { status: 204 });
    }
    if (known !== undefined) {
      await request.body?.cancel().catch(() => {});
      return this.#resume(known, position?.offset, visit);
    }
    if (found !== undefined || position !== undefined) {
      throw new HttpError(410, "expired", "这个回答已经不在了");
    }
    return await this.#start(id ?? undefined, visit);
  }

  async #start(id: string | undefined, visit: Visit): Promise<Response> {
    const { principal: { owner, client }, asJson } = visit;
    // Opened first: a body that is on its way takes up as much, and a stream
    // that cannot be opened starts nothing.
    const close = this.#openStream(client);
    try {
      const { prompt, schema } = await this.#readQuestion(visit);
      // While this one waited, another of the same id may have come.
      const rival = id === undefined ? undefined : this.#generations.get(id);
      if (rival?.owner === owner) {
        close();
        return this.#resume(rival, undefined, visit);
      }
      if (rival !== undefined) {
        throw new HttpError(410, "expired", "这个回答已经不在了");
      }
      if (this.#generations.draining) {
        throw new HttpError(503, "draining", "服务器正在重启", retryAfter(5));
      }
      if (this.#generations.running >= this.#config.limits.streams) {
        throw new HttpError(503, "overloaded", "服务器繁忙", retryAfter(5));
      }
      refuse(this.#access.countGeneration(client));
      const generation = this.#generations.start({
        id,
        owner,
        prompt,
        schema: schema ?? this.#config.schema,
        validated: schema !== undefined || this.#config.schemaGiven,
      });
      this.#options.onPrompt?.(generation.id, prompt);
      if (!asJson) return streamResponse(generation.follow(undefined, close));
      close();
      return snapshotResponse(generation, 202);
    } catch (error) {
      close();
      throw error;
    }
  }

  #resume(
    generation: Generation,
    offset: Position["offset"] | undefined,
    { principal: { client }, asJson }: Visit,
  ): Response {
    if (typeof offset === "number" && offset > generation.transcript.length) {
      throw new HttpError(400, "bad_request", "Last-Event-ID 超出了回答的长度");
    }
    refuse(
      this.#access.countResume(client, generation.transcript.length),
    );
    if (asJson || offset === "end") return snapshotResponse(generation, 200);
    const close = this.#openStream(client);
    return streamResponse(generation.follow(offset, close));
  }

  #stop(url: URL, { owner }: Principal): Response {
    const generation = this.#generations.get(url.searchParams.get("id") ?? "");
    if (generation?.owner === owner) generation.stop("stopped");
    return new Response(null, { status: 204 });
  }

  #openStream(client: string): () => void {
    const stream = this.#access.openStream(client);
    if (typeof stream === "function") return stream;
    throw tooMany(stream);
  }

  /** Refuses what no page of ours, and nobody who wants to read, would send. */
  #checkPage(request: Request): void {
    const { headers } = request;
    const isEmbedded = headers.get("sec-fetch-mode") === "no-cors" ||
      /^(iframe|frame|embed|object)$/.test(headers.get("sec-fetch-dest") ?? "");
    const isPrefetch = headers.get("sec-purpose")?.includes("prefetch");
    if (isEmbedded || isPrefetch || !this.#access.allowsOrigin(request)) {
      throw new HttpError(403, "forbidden", "不允许从这里访问");
    }
  }

  async #readQuestion(
    { request, url }: Visit,
  ): Promise<{ prompt: string; schema: JsonSchema | undefined }> {
    const { prompt, schema } = request.method === "POST"
      ? await this.#readMembers(request, ["prompt", "schema"])
      : {
        prompt: url.searchParams.get("prompt") ?? undefined,
        schema: undefined,
      };
    return { prompt: this.#readPrompt(prompt), schema: readSchema(schema) };
  }

  #readPrompt(prompt: unknown): string {
    const { promptCharacters } = this.#config.limits;
    if (prompt === undefined || prompt === "") return this.#config.prompt;
    if (typeof prompt !== "string") {
      throw new HttpError(400, "bad_request", "prompt 应为字符串");
    }
    if (prompt.length > promptCharacters) {
      throw new HttpError(
        413,
        "too_large",
        `prompt 最多 ${promptCharacters} 个字符，收到 ${prompt.length} 个`,
      );
    }
    return prompt;
  }

  /** Reads a JSON object with no members but those `allowed`. */
  async #readMembers<Name extends string>(
    request: Request,
    allowed: Name[],
  ): Promise<{ [name in Name]?: unknown }> {
    const text = await this.#readBody(request);
    if (text === "") return {};
    const type = request.headers.get("content-type") ?? "";
    if (!/^application\/json *(;|$)/i.test(type)) {
      throw new HttpError(
        415,
        "unsupported_media_type",
        "Content-Type 应为 application/json",
      );
    }
    const members = parseJson(text);
    if (
      typeof members !== "object" || members === null || Array.isArray(members)
    ) {
      throw new HttpError(400, "bad_request", "请求体应为 JSON 对象");
    }
    const unknown = Object.keys(members)
      .find((name) => !(allowed as string[]).includes(name));
    if (unknown !== undefined) {
      const name = JSON.stringify(unknown.slice(0, 40));
      throw new HttpError(400, "bad_request", `请求体里有未知的成员 ${name}`);
    }
    return members;
  }

  /** Reads a body that is neither too large nor too slow. */
  async #readBody(request: Request): Promise<string> {
    if (request.body === null) return "";
    const { bodyBytes, bodySeconds } = this.#config.limits;
    const reader = request.body.getReader();
    let isLate = false;
    const timer = this.#clock.setTimeout(() => {
      isLate = true;
      reader.cancel().catch(() => {});
    }, bodySeconds * 1000);
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let text = "";
    let bytes = 0;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        bytes += value.length;
        if (bytes > bodyBytes) {
          throw new HttpError(
            413,
            "too_large",
            `请求体最多 ${bodyBytes} 字节`,
          );
        }
        text += decoder.decode(value, { stream: true });
      }
      text += decoder.decode();
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw new HttpError(400, "bad_request", "请求体不是完整的 UTF-8 文本");
    } finally {
      this.#clock.clearTimeout(timer);
      await reader.cancel().catch(() => {});
    }
    if (isLate) throw new HttpError(400, "bad_request", "请求体没有按时到达");
    return text;
  }
}

/** A request to `/helloworld` by somebody who may. */
interface Visit {
  request: Request;
  url: URL;
  principal: Principal;
  asJson: boolean;
}

/** A name in `static/`, which has no folders. All else need not be looked for. */
const PAGE_PATH = /^\/(?:\w[\w.-]{0,99})?$/;

async function servePage(
  request: Request,
  { pathname }: URL,
): Promise<Response> {
  if (!PAGE_PATH.test(pathname)) {
    throw new HttpError(404, "not_found", "没有这个地址");
  }
  const isRead = request.method === "GET" || request.method === "HEAD";
  const response = await serveDir(
    isRead ? request : new Request(request.url),
    { fsRoot: STATIC_FILES, quiet: true },
  );
  // It would also redirect to the names of folders; there are none.
  const isThere = response.ok || response.status === 304;
  if (!isRead || !isThere) await response.body?.cancel();
  if (!isThere) {
    throw new HttpError(404, "not_found", "没有这个地址");
  }
  if (!isRead) throw methodNotAllowed(PAGE_METHODS);
  for (const [name, value] of Object.entries(PAGE_HEADERS)) {
    response.headers.set(name, value);
  }
  return response;
}

function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": STREAM_METHODS,
      "access-control-allow-headers":
        "Content-Type, Authorization, Last-Event-ID",
      "access-control-max-age": "86400",
    },
  });
}

/**
 * Whether the client wants snapshots: JSON weighs more for it than the event
 * stream, or it names JSON and not the event stream.
 */
function prefersJson(request: Request): boolean {
  // The work grows faster than the header; what clients send is shorter.
  if ((request.headers.get("accept") ?? "").length > 1000) return false;
  const preferred = accepts(request, "text/event-stream", "application/json");
  return preferred === "application/json";
}

/** Where the client is, if it says so. */
function readPosition(
  request: Request,
  id: string | null,
): Position | undefined {
  if (id !== null && !isGenerationId(id)) {
    throw new HttpError(400, "bad_request", "id 应为 22 个 base64url 字符");
  }
  const header = request.headers.get("last-event-id");
  if (header === null) return undefined;
  const position = parseEventId(header);
  if (position === undefined) {
    throw new HttpError(400, "bad_request", "Last-Event-ID 的格式不对");
  }
  if (id !== null && position.generation !== id) {
    throw new HttpError(400, "bad_request", "Last-Event-ID 与 id 不一致");
  }
  return position;
}

function readSchema(schema: unknown): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  try {
    return checkSchema(schema);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new HttpError(400, "bad_request", error.message);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, "bad_request", "请求体不是 JSON");
  }
}

function streamResponse(body: ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: STREAM_HEADERS });
}

function snapshotResponse(generation: Generation, status: number): Response {
  const snapshot = generation.snapshot();
  const { outcome } = generation.transcript;
  return Response.json(
    { id: generation.id, status: "running", ...snapshot, ...outcome },
    { status, headers: SNAPSHOT_HEADERS },
  );
}

function errorResponse(
  { status, code, message, headers }: HttpError,
): Response {
  return Response.json({ status: "error", code, message }, {
    status,
    headers: { "cache-control": "no-store", ...headers },
  });
}

function allowMethods(
  request: Request,
  methods: string[],
  allow: string,
): void {
  if (!methods.includes(request.method)) throw methodNotAllowed(allow);
}

function methodNotAllowed(allow: string): HttpError {
  return new HttpError(405, "method_not_allowed", "不支持这个方法", { allow });
}

function unauthorized(): HttpError {
  return new HttpError(401, "unauthorized", "需要访问令牌", {
    "www-authenticate": "Bearer",
  });
}

function refuse(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw tooMany(refusal);
}

function tooMany({ code, retryAfter: seconds }: Refusal): HttpError {
  return code === "overloaded"
    ? new HttpError(503, code, "服务器繁忙", retryAfter(seconds))
    : new HttpError(429, code, "请求过多，请稍后再试", retryAfter(seconds));
}

function retryAfter(seconds: number): Record<string, string> {
  return { "retry-after": String(seconds) };
}

function addressOf({ remoteAddr }: ConnectionInfo): string {
  return "hostname" in remoteAddr ? remoteAddr.hostname : "local";
}
