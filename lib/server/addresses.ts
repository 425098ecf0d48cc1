/** Requests to addresses, answered in the whole protocol. */

import type { Answer } from "../answers/answer.ts";
import { guarded } from "../answers/callbacks.ts";
import { Generation, type GenerationOptions } from "../answers/generation.ts";
import { isGenerationId } from "../answers/id.ts";
import type { Observer } from "../answers/observer.ts";
import { takeSnapshotInTurns } from "../answers/snapshot.ts";
import { Turns } from "../answers/turns.ts";
import type { Language } from "../language.ts";
import { type Instances, type Start, StoreError } from "../stores/instances.ts";
import { connect, type ConnectionOptions } from "../wire/connection.ts";
import { addCorsHeaders, preflight, STREAM_METHODS } from "../wire/cors.ts";
import { type Format, FORMATS, headersOf } from "../wire/forms.ts";
import {
  allowMethods,
  codeOf,
  failureResponse,
  HttpError,
  retryAfter,
} from "../wire/http_error.ts";
import { describeOutcome, WORDS } from "../wire/messages.ts";
import { preferredForm, preferredLanguage } from "../wire/negotiation.ts";
import { isPrefetch } from "../wire/prefetch.ts";
import { digestOf } from "../wire/question_digest.ts";
import { Replays } from "../wire/replays.ts";
import { formatEventId, type Position } from "../wire/sse.ts";
import { Admission, type AdmissionContext } from "./admission.ts";
import {
  type Asked,
  type HandleOptions,
  readMembers,
  readPosition,
  readQuestion,
  wantsShortIds,
} from "./question.ts";

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
   * stored, where there is a store. An `onFinish` that
   * takes as long again is waited for no longer, nor is a store for more than 3 s.
   */
  drain(): Promise<void>;
}

/**
 * What the addresses of one server share.
 *
 * @internal
 */
export interface AddressesContext extends AdmissionContext {
  model: string;
  cors?: "*" | string[] | undefined;
  onError?: ((error: unknown) => void) | undefined;
  observer?: Observer | undefined;
}

/**
 * How long an answer goes on that nobody can come back to, since whoever asked
 * does not know its id. In seconds.
 */
const SHORT_LINGER = 1;

/**
 * Made by `createFieldStreams()`.
 *
 * @internal
 */
export class Addresses implements FieldStreams {
  readonly #options: AddressesContext;
  readonly #admission: Admission;
  readonly #replays = new Replays();

  constructor(options: AddressesContext) {
    this.#options = options;
    this.#admission = new Admission(options);
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
      return await failureResponse(told, request, onError);
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
    const form = await preferredForm(request, visit.format);
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
    const language = await preferredLanguage(request);
    const { generations, instances } = this.#options;
    const wanted = id ?? position?.generation ?? "";
    let found: Answer | undefined = generations.get(wanted);
    // Without a store nothing is awaited between here and the start.
    if (found === undefined && instances !== undefined && wanted !== "") {
      found = await instances.find(wanted, position === undefined);
    }
    const known = found?.owner === visit.owner ? found : undefined;
    if (isOver && known === undefined) {
      return new Response(null, { status: 204 });
    }
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
    const { generations, instances } = this.#options;
    const { visit, form, shortIds, language } = asked;
    const { owner, client } = visit;
    // Opened first: a body that is on its way takes up as much, and a stream
    // that cannot be opened starts nothing.
    const { close, opened } = this.#admission.openStream(client);
    try {
      if (opened !== undefined) await opened;
      // Looked at before the body is read, and counted when something starts: to
      // ask again for what is there costs nothing.
      this.#admission.lookForGeneration(client);
      const members = await readMembers(asked, this.#options);
      const digest = await digestOf(members);
      const question = await readQuestion(asked, members);
      // While this one waited, another of the same id may have come.
      let answer: Answer | undefined = id === undefined
        ? undefined
        : generations.get(id);
      let isNew = false;
      if (answer === undefined) {
        this.#admission.countGeneration(client);
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

  /** Starts a generation here, unless another instance has. */
  async #startShared(
    instances: Instances,
    { options, client, start }: {
      options: GenerationOptions;
      client: string;
      start: Start;
    },
  ): Promise<Answer> {
    const { generations } = this.#options;
    await this.#admission.countSharedGeneration(client);
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
    await this.#admission.countResume(client, work);
    if (form === "snapshot" || offset === "end") {
      const from = offset === "end" ? undefined : offset;
      return await this.#snapshot(answer, { status: 200, language, from });
    }
    const { close: onClose, opened } = this.#admission.openStream(client);
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
    this.#admission.lookForResume(client);
    const { close, opened } = this.#admission.openStream(client);
    try {
      if (opened !== undefined) await opened;
      const digest = await readMembers(asked, this.#options).then(
        digestOf,
        (error) => {
          // What cannot be read is not what was asked.
          if (error instanceof HttpError && error.status !== 413) return "";
          throw error;
        },
      );
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
    this.#admission.countResumeHere(client);
    throw new HttpError(409, "conflict", WORDS.conflict);
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
        this.#admission.countResumeHere(client);
        generations.stopAhead(owner, id);
      } else {
        await this.#admission.countResume(client);
        await instances.stop(id, owner);
      }
    }
    return new Response(null, { status: 204 });
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
    const { id, beginning, schema, shown, shown: { outcome } } = answer;
    const { clock, limits: { depth: maxDepth } } = this.#options;
    const turns = new Turns(clock, new AbortController().signal);
    const { data, reasoning, offset } = await takeSnapshotInTurns(
      shown,
      { ...beginning, schema, maxDepth },
      turns.pause,
    ).finally(() => turns.done());
    const position = outcome === undefined ? offset : "end";
    return Response.json(
      {
        id,
        status: "running",
        lastEventId: formatEventId({ generation: id, offset: position }),
        ...(data !== undefined && { data }),
        ...(reasoning !== "" && { reasoning }),
        ...(outcome && describeOutcome(outcome, language)),
      },
      { status, headers: headersOf("snapshot") },
    );
  }
}

/** It may run elsewhere: whoever asks has to ask again. */
function unreachable(): HttpError {
  return new HttpError(503, "overloaded", WORDS.overloaded, retryAfter(1));
}

function expired(): HttpError {
  return new HttpError(410, "expired", WORDS.expired);
}
