/** A function that is counted: where it is, and what a call of it visits. */
type Counted = [
  owner: object,
  name: string,
  visits: (self: unknown, args: unknown[], result: unknown) => number,
];

const one = () => 1;
const self = (self: unknown) => 1 + (self as string | unknown[]).length;
const result = (_self: unknown, _args: unknown[], result: unknown) =>
  1 + (result as string | unknown[]).length;
const first = (_self: unknown, args: unknown[]) =>
  1 + (typeof args[0] === "string" ? args[0].length : 0);

const counted: Counted[] = [
  [String.prototype, "charCodeAt", one],
  [String.prototype, "charAt", one],
  [String.prototype, "slice", result],
  [String.prototype, "substring", result],
  [String.prototype, "startsWith", first],
  ...["endsWith", "includes", "indexOf", "lastIndexOf", "match", "replace"]
    .map((name): Counted => [String.prototype, name, self]),
  ...["replaceAll", "split"]
    .map((name): Counted => [String.prototype, name, self]),
  [RegExp.prototype, "test", first],
  [RegExp.prototype, "exec", first],
  ...["at", "push", "pop"].map((name): Counted => [Array.prototype, name, one]),
  ...["concat", "every", "filter", "find", "findIndex", "forEach", "includes"]
    .map((name): Counted => [Array.prototype, name, self]),
  ...["indexOf", "join", "map", "reduce", "reverse", "shift", "slice", "some"]
    .map((name): Counted => [Array.prototype, name, self]),
  ...["sort", "splice", "unshift"]
    .map((name): Counted => [Array.prototype, name, self]),
  [Object, "keys", result],
  [Object, "entries", result],
  [Object, "values", result],
  [Object, "hasOwn", one],
  [Object, "defineProperty", one],
  ...[Map.prototype, Set.prototype].flatMap((owner): Counted[] => [
    [owner, "has", first],
    [owner, "delete", first],
  ]),
  [Map.prototype, "get", first],
  [Map.prototype, "set", first],
  [Set.prototype, "add", first],
];

/**
 * The work that `run` does: how many characters, elements and members it visits
 * or copies by way of the built-in functions. Unlike time, it is always the
 * same.
 */
export function workOf(run: () => void): number {
  let work = 0;
  const originals = counted.map(([owner, name, visits]) => {
    const original = Object.getOwnPropertyDescriptor(owner, name)!;
    const { value: method } = original;
    Object.defineProperty(owner, name, {
      ...original,
      value: function (this: unknown, ...args: unknown[]) {
        const result = Reflect.apply(method, this, args);
        work += visits(this, args, result);
        return result;
      },
    });
    return original;
  });
  try {
    run();
  } finally {
    for (let index = 0; index < counted.length; index++) {
      const [owner, name] = counted[index]!;
      Object.defineProperty(owner, name, originals[index]!);
    }
  }
  return work;
}
