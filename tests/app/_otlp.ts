/** A receiver of what Deno exports by OTLP (https://opentelemetry.io/docs/specs/otlp/). */

/** A value of an attribute, as OTLP's JSON has it. */
interface AnyValue {
  stringValue?: string;
  intValue?: string | number;
  doubleValue?: number;
  boolValue?: boolean;
  arrayValue?: { values: AnyValue[] };
}

interface KeyValue {
  key: string;
  value: AnyValue;
}

/** A span. */
export interface ExportedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: Record<string, unknown>;
  links: { traceId: string; spanId: string }[];
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}

/** Spans and the names of metrics, as they come. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ExportedSpan[] = [];
  readonly metrics = new Set<string>();
  /** Everything that came, as text. */
  text = "";
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #came = Promise.withResolvers<void>();

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const text = await request.text();
        this.text += text;
        this.#read(JSON.parse(text));
        this.#came.resolve();
        this.#came = Promise.withResolvers();
        return Response.json({});
      },
    );
  }

  /** What makes a process of Deno's send all it has here, and soon. */
  get settings(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
    };
  }

  /** Waits until it is so. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#came.promise;
  }

  // deno-lint-ignore no-explicit-any
  #read({ resourceSpans = [], resourceMetrics = [] }: any): void {
    for (const { scopeSpans } of resourceSpans) {
      for (const { spans } of scopeSpans) {
        for (const { attributes = [], links = [], ...span } of spans) {
          this.spans.push({ ...span, links, attributes: toObject(attributes) });
        }
      }
    }
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { metrics } of scopeMetrics) {
        for (const { name } of metrics) this.metrics.add(name);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function toObject(attributes: KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, toValue(value)]),
  );
}

function toValue(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) {
    return value.arrayValue.values.map(toValue);
  }
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
}
