import type { Frame } from "./frames.ts";
import { type Meter, Stop } from "./meter.ts";
import type { Node } from "./nodes.ts";
import { FINAL, HELD } from "./states.ts";
import type { Violation } from "./violations.ts";

/** How many violations are told. */
export const MAX_VIOLATIONS = 10;

/** How many may wait for what they are in to end: some MB. */
const MAX_WAITING = 10_000;

/**
 * What has been found wrong with a document: told where it is wrong for good, and
 * held where a subschema that is asked about it decides.
 */
export class Findings {
  /** Of the value that was judged last, by the index of the subschema. */
  readonly held: (Violation[] | undefined)[] = [];
  readonly #meter: Meter;
  readonly #told: Violation[] = [];
  /** How many violations wait for the end of what they are in. */
  #waiting = 0;

  /** @param meter Counts what it costs. */
  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** What is wrong for good. */
  get told(): Violation[] {
    return [...this.#told];
  }

  /** How many there are of those. */
  get count(): number {
    return this.#told.length;
  }

  /** Takes over what a subschema of what an object or array holds has found. */
  passUp(frame: Frame, slot: number, violations: Violation[] = []): void {
    const { nodes, roles } = frame.step.state;
    if (roles[slot] === FINAL) violations.forEach((each) => this.#tell(each));
    else if (roles[slot] === HELD) {
      const { index } = nodes[slot]!;
      this.wait(frame, this.#keep(frame.held ??= [], index, violations));
    }
  }

  /** Takes over what another subschema has found. */
  pass(role: number, node: Node, violations: Violation[] = []): void {
    if (role === FINAL) violations.forEach((each) => this.#tell(each));
    else if (role === HELD) this.#keep(this.held, node.index, violations);
  }

  /**
   * So many more wait for an object or array to end.
   *
   * @throws {Stop} If they have become too many.
   */
  wait(frame: Frame, count: number): void {
    frame.waiting += count;
    this.#waiting += count;
    if (this.#waiting > MAX_WAITING) throw new Stop();
  }

  /** An object or array has ended: nothing waits for it any more. */
  release(frame: Frame): void {
    this.#waiting -= frame.waiting;
  }

  /**
   * Adds violations to a list in a table of lists, each once, up to as many as
   * are told: that one is found twice takes no other's place.
   *
   * @returns How many more the list holds.
   */
  #keep(
    table: (Violation[] | undefined)[],
    index: number,
    violations: Violation[],
  ): number {
    const held = table[index] ?? [];
    if (isFull(held)) return 0;
    this.#meter.work += violations.length;
    const others = violations.filter((each) => !holds(held, each));
    if (others.length === 0) return 0;
    const list = [...held, ...others].slice(0, MAX_VIOLATIONS);
    table[index] = list;
    return list.length - held.length;
  }

  #tell(violation: Violation): void {
    if (holds(this.#told, violation)) return;
    this.#told.push(violation);
    if (isFull(this.#told)) throw new Stop();
  }
}

/** Whether a violation is among some: it is told once. */
function holds(violations: Violation[], violation: Violation): boolean {
  const { pointer, keyword, values } = violation;
  return violations.some((each) =>
    each === violation ||
    each.keyword === keyword && each.pointer === pointer &&
      each.values.every((value, index) => value === values[index])
  );
}

/** Whether one more is of use to a subschema in its role. */
export function wants(role: number, held: Violation[] | undefined): boolean {
  return role === FINAL || role === HELD && !isFull(held);
}

function isFull(violations: Violation[] | undefined): boolean {
  return violations !== undefined && violations.length >= MAX_VIOLATIONS;
}
