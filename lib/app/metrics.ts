/** Figures that are kept once, and told to OpenTelemetry and to Prometheus. */

import {
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  metrics,
  type UpDownCounter,
} from "@opentelemetry/api";

/** The labels of a figure, by their names in Prometheus. */
export type Labels = Record<string, string>;

/** The upper bounds of durations, in seconds, as OpenTelemetry advises. */
const SECONDS = [
  ...[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12],
  ...[10.24, 20.48, 40.96, 81.92],
];

/** What a figure is called. */
export interface FigureOptions {
  /** In Prometheus' format, without what it begins with. */
  name: string;
  /** In OpenTelemetry. */
  otel: string;
  help: string;
  unit?: string;
}

/** One family of samples. */
interface Family {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  /** Of each sample its suffix, labels and value. */
  samples: () => Iterable<[suffix: string, labels: Labels, value: number]>;
}

/** All figures of a process. */
export class Metrics {
  readonly #meter: Meter = metrics.getMeter("fieldstream");
  readonly #families: Family[] = [];
  readonly #own: Labels;

  /** @param own The labels that each sample has. */
  constructor(own: Labels = {}) {
    this.#own = own;
  }

  /** A figure that only grows. */
  counter(options: FigureOptions): Sum {
    const sum = new Sum(
      this.#meter.createCounter(options.otel, describe(options)),
    );
    const { name, help } = options;
    this.#families.push({
      ...{ name: `${name}_total`, help, type: "counter" },
      samples: () => sum.samples(),
    });
    return sum;
  }

  /** A figure that goes up and down by steps. */
  level(options: FigureOptions): Sum {
    const sum = new Sum(
      this.#meter.createUpDownCounter(options.otel, describe(options)),
    );
    sum.add(0);
    const { name, help } = options;
    this.#families.push({
      ...{ name, help, type: "gauge" },
      samples: () => sum.samples(),
    });
    return sum;
  }

  /** A figure that is looked up when somebody asks. */
  gauge(options: FigureOptions, look: () => number): void {
    this.#meter.createObservableGauge(options.otel, describe(options))
      .addCallback((result) => result.observe(look()));
    const { name, help } = options;
    this.#families.push({
      ...{ name, help, type: "gauge" },
      samples: () => [["", {}, look()]],
    });
  }

  /** How long things take, in seconds. */
  durations(options: FigureOptions): Durations {
    const advice = { explicitBucketBoundaries: SECONDS };
    const durations = new Durations(
      this.#meter.createHistogram(options.otel, {
        ...describe({ unit: "s", ...options }),
        advice,
      }),
    );
    const { name, help } = options;
    this.#families.push({
      ...{ name, help, type: "histogram" },
      samples: () => durations.samples(),
    });
    return durations;
  }

  /** Everything, as Prometheus reads it (text format, version 0.0.4). */
  format(): string {
    let text = "";
    for (const { name, type, help, samples } of this.#families) {
      const full = `fieldstream_${name}`;
      text += `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n`;
      for (const [suffix, labels, value] of samples()) {
        const all = formatLabels({ ...this.#own, ...labels });
        text += `${full}${suffix}${all} ${value}\n`;
      }
    }
    return text;
  }
}

/** A sum for each set of labels. */
export class Sum {
  readonly #sums = new Map<string, { labels: Labels; value: number }>();
  readonly #instrument: Counter | UpDownCounter;

  /** Made by {@linkcode Metrics}. */
  constructor(instrument: Counter | UpDownCounter) {
    this.#instrument = instrument;
  }

  /** Adds to it. */
  add(value: number, labels: Labels = {}): void {
    const key = JSON.stringify(labels);
    const sum = this.#sums.get(key) ?? { labels, value: 0 };
    sum.value += value;
    this.#sums.set(key, sum);
    this.#instrument.add(value, labels);
  }

  /** What is to be told. */
  *samples(): Generator<[string, Labels, number]> {
    for (const { labels, value } of this.#sums.values()) {
      yield ["", labels, value];
    }
  }
}

/** How often something took how long, for each set of labels. */
export class Durations {
  readonly #series = new Map<
    string,
    { labels: Labels; counts: number[]; sum: number; count: number }
  >();
  readonly #instrument: Histogram;

  /** Made by {@linkcode Metrics}. */
  constructor(instrument: Histogram) {
    this.#instrument = instrument;
  }

  /**
   * Notes one.
   *
   * @param attributes What OpenTelemetry hears besides.
   */
  record(seconds: number, labels: Labels, attributes: Attributes): void {
    const key = JSON.stringify(labels);
    const series = this.#series.get(key) ??
      { labels, counts: SECONDS.map(() => 0), sum: 0, count: 0 };
    this.#series.set(key, series);
    SECONDS.forEach((bound, place) => {
      if (seconds <= bound) series.counts[place]!++;
    });
    series.sum += seconds;
    series.count++;
    this.#instrument.record(seconds, attributes);
  }

  /** What is to be told. */
  *samples(): Generator<[string, Labels, number]> {
    for (const { labels, counts, sum, count } of this.#series.values()) {
      for (const [place, bound] of SECONDS.entries()) {
        yield ["_bucket", { ...labels, le: String(bound) }, counts[place]!];
      }
      yield ["_bucket", { ...labels, le: "+Inf" }, count];
      yield ["_sum", labels, sum];
      yield ["_count", labels, count];
    }
  }
}

function describe({ help, unit }: FigureOptions) {
  return { description: help, ...(unit !== undefined && { unit }) };
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
      .replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join()}}`;
}
