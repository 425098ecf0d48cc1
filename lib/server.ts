/** The protocol of one address (docs/protocol.md): requests to responses. */

import type { Generation } from "./answers/generation.ts";
import type { Generations } from "./answers/generations.ts";
import { isGenerationId } from "./answers/id.ts";
import type { Limits } from "./answers/limits.ts";
import type { Clock } from "./clock.ts";
import type { Language } from "./language.ts";
import type { Question } from "./models/ask.ts";
import { readJsonObject } from "./wire/body.ts";
import type { Budgets } from "./wire/budgets.ts";
import { connect, type ConnectionOptions } from "./wire/connection.ts";
import {
  allowMethods,
  HttpError,
  refuse,
  retryAfter,
  tooMany,
} from "./wire/http_error.ts";
import { describeOutcome, WORDS } from "./wire/messages.ts";
import { preferredLanguage, prefersJson } from "./wire/negotiation.ts";
import { parseEventId, type Position, STREAM_HEADERS } from "./wire/sse.ts";

/** What the addresses of one server share. */
export interface FieldStreamsOptions {
  generations: Generations;
  budgets: Budgets;
  /** The model's name, as clients see it. */
  model: string;
  limits: Limits;
  clock: Clock;
}

/** Who asks, and what for. */
export interface Visit {
  /** Whose the generation is, and who may follow and stop it. */
  owner: string;
  /** Whom the limits count. */
  client: string;
  /**
   * Says what a generation is asked. Called only when one starts.
   *
   * @param members Those of the request's body or, of a `GET`, of its query.
   */
  question(members: Record<string, unknown>): ValidatedQuestion;
  /** Called with a generation that has been started. */
  onStart?(id: string, question: Question): void;
}

/** What is asked, and whether the answer is held against its schema. */
export interface ValidatedQuestion extends Question {
  validated: boolean;
}

/** The methods of an address. */
export const STREAM_METHODS = "GET, POST, DELETE, HEAD, OPTIONS";

const SNAPSHOT_HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  vary: "Accept, Accept-Language",
};

/** Somebody's request, as far as it has been read. */
interface Asked {
  request: Request;
  url: URL;
  visit: Visit;
  asJson: boolean;
  language: Language;
}

/** Generations, and the addresses at which they are asked for and followed. */
export class FieldStreams {
  readonly #options: FieldStreamsOptions;

  /** Makes the addresses of one server. */
  constructor(options: FieldStreamsOptions) {
    this.#options = options;
  }

  /** Whether no more generations are started. */
  get draining(): boolean {
    return this.#options.generations.draining;
  }

  /**
   * Answers a request to an address.
   *
   * @throws {HttpError} If it is refused.
   */
  async handle(request: Request, visit: Visit): Promise<Response> {
    allowMethods(request, ["GET", "POST", "DELETE", "HEAD"], STREAM_METHODS);
    const url = new URL(request.url);
    if (request.method === "DELETE") return this.#stop(url, visit);
    const asJson = prefersJson(request);
    if (request.method === "HEAD") {
      return new Response(null, {
        headers: asJson ? SNAPSHOT_HEADERS : STREAM_HEADERS,
      });
    }
    const id = url.searchParams.get("id");
    const position = readPosition(request, id);
    const { generations } = this.#options;
    const found = generations.get(id ?? position?.generation ?? "");
    const known = found?.owner === visit.owner ? found : undefined;
    if (position?.offset === "end" && !(asJson && known)) {
      return new Response(null, { status: 204 });
    }
    const language = preferredLanguage(request);
    const asked: Asked = { request, url, visit, asJson, language };
    if (known !== undefined) {
      await request.body?.cancel().catch(() => {});
      return this.#resume(known, position?.offset, asked);
    }
    if (found !== undefined || position !== undefined) throw expired();
    return await this.#start(id ?? undefined, asked);
  }

  async #start(id: string | undefined, asked: Asked): Promise<Response> {
    const { generations, budgets, limits } = this.#options;
    const { request, url, visit, asJson, language } = asked;
    const { owner, client } = visit;
    // Opened first: a body that is on its way takes up as much, and a stream
    // that cannot be opened starts nothing.
    const close = this.#openStream(client);
    try {
      const question = visit.question(
        request.method === "POST"
          ? await readJsonObject(request, this.#options)
          // Of several of one name, the first counts.
          : Object.fromEntries([...url.searchParams].reverse()),
      );
      // While this one waited, another of the same id may have come.
      const rival = id === undefined ? undefined : generations.get(id);
      if (rival?.owner === owner) {
        close();
        return this.#resume(rival, undefined, asked);
      }
      if (rival !== undefined) throw expired();
      if (generations.draining) {
        throw new HttpError(503, "draining", WORDS.draining, retryAfter(5));
      }
      if (generations.running >= limits.streams) {
        throw new HttpError(503, "overloaded", WORDS.overloaded, retryAfter(5));
      }
      refuse(budgets.countGeneration(client));
      const generation = generations.start({ ...question, id, owner });
      visit.onStart?.(generation.id, question);
      if (!asJson) {
        return this.#stream(generation, { language, onClose: close });
      }
      close();
      return snapshotResponse(generation, { status: 202, language });
    } catch (error) {
      close();
      throw error;
    }
  }

  #resume(
    generation: Generation,
    offset: Position["offset"] | undefined,
    { visit: { client }, asJson, language }: Asked,
  ): Response {
    const { length } = generation.transcript;
    if (typeof offset === "number" && offset > length) {
      throw new HttpError(400, "bad_request", WORDS.offset);
    }
    refuse(this.#options.budgets.countResume(client, length));
    if (asJson || offset === "end") {
      return snapshotResponse(generation, { status: 200, language });
    }
    const onClose = this.#openStream(client);
    return this.#stream(generation, { offset, language, onClose });
  }

  #stop(url: URL, { owner }: Visit): Response {
    const id = url.searchParams.get("id") ?? "";
    const generation = this.#options.generations.get(id);
    if (generation?.owner === owner) generation.stop("stopped");
    return new Response(null, { status: 204 });
  }

  #openStream(client: string): () => void {
    const stream = this.#options.budgets.openStream(client);
    if (typeof stream === "function") return stream;
    throw tooMany(stream);
  }

  #stream(
    generation: Generation,
    reader: ConnectionOptions,
  ): Response {
    const body = connect(generation, reader, this.#options);
    return new Response(body, { headers: STREAM_HEADERS });
  }
}

function expired(): HttpError {
  return new HttpError(410, "expired", WORDS.expired);
}

/** Where the client is, if it says so. */
function readPosition(
  request: Request,
  id: string | null,
): Position | undefined {
  if (id !== null && !isGenerationId(id)) {
    throw new HttpError(400, "bad_request", WORDS.id);
  }
  const header = request.headers.get("last-event-id");
  if (header === null) return undefined;
  const position = parseEventId(header);
  if (position === undefined) {
    throw new HttpError(400, "bad_request", WORDS.lastEventId);
  }
  if (id !== null && position.generation !== id) {
    throw new HttpError(400, "bad_request", WORDS.otherId);
  }
  return position;
}

function snapshotResponse(
  generation: Generation,
  { status, language }: { status: number; language: Language },
): Response {
  const snapshot = generation.snapshot();
  const { outcome } = generation.transcript;
  return Response.json(
    {
      id: generation.id,
      status: "running",
      ...snapshot,
      ...(outcome && describeOutcome(outcome, language)),
    },
    { status, headers: SNAPSHOT_HEADERS },
  );
}
