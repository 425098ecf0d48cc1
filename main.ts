import {
  type Config,
  ConfigError,
  readConfig,
  secretsOf,
} from "./lib/app/config.ts";
import { openStore } from "./lib/app/store.ts";
import { createHandler } from "./lib/app/handler.ts";
import type { Telemetry } from "./lib/app/telemetry.ts";
import { loadClient } from "./lib/models/openai.ts";
import { createProviderFetch } from "./lib/models/provider_fetch.ts";
import { openai } from "./lib/openai.ts";
import { createFieldStreams, type FinishedAnswer } from "./lib/server.ts";
import type { TranscriptStore } from "./lib/stores/store.ts";
import { loadNegotiator } from "./lib/wire/negotiation.ts";

/** The pause after which the server listens again, in milliseconds. */
const LISTEN_AGAIN = 1000;

/**
 * When what only a question needs is loaded, in milliseconds from the start: not
 * before it listens, and not with the first question.
 */
const LOAD_AFTER = 1000;

/** How long followers may take to read how it ended, in milliseconds. */
export const LAST_WORDS = 1000;

/**
 * Writes an entry of the log.
 *
 * @param text It in words.
 * @param entry It as JSON has it, where that says more than the words.
 */
export type Log = (text: string, entry?: Record<string, unknown>) => void;

/** What answers requests, and what keeps it going. */
export interface Program {
  config: Config;
  handler: ReturnType<typeof createHandler>;
  log: Log;
  onError: (error: unknown) => void;
  /** Lets running answers finish, and closes the store. */
  drain: () => Promise<void>;
}

async function main(): Promise<void> {
  const program = await createProgram();
  const { config, handler, log, onError } = program;
  let server = listenOrExit(program);
  const { hostname, port } = server.addr;

  /**
   * Deno stops listening once it cannot take a connection, for instance because
   * too many are open. Those that are open go on; others can come again soon.
   */
  async function keepListening(): Promise<void> {
    for (;;) {
      try {
        return await server.finished;
      } catch (error) {
        onError(error);
      }
      await new Promise((resolve) => setTimeout(resolve, LISTEN_AGAIN));
      try {
        const onListen = () =>
          log("listening again", { event: "listening again" });
        server = Deno.serve({ hostname, port, onListen }, handler);
      } catch {
        // There is still no room: the next turn says so.
      }
    }
  }
  keepListening();

  onStop(program, async () => {
    if (Deno.stdout.isTerminal()) {
      console.log(
        `Running answers have ${config.limits.drainSeconds} s to finish. Press Ctrl-C again to stop at once.`,
      );
    }
    await program.drain();
    // Followers now send the terminal event; one that does not read it is cut.
    setTimeout(() => Deno.exit(0), LAST_WORDS);
    await server.shutdown();
    Deno.exit(0);
  });
}

/** Calls back once, when the program is told to go; the second time it goes. */
export function onStop({ log }: Program, stop: () => Promise<void>): void {
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (stopping) Deno.exit(1);
      stopping = true;
      log("stopping", { event: "stopping" });
      stop();
    });
  }
}

/** Makes all but what listens: settings to handler. Ends where it cannot. */
export async function createProgram(): Promise<Program> {
  const config = readConfigOrExit();
  const secrets = secretsOf(config);

  function redact(text: string): string {
    for (const secret of secrets) text = text.replaceAll(secret, "[redacted]");
    return text;
  }

  function log(text: string, entry?: Record<string, unknown>): void {
    const time = new Date().toISOString();
    if (config.logFormat === "json") {
      const { event, ...fields } = entry ?? { event: "notice", message: text };
      const line = JSON.stringify({ time, event, ...fields });
      // Of JSON each character stays: those that steer a terminal are escaped.
      console.log(redact(line).replaceAll(/\p{C}/gu, escapeUnits));
      return;
    }
    // One line is one entry, and none can steer a terminal, whatever a provider
    // puts into its messages.
    const line = redact(text).replaceAll(/[\s\p{C}]+/gu, " ");
    console.log(`${time} ${line}`);
  }

  const onError = (error: unknown) => {
    const message = describeError(error);
    log(`error ${message}`, { event: "error", message });
  };
  surviveErrors(onError);

  const store = await openStoreOrExit(config, redact);
  const telemetry = await loadTelemetry(config);
  const streams = createFieldStreams({
    ask: openai({ fetch: createProviderFetch(config), ...config.model }),
    observer: telemetry,
    attempts: config.attempts,
    onAttempt: ({ id, attempt, reason, continues, error }) => {
      const words = error === undefined ? {} : {
        error: redact(describeError(error)).slice(0, ERROR_LENGTH)
          .toWellFormed(),
      };
      log(
        `attempt ${id} ${attempt} ${reason} ${
          wordsOf({ continues, ...words })
        }`,
        { event: "attempt", id, attempt, reason, continues, ...words },
      );
    },
    limits: config.limits,
    store,
    durable: config.durable,
    onFinish: (answer) => {
      const { id, outcome } = answer;
      const fields = fieldsOf(answer, redact);
      log(`generation ${id} ${outcome} ${wordsOf(fields)}`, {
        ...{ event: "generation", id, outcome, ...fields },
      });
    },
    onError,
  });
  const handler = createHandler({
    config,
    streams,
    onError,
    onPrompt: (id, prompt) => {
      if (!config.logPrompts) return;
      log(`prompt ${id} ${JSON.stringify(prompt)}`, {
        ...{ event: "prompt", id, prompt },
      });
    },
    onRefusal: (code) => telemetry?.onRefusal(code),
    metrics: config.metrics ? () => telemetry!.format() : undefined,
  });

  setTimeout(() => {
    for (const load of [loadClient, loadNegotiator]) load().catch(onError);
  }, LOAD_AFTER);

  async function drain(): Promise<void> {
    await streams.drain();
    await store?.close();
  }
  return { config, handler, log, onError, drain };
}

/**
 * Spans and figures, where anybody gets them: OpenTelemetry's API is not small,
 * and knows before the program begins whether there is an exporter.
 */
async function loadTelemetry(
  { metrics, model }: Config,
): Promise<Telemetry | undefined> {
  if (!metrics && !(Symbol.for("opentelemetry.js.api.1") in globalThis)) {
    return undefined;
  }
  const { Telemetry } = await import("./lib/app/telemetry.ts");
  return new Telemetry({
    baseURL: model.baseURL,
    // Several workers listen on one port: each tells its own figures.
    labels: { worker: crypto.randomUUID().slice(0, 8) },
  });
}

/**
 * The last resort: what is thrown in a timer, a stream's callback or at an
 * abort, and caught nowhere, ends nobody's answer.
 */
function surviveErrors(onError: (error: unknown) => void): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    onError(event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    onError(event.reason);
  });
}

function readConfigOrExit(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`Cannot start: the settings are wrong\n${error.message}`);
    Deno.exit(1);
  }
}

async function openStoreOrExit(
  { store }: Config,
  redact: (text: string) => string,
): Promise<TranscriptStore | undefined> {
  try {
    return store === undefined ? undefined : await openStore(store);
  } catch (error) {
    const reason = error instanceof Error ? error.message : `${error}`;
    console.error(`Cannot start: STORE cannot be used (${redact(reason)})`);
    Deno.exit(1);
  }
}

function listenOrExit(
  { config, handler, log }: Program,
): Deno.HttpServer<Deno.NetAddr> {
  const { host: hostname, port } = config;
  try {
    return Deno.serve(
      { hostname, port, onListen: (address) => announce(config, address, log) },
      handler,
    );
  } catch (error) {
    console.error(
      error instanceof Deno.errors.AddrInUse
        ? `Cannot start: port ${port} is in use; set PORT to another one`
        : `Cannot start: cannot listen on HOST ${hostname} and PORT ${port} (${
          describeError(error)
        })`,
    );
    Deno.exit(1);
  }
}

/** Says where it listens, and what answers there. */
export function announce(
  config: Config,
  { port }: Deno.NetAddr,
  log: Log,
): void {
  const { host, model, accessTokens, logFormat } = config;
  const say = logFormat === "json"
    ? (message: string) => log(message, { event: "start", message })
    : console.log;
  say(describeAnswers(config));
  // Only the demo model is not reached by the network.
  if (model.fetch === undefined && accessTokens.length === 0) {
    say(
      "Warning: without ACCESS_TOKENS, anyone who reaches this address, and any web page its users visit, can spend your tokens.",
    );
  }
  // Last, where it is seen.
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host;
  say(`fieldstream listens on http://${name}:${port}/`);
}

/** How much the log holds of an error, and of what could not be read. */
const ERROR_LENGTH = 1000;
const UNREAD_LENGTH = 200;

/** The fields whose words stand in quotes. */
const QUOTED = new Set(["content_type", "first_ignored", "unread"]);

/** Who answers what, and which key is not spent. */
function describeAnswers({ model, addresses, idleKey }: Config): string {
  const what = [...addresses].map(([path, address]) =>
    typeof address !== "string"
      ? `${path}: its own question`
      : address === "open"
      ? `${path}: any question`
      : `${path}: PROMPT only`
  ).join(", ");
  const where = new URL(model.baseURL);
  where.username = where.password = where.search = "";
  const who = model.fetch === undefined
    ? `${model.model} answers, by ${where} (${what}).`
    : `The built-in demo model answers (${what}). Set ARK_API_KEY for a real one.`;
  if (idleKey === undefined) return who;
  const why = model.fetch === undefined
    ? "ARK_API_KEY comes first"
    : "OPENAI_MODEL is not set";
  return `${who} ${idleKey} is not used, as ${why}.`;
}

/**
 * What is told of an answer, by name.
 *
 * @param redact Called before anything is cut: half a secret is not known.
 */
function fieldsOf(
  answer: FinishedAnswer,
  redact: (text: string) => string,
): Record<string, unknown> {
  const { outcome, characters, usage, firstToken, duration } = answer;
  const { status, contentType, ignored, firstIgnored, unread } =
    answer.upstream;
  const tokens = (usage as { completion_tokens?: unknown } | undefined)
    ?.completion_tokens;
  const fields: Record<string, unknown> = {
    characters,
    tokens: typeof tokens === "number" ? tokens : null,
    first_token_ms: firstToken === undefined ? null : Math.round(firstToken),
    duration_ms: Math.round(duration),
  };
  if (answer.attempts > 1) fields.attempts = answer.attempts;
  if (outcome !== "end" && status !== undefined) {
    fields.status = status;
    fields.content_type = redact(contentType ?? "").slice(0, UNREAD_LENGTH);
    fields.finish_reason = answer.finishReason ?? null;
  }
  if (ignored > 0) {
    fields.ignored = ignored;
    fields.first_ignored = redact(firstIgnored ?? "").slice(0, UNREAD_LENGTH);
  }
  if (unread !== undefined) {
    const text = redact(unread);
    fields.unread = outcome === "malformed_json"
      ? text.slice(-UNREAD_LENGTH)
      : text.slice(0, UNREAD_LENGTH);
  }
  if (answer.error !== undefined) {
    fields.error = redact(describeError(answer.error)).slice(0, ERROR_LENGTH);
  }
  return fields;
}

/** Fields in words. */
function wordsOf(fields: Record<string, unknown>): string {
  return Object.entries(fields).map(([name, value]) => {
    const none = name === "tokens" ? "unknown" : "none";
    const isTime = name.endsWith("_ms");
    const word = value === null
      ? none
      : isTime
      ? `${value}ms`
      : typeof value === "string" && QUOTED.has(name)
      ? JSON.stringify(value.toWellFormed())
      : String(value).toWellFormed();
    return `${isTime ? name.slice(0, -3) : name}=${word}`;
  }).join(" ");
}

function describeError(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}`
    : `${error}`;
}

/** A character that JSON need not escape, as it escapes others. */
function escapeUnits(character: string): string {
  return Array.from(
    { length: character.length },
    (_, place) =>
      `\\u${character.charCodeAt(place).toString(16).padStart(4, "0")}`,
  ).join("");
}

if (import.meta.main) await main();
