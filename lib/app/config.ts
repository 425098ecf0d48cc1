/** The environment to a checked configuration. Nothing else reads it. */

import type { AttemptLimits } from "../answers/attempts.ts";
import { DEFAULT_LIMITS, type Limits } from "../answers/limits.ts";
import { createDemoFetch, DEMO_MODEL } from "../models/demo/model.ts";
import type { ModelOptions } from "../models/openai.ts";
import { DEFAULT_SCHEMA, type JsonSchema } from "../schemas/schema.ts";
import type { Address, Endpoint } from "./endpoints.ts";
import { PROXY_VARIABLES, SETTINGS, type SettingValue } from "./settings.ts";

/** All settings. */
export interface Config {
  host: string;
  port: number;
  model: ModelOptions;
  /** Whether what is asked by plain HTTP may have to go through a proxy. */
  isProxied: boolean;
  /** How often the model may be asked for one answer, and why. */
  attempts: AttemptLimits;
  /** The prompt where a request brings none. */
  prompt: string;
  /** The schema where a request brings none. */
  schema: JsonSchema;
  /** Whether that is the user's own, so that answers are validated by it. */
  schemaGiven: boolean;
  /** A key that is set, and that nothing is asked with. */
  idleKey: string | undefined;
  /** What may be asked at each address. */
  addresses: ReadonlyMap<string, Address>;
  /** Who may; empty: anyone. */
  accessTokens: string[];
  /**
   * Whose pages may, and this server's own; `"*"`: all. Without tokens, a public
   * name of this server's own has to be among them.
   */
  corsOrigins: "*" | string[];
  /** Whether `X-Forwarded-For` tells the client's address. */
  trustProxy: boolean;
  /** Whether the log holds prompts. */
  logPrompts: boolean;
  logFormat: "text" | "json";
  /** Whether `/metrics` is there. */
  metrics: boolean;
  /** Where answers are that several processes share, if they are. */
  store: string | undefined;
  /** Whether readers see only what is in the store. */
  durable: boolean;
  limits: Limits;
}

/** One or more settings are wrong. The message has a line for each. */
export class ConfigError extends TypeError {
  override name = "ConfigError";
}

/** Where settings come from. */
export interface Environment {
  get(name: string): string | undefined;
}

/**
 * Reads and checks the settings.
 *
 * @param environment Where they come from; a setting that is empty is not set.
 * @returns The configuration.
 * @throws {ConfigError} If any are wrong: all of them are named.
 */
export function readConfig(environment: Environment = Deno.env): Config {
  const mistakes: string[] = [];

  /** Reads one setting, or takes its default. */
  function read<Name extends keyof typeof SETTINGS>(
    name: Name,
  ): SettingValue<Name> | undefined {
    const { fallback, expected, parse } = SETTINGS[name];
    const text = environment.get(name)?.trim() || fallback;
    if (text === "") return undefined;
    try {
      const value = parse(text);
      if (value !== undefined) return value as SettingValue<Name>;
      mistakes.push(`${name}: expected ${expected}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const line = reason.replaceAll(/\s+/g, " ");
      mistakes.push(`${name}: expected ${expected} (${line})`);
    }
    return undefined;
  }

  const limits = read("LIMITS") ?? DEFAULT_LIMITS;
  const arkKey = read("ARK_API_KEY");
  const openaiModel = read("OPENAI_MODEL");
  const openaiKey = read("OPENAI_API_KEY");
  const common = {
    responseFormat: read("RESPONSE_FORMAT")!,
    systemRole: read("SYSTEM_ROLE")!,
    continues: read("CONTINUE"),
    parameters: read("MODEL_PARAMETERS")!,
  };
  let model: ModelOptions;
  if (arkKey !== undefined) {
    model = {
      ...common,
      baseURL: read("ARK_BASE_URL")!,
      apiKey: arkKey,
      model: read("ARK_MODEL")!,
    };
  } else if (openaiModel !== undefined) {
    model = {
      ...common,
      baseURL: read("OPENAI_BASE_URL")!,
      apiKey: openaiKey,
      model: openaiModel,
    };
  } else {
    model = {
      ...common,
      baseURL: "https://demo.invalid/v1",
      apiKey: undefined,
      model: DEMO_MODEL,
      // It knows no other way to be told which shape the answer has.
      responseFormat: "json_schema",
      fetch: createDemoFetch(),
    };
  }

  const schema = read("SCHEMA_FILE");
  const config: Config = {
    host: read("HOST")!,
    port: read("PORT")!,
    model,
    isProxied: isProxied(environment),
    attempts: {
      continuations: read("CONTINUATIONS")!,
      restarts: read("RESTARTS")!,
      retriesInvalid: read("RETRIES_INVALID")!,
      abortInvalid: read("ABORT_INVALID")!,
    },
    prompt: read("PROMPT")!,
    schema: schema ?? DEFAULT_SCHEMA,
    schemaGiven: schema !== undefined,
    idleKey: openaiKey === undefined || openaiKey === model.apiKey
      ? undefined
      : "OPENAI_API_KEY",
    addresses: addressesOf(
      read("OPEN_QUESTIONS")!,
      read("ENDPOINTS_FILE") ?? new Map(),
    ),
    accessTokens: read("ACCESS_TOKENS") ?? [],
    corsOrigins: read("CORS_ORIGINS")!,
    trustProxy: read("TRUST_PROXY")!,
    logPrompts: read("LOG_PROMPTS")!,
    logFormat: read("LOG_FORMAT")!,
    metrics: read("METRICS")!,
    store: read("STORE"),
    durable: read("DURABLE")!,
    limits,
  };
  if (config.prompt.length > limits.promptCharacters) {
    mistakes.push(
      `PROMPT: expected at most ${limits.promptCharacters} characters`,
    );
  }
  if (config.durable && config.store === undefined) {
    mistakes.push("DURABLE: expected a STORE, too");
  }
  // From here on, what is missing for being wrong has been told.
  if (mistakes.length > 0) throw new ConfigError(mistakes.join("\n"));
  return config;
}

function isProxied(environment: Environment): boolean {
  try {
    return PROXY_VARIABLES.some((name) => environment.get(name));
  } catch {
    // It may not be read, and there may be one.
    return true;
  }
}

/** `/helloworld` is there unless the file says otherwise. */
function addressesOf(
  open: boolean,
  endpoints: Map<string, Endpoint | false>,
): Map<string, Address> {
  const addresses = new Map<string, Address>([
    ["/helloworld", open ? "open" : "own"],
  ]);
  for (const [path, endpoint] of endpoints) {
    if (endpoint === false) addresses.delete(path);
    else addresses.set(path, endpoint);
  }
  return addresses;
}

/** What a part of a URL stands for; itself, if it stands for nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What must not be in a log, also not inside JSON; the longest first. */
export function secretsOf(
  { model, accessTokens, store = "" }: Config,
): string[] {
  const passwords = [model.baseURL, store]
    .map((url) => URL.parse(url)?.password ?? "")
    .flatMap((password) => [password, decoded(password)]);
  const secrets = [model.apiKey ?? "", ...passwords, ...accessTokens]
    .filter((text) => text !== "")
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
  return [...new Set(secrets)].sort((a, b) => b.length - a.length);
}
