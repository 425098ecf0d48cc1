/** What an endpoint asks the model, for one request's input. */

import { Turns } from "../answers/turns.ts";
import type { Clock } from "../clock.ts";
import type { Words } from "../language.ts";
import { isObject } from "../schemas/schema.ts";
import { validate } from "../schemas/validation.ts";
import { describeViolation } from "../schemas/violations.ts";
import type { AnswerQuestion } from "../server.ts";
import { HttpError } from "../wire/http_error.ts";
import { type Endpoint, PLACEHOLDER } from "./endpoints.ts";

/**
 * What the model is asked for a request's input.
 *
 * @param endpoint What the address asks.
 * @param input What the request brings.
 * @param isQuery Whether that is a query, in which all values are texts.
 * @throws {HttpError} If the input is not what the endpoint describes.
 */
export async function askEndpoint(
  endpoint: Endpoint,
  input: Record<string, unknown>,
  isQuery: boolean,
  clock: Clock,
): Promise<AnswerQuestion> {
  const { prompt, system, schema, model, parameters, lingerSeconds } = endpoint;
  const values = isQuery ? readQuery(endpoint, input) : input;
  await checkInput(endpoint, values, clock);
  return {
    prompt: fill(prompt, values),
    ...(system !== undefined && {
      messages: [{ role: "system", content: fill(system, values) }],
    }),
    schema,
    model,
    parameters,
    ...(lingerSeconds !== undefined && { linger: lingerSeconds ?? Infinity }),
  };
}

async function checkInput(
  { input: schema }: Endpoint,
  values: Record<string, unknown>,
  clock: Clock,
): Promise<void> {
  if (schema.additionalProperties === undefined) {
    const unknown = Object.keys(values)
      .find((name) => !Object.hasOwn(schema.properties, name));
    if (unknown !== undefined) {
      throw wrongInput(`/${unknown.slice(0, 40)}`, {
        zh: "没有这个成员",
        en: "there is no such member",
      });
    }
  }
  const turns = new Turns(clock, new AbortController().signal);
  const { errors } = await validate(schema, values, turns.pause)
    .finally(() => turns.done());
  const [error] = errors ?? [];
  if (error === undefined) return;
  throw wrongInput(error.pointer, {
    zh: describeViolation(error, "zh"),
    en: describeViolation(error, "en"),
  });
}

function wrongInput(pointer: string, { zh, en }: Words): HttpError {
  return new HttpError(400, "bad_request", {
    zh: `input${pointer}：${zh}`,
    en: `input${pointer}: ${en}`,
  });
}

/** A query's texts as what the input's schema says they are. */
function readQuery(
  { input: { properties } }: Endpoint,
  query: Record<string, unknown>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(properties)) {
    const text = query[name];
    if (text === undefined) continue;
    const types = isObject(schema) ? [schema.type].flat() : [];
    values[name] = types.includes("string") ? text : readValue(String(text));
  }
  return values;
}

/** A number or boolean as JSON writes them; anything else is a text. */
function readValue(text: string): unknown {
  return /^(?:true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?)$/.test(text)
    ? JSON.parse(text)
    : text;
}

/** What a value holds is not filled once more. */
function fill(text: string, values: Record<string, unknown>): string {
  return text.replaceAll(PLACEHOLDER, (_, name) => {
    const value = Object.hasOwn(values, name) ? values[name] : "";
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}
