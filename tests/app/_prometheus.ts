/** Reads Prometheus' text format, version 0.0.4, and lets nothing pass. */

const TYPES: Record<string, RegExp> = {
  counter: /^_total$/,
  gauge: /^$/,
  histogram: /^_(?:bucket|sum|count)$/,
};

const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;

/**
 * Reads a page.
 *
 * @returns Each sample's value, by its name and its labels but for `worker`.
 * @throws {SyntaxError} If it is not one, or samples contradict one another.
 */
export function readSamples(page: string): Map<string, number> {
  const samples = new Map<string, number>();
  const families = new Set<string>();
  const lines = page.split("\n");
  if (lines.pop() !== "") throw new SyntaxError("The last line has no end");
  let family = "";
  let helped = "";
  let suffixes = /^\b$/;
  /** How many a histogram's bucket holds, for its labels but for `le`. */
  let buckets = new Map<string, { count: number; bound: number }>();
  for (const line of lines) {
    const fail = (what: string) => new SyntaxError(`${what}: ${line}`);
    const [, what, named, rest] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/
      .exec(line) ?? [];
    if (what === "HELP") {
      helped = named!;
      if (families.has(helped)) throw fail("A family twice");
      families.add(helped);
      continue;
    }
    if (what === "TYPE") {
      if (named !== helped) throw fail("A type without help");
      if (TYPES[rest!] === undefined) throw fail("No type");
      // A counter's family has the whole name.
      family = rest === "counter" ? named!.replace(/_total$/, "") : named!;
      suffixes = TYPES[rest!]!;
      buckets = new Map();
      continue;
    }
    const [, name, braces, number] =
      /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/
        .exec(line) ?? [];
    if (name === undefined) throw fail("No sample");
    const suffix = name.slice(family.length);
    if (!name.startsWith(family) || !suffixes.test(suffix)) {
      throw fail("A sample of another family");
    }
    const labels = new Map<string, string>();
    LABEL.lastIndex = 0;
    while (LABEL.lastIndex < (braces ?? "").length) {
      const label = LABEL.exec(braces!);
      if (label === null) throw fail("No label");
      if (labels.has(label[1]!)) throw fail("A label twice");
      labels.set(label[1]!, label[2]!);
    }
    labels.delete("worker");
    const value = Number(number);
    const key = nameOf(name, labels);
    if (samples.has(key)) throw fail("A sample twice");
    samples.set(key, value);
    const le = labels.get("le");
    if ((suffix === "_bucket") !== (le !== undefined)) throw fail("No bucket");
    labels.delete("le");
    const series = nameOf(family, labels);
    const last = buckets.get(series) ?? { count: 0, bound: -Infinity };
    if (le !== undefined) {
      const bound = le === "+Inf" ? Infinity : Number(le);
      if (!(bound > last.bound) || value < last.count) {
        throw fail("Buckets that do not add up");
      }
      buckets.set(series, { count: value, bound });
    } else if (
      suffix === "_count" && (last.bound < Infinity || value !== last.count)
    ) {
      throw fail("A count that is not that of its buckets");
    }
  }
  return samples;
}

function nameOf(name: string, labels: Map<string, string>): string {
  const pairs = [...labels].map(([label, value]) => `${label}="${value}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join()}}`;
}
