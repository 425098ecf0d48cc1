/** What all tables are made with. */

/** Figures of several rounds, by contender. */
export class Samples {
  readonly #byName = new Map<string, number[]>();

  add(name: string, figure: number): void {
    const figures = this.#byName.get(name) ?? [];
    this.#byName.set(name, figures);
    figures.push(figure);
  }

  /** The contenders. */
  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /** The median of a contender's figures. */
  median(name: string): number {
    return median(this.#byName.get(name)!);
  }

  /** The median of what a figure is to another contender's of its round. */
  ratio(name: string, other: string): string {
    const others = this.#byName.get(other)!;
    const ratios = this.#byName.get(name)!.map((figure, round) =>
      figure / others[round]!
    );
    return String(Number(median(ratios).toPrecision(2)));
  }
}

/** Prints a table that can stand in docs/benchmarks.md. */
export function printTable(
  title: string,
  head: string[],
  rows: string[][],
): void {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = line(head.map(() => "---"));
  console.log(
    [`\n${title}:\n`, line(head), rule, ...rows.map(line)].join("\n"),
  );
}

/** The one in the middle, or what is between the two that are. */
export function median(figures: number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const { length } = sorted;
  return (sorted[length >> 1]! + sorted[(length - 1) >> 1]!) / 2;
}

/** Lets time pass, in milliseconds. */
export function sleep(delay: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay));
}
