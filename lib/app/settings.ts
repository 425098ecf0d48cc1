/** Every setting once: its name, its default, what it is for, and its check. */

import { DEFAULT_LIMITS, type Limits } from "../answers/limits.ts";
import { CONTINUATIONS, type Continue } from "../models/continuation.ts";
import type { ModelOptions } from "../models/openai.ts";
import { checkSchema, type JsonSchema } from "../schemas/schema.ts";
import { type Endpoint, parseEndpoints } from "./endpoints.ts";

/** What one variable of the environment means. */
export interface Setting<T> {
  /** As one would write it; `""` if there is none. */
  fallback: string;
  /** What it is for: the READMEs tell it in the same words. */
  purpose: string;
  /** What it may be; a mistake is answered with these words. */
  expected: string;
  /** Throws, or gives `undefined`, if it is not what was expected. */
  parse(text: string): T | undefined;
}

/** All of them, in the order in which the READMEs tell of them. */
export const SETTINGS = {
  PORT: {
    fallback: "5001",
    purpose: "where to listen",
    expected: "a whole number from 0 to 65535",
    parse: parsePort,
  },
  HOST: {
    fallback: "0.0.0.0",
    purpose: "at which address of this machine",
    expected: "text",
    parse: parseText,
  },
  ARK_API_KEY: {
    fallback: "",
    purpose: "chooses Volcengine Ark",
    expected: "visible ASCII characters",
    parse: parseKey,
  },
  ARK_MODEL: {
    fallback: "doubao-seed-1-6-251015",
    purpose: "Ark's model",
    expected: "text",
    parse: parseText,
  },
  ARK_BASE_URL: {
    fallback: "https://ark.cn-beijing.volces.com/api/v3",
    purpose: "Ark's address",
    expected: "an http or https URL",
    parse: parseUrl,
  },
  OPENAI_MODEL: {
    fallback: "",
    purpose: "chooses an OpenAI-compatible provider",
    expected: "text",
    parse: parseText,
  },
  OPENAI_API_KEY: {
    fallback: "",
    purpose: "its key; many local servers need none",
    expected: "visible ASCII characters",
    parse: parseKey,
  },
  OPENAI_BASE_URL: {
    fallback: "https://api.openai.com/v1",
    purpose: "its address",
    expected: "an http or https URL",
    parse: parseUrl,
  },
  MODEL_PARAMETERS: {
    fallback: "{}",
    purpose:
      'a JSON object merged into each request: `{"temperature":0.3,"max_tokens":2000}`; `null` leaves a member out',
    expected: "a JSON object",
    parse: parseObject,
  },
  RESPONSE_FORMAT: {
    fallback: "json_object",
    purpose:
      "`json_schema` uses Structured Outputs; `text` suits providers that reject both",
    expected: "json_schema, json_object or text",
    parse: parseResponseFormat,
  },
  SYSTEM_ROLE: {
    fallback: "system",
    purpose:
      "who tells the model what is wanted: `system`, `developer` or, where a provider takes neither, `user`",
    expected: "system, developer or user",
    parse: parseSystemRole,
  },
  CONTINUE: {
    fallback: "",
    purpose:
      "how a model is asked to go on with an answer that broke off: `prefix` (DeepSeek, Mistral), `final-message` (vLLM), `trailing` (llama.cpp, Ark) or `off`; without it by what is known of the address",
    expected: "off, prefix, final-message or trailing",
    parse: parseContinue,
  },
  CONTINUATIONS: {
    fallback: "4",
    purpose: "how often it is asked to, for one answer",
    expected: "a whole number from 0 to 100",
    parse: parseTimes,
  },
  RESTARTS: {
    fallback: "0",
    purpose:
      "how often a model is asked anew for an answer that broke off when some of it had been shown; clients that only append show both",
    expected: "a whole number from 0 to 100",
    parse: parseTimes,
  },
  RETRIES_INVALID: {
    fallback: "0",
    purpose:
      "how often a model is asked anew, and told what was wrong, where a value does not satisfy its schema",
    expected: "a whole number from 0 to 100",
    parse: parseTimes,
  },
  ABORT_INVALID: {
    fallback: "false",
    purpose:
      "whether a model is stopped as soon as its value cannot satisfy the schema any more",
    expected: "true or false",
    parse: parseFlag,
  },
  PROMPT: {
    fallback: "请介绍科技发展的新趋势",
    purpose: "where a request brings none",
    expected: "text",
    parse: parseText,
  },
  SCHEMA_FILE: {
    fallback: "",
    purpose:
      "a file with a JSON Schema, where a request brings none; without it a title and a summary",
    expected: "a file that holds a JSON Schema",
    parse: readSchema,
  },
  OPEN_QUESTIONS: {
    fallback: "true",
    purpose: "with `false`, `/helloworld` answers `PROMPT` and its schema only",
    expected: "true or false",
    parse: parseFlag,
  },
  ENDPOINTS_FILE: {
    fallback: "",
    purpose: "a file with addresses of your own",
    expected: "a file that holds a JSON object of endpoints",
    parse: (path: string): Map<string, Endpoint | false> =>
      parseEndpoints(Deno.readTextFileSync(path)),
  },
  ACCESS_TOKENS: {
    fallback: "",
    purpose:
      "tokens of 16 or more characters, separated by commas; without any, anyone may",
    expected:
      "tokens of 16 or more visible ASCII characters, separated by commas",
    parse: parseTokens,
  },
  CORS_ORIGINS: {
    fallback: "*",
    purpose: "origins whose pages may, separated by commas",
    expected: "* or origins such as https://example.com, separated by commas",
    parse: parseOrigins,
  },
  TRUST_PROXY: {
    fallback: "false",
    purpose: "whether `X-Forwarded-For` tells who the client is",
    expected: "true or false",
    parse: parseFlag,
  },
  LOG_PROMPTS: {
    fallback: "false",
    purpose: "whether the log holds prompts",
    expected: "true or false",
    parse: parseFlag,
  },
  LOG_FORMAT: {
    fallback: "text",
    purpose: "with `json`, each entry of the log is a line of JSON",
    expected: "text or json",
    parse: parseLogFormat,
  },
  METRICS: {
    fallback: "false",
    purpose: "whether `/metrics` tells figures, in Prometheus' format",
    expected: "true or false",
    parse: parseFlag,
  },
  STORE: {
    fallback: "",
    purpose:
      "where answers are that several processes share: `sqlite:answers.db`, `redis://…` or `rediss://…`; without it, in this process",
    expected: "sqlite: and a path, or a redis:// or rediss:// URL",
    parse: parseStore,
  },
  DURABLE: {
    fallback: "false",
    purpose: "whether readers see only what is in the store",
    expected: "true or false",
    parse: parseFlag,
  },
  LIMITS: {
    fallback: "{}",
    purpose: "a JSON object with fields of `Limits`",
    expected: "a JSON object of limits",
    parse: parseLimits,
  },
};

/** What names a proxy for plain HTTP, to the runtime and so to this server. */
export const PROXY_VARIABLES = [
  "HTTP_PROXY",
  "http_proxy",
  "ALL_PROXY",
  "all_proxy",
];

/** What a setting's value is. */
export type SettingValue<Name extends keyof typeof SETTINGS> = NonNullable<
  ReturnType<(typeof SETTINGS)[Name]["parse"]>
>;

function parseText(text: string): string {
  return text;
}

/** The program may read the file it is told of. */
function readSchema(path: string): JsonSchema {
  return checkSchema(JSON.parse(Deno.readTextFileSync(path)));
}

/** A key is sent in a header. */
function parseKey(text: string): string | undefined {
  return /^[!-~]+$/.test(text) ? text : undefined;
}

function parseFlag(text: string): boolean | undefined {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  return /^(false|0|no|off)$/i.test(text) ? false : undefined;
}

function parseLogFormat(text: string): "text" | "json" | undefined {
  return text === "text" || text === "json" ? text : undefined;
}

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535
    ? Number(text)
    : undefined;
}

function parseUrl(text: string): string | undefined {
  return /^https?:$/.test(new URL(text).protocol) ? text : undefined;
}

function parseStore(text: string): string | undefined {
  if (/^sqlite:./.test(text)) return text;
  const { protocol, hostname } = new URL(text);
  return /^rediss?:$/.test(protocol) && hostname !== "" ? text : undefined;
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

function parseSystemRole(text: string): ModelOptions["systemRole"] {
  return text === "system" || text === "developer" || text === "user"
    ? text
    : undefined;
}

function parseContinue(text: string): Continue | undefined {
  return text === "off" || text in CONTINUATIONS ? text as Continue : undefined;
}

function parseTimes(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) && Number(text) <= 100
    ? Number(text)
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

/** Somebody waits for the next event. */
const LONGEST_PAUSE = 10_000;

function parseLimits(text: string): Limits {
  const limits = { ...DEFAULT_LIMITS };
  const given = parseObject(text);
  if (given === undefined) throw new TypeError("not an object");
  const mistakes: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const isSeconds = name.endsWith("Seconds");
    const isPause = name.endsWith("Milliseconds");
    if (!Object.hasOwn(limits, name)) {
      mistakes.push(
        `${name} is none; there are ${Object.keys(limits).join(", ")}`,
      );
    } else if (
      typeof value !== "number" || !(value > 0) ||
      (isSeconds ? value > LONGEST_SECONDS : !Number.isSafeInteger(value)) ||
      (isPause && value > LONGEST_PAUSE)
    ) {
      mistakes.push(
        isSeconds
          ? `${name} is a number of seconds, more than 0 and at most ${LONGEST_SECONDS}`
          : isPause
          ? `${name} is a whole number of milliseconds, 1 to ${LONGEST_PAUSE}`
          : `${name} is a whole number, 1 or more`,
      );
    } else {
      limits[name as keyof Limits] = value;
    }
  }
  if (mistakes.length > 0) throw new TypeError(mistakes.join("; "));
  return limits;
}
