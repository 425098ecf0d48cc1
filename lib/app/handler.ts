/** Requests to responses: the routes of docs/protocol.md. */

import type { Limits } from "../answers/limits.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import type { AnswerQuestion, AskedQuestion, FieldStreams } from "../server.ts";
import { allowMembers, readJsonObject } from "../wire/body.ts";
import { Budgets } from "../wire/budgets.ts";
import { addCorsHeaders, preflight, STREAM_METHODS } from "../wire/cors.ts";
import {
  allowMethods,
  codeOf,
  failureResponse,
  HttpError,
  refuse,
} from "../wire/http_error.ts";
import { promptTooLong, WORDS } from "../wire/messages.ts";
import { Access } from "./access.ts";
import type { Config } from "./config.ts";
import { askEndpoint } from "./endpoint_question.ts";
import type { Address, Endpoint } from "./endpoints.ts";
import { PAGE_METHODS, StaticFiles } from "./static_files.ts";

/** What the routes need. */
export interface HandlerOptions {
  config: Config;
  streams: FieldStreams;
  /** @default {systemClock} */
  clock?: Clock;
  /** Called with what nobody expected, for the log. */
  onError?: (error: unknown) => void;
  /** Called with a prompt that starts a generation, and its id. */
  onPrompt?: (id: string, prompt: string) => void;
  /** Called with the code of a request that is refused. */
  onRefusal?: (code: string) => void;
  /** Makes what `/metrics` tells, in Prometheus' format. Without it there is none. */
  metrics?: (() => string) | undefined;
}

/** Where a request came from. `Deno.ServeHandlerInfo` is one. */
export interface ConnectionInfo {
  remoteAddr: Deno.Addr;
  /** Settles when the response has left for good, or the client has. */
  completed?: Promise<void>;
}

/** Makes the server's request handler. */
export function createHandler(
  options: HandlerOptions,
): (request: Request, info: ConnectionInfo) => Promise<Response> {
  const routes = new Routes(options);
  return (request, info) => routes.handle(request, info);
}

class Routes {
  readonly #options: HandlerOptions;
  readonly #access: Access;
  readonly #files = new StaticFiles();
  readonly #signIns: Budgets;
  readonly #body: { limits: Limits; clock: Clock };

  constructor(options: HandlerOptions) {
    this.#options = options;
    const { config, clock = systemClock } = options;
    this.#access = new Access(config);
    this.#signIns = new Budgets(config.limits);
    this.#body = { limits: config.limits, clock };
  }

  async handle(request: Request, info: ConnectionInfo): Promise<Response> {
    let response: Response;
    try {
      response = await this.#route(request, info);
    } catch (error) {
      this.#options.onRefusal?.(codeOf(error));
      response = await failureResponse(
        error,
        request,
        this.#options.onError,
      );
    }
    response.headers.set("x-content-type-options", "nosniff");
    response.headers.set("referrer-policy", "no-referrer");
    addCorsHeaders(
      request,
      response.headers,
      this.#options.config.corsOrigins,
    );
    return response;
  }

  #route(
    request: Request,
    info: ConnectionInfo,
  ): Response | Promise<Response> {
    if (request.method === "OPTIONS") return preflight();
    const url = URL.parse(request.url);
    if (url === null) throw new HttpError(400, "bad_request", WORDS.host);
    const address = this.#options.config.addresses.get(url.pathname);
    if (address !== undefined) return this.#ask(address, request, info);
    switch (url.pathname) {
      case "/endpoints":
        return this.#listEndpoints(request);
      case "/health":
        return this.#health(request);
      case "/metrics":
        return this.#metrics(request, url, info);
      case "/session":
        return this.#session(request, info);
      default:
        return this.#files.serve(request, url);
    }
  }

  #health(request: Request): Response {
    allowMethods(request, ["GET", "HEAD"], PAGE_METHODS);
    return this.#options.streams.health.draining
      ? Response.json(
        { status: "draining", message: "Server is shutting down" },
        { status: 503, headers: { "cache-control": "no-store" } },
      )
      : Response.json(
        { status: "ok", message: "Server is running" },
        { headers: { "cache-control": "no-store" } },
      );
  }

  #metrics(
    request: Request,
    url: URL,
    info: ConnectionInfo,
  ): Response | Promise<Response> {
    const { metrics } = this.#options;
    if (metrics === undefined) return this.#files.serve(request, url);
    allowMethods(request, ["GET", "HEAD"], PAGE_METHODS);
    this.#checkPage(request);
    if (this.#access.identify(request, addressOf(info)) === undefined) {
      throw unauthorized();
    }
    return new Response(metrics(), {
      headers: {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
        "cache-control": "no-store",
      },
    });
  }

  /** Exchanges an access token for a cookie. */
  async #session(
    request: Request,
    info: ConnectionInfo,
  ): Promise<Response> {
    allowMethods(request, ["POST"], "POST, OPTIONS");
    this.#checkPage(request);
    const address = this.#access.clientAddress(request, addressOf(info));
    refuse(this.#signIns.countResume(address));
    const members = await readJsonObject(request, this.#body);
    allowMembers(members, ["token"]);
    const { token } = members;
    if (typeof token !== "string") {
      throw new HttpError(400, "bad_request", WORDS.token);
    }
    const response = new Response(null, {
      status: 204,
      headers: { "cache-control": "no-store" },
    });
    if (!await this.#access.signIn(token, request, response.headers)) {
      throw unauthorized();
    }
    return response;
  }

  /** An address at which answers are asked for. */
  async #ask(
    address: Address,
    request: Request,
    info: ConnectionInfo,
  ): Promise<Response> {
    const { config: { model }, streams, onPrompt } = this.#options;
    allowMethods(request, ["GET", "POST", "DELETE", "HEAD"], STREAM_METHODS);
    this.#checkPage(request);
    const principal = this.#access.identify(request, addressOf(info));
    if (principal === undefined) throw unauthorized();
    const response = await streams.handle(request, {
      ...principal,
      ...(info.completed && { completed: info.completed }),
      ...(typeof address === "object" && address.format !== undefined &&
        { format: address.format }),
      question: (asked) =>
        typeof address === "string"
          ? this.#readQuestion(address, asked)
          : this.#fillIn(address, asked),
      onStart: (id, { prompt }) => onPrompt?.(id, prompt!),
    });
    if (request.method === "HEAD") {
      // The page offers what the demo model can do before it is asked anything.
      response.headers.set("fieldstream-model", encodeURI(model.model));
    }
    return response;
  }

  /** What a client asks in its own words, or what the server is set to. */
  #readQuestion(
    address: "open" | "own",
    { input, body, request }: AskedQuestion,
  ): AnswerQuestion {
    const { prompt, schema, schemaGiven } = this.#options.config;
    // A schema does not fit into a query.
    allowMembers(body, ["prompt", "schema"]);
    const own = request.method === "POST" ? body.prompt : input.prompt;
    const isOwn = body.schema !== undefined;
    const isAsked = own !== undefined && own !== "";
    if (address === "own" && (isAsked || isOwn)) {
      throw new HttpError(403, "forbidden", WORDS.closed);
    }
    if (isAsked && typeof own !== "string") {
      throw new HttpError(400, "bad_request", WORDS.prompt);
    }
    return {
      prompt: isAsked ? this.#checkLength(own) : prompt,
      schema: isOwn ? body.schema as JsonSchema : schema,
      validated: isOwn || schemaGiven,
    };
  }

  async #fillIn(
    endpoint: Endpoint,
    { input, body, request }: AskedQuestion,
  ): Promise<AnswerQuestion> {
    if (input !== body) allowMembers(body, ["input"]);
    const isQuery = request.method === "GET";
    const { clock } = this.#body;
    const question = await askEndpoint(endpoint, input, isQuery, clock);
    this.#checkLength(question.prompt!);
    return question;
  }

  /** A prompt that a client has a part in. */
  #checkLength(prompt: string): string {
    const { promptCharacters } = this.#options.config.limits;
    if (prompt.length <= promptCharacters) return prompt;
    const words = promptTooLong(promptCharacters, prompt.length);
    throw new HttpError(413, "too_large", words);
  }

  /** Which addresses there are, and what may be asked there. */
  #listEndpoints(request: Request): Response {
    allowMethods(request, ["GET", "HEAD"], PAGE_METHODS);
    this.#checkPage(request);
    const { addresses, model, schema } = this.#options.config;
    const endpoints = [...addresses].map(([path, address]) =>
      typeof address === "string"
        ? { path, open: address === "open", schema }
        : { path, open: false, input: address.input, schema: address.schema }
    );
    return Response.json(
      { model: model.model, endpoints },
      { headers: { "cache-control": "no-store" } },
    );
  }

  /** Refuses what no page of ours, and nobody who wants to read, would send. */
  #checkPage(request: Request): void {
    const { headers } = request;
    const isEmbedded = headers.get("sec-fetch-mode") === "no-cors" ||
      /^(iframe|frame|embed|object)$/.test(headers.get("sec-fetch-dest") ?? "");
    if (isEmbedded || !this.#access.allowsOrigin(request)) {
      throw new HttpError(403, "forbidden", WORDS.forbidden);
    }
  }
}

function unauthorized(): HttpError {
  return new HttpError(401, "unauthorized", WORDS.unauthorized, {
    "www-authenticate": "Bearer",
  });
}

function addressOf({ remoteAddr }: ConnectionInfo): string {
  return "hostname" in remoteAddr ? remoteAddr.hostname : "local";
}
