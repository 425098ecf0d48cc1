/** Addresses of the owner's: each asks one thing, filled with a client's input. */

import { checkSchema, isObject, type JsonSchema } from "../schemas/schema.ts";
import { type Format, FORMATS } from "../wire/forms.ts";

/** What one address asks. */
export interface Endpoint {
  /** The prompt; `{{name}}` stands for a member of the input. */
  prompt: string;
  /** What the model is told before; `{{name}}` likewise. */
  system?: string;
  /** Which shape the answer has. */
  schema?: JsonSchema;
  /** Which members a request may send: a JSON Schema of an object. */
  input: JsonSchema & { properties: Record<string, unknown> };
  /** Another model than the provider's usual one. */
  model?: string;
  /** Merged into the request to the provider. */
  parameters?: Record<string, unknown>;
  /** How long an answer goes on that nobody reads; `null`: to its end. */
  lingerSeconds?: number | null;
  /** How it is sent to whoever does not say. */
  format?: Format;
}

/** What may be asked at an address: anything, the server's own, or this. */
export type Address = "open" | "own" | Endpoint;

/** The members of an endpoint, each with what it has to be. */
const MEMBERS: Record<string, (value: unknown) => string | undefined> = {
  prompt: (value) => isText(value) ? undefined : "is a text",
  system: (value) => isText(value) ? undefined : "is a text",
  schema: schemaFault,
  input: (value) =>
    schemaFault(value) ??
      (isObject(value) && isObject(value.properties)
        ? undefined
        : "is a JSON Schema with properties"),
  model: (value) => isText(value) ? undefined : "is a model's name",
  parameters: (value) => isObject(value) ? undefined : "is an object",
  lingerSeconds: (value) =>
    value === null || (typeof value === "number" && value > 0 &&
        value <= 2_000_000)
      ? undefined
      : "is a number of seconds, more than 0 and at most 2000000, or null",
  format: (value) =>
    FORMATS.includes(value as Format)
      ? undefined
      : `is one of ${FORMATS.join(", ")}`,
};

/** What the server itself answers at. */
const RESERVED = /^\/(?:|health|session|endpoints|metrics|[^/]*\.[^/]*)$/;

/**
 * Reads the file of endpoints.
 *
 * @param text JSON: an object that has an endpoint for each path. `false` for
 * `/helloworld` takes that away.
 * @returns What each path asks.
 * @throws {TypeError} If anything is wrong: all of it is told.
 */
export function parseEndpoints(text: string): Map<string, Endpoint | false> {
  const file: unknown = JSON.parse(text);
  if (!isObject(file)) throw new TypeError("not an object of paths");
  const mistakes: string[] = [];
  const endpoints = new Map<string, Endpoint | false>();
  for (const [path, value] of Object.entries(file)) {
    if (path === "/helloworld" && value === false) {
      endpoints.set(path, false);
      continue;
    }
    const faults = [...faultsOf(path, value)];
    mistakes.push(...faults.map((fault) => `${path} ${fault}`));
    if (faults.length > 0) continue;
    const endpoint = value as Omit<Endpoint, "input"> & Partial<Endpoint>;
    endpoints.set(path, { ...endpoint, input: inputOf(endpoint) });
  }
  if (mistakes.length > 0) throw new TypeError(mistakes.join("; "));
  return endpoints;
}

function* faultsOf(path: string, value: unknown): Generator<string> {
  if (!/^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+$/.test(path)) {
    yield "is no path: /recipe, /api/recipe and the like are";
    return;
  }
  if (RESERVED.test(path)) yield "is an address of the server's own";
  if (!isObject(value)) {
    yield "is not an object with a prompt";
    return;
  }
  if (value.prompt === undefined) yield "has no prompt";
  for (const [name, member] of Object.entries(value)) {
    const check = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    const fault = check === undefined
      ? `is none; there are ${Object.keys(MEMBERS).join(", ")}`
      : check(member);
    if (fault !== undefined) yield `${name} ${fault}`;
  }
  const input = value.input;
  if (!isObject(input) || !isObject(input.properties)) return;
  for (const name of namesIn(value)) {
    if (!Object.hasOwn(input.properties, name)) {
      yield `{{${name}}} is none of the input's properties`;
    }
  }
}

/** The names that the texts of an endpoint hold. */
function namesIn(endpoint: { prompt?: unknown; system?: unknown }): string[] {
  const text = `${endpoint.prompt} ${endpoint.system}`;
  return [...text.matchAll(PLACEHOLDER)].map(([, name]) => name!);
}

/** What stands for a member of the input. */
export const PLACEHOLDER = /\{\{ *([\w-]+) *\}\}/g;

/** Where no input is described, each name is a text, and is needed. */
function inputOf(endpoint: Partial<Endpoint>): Endpoint["input"] {
  if (endpoint.input !== undefined) return endpoint.input;
  const names = [...new Set(namesIn(endpoint))];
  return {
    type: "object",
    properties: Object.fromEntries(
      names.map((name) => [name, { type: "string", minLength: 1 }]),
    ),
    required: names,
  };
}

function schemaFault(value: unknown): string | undefined {
  try {
    checkSchema(value);
  } catch (error) {
    return `is no JSON Schema that is taken (${(error as Error).message})`;
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
