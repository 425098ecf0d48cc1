import { keyOf } from "../keys.ts";
import type { Frame } from "./frames.ts";
import type { Meter } from "./meter.ts";
import type { Node, Reference } from "./nodes.ts";
import { and, anyOf, FALSE, levelOf, not, TRUE } from "./verdicts.ts";

/**
 * Finds which members or elements a subschema evaluates, or others in place of
 * it that hold.
 *
 * @param frame The object or array, which has ended.
 * @param node The subschema.
 * @param verdictOf The verdicts on it of those in place.
 * @param meter Counts the work.
 * @returns How sure it is that the one of this name or index is evaluated.
 */
export function* evaluatedBy(
  frame: Frame,
  node: Node,
  verdictOf: (target: Reference) => number,
  meter: Meter,
): Generator<void, (key: string | number) => number> {
  let all = FALSE;
  const byKey = new Map<string | number, number>();
  const evaluate = (key: string | number, sureness: number) => {
    meter.work++;
    byKey.set(key, anyOf([byKey.get(key) ?? FALSE, sureness]));
  };
  const applied = new Map<Node, number>();
  const pending: [Reference, number][] = [[node, TRUE]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [target, sureness] = next;
    if (meter.due) yield* meter.pause();
    meter.work++;
    if (typeof target === "boolean") continue;
    const before = applied.get(target) ?? FALSE;
    if (levelOf(before) >= levelOf(sureness)) continue;
    applied.set(target, sureness);
    const rest = frame.isArray
      ? [target.items, target.unevaluatedItems]
      : [target.additionalProperties, target.unevaluatedProperties];
    if (rest[0] !== undefined || rest[1] !== undefined && target !== node) {
      all = anyOf([all, sureness]);
      if (levelOf(all) === TRUE) break;
    }
    if (frame.isArray) {
      for (const index of target.prefixItems.keys()) {
        evaluate(index, sureness);
      }
      const matches = frame.matches?.get(target);
      for (const [index, verdict] of matches?.places ?? []) {
        if (meter.due) yield* meter.pause();
        evaluate(index, and(sureness, verdict));
      }
    } else {
      meter.work += target.properties.size;
      for (const name of target.properties.keys()) {
        if (frame.names.has(name)) evaluate(name, sureness);
      }
    }
    pending.push(...inPlaceOf(target, sureness, frame.names, verdictOf, meter));
  }
  return (key) => {
    const own = byKey.get(typeof key === "string" ? keyOf(key) : key);
    return own === undefined ? all : anyOf([all, own]);
  };
}

/** What applies in place of a subschema, and how sure it is that it does. */
function* inPlaceOf(
  node: Node,
  sureness: number,
  names: Set<string>,
  verdictOf: (target: Reference) => number,
  meter: Meter,
): Generator<[Reference, number]> {
  for (const { target } of node.all) yield [target, sureness];
  for (const { name, target } of node.dependencies) {
    meter.work++;
    if (names.has(name)) yield [target, sureness];
  }
  for (const targets of [node.anyOf ?? [], node.oneOf ?? []]) {
    for (const target of targets) {
      meter.work++;
      yield [target, and(sureness, verdictOf(target))];
    }
  }
  if (node.if !== undefined) {
    const test = verdictOf(node.if);
    yield [node.if, and(sureness, test)];
    yield [node.then, and(sureness, test)];
    yield [node.else, and(sureness, not(test))];
  }
}
