/** The environment to a checked configuration. Nothing else reads it. */

import { DEFAULT_LIMITS, type Limits } from "../answers/limits.ts";
import { createDemoFetch, DEMO_MODEL } from "../models/demo/model.ts";
import type { ModelOptions } from "../models/openai.ts";
import {
  checkSchema,
  DEFAULT_SCHEMA,
  type JsonSchema,
} from "../schemas/schema.ts";

/** All settings. */
export interface Config {
  host: string;
  port: number;
  model: ModelOptions;
  /** The prompt where a request brings none. */
  prompt: string;
  /** The schema where a request brings none. */
  schema: JsonSchema;
  /** Whether that is the user's own, so that answers are validated by it. */
  schemaGiven: boolean;
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
  limits: Limits;
}

/** One or more settings are wrong. The message has a line for each. */
export class ConfigError extends TypeError {
  override name = "ConfigError";
}

const ARK_BASE_URL = "https://ark.cn-beijing.volces.com/api/v3";
const ARK_MODEL = "doubao-seed-1-6-251015";
const OPENAI_BASE_URL = "https://api.openai.com/v1";
const PROMPT = "请介绍科技发展的新趋势";

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

  /** Reads one setting; `parse` throws if it is not what was `expected`. */
  function read<T>(
    name: string,
    fallback: T,
    expected: string,
    parse: (text: string) => T | undefined,
  ): T {
    const text = environment.get(name)?.trim();
    if (text === undefined || text === "") return fallback;
    try {
      const value = parse(text);
      if (value !== undefined) return value;
      mistakes.push(`${name}: expected ${expected}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const line = reason.replaceAll(/\s+/g, " ");
      mistakes.push(`${name}: expected ${expected} (${line})`);
    }
    return fallback;
  }
  const readText = (name: string, fallback: string) =>
    read(name, fallback, "text", (text) => text);
  const readKey = (name: string) =>
    read(name, undefined, "visible ASCII characters", parseKey);
  const readFlag = (name: string) =>
    read(name, false, "true or false", parseFlag);
  const readUrl = (name: string, fallback: string) =>
    read(name, fallback, "an http or https URL", parseUrl);

  const limits = read<Limits>(
    "LIMITS",
    DEFAULT_LIMITS,
    "a JSON object of limits",
    parseLimits,
  );

  const parameters = read<Record<string, unknown>>(
    "MODEL_PARAMETERS",
    {},
    "a JSON object",
    parseObject,
  );
  const responseFormat = (fallback: ModelOptions["responseFormat"]) =>
    read(
      "RESPONSE_FORMAT",
      fallback,
      "json_schema, json_object or text",
      parseResponseFormat,
    );
  const timeout = limits.firstTokenSeconds * 1000;
  const common = { parameters, timeout };

  const arkKey = readKey("ARK_API_KEY");
  const openaiModel = readText("OPENAI_MODEL", "");
  let model: ModelOptions;
  if (arkKey !== undefined) {
    model = {
      ...common,
      baseURL: readUrl("ARK_BASE_URL", ARK_BASE_URL),
      apiKey: arkKey,
      model: readText("ARK_MODEL", ARK_MODEL),
      responseFormat: responseFormat("json_object"),
    };
  } else if (openaiModel !== "") {
    model = {
      ...common,
      baseURL: readUrl("OPENAI_BASE_URL", OPENAI_BASE_URL),
      apiKey: readKey("OPENAI_API_KEY"),
      model: openaiModel,
      responseFormat: responseFormat("json_object"),
    };
  } else {
    model = {
      ...common,
      baseURL: "https://demo.invalid/v1",
      apiKey: undefined,
      model: DEMO_MODEL,
      responseFormat: responseFormat("json_schema"),
      fetch: createDemoFetch(),
    };
  }

  const schema = read<JsonSchema | undefined>(
    "SCHEMA_FILE",
    undefined,
    "a file that holds a JSON Schema",
    (path) => checkSchema(JSON.parse(Deno.readTextFileSync(path))),
  );
  const config: Config = {
    host: readText("HOST", "0.0.0.0"),
    port: read("PORT", 5001, "a whole number from 0 to 65535", parsePort),
    model,
    prompt: readText("PROMPT", PROMPT),
    schema: schema ?? DEFAULT_SCHEMA,
    schemaGiven: schema !== undefined,
    accessTokens: read(
      "ACCESS_TOKENS",
      [],
      "tokens of 16 or more visible ASCII characters, separated by commas",
      parseTokens,
    ),
    corsOrigins: read<"*" | string[]>(
      "CORS_ORIGINS",
      "*",
      "* or origins such as https://example.com, separated by commas",
      parseOrigins,
    ),
    trustProxy: readFlag("TRUST_PROXY"),
    logPrompts: readFlag("LOG_PROMPTS"),
    limits,
  };
  if (config.prompt.length > limits.promptCharacters) {
    mistakes.push(
      `PROMPT: expected at most ${limits.promptCharacters} characters`,
    );
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes.join("\n"));
  return config;
}

/** What must not be in a log, also not inside JSON; the longest first. */
export function secretsOf({ model, accessTokens }: Config): string[] {
  const { password } = new URL(model.baseURL);
  return [model.apiKey ?? "", password, ...accessTokens]
    .filter((text) => text !== "")
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1)])
    .sort((a, b) => b.length - a.length);
}

/** A key is sent in a header. */
function parseKey(text: string): string | undefined {
  return /^[!-~]+$/.test(text) ? text : undefined;
}

function parseFlag(text: string): boolean | undefined {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  return /^(false|0|no|off)$/i.test(text) ? false : undefined;
}

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535
    ? Number(text)
    : undefined;
}

function parseUrl(text: string): string | undefined {
  return /^https?:$/.test(new URL(text).protocol) ? text : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : undefined;
}

function parseResponseFormat(
  text: string,
): ModelOptions["responseFormat"] | undefined {
  return text === "json_schema" || text === "json_object" || text === "text"
    ? text
    : undefined;
}

function parseTokens(text: string): string[] | undefined {
  const tokens = text.split(",").map((token) => token.trim());
  return tokens.every((token) => /^[!-~]{16,}$/.test(token))
    ? tokens
    : undefined;
}

function parseOrigins(text: string): "*" | string[] | undefined {
  if (text === "*") return text;
  const origins = text.split(",").map((origin) => origin.trim());
  // A host may be called "*", but whoever writes it means something else.
  return origins.every((origin) =>
      new URL(origin).origin === origin && !origin.includes("*")
    )
    ? origins
    : undefined;
}

/** A limit in seconds must fit a timer: at most 2³¹ ms. */
const LONGEST_SECONDS = 2_000_000;

function parseLimits(text: string): Limits {
  const limits = { ...DEFAULT_LIMITS };
  const given = parseObject(text);
  if (given === undefined) throw new TypeError("not an object");
  const mistakes: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const isSeconds = name.endsWith("Seconds");
    if (!Object.hasOwn(limits, name)) {
      mistakes.push(
        `${name} is none; there are ${Object.keys(limits).join(", ")}`,
      );
    } else if (
      typeof value !== "number" || !(value > 0) ||
      (isSeconds ? value > LONGEST_SECONDS : !Number.isSafeInteger(value))
    ) {
      mistakes.push(
        isSeconds
          ? `${name} is a number of seconds, more than 0 and at most ${LONGEST_SECONDS}`
          : `${name} is a whole number, 1 or more`,
      );
    } else {
      limits[name as keyof Limits] = value;
    }
  }
  if (mistakes.length > 0) throw new TypeError(mistakes.join("; "));
  return limits;
}
