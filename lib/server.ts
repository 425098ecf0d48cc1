/**
 * The whole protocol of one address (docs/protocol.md) as one function in
 * anybody's server: a `Request` in, a `Response` out. Web standard only.
 *
 * @module
 */

import { type AttemptLimits, DEFAULT_ATTEMPTS } from "./answers/attempts.ts";
import {
  type Answer,
  type AttemptReport,
  type FinishedAnswer,
  Generation,
  type GenerationOptions,
  settle,
} from "./answers/generation.ts";
import { Generations } from "./answers/generations.ts";
import { isGenerationId } from "./answers/id.ts";
import { DEFAULT_LIMITS, type Limits } from "./answers/limits.ts";
import { guarded, type Observer } from "./answers/observer.ts";
import { takeReasoning, takeSnapshot } from "./answers/snapshot.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Language } from "./language.ts";
import type { Ask, Question } from "./models/ask.ts";
import { askWith, type Said } from "./models/ask_with.ts";
import { checkSchema, type JsonSchema, SchemaError } from "./schemas/schema.ts";
import { Instances, type Start, StoreError } from "./stores/instances.ts";
import type { TranscriptStore } from "./stores/store.ts";
import { readJsonObject } from "./wire/body.ts";
import { Budgets, resumeCost } from "./wire/budgets.ts";
import { connect, type ConnectionOptions } from "./wire/connection.ts";
import { addCorsHeaders, preflight, STREAM_METHODS } from "./wire/cors.ts";
import {
  allowMethods,
  codeOf,
  defaultCode,
  failureResponse,
  HttpError,
  refuse,
  retryAfter,
  tooMany,
} from "./wire/http_error.ts";
import { Lag } from "./wire/lag.ts";
import { describeOutcome, WORDS } from "./wire/messages.ts";
import { preferredForm, preferredLanguage } from "./wire/negotiation.ts";
import { digestOf } from "./wire/question_digest.ts";
import { type Form, type Format, FORMATS, headersOf } from "./wire/forms.ts";
import { isPrefetch } from "./wire/prefetch.ts";
import { Replays } from "./wire/replays.ts";
import {
  formatEventId,
  parseEventId,
  type Position,
  STREAM_HEADERS,
} from "./wire/sse.ts";

export {
  type FinishedAnswer,
  type UpstreamReport,
} from "./answers/generation.ts";
export { type AttemptLimits, DEFAULT_ATTEMPTS } from "./answers/attempts.ts";
export type { AttemptReport } from "./answers/generation.ts";
export { DEFAULT_LIMITS, type Limits } from "./answers/limits.ts";
export type { ErrorCode } from "./answers/outcome.ts";
export type {
  ConnectionWatch,
  GenerationWatch,
  ObservedConnection,
  ObservedGeneration,
  Observer,
  Traffic,
} from "./answers/observer.ts";
export type { Language } from "./language.ts";
export type { Format } from "./wire/forms.ts";
export * from "./models/ask.ts";
export { askWith, type Said } from "./models/ask_with.ts";
export type { JsonSchema } from "./schemas/schema.ts";
export type * from "./stores/store.ts";

/** What {@linkcode createFieldStreams} makes addresses of. */
export interface FieldStreamsOptions {
  /** The model: `openai()`, or what {@linkcode askWith} makes. */
  ask: Ask;
  /**
   * The model's name, as clients see it.
   *
   * @default {ask.model}
   */
  model?: string | undefined;
  /** Bounds that differ from {@linkcode DEFAULT_LIMITS}. */
  limits?: Partial<Limits>;
  /**
   * Where answers are that several processes share: `openSqliteStore()`,
   * `openRedisStore()`, or your own. Without one they are in this process.
   * Whoever has opened it closes it, after `drain()`.
   */
  store?: TranscriptStore | undefined;
  /**
   * Whether readers get only what is in the store: then nobody has seen what is
   * lost when a process dies.
   *
   * @default {false}
   */
  durable?: boolean | undefined;
  /**
   * The origins whose pages may read the responses, with their credentials;
   * `"*"`: all, without. Left to the host where it is not set.
   */
  cors?: "*" | string[];
  /**
   * How often the model may be asked for one answer, and why, where that differs
   * from {@linkcode DEFAULT_ATTEMPTS}.
   */
  attempts?: Partial<AttemptLimits>;
  /** Called whenever the model is asked once more for an answer. */
  onAttempt?: (report: AttemptReport) => unknown;
  /**
   * Called once for each answer, however it has ended. Awaited before the
   * answer is forgotten, and by `drain()`.
   */
  onFinish?: (answer: FinishedAnswer) => unknown;
  /** Called with what nobody expected, and what these two threw. */
  onError?: (error: unknown) => void;
  /** Who watches answers and connections: telemetry. */
  observer?: Observer | undefined;
}

/** Who asks, and what for. */
export interface HandleOptions {
  /** Whose the answer is: nobody else can follow or stop it. */
  owner: string;
  /**
   * Whom the limits count.
   *
   * @default {owner}
   */
  client?: string;
  /**
   * Says what the model is asked. Called only when a generation starts.
   *
   * @throws A `Response`, which is the answer then; or an error with a `status`
   * from 400 to 599, and perhaps a `code`, whose message the client sees.
   */
  question: (
    asked: AskedQuestion,
  ) => AnswerQuestion | Promise<AnswerQuestion>;
  /**
   * How the answer is sent to whoever's `Accept` does not name another form:
   * as Server-Sent Events; as `ndjson`, the same events, each a line of JSON; or
   * as `text`, the value's own, mended to strict JSON, as it grows. Text fails
   * where the answer does. There a body is the input itself, unless all it has
   * is an object as `input`.
   *
   * @default {"events"}
   */
  format?: Format;
  /**
   * Settles when the response has left for good, or the client has: what
   * `Deno.serve` gives as `info.completed`. A client that never reads keeps its
   * place until then, as its bytes lie in this server's sockets; without it,
   * until the body has ended.
   */
  completed?: Promise<unknown>;
  /** Called with a generation that has been started. */
  onStart?: (id: string, question: AnswerQuestion) => void;
}

/** What a request asks. */
export interface AskedQuestion {
  /**
   * The member `input` of a `POST`'s body (where the format is `text` perhaps
   * the body itself); of a `GET`, its query.
   */
  input: Record<string, unknown>;
  /** All members of a `POST`'s body. */
  body: Record<string, unknown>;
  /** The request; its body has been read. */
  request: Request;
}

/** What an answer is to be, and what becomes of it. */
export interface AnswerQuestion extends Question {
  /** Yours: it comes back in `onFinish`. */
  meta?: unknown;
  /**
   * How long the answer goes on that nobody reads, in seconds; `Infinity`: it is
   * finished and kept, whoever reads.
   *
   * @default {limits.lingerSeconds}
   */
  linger?: number | undefined;
  /**
   * Whether the value is held against the schema.
   *
   * @default {true}
   */
  validated?: boolean | undefined;
}

/** What a host's health route tells. */
export interface Health {
  /** Whether no more generations are started. */
  draining: boolean;
  /** How many generations run. */
  running: number;
  /** How many have ended and can still be followed. */
  kept: number;
  /** How many connections are open. */
  openStreams: number;
}

/** Answers, and the addresses at which they are asked for and followed. */
export interface FieldStreams {
  /** What a health route tells. */
  readonly health: Health;
  /**
   * Answers a request to an address, in the whole protocol: `GET`, `POST`,
   * `HEAD`, `DELETE`, polls.
   *
   * @param request The request; its body must not have been read.
   * @param options Who asks, and what for.
   * @returns The response, whatever happens.
   * @throws {TypeError} If the options cannot be meant.
   */
  handle(request: Request, options: HandleOptions): Promise<Response>;
  /**
   * Lets running answers finish for `drainSeconds`, and starts no more.
   *
   * @returns Resolves when none is running, each `onFinish` has, and all are
   * stored, where there is a store.
   */
  drain(): Promise<void>;
}

/**
 * What the addresses of one server share.
 *
 * @internal
 */
export interface AddressesContext {
  generations: Generations;
  budgets: Budgets;
  model: string;
  limits: Limits;
  clock: Clock;
  cors?: "*" | string[] | undefined;
  /** Those that share a store; `undefined`: there is one. */
  instances?: Instances | undefined;
  onError?: ((error: unknown) => void) | undefined;
  observer?: Observer | undefined;
}

/**
 * How long an answer goes on that nobody can come back to, since whoever asked
 * does not know its id. In seconds.
 */
const SHORT_LINGER = 1;

/** A stream that is counted. */
interface OpenStream {
  /** Counts it no more; to be called once. */
  close: () => void;
  /**
   * Rejects if all instances together have too many; `undefined`: there is one
   * instance, and nothing to wait for.
   */
  opened: Promise<void> | undefined;
}

/** Somebody's request, as far as it has been read. */
interface Asked {
  request: Request;
  url: URL;
  visit: HandleOptions & { client: string };
  form: Form;
  shortIds: boolean;
  language: Language;
}

/**
 * Makes answers, and the addresses at which they are asked for and followed.
 *
 * @param options The model, and what becomes of its answers.
 * @returns What handles requests.
 *
 * @example An address that streams a recipe, for one user
 * ```ts
 * import { askWith, createFieldStreams } from "@fieldstream/fieldstream/server";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const streams = createFieldStreams({
 *   ask: askWith(async function* ({ prompt }) {
 *     yield JSON.stringify({ title: prompt });
 *   }),
 * });
 * const response = await streams.handle(
 *   new Request("https://example.com/api/recipe?dish=Soup"),
 *   {
 *     owner: "user-1",
 *     question: ({ input }) => ({ prompt: `A recipe for ${input.dish}` }),
 *   },
 * );
 * assertStringIncludes(await response.text(), "A recipe for Soup");
 * await streams.drain();
 * ```
 */
export function createFieldStreams(options: FieldStreamsOptions): FieldStreams {
  if (typeof options?.ask !== "function") {
    throw new TypeError(
      "Cannot create field streams: ask is not a function; use openai() or askWith()",
    );
  }
  const { ask, cors, store, durable = false } = options;
  const { onAttempt, onFinish, onError, observer } = options;
  if (durable && store === undefined) {
    throw new TypeError("Cannot create field streams: durable needs a store");
  }
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = systemClock;
  const generations = new Generations({
    ask,
    attempts: { ...DEFAULT_ATTEMPTS, ...options.attempts },
    limits,
    clock,
    onAttempt,
    onFinish,
    onError,
    observer,
  });
  const budgets = new Budgets(limits);
  const model = options.model ?? ask.model ?? "unknown";
  const instances = store &&
    new Instances({
      ...{ store, durable, limits, clock },
      onError: (error) => {
        guarded(() => observer?.onStoreFault?.(), onError);
        onError?.(error);
      },
    });
  return new Addresses({
    ...{ generations, budgets, model, limits, clock, cors, instances },
    ...{ onError, observer },
  });
}

/**
 * Streams a model's text as fields, without keeping anything: for those who want
 * no resume. The text is left alone as soon as the client leaves.
 *
 * @param text The answer's text, in pieces of any size.
 * @param options Which shape it has.
 * @returns The same events that an address of {@linkcode createFieldStreams}
 * gives.
 */
export function streamResponse(
  text: AsyncIterable<Said>,
  options: StreamResponseOptions = {},
): Response {
  const { schema, model = "unknown", language = "zh", headers } = options;
  const { limits: own, onFinish, onError } = options;
  const limits = { ...DEFAULT_LIMITS, ...own, lingerSeconds: 0 };
  const clock = systemClock;
  const generation = new Generation(
    { owner: "", schema, validated: schema !== undefined },
    {
      ask: askWith(() => text),
      limits,
      clock,
      onFinish: (answer) => settle(() => onFinish?.(answer), onError),
    },
  );
  const body = connect(
    generation,
    { language, onClose: () => {} },
    { model, limits, clock },
  );
  return new Response(body, { headers: { ...STREAM_HEADERS, ...headers } });
}

/** What {@linkcode streamResponse} can be told. */
export interface StreamResponseOptions
  extends
    Pick<FieldStreamsOptions, "model" | "limits" | "onFinish" | "onError"> {
  /** Which shape the answer has; it is held against it. */
  schema?: JsonSchema;
  /**
   * Of `message` in the events.
   *
   * @default {"zh"}
   */
  language?: Language;
  /** More headers, or other ones. */
  headers?: Record<string, string>;
}

/**
 * Made by {@linkcode createFieldStreams}.
 *
 * @internal
 */
export class Addresses implements FieldStreams {
  readonly #options: AddressesContext;
  readonly #replays = new Replays();

  constructor(options: AddressesContext) {
    this.#options = options;
  }

  get health(): Health {
    const { generations: { draining, running, kept }, budgets } = this.#options;
    return { draining, running, kept, openStreams: budgets.openStreams };
  }

  async drain(): Promise<void> {
    await this.#options.generations.drain();
    await this.#options.instances?.drain();
  }

  async handle(request: Request, options: HandleOptions): Promise<Response> {
    const { owner, client = owner } = options;
    if (typeof owner !== "string" || typeof options.question !== "function") {
      throw new TypeError(
        `Cannot handle a request: expected a string as owner and a function as question, got ${typeof owner} and ${typeof options
          .question}`,
      );
    }
    const { format = "events" } = options;
    if (!FORMATS.includes(format)) {
      throw new TypeError(
        `Cannot handle a request: expected one of ${
          FORMATS.join(", ")
        } as format, got ${format}`,
      );
    }
    const response = await this.#answer(request, { ...options, client });
    const { cors } = this.#options;
    if (cors === undefined) return response;
    // One that the host has thrown may be frozen.
    const open = new Response(response.body, response);
    addCorsHeaders(request, open.headers, cors);
    return open;
  }

  async #answer(
    request: Request,
    visit: Asked["visit"],
  ): Promise<Response> {
    try {
      if (request.method === "OPTIONS" && this.#options.cors !== undefined) {
        return preflight();
      }
      return await this.#route(request, visit);
    } catch (error) {
      if (error instanceof Response) return error;
      // The instances have told of it.
      const told = error instanceof StoreError ? unreachable() : error;
      const { observer, onError } = this.#options;
      guarded(() => observer?.onRefusal?.(codeOf(told)), onError);
      return failureResponse(told, request, onError);
    }
  }

  async #route(
    request: Request,
    visit: Asked["visit"],
  ): Promise<Response> {
    allowMethods(request, ["GET", "POST", "DELETE", "HEAD"], STREAM_METHODS);
    if (isPrefetch(request)) {
      throw new HttpError(403, "forbidden", WORDS.forbidden);
    }
    const url = new URL(request.url);
    if (request.method === "DELETE") return this.#stop(url, visit);
    const form = preferredForm(request, visit.format);
    if (request.method === "HEAD") {
      return new Response(null, { headers: headersOf(form) });
    }
    const id = url.searchParams.get("id");
    const shortIds = wantsShortIds(url);
    const position = readPosition(request, id, shortIds);
    const isOver = position?.offset === "end";
    if (isOver && form !== "snapshot") {
      return new Response(null, { status: 204 });
    }
    const { generations, instances } = this.#options;
    const wanted = id ?? position?.generation ?? "";
    let found: Answer | undefined = generations.get(wanted);
    // Without a store nothing is awaited between here and the start.
    if (found === undefined && instances !== undefined && wanted !== "") {
      found = await instances.find(wanted);
    }
    const known = found?.owner === visit.owner ? found : undefined;
    if (isOver && known === undefined) {
      return new Response(null, { status: 204 });
    }
    const language = preferredLanguage(request);
    const asked: Asked = { request, url, visit, form, shortIds, language };
    if (known !== undefined) {
      if (position === undefined) await this.#compare(known, asked);
      else await request.body?.cancel().catch(() => {});
      return await this.#resume(known, position?.offset, asked);
    }
    if (found !== undefined || position !== undefined) throw expired();
    return await this.#start(id ?? undefined, asked);
  }

  async #start(id: string | undefined, asked: Asked): Promise<Response> {
    const { generations, budgets, instances } = this.#options;
    const { visit, form, shortIds, language } = asked;
    const { owner, client } = visit;
    // Opened first: a body that is on its way takes up as much, and a stream
    // that cannot be opened starts nothing.
    const { close, opened } = this.#openStream(client);
    try {
      if (opened !== undefined) await opened;
      // Looked at before the body is read, and counted when something starts: to
      // ask again for what is there costs nothing.
      this.#checkRoom();
      refuse(budgets.lookForGeneration(client));
      const members = await this.#read(asked);
      const digest = await digestOf(members);
      const question = await this.#question(asked, members);
      // While this one waited, another of the same id may have come.
      let answer: Answer | undefined = id === undefined
        ? undefined
        : generations.get(id);
      let isNew = false;
      if (answer === undefined) {
        this.#checkRoom();
        refuse(budgets.countGeneration(client));
        const options: GenerationOptions = {
          ...question,
          linger: question.linger ??
            (form === "text" && id === undefined ? SHORT_LINGER : undefined),
          validated: question.validated ?? question.schema !== undefined,
          digest,
          id,
          owner,
        };
        const start = (options: GenerationOptions): Generation => {
          isNew = true;
          const generation = generations.start(options);
          visit.onStart?.(generation.id, question);
          return generation;
        };
        answer = instances === undefined
          ? start(options)
          : await this.#startShared(instances, { options, client, start });
      }
      if (answer.owner !== owner) throw expired();
      if (isNew && form !== "snapshot") {
        return this.#stream(answer, visit, {
          ...{ format: form, shortIds, language, onClose: close },
        });
      }
      close();
      if (isNew) {
        return await this.#snapshot(answer, { status: 202, language });
      }
      this.#refuseOther(answer, digest, client);
      return await this.#resume(answer, undefined, asked);
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Refuses to start anything where nothing can. */
  #checkRoom(): void {
    const { generations, limits, clock } = this.#options;
    if (generations.draining) {
      throw new HttpError(503, "draining", WORDS.draining, retryAfter(5));
    }
    if (generations.running >= limits.streams || Lag.of(clock).isTooMuch) {
      throw new HttpError(503, "overloaded", WORDS.overloaded, retryAfter(5));
    }
  }

  /** Starts a generation here, unless another instance has. */
  async #startShared(
    instances: Instances,
    { options, client, start }: {
      options: GenerationOptions;
      client: string;
      start: Start;
    },
  ): Promise<Answer> {
    const { generations, limits } = this.#options;
    await this.#spend(`g:${client}`, 1, limits.generationsPerMinute);
    return await instances.start(options, (options) => {
      const generation = start(options);
      // It has been claimed: whoever asks for it hears how it is.
      if (generations.draining) generation.stop("interrupted");
      return generation;
    });
  }

  async #resume(
    answer: Answer,
    offset: Position["offset"] | undefined,
    { visit, form, shortIds, language }: Asked,
  ): Promise<Response> {
    const { client } = visit;
    const { length } = answer;
    const isBeyond = typeof offset === "number" && offset > length;
    // What another instance has written may be on its way.
    if (isBeyond && answer instanceof Generation) {
      throw new HttpError(400, "bad_request", WORDS.offset);
    }
    const work = form === "snapshot" || offset === "end"
      ? length
      : answer.workFrom(form === "text" ? 0 : offset ?? 0);
    await this.#countResume(client, work);
    if (form === "snapshot" || offset === "end") {
      const from = offset === "end" ? undefined : offset;
      return await this.#snapshot(answer, { status: 200, language, from });
    }
    const { close: onClose, opened } = this.#openStream(client);
    try {
      if (opened !== undefined) await opened;
      return this.#stream(answer, visit, {
        ...{ offset, format: form, shortIds, language, onClose },
      });
    } catch (error) {
      onClose();
      throw error;
    }
  }

  /** Refuses a request that asks something else than what is answered. */
  async #compare(answer: Answer, asked: Asked): Promise<void> {
    const { client } = asked.visit;
    refuse(this.#options.budgets.lookForResume(client));
    const { close, opened } = this.#openStream(client);
    try {
      if (opened !== undefined) await opened;
      const digest = await this.#read(asked).then(digestOf, (error) => {
        // What cannot be read is not what was asked.
        if (error instanceof HttpError && error.status !== 413) return "";
        throw error;
      });
      this.#refuseOther(answer, digest, client);
    } finally {
      close();
    }
  }

  #refuseOther(
    answer: Answer,
    digest: string | undefined,
    client: string,
  ): void {
    if (digest === undefined || digest === answer.digest) return;
    refuse(this.#options.budgets.countResume(client));
    throw new HttpError(409, "conflict", WORDS.conflict);
  }

  /** The members of a request's body, or of its query. */
  async #read({ request, url }: Asked): Promise<Record<string, unknown>> {
    return request.method === "POST"
      ? await readJsonObject(request, this.#options)
      : queryOf(url);
  }

  /** What the host makes of the request. */
  async #question(
    { request, visit }: Asked,
    members: Record<string, unknown>,
  ): Promise<AnswerQuestion> {
    const isPost = request.method === "POST";
    const body = isPost ? members : {};
    const isBare = visit.format === "text" && !isWrapped(members);
    const input = isPost && !isBare ? body.input ?? {} : members;
    if (typeof input !== "object" || Array.isArray(input)) {
      throw new HttpError(400, "bad_request", WORDS.input);
    }
    let question: AnswerQuestion;
    try {
      question = await visit.question({
        input: input as Record<string, unknown>,
        body,
        request,
      });
    } catch (error) {
      throw toHttpError(error);
    }
    if (question.prompt === undefined && question.messages === undefined) {
      throw new TypeError(
        "Cannot ask: the question has neither a prompt nor messages",
      );
    }
    readSchema(question.schema);
    return question;
  }

  async #stop(
    url: URL,
    { owner, client }: Asked["visit"],
  ): Promise<Response> {
    const { generations, instances } = this.#options;
    const id = url.searchParams.get("id") ?? "";
    const generation = generations.get(id);
    if (generation?.owner === owner) {
      generation.stop("stopped");
    } else if (generation === undefined && isGenerationId(id)) {
      if (instances === undefined) {
        refuse(this.#options.budgets.countResume(client));
        generations.stopAhead(owner, id);
      } else {
        await this.#countResume(client);
        await instances.stop(id, owner);
      }
    }
    return new Response(null, { status: 204 });
  }

  /** Counts a request that starts nothing, here and over all instances. */
  async #countResume(client: string, work = 0): Promise<void> {
    const { budgets, limits } = this.#options;
    refuse(budgets.countResume(client, work));
    const cost = resumeCost(work);
    await this.#spend(`r:${client}`, cost, limits.resumesPerMinute);
  }

  /** Takes from a budget of all instances, if there are several. */
  async #spend(key: string, cost: number, perMinute: number): Promise<void> {
    const wait = await this.#options.instances?.spend(key, cost, perMinute);
    if (!wait) return;
    const retryAfter = Math.ceil(wait / 1000);
    throw tooMany({ code: "too_many_streams", retryAfter });
  }

  /**
   * Opens a stream, if there is room: here at once, and over all instances, where
   * there are several, when `opened` resolves.
   */
  #openStream(client: string): OpenStream {
    const { budgets, instances } = this.#options;
    const close = budgets.openStream(client);
    if (typeof close !== "function") throw tooMany(close);
    if (instances === undefined) return { close, opened: undefined };
    const shared = instances.openStream(client);
    return {
      close: () => {
        close();
        shared.close();
      },
      opened: shared.isWithin.then((isWithin) => {
        if (isWithin) return;
        throw tooMany({ code: "too_many_streams", retryAfter: 5 });
      }),
    };
  }

  #stream(
    answer: Answer,
    { completed }: Asked["visit"],
    { onClose, ...reader }: ConnectionOptions & { format: Format },
  ): Response {
    const context = { ...this.#options, replays: this.#replays };
    const body = connect(answer, {
      ...reader,
      // What the client has not read lies in this server's sockets, also when
      // the body has ended.
      onClose: () => {
        if (completed === undefined) onClose();
        else completed.then(onClose, onClose);
      },
    }, context);
    return new Response(body, { headers: headersOf(reader.format) });
  }

  /** The answer so far, for a client that polls. */
  async #snapshot(
    answer: Answer,
    { status, language, from }: {
      status: number;
      language: Language;
      from?: number | undefined;
    },
  ): Promise<Response> {
    await answer.poll(from);
    const { id, beginning, schema, shown, shown: { outcome, length } } = answer;
    const { depth: maxDepth } = this.#options.limits;
    const options = { ...beginning, schema, maxDepth };
    const data = takeSnapshot(shown, options);
    const reasoning = takeReasoning(shown, options);
    const offset = outcome === undefined ? length : "end";
    return Response.json(
      {
        id,
        status: "running",
        lastEventId: formatEventId({ generation: id, offset }),
        ...(data !== undefined && { data }),
        ...(reasoning !== "" && { reasoning }),
        ...(outcome && describeOutcome(outcome, language)),
      },
      { status, headers: headersOf("snapshot") },
    );
  }
}

/** Whether all that a body has is an object as `input`. */
function isWrapped({ input, ...rest }: Record<string, unknown>): boolean {
  return typeof input === "object" && !Array.isArray(input) &&
    Object.keys(rest).length === 0;
}

/** The query's members, but for those that are the protocol's. */
function queryOf(url: URL): Record<string, unknown> {
  const { searchParams } = url;
  // Of several of one name, the first counts.
  const { id: _, ...query } = Object.fromEntries([...searchParams].reverse());
  if (wantsShortIds(url)) delete query.ids;
  return query;
}

/** Any other `ids` is the host's, as is one that comes without an `id`. */
function wantsShortIds({ searchParams }: URL): boolean {
  return searchParams.has("id") && searchParams.get("ids") === "short";
}

/** Schemas that have been checked: a host's stands once, a client's comes once. */
const checked = new WeakSet<JsonSchema>();

function readSchema(schema: JsonSchema | undefined): void {
  if (schema === undefined || checked.has(schema)) return;
  try {
    checked.add(checkSchema(schema));
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new HttpError(400, "bad_request", error.words);
  }
}

/** What a host throws at a request it refuses: an error with a status. */
function toHttpError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof HttpError) return error;
  const { status, code } = error as { status?: unknown; code?: unknown };
  if (typeof status !== "number" || !(status >= 400 && status <= 599)) {
    return error;
  }
  return new HttpError(
    status,
    typeof code === "string" ? code : defaultCode(status),
    { zh: error.message, en: error.message },
  );
}

/** It may run elsewhere: whoever asks has to ask again. */
function unreachable(): HttpError {
  return new HttpError(503, "overloaded", WORDS.overloaded, retryAfter(1));
}

function expired(): HttpError {
  return new HttpError(410, "expired", WORDS.expired);
}

/** Where the client is, if it says so. */
function readPosition(
  request: Request,
  id: string | null,
  shortIds: boolean,
): Position | undefined {
  if (id !== null && !isGenerationId(id)) {
    throw new HttpError(400, "bad_request", WORDS.id);
  }
  const header = request.headers.get("last-event-id");
  if (header === null) return undefined;
  const position = parseEventId(header, shortIds ? id! : undefined);
  if (position === undefined) {
    throw new HttpError(400, "bad_request", WORDS.lastEventId);
  }
  if (id !== null && position.generation !== id) {
    throw new HttpError(400, "bad_request", WORDS.otherId);
  }
  return position;
}
