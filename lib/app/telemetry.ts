/**
 * What OpenTelemetry and Prometheus are told. Without an exporter nothing is
 * sent: Deno has one with `OTEL_DENO=true`.
 *
 * No attribute holds a prompt, a text, or an id: who knows an answer's id may
 * follow it.
 */

import {
  type Attributes,
  context,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { LRUCache } from "lru-cache";
import { systemClock } from "../clock.ts";
import type {
  ConnectionWatch,
  FinishedAnswer,
  GenerationWatch,
  ObservedConnection,
  ObservedGeneration,
  Observer,
} from "../server.ts";
import { Lag } from "../wire/lag.ts";
import { Metrics } from "./metrics.ts";

/** How many generations are remembered for what links to them. */
const LINKED = 10_000;

/** Providers that the conventions have a name for, by their hosts. */
const PROVIDERS: [host: RegExp, name: string][] = [
  [/(?:^|\.)openai\.com$/, "openai"],
  [/\.openai\.azure\.com$/, "azure.ai.openai"],
  [/(?:^|\.)deepseek\.com$/, "deepseek"],
  [/(?:^|\.)groq\.com$/, "groq"],
  [/(?:^|\.)mistral\.ai$/, "mistral_ai"],
  [/(?:^|\.)x\.ai$/, "x_ai"],
  [/(?:^|\.)perplexity\.ai$/, "perplexity"],
  [/(?:^|\.)generativelanguage\.googleapis\.com$/, "gcp.gemini"],
  [/(?:^|\.)volces\.com$/, "volcengine"],
];

/** The provider's name by the GenAI semantic conventions; else its host. */
export function providerName(baseURL: string): string {
  const { hostname } = new URL(baseURL);
  return PROVIDERS.find(([host]) => host.test(hostname))?.[1] ?? hostname;
}

/** What is watched, and by which names it is told. */
export interface TelemetryOptions {
  /** The address of the provider. */
  baseURL: string;
  /** The labels that each of Prometheus' samples has. */
  labels?: Record<string, string>;
}

/** Spans and figures of one server. */
export class Telemetry implements Observer {
  readonly #provider: string;
  readonly #tracer: Tracer = trace.getTracer("fieldstream");
  readonly #generations = new LRUCache<string, SpanContext>({ max: LINKED });
  readonly #connections = new Set<ObservedConnection>();
  readonly #metrics: Metrics;
  readonly #figures: ReturnType<typeof createFigures>;

  /** Makes one that has seen nothing. */
  constructor({ baseURL, labels }: TelemetryOptions) {
    this.#provider = providerName(baseURL);
    this.#metrics = new Metrics(labels);
    this.#figures = createFigures(this.#metrics);
    this.#metrics.gauge({
      name: "slowest_reader_seconds",
      otel: "fieldstream.slowest_reader",
      help: "For how long the slowest reader has not got all that is there",
      unit: "s",
    }, () => this.#slowest());
    this.#metrics.gauge({
      name: "event_loop_lag_seconds",
      otel: "fieldstream.event_loop.lag",
      help: "How late the event loop is, while anybody is connected",
      unit: "s",
    }, () => Lag.of(systemClock).milliseconds / 1000);
  }

  /** All figures, as Prometheus reads them. */
  format(): string {
    return this.#metrics.format();
  }

  onGeneration({ id, model = "unknown" }: ObservedGeneration): GenerationWatch {
    const attributes: Attributes = {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": this.#provider,
      "gen_ai.request.model": model,
    };
    const span = this.#tracer.startSpan(`chat ${model}`, {
      kind: SpanKind.CLIENT,
      attributes: { ...attributes, "gen_ai.request.stream": true },
    });
    this.#generations.set(id, span.spanContext());
    this.#figures.running.add(1);
    return {
      // Deno's fetch and node:http pass on what is active, as traceparent.
      onAsk: (request) =>
        context.with(trace.setSpan(context.active(), span), request),
      onEnd: (answer) => {
        this.#figures.running.add(-1);
        this.#count(answer, attributes);
        endGeneration(span, answer);
      },
    };
  }

  onConnection(connection: ObservedConnection): ConnectionWatch {
    const { id, resumedFrom, traffic } = connection;
    const generation = this.#generations.get(id);
    const span = this.#tracer.startSpan("fieldstream.connection", {
      ...(generation && { links: [{ context: generation }] }),
      attributes: {
        ...(resumedFrom !== undefined &&
          { "fieldstream.resumed_from": resumedFrom }),
      },
    });
    this.#connections.add(connection);
    this.#figures.open.add(1);
    if (resumedFrom !== undefined) this.#figures.resumes.add(1);
    return {
      onEnd: () => {
        const { events, bytes, ended } = traffic;
        this.#connections.delete(connection);
        this.#figures.open.add(-1);
        this.#figures.connections.add(1, { ended });
        this.#figures.events.add(events);
        this.#figures.bytes.add(bytes);
        span.setAttributes({
          "fieldstream.events": events,
          "fieldstream.bytes": bytes,
          "fieldstream.ended": ended,
        });
        if (ended === "fault") span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  }

  onRefusal(code: string): void {
    this.#figures.refusals.add(1, { code });
  }

  onStoreFault(): void {
    this.#figures.storeFaults.add(1);
  }

  #count(answer: FinishedAnswer, attributes: Attributes): void {
    const { outcome, duration, firstToken, usage } = answer;
    this.#figures.generations.add(1, { outcome });
    this.#figures.duration.record(duration / 1000, { outcome }, {
      ...attributes,
      ...(outcome !== "end" && { "error.type": outcome }),
    });
    if (firstToken !== undefined) {
      this.#figures.firstToken.record(firstToken / 1000, {}, attributes);
    }
    const tokens = tokensOf(usage);
    for (const type of ["input", "output"] as const) {
      const count = tokens[type];
      if (count !== undefined) this.#figures.tokens.add(count, { type });
    }
  }

  #slowest(): number {
    const now = systemClock.now();
    let since = now;
    for (const { traffic: { behindSince = now } } of this.#connections) {
      since = Math.min(since, behindSince);
    }
    return (now - since) / 1000;
  }
}

/** What is counted. */
function createFigures(metrics: Metrics) {
  return {
    generations: metrics.counter({
      name: "generations",
      otel: "fieldstream.generations",
      help: "Generations that have ended, by how",
    }),
    duration: metrics.durations({
      name: "generation_duration_seconds",
      otel: "gen_ai.client.operation.duration",
      help: "From the start of a generation to its end",
    }),
    firstToken: metrics.durations({
      name: "time_to_first_token_seconds",
      otel: "gen_ai.client.operation.time_to_first_chunk",
      help: "From the start of a generation to its first text",
    }),
    tokens: metrics.counter({
      name: "tokens",
      otel: "fieldstream.tokens",
      help: "Tokens that providers say were spent, by type",
      unit: "{token}",
    }),
    running: metrics.level({
      name: "running_generations",
      otel: "fieldstream.generations.running",
      help: "Generations that run",
    }),
    open: metrics.level({
      name: "open_connections",
      otel: "fieldstream.connections.open",
      help: "Connections that are open",
    }),
    connections: metrics.counter({
      name: "connections",
      otel: "fieldstream.connections",
      help: "Connections that have ended, by how",
    }),
    events: metrics.counter({
      name: "events",
      otel: "fieldstream.events",
      help: "Events that were sent",
    }),
    bytes: metrics.counter({
      name: "sent_bytes",
      otel: "fieldstream.sent",
      help: "Bytes of streams that were sent",
      unit: "By",
    }),
    resumes: metrics.counter({
      name: "resumes",
      otel: "fieldstream.resumes",
      help: "Connections that went on where another one broke",
    }),
    refusals: metrics.counter({
      name: "refusals",
      otel: "fieldstream.refusals",
      help: "Requests that were refused, by code",
    }),
    storeFaults: metrics.counter({
      name: "store_faults",
      otel: "fieldstream.store.faults",
      help: "How often the store has failed",
    }),
  };
}

function endGeneration(span: Span, answer: FinishedAnswer): void {
  const { outcome, finishReason, firstToken, usage } = answer;
  const { input, output } = tokensOf(usage);
  span.setAttributes({
    // A provider's word is told where it is one.
    ...(finishReason !== undefined && /^[\w-]{1,40}$/.test(finishReason) &&
      { "gen_ai.response.finish_reasons": [finishReason] }),
    ...(firstToken !== undefined &&
      { "gen_ai.response.time_to_first_chunk": firstToken / 1000 }),
    ...(input !== undefined && { "gen_ai.usage.input_tokens": input }),
    ...(output !== undefined && { "gen_ai.usage.output_tokens": output }),
    "fieldstream.attempts": answer.attempts,
    "fieldstream.characters": answer.characters,
    ...(outcome !== "end" && { "error.type": outcome }),
  });
  if (outcome !== "end") span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** What the usage says, by either of the names that are in use. */
function tokensOf(
  usage: unknown,
): { input: number | undefined; output: number | undefined } {
  const counts = (usage ?? {}) as Record<string, unknown>;
  const count = (...names: string[]) =>
    names.map((name) => counts[name]).find((value) =>
      typeof value === "number"
    );
  return {
    input: count("prompt_tokens", "input_tokens"),
    output: count("completion_tokens", "output_tokens"),
  };
}
