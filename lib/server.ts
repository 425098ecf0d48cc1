/**
 * The whole protocol of one address (docs/protocol.md) as one function in
 * anybody's server: a `Request` in, a `Response` out. Web standard only.
 *
 * @module
 */

import type { AttemptReport, FinishedAnswer } from "./answers/answer.ts";
import { type AttemptLimits, DEFAULT_ATTEMPTS } from "./answers/attempts.ts";
import { guarded, harmless, settle } from "./answers/callbacks.ts";
import { Generation } from "./answers/generation.ts";
import { Generations } from "./answers/generations.ts";
import { DEFAULT_LIMITS, type Limits } from "./answers/limits.ts";
import type { Observer } from "./answers/observer.ts";
import { systemClock } from "./clock.ts";
import type { Language } from "./language.ts";
import type { Ask } from "./models/ask.ts";
import { askWith, type Said } from "./models/ask_with.ts";
import type { JsonSchema } from "./schemas/schema.ts";
import { Addresses, type FieldStreams } from "./server/addresses.ts";
import { Instances } from "./stores/instances.ts";
import type { TranscriptStore } from "./stores/store.ts";
import { Budgets } from "./wire/budgets.ts";
import { connect } from "./wire/connection.ts";
import { STREAM_HEADERS } from "./wire/sse.ts";

export type {
  AttemptReport,
  FinishedAnswer,
  UpstreamReport,
} from "./answers/answer.ts";
export { type AttemptLimits, DEFAULT_ATTEMPTS } from "./answers/attempts.ts";
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
export * from "./models/ask.ts";
export { askWith, type Said } from "./models/ask_with.ts";
export type { JsonSchema } from "./schemas/schema.ts";
export {
  Addresses,
  type AddressesContext,
  type FieldStreams,
  type Health,
} from "./server/addresses.ts";
export type {
  AnswerQuestion,
  AskedQuestion,
  HandleOptions,
} from "./server/question.ts";
export type * from "./stores/store.ts";
export type { Format } from "./wire/forms.ts";

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
  /**
   * Called with what nobody expected, and what these two threw. What it throws
   * itself is lost.
   */
  onError?: (error: unknown) => void;
  /** Who watches answers and connections: telemetry. */
  observer?: Observer | undefined;
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
  const { onAttempt, onFinish, observer } = options;
  const onError = harmless(options.onError);
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
        onError(error);
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
  const { limits: own, onFinish } = options;
  const onError = harmless(options.onError);
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
