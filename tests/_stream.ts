import {
  applyDelta,
  type Delta,
  IncrementalProcessor,
  JsonPatchParser,
  type JsonPatchParserOptions,
  type Operation,
} from "../lib/mod.ts";

/** Cuts `text` into pieces of the given sizes, again and again. */
export function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let from = 0, turn = 0; from < text.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    pieces.push(text.slice(from, from + size));
    from += size;
  }
  return pieces;
}

/** Every way of cutting `text` in two, and into single units. */
export function* cuts(text: string): Iterable<string[]> {
  for (let at = 0; at <= text.length; at++) {
    yield [text.slice(0, at), text.slice(at)];
  }
  yield text.split("");
}

/** What a parser says to each piece, and at the end. */
export function parse(
  pieces: Iterable<string>,
  options?: JsonPatchParserOptions,
): Operation[][] {
  const parser = new JsonPatchParser(options);
  const lists = Array.from(pieces, (piece) => parser.write(piece));
  return [...lists, parser.end()];
}

/**
 * All that a parser says of a text, fault included, in a form that does not
 * tell how the text was cut: neighbouring appends are joined.
 */
export function account(
  pieces: Iterable<string>,
  options?: JsonPatchParserOptions,
): { operations: Operation[]; fault?: unknown } {
  const parser = new JsonPatchParser(options);
  const operations: Operation[] = [];
  try {
    for (const piece of pieces) operations.push(...parser.write(piece));
    operations.push(...parser.end());
    return { operations: joinAppends(operations) };
  } catch (error) {
    const { name, message, position, operations: last } = error as
      & Error
      & { position: number; operations: Operation[] };
    operations.push(...last);
    const { path, complete } = parser;
    const fault = { name, message, position, path, complete };
    return { operations: joinAppends(operations), fault };
  }
}

/** The operations with neighbouring appends to the same string joined. */
export function joinAppends(operations: Iterable<Operation>): Operation[] {
  const joined: Operation[] = [];
  for (const operation of operations) {
    const last = joined.at(-1);
    if (
      operation.op === "append" && last?.op === "append" &&
      operation.path === last.path
    ) {
      joined.pop();
      joined.push({ ...last, value: last.value + operation.value });
    } else {
      joined.push(operation);
    }
  }
  return joined;
}

/** What a processor makes of each list of operations. */
export function processEach(
  lists: Iterable<readonly Operation[]>,
  keepValues = true,
): (Delta | undefined)[] {
  const processor = new IncrementalProcessor({ keepValues });
  return Array.from(lists, (list) => processor.processPatch(list));
}

/** The deltas of lists of operations, of those that change anything. */
export function process(
  lists: Iterable<readonly Operation[]>,
  keepValues = true,
): Delta[] {
  return processEach(lists, keepValues).filter((delta) => delta !== undefined);
}

/** What a client has after all the deltas. */
export function merge(deltas: Iterable<Delta>, state?: unknown): unknown {
  for (const delta of deltas) state = applyDelta(state, delta);
  return state;
}

/**
 * The test with `__proto__` as browsers have it: Deno takes it away, and so
 * would hide what sets an object's prototype by mistake.
 */
export function withProto(test: () => void): () => void {
  return () => {
    const own = Object.getOwnPropertyDescriptor(Object.prototype, "__proto__");
    Object.defineProperty(Object.prototype, "__proto__", {
      configurable: true,
      get() {
        return Object.getPrototypeOf(this);
      },
      set(value: unknown) {
        if (typeof value === "object") Object.setPrototypeOf(this, value);
      },
    });
    try {
      test();
    } finally {
      Object.defineProperty(Object.prototype, "__proto__", own ?? {});
    }
  };
}
