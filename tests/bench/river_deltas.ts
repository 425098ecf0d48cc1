import type { parse } from "jsonriver";

type Value = Awaited<ReturnType<ReturnType<typeof parse>["next"]>>["value"];

/** An object or array that is not complete: only its last member can change. */
interface Open {
  readonly value: Value[] | Record<string, Value>;
  /** How many members the deltas have. */
  seen: number;
  /** The last of them, and how long it was if it is a string. */
  key: string;
  length: number;
}

/**
 * What has changed between the values that jsonriver yields. It yields one
 * growing value; by its documented invariants 3 to 5 only the last member of
 * the last member… can have changed, so nothing else is looked at.
 *
 * @param values What jsonriver's `parse` gives.
 * @returns The deltas' data, of those that change anything.
 */
export async function* riverDeltas(
  values: AsyncIterable<Value>,
): AsyncGenerator<unknown> {
  const open: Open[] = [];
  let length: number | undefined;
  for await (const root of values) {
    if (typeof root === "string") {
      yield root.slice(length ?? 0);
      length = root.length;
      continue;
    }
    if (open.length === 0) {
      if (typeof root === "object" && root !== null) enter(root, open);
      yield copyOpen(root, open);
      continue;
    }
    const delta = grow(0, open);
    if (delta !== undefined) yield delta;
  }
}

/** What is new in an object or array on the open path, and in those within. */
function grow(
  depth: number,
  open: Open[],
): Record<string, unknown> | undefined {
  const container = open[depth]!;
  const { value } = container;
  let delta: Record<string, unknown> | undefined;
  if (container.seen > 0) {
    const last = (value as Record<string, Value>)[container.key]!;
    if (typeof last === "string") {
      if (last.length > container.length) {
        delta = { [container.key]: last.slice(container.length) };
        container.length = last.length;
      }
    } else if (depth + 1 < open.length) {
      const inner = grow(depth + 1, open);
      if (inner !== undefined) delta = { [container.key]: inner };
    }
  }
  const keys = Array.isArray(value) ? undefined : Object.keys(value);
  const count = keys?.length ?? (value as Value[]).length;
  for (; container.seen < count; container.seen++) {
    const key = keys?.[container.seen] ?? String(container.seen);
    const member = (value as Record<string, Value>)[key]!;
    open.length = depth + 1;
    container.key = key;
    container.length = typeof member === "string" ? member.length : 0;
    delta ??= {};
    if (typeof member === "object" && member !== null) {
      enter(member, open);
      delta[key] = copyOpen(member, open);
    } else {
      delta[key] = member;
    }
  }
  return delta;
}

function enter(value: Open["value"], open: Open[]): void {
  open.push({ value, seen: 0, key: "", length: 0 });
}

/** A value that has just come, as far as it goes. */
function copyOpen(value: Value, open: Open[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  const members = grow(open.length - 1, open);
  return Array.isArray(value) ? Object.values(members ?? {}) : members ?? {};
}
