/** What tests of attempts share: a model that says what is scripted, and a reader. */

import { createParser } from "eventsource-parser";
import type { AttemptLimits } from "../../lib/answers/attempts.ts";
import { DEFAULT_ATTEMPTS } from "../../lib/answers/attempts.ts";
import type {
  AttemptReport,
  FinishedAnswer,
} from "../../lib/answers/answer.ts";
import { Generation } from "../../lib/answers/generation.ts";
import { DEFAULT_LIMITS } from "../../lib/answers/limits.ts";
import type { Outcome } from "../../lib/answers/outcome.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import {
  type Ask,
  ModelError,
  type Part,
  type Question,
} from "../../lib/models/ask.ts";
import { beginningOf } from "../../lib/schemas/beginning.ts";
import type { JsonSchema } from "../../lib/schemas/schema.ts";
import { EventMaker, type EventsOptions } from "../../lib/wire/events.ts";
import type { ServerEvent } from "../_server.ts";

/** A clock for which pauses before the next attempt take no time. */
const hurried: Clock = {
  now: () => systemClock.now(),
  setTimeout: (callback, delay) =>
    systemClock.setTimeout(callback, delay <= 5_000 ? 0 : delay),
  clearTimeout: (timer) => systemClock.clearTimeout(timer),
};

export const text = (text: string): Part => ({ type: "text", text });
export const reasoning = (text: string): Part => ({ type: "reasoning", text });
export const finish = (reason: string): Part => ({ type: "finish", reason });
export const usage = (usage: unknown): Part => ({ type: "usage", usage });
export const stop = finish("stop");
export const broken = new ModelError("upstream_unavailable", "broken", {
  again: true,
});

/** What came of a question. */
export interface Heard {
  generation: Generation;
  outcome: Outcome;
  events: ServerEvent[];
  questions: Question[];
  report: FinishedAnswer;
  attempts: AttemptReport[];
}

/** What a model says, request by request; the last is said again. */
export type Script = ((question: Question) => (Part | Error)[])[];

export interface HearOptions extends Partial<AttemptLimits> {
  continues?: boolean;
  schema?: JsonSchema;
  outputCharacters?: number;
}

/** Asks a model that says this, and reads its answer when it has ended. */
export async function hear(
  script: Script,
  options: HearOptions = {},
): Promise<Heard> {
  const { continues = true, schema, outputCharacters, ...attempts } = options;
  const questions: Question[] = [];
  const attemptReports: AttemptReport[] = [];
  const ask: Ask = Object.assign(
    async (...[question, signal, onPart]: Parameters<Ask>) => {
      questions.push(question);
      const says = script[Math.min(questions.length, script.length) - 1]!;
      for (const part of says(question)) {
        await Promise.resolve();
        if (signal.aborted) return;
        if (part instanceof Error) throw part;
        onPart(part);
      }
    },
    { continues },
  );
  const { promise, resolve } = Promise.withResolvers<FinishedAnswer>();
  const generation = new Generation(
    { owner: "", prompt: "a", schema, validated: schema !== undefined },
    {
      ask,
      attempts: { ...DEFAULT_ATTEMPTS, ...attempts },
      limits: {
        ...DEFAULT_LIMITS,
        ...(outputCharacters !== undefined && { outputCharacters }),
      },
      clock: hurried,
      onAttempt: (report) => attemptReports.push(report),
      onFinish: resolve,
    },
  );
  const detach = generation.attach();
  const report = await promise;
  detach();
  const events = await readFrom(generation, 0);
  const outcome = generation.transcript.outcome!;
  return {
    ...{ generation, outcome, events, questions, report },
    attempts: attemptReports,
  };
}

/** The events from an offset on, of an answer that has ended. */
export async function readFrom(
  options: Pick<EventsOptions, "id" | "transcript" | "schema">,
  offset: number,
): Promise<ServerEvent[]> {
  const { id, transcript, schema } = options;
  const beginning = beginningOf(schema);
  const maker = new EventMaker({
    ...{ id, transcript, schema, ...beginning, maxDepth: 128 },
    language: "en",
  }, offset);
  while (maker.skip());
  const events: ServerEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => events.push({ id: id!, data: JSON.parse(data) }),
  });
  while (maker.isBehind) parser.feed(await maker.next());
  return events;
}

/** How much of the transcript an event and those before it account for. */
export function offsetOf({ id }: ServerEvent): number {
  return Number(id.slice(id.indexOf(".") + 1));
}
