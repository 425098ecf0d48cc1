/** What a request asks for, and what the host makes of it. */

import { isGenerationId } from "../answers/id.ts";
import type { Limits } from "../answers/limits.ts";
import type { Clock } from "../clock.ts";
import type { Language } from "../language.ts";
import type { Question } from "../models/ask.ts";
import {
  checkSchema,
  type JsonSchema,
  SchemaError,
} from "../schemas/schema.ts";
import { readJsonObject } from "../wire/body.ts";
import type { Form, Format } from "../wire/forms.ts";
import { defaultCode, HttpError } from "../wire/http_error.ts";
import { WORDS } from "../wire/messages.ts";
import { parseEventId, type Position } from "../wire/sse.ts";

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

/** Somebody's request, as far as it has been read. */
export interface Asked {
  request: Request;
  url: URL;
  visit: HandleOptions & { client: string };
  form: Form;
  shortIds: boolean;
  language: Language;
}

/** The members of a request's body, or of its query. */
export async function readMembers(
  { request, url }: Asked,
  context: { limits: Limits; clock: Clock },
): Promise<Record<string, unknown>> {
  return request.method === "POST"
    ? await readJsonObject(request, context)
    : queryOf(url);
}

/** What the host makes of the request. */
export async function readQuestion(
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
export function wantsShortIds({ searchParams }: URL): boolean {
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

/** Where the client is, if it says so. */
export function readPosition(
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
