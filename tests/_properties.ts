// What must hold for every document and every way of cutting it. The numbers
// are those of the invariants in lib/mod.ts.

import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { Allow, parse as parsePartial } from "partial-json";
import {
  applyDelta,
  type Delta,
  IncrementalProcessor,
  JsonPatchParser,
  JsonSyntaxError,
  type Operation,
} from "../lib/mod.ts";
import {
  documents,
  meaning,
  numbers,
  sizes,
  texts,
  type Tree,
  write,
} from "./_documents.ts";
import {
  account,
  cut,
  joinAppends,
  merge,
  parse,
  process,
  processEach,
} from "./_stream.ts";
import { choices, fragments, misspell } from "./_slips.ts";
import { Chain } from "./_view.ts";

/** Every property, by name. */
export const properties: Record<string, fc.IRawProperty<unknown>> = {
  "invariant 1: the merged deltas are JSON.parse's value": fc.property(
    documents(),
    sizes,
    (tree, sizes) => {
      const text = write(tree);
      const lists = parse(cut(text, sizes));
      const deltas = process(lists, false);
      same(merge(freeze(deltas)), JSON.parse(text));
      same(merge(deltas), meaning(tree, Number));
      same(merge(deltas.map(send)), send(JSON.parse(text)));
      same(process(lists, true), deltas);
    },
  ),

  "invariant 1: what JSON.parse rejects is rejected, and nothing else": fc
    .property(spoiltTexts(), sizes, (text, sizes) => {
      const { fault } = account(cut(text, sizes));
      let valid = true;
      try {
        JSON.parse(text);
      } catch {
        valid = false;
      }
      same(fault === undefined, valid);
      if (!valid) same((fault as Error).name, JsonSyntaxError.name);
    }),

  "invariant 2: what is shown stays, but for duplicate keys": fc.property(
    texts(),
    sizes,
    (text, sizes) => {
      let shown: unknown;
      let complete: string[] = [];
      for (const delta of process(parse(cut(text, sizes)), false)) {
        const state = applyDelta(structure(shown), delta);
        let kept = shown;
        for (const pointer of delta.reset ?? []) kept = without(kept, pointer);
        holds(continues(kept, state), "something was taken back");
        complete = complete.filter((pointer) =>
          !delta.reset?.some((reset) => `${pointer}/`.startsWith(`${reset}/`))
        );
        for (const pointer of complete) {
          same(at(state, pointer), at(shown, pointer));
        }
        complete.push(...delta.complete ?? []);
        holds(
          delta.complete?.every((pointer, index, all) =>
            all.every((other, place) =>
              place === index || !`${pointer}/`.startsWith(`${other}/`)
            )
          ) ?? true,
          "not only the outermost complete values are listed",
        );
        shown = state;
      }
      if (typeof shown === "object" && shown !== null) {
        same(complete.includes(""), true);
      }
    },
  ),

  "invariant 2: only a duplicate key resets anything": fc.property(
    texts(),
    sizes,
    (text, sizes) => {
      const resets = process(parse(cut(text, [1])), false)
        .flatMap(({ reset }) => reset ?? []);
      let names = 0;
      JSON.parse(text, (_key, value) => {
        if (isContainer(value)) names += Object.keys(value).length;
        return value;
      });
      const adds = parse(cut(text, sizes)).flat()
        .filter(({ op }) => op === "add").length - 1;
      same(resets.length === 0, names === adds);
    },
  ),

  "invariant 3: numbers, booleans and null appear once, with their digits": fc
    .property(documents(), sizes, (tree, sizes) => {
      const text = write(tree);
      const lists = parse(cut(text, sizes), { rawNumbers: true });
      const values = lists.flat().flatMap((operation) =>
        operation.op === "add" && isRaw(operation.value)
          ? JSON.stringify(operation.value)
          : []
      );
      same(values, numbers(tree));
      const deltas = process(lists, false).map((delta) =>
        JSON.parse(JSON.stringify(delta), keepDigits) as Delta
      );
      same(merge(deltas), meaning(tree, (digits) => `number ${digits}`));
    }),

  "invariant 4: no append ends inside a surrogate pair": fc.property(
    texts(),
    sizes,
    (text, sizes) => {
      let path: string | undefined;
      let end = "";
      for (const operation of parse(cut(text, sizes)).flat()) {
        if (operation.op !== "append") {
          path = undefined;
          continue;
        }
        holds(operation.value !== "", "an empty append");
        if (operation.path === path) {
          const seam = end + operation.value.charAt(0);
          holds(!/^[\ud800-\udbff][\udc00-\udfff]$/.test(seam), seam);
        }
        path = operation.path;
        end = operation.value.slice(-1);
      }
    },
  ),

  "invariant 5: what is shown follows from the text, not from its cuts": fc
    .property(spoiltTexts(), sizes, sizes, (text, first, second) => {
      const options = { maxPointerLength: 12, maxDepth: 4 };
      same(account(cut(text, first)), account(cut(text, second)));
      same(
        account(cut(text, first), options),
        account(cut(text, second), options),
      );
    }),

  "invariant 5: what is shown after each piece is as if it came at once": fc
    .property(texts(), sizes, (text, sizes) => {
      const parser = new JsonPatchParser();
      const lists: Operation[][] = [];
      let read = "";
      for (const piece of cut(text, sizes)) {
        read += piece;
        lists.push(parser.write(piece));
        same(
          joinAppends(lists.flat()),
          joinAppends(new JsonPatchParser().write(read)),
        );
      }
    }),

  "invariant 7: the state after any prefix is partial-json's": fc.property(
    texts({ tame: true }),
    sizes,
    (text, sizes) => {
      const parser = new JsonPatchParser();
      const processor = new IncrementalProcessor({ keepValues: false });
      let state: unknown;
      let read = "";
      for (const piece of cut(text, sizes)) {
        read += piece;
        const delta = processor.processPatch(parser.write(piece));
        if (delta !== undefined) state = applyDelta(state, delta);
        const prefix = withoutHalf(read);
        if (!/\s$/.test(prefix)) same(state, snapshot(prefix));
      }
    },
  ),

  "values end innermost first, each once": fc.property(
    texts(),
    sizes,
    (text, sizes) => {
      const open: string[] = [];
      for (const operation of parse(cut(text, sizes)).flat()) {
        const { op, path } = operation;
        if (op === "complete") same(open.pop(), path);
        if (op === "append") same(open.at(-1), path);
        if (op === "add") {
          same(open.at(-1) ?? "", path.slice(0, path.lastIndexOf("/")));
          const { value } = operation;
          if (typeof value === "string" || isContainer(value)) open.push(path);
        }
      }
      same(open, []);
    },
  ),

  "folding lists into one delta equals applying them one after the other": fc
    .property(texts(), sizes, sizes, (text, sizes, groups) => {
      const lists = parse(cut(text, sizes));
      // The last lists hide what is complete behind the whole document.
      for (const part of [lists, lists.slice(0, lists.length >> 1)]) {
        for (const keepValues of [true, false]) {
          const single = process(part, keepValues);
          const folded = process(fold(part, groups), keepValues);
          same(merge(folded), merge(single));
          same(completed(folded), completed(single));
        }
      }
    }),

  "a processor follows any list of RFC 6902 operations": fc.property(
    fc.array(documents().map((tree) => meaning(tree, Number)), {
      minLength: 1,
      maxLength: 6,
    }),
    fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
    sizes,
    (values, choices, groups) => {
      const choose = chooser(choices);
      const lists: Operation[][] = [];
      const documents: unknown[] = [];
      let document: unknown;
      for (let turn = 0; turn < 12; turn++) {
        const list: Operation[] = [];
        for (let count = choose(3); count >= 0; count--) {
          const value = values[choose(values.length)];
          const operation = randomOperation(document, value, choose);
          document = patched(document, operation);
          list.push(operation);
        }
        lists.push(freeze(list));
        documents.push(document);
      }
      let state: unknown;
      const deltas = processEach(lists);
      for (const [turn, delta] of deltas.entries()) {
        if (delta !== undefined) state = applyDelta(state, send(freeze(delta)));
        same(state, send(documents[turn]));
      }
      same(merge(process(fold(lists, groups))), document);
    },
  ),

  "a processor follows a parser that replaces growing values": fc.property(
    texts(),
    sizes,
    (text, sizes) => {
      let read = "";
      let before: unknown;
      let state: unknown;
      const values: unknown[] = [];
      const lists: Operation[][] = [];
      for (const piece of cut(text, sizes)) {
        read += piece;
        if (/^\s*$/.test(read)) continue;
        let value: unknown;
        try {
          value = parsePartial(read, SNAPSHOT);
        } catch {
          continue;
        }
        lists.push(difference(before, value, ""));
        values.push(before = value);
      }
      for (const [turn, delta] of processEach(lists).entries()) {
        if (delta !== undefined) state = applyDelta(state, send(delta));
        same(state, send(values[turn]));
      }
    },
  ),

  "the envelope passes strict JSON on, unit by unit, and mends nothing": fc
    .property(roots(), sizes, (tree, sizes) => {
      const chain = chainOf(tree);
      const parser = new JsonPatchParser();
      const processor = new IncrementalProcessor({ keepValues: false });
      let state: unknown;
      let read = "";
      const text = write(tree);
      for (const piece of cut(text, sizes)) {
        const delta = processor.processPatch(parser.write(piece));
        if (delta !== undefined) state = applyDelta(state, delta);
        chain.write(piece);
        read += piece;
        // A bracket begins the value with what stands in it; `[t` may be `[THINK]`.
        if (!/^[[{]\s*t?$/.test(read)) same(chain.state, state);
      }
      same(chain.envelope.mended, []);
      same(JSON.parse(chain.json), JSON.parse(text));
      same([chain.complete, chain.envelope.bare], [true, true]);
    }),

  "the envelope mends what is misspelt to strict JSON, and says so": fc
    .property(roots(), choices, sizes, (tree, choices, sizes) => {
      const { text, kinds } = misspell(tree, choices);
      const chain = chainOf(tree);
      for (const piece of cut(text, sizes)) chain.write(piece);
      same(chain.view.fault, undefined);
      same(chain.state, meaning(tree, Number));
      same(JSON.parse(chain.json), meaning(tree, Number));
      same(chain.envelope.mended.sort(), kinds);
    }),

  "invariant 5: what an envelope says follows from the text, not from its cuts":
    fc.property(fragments, sizes, fc.boolean(), (text, sizes, isArray) => {
      const root = isArray ? "array" : "object";
      const chain = new Chain({ root });
      const units = new Chain({ root });
      for (const piece of cut(text, sizes)) {
        chain.write(piece);
        for (const unit of piece.split("")) units.write(unit);
        same(chain.view, units.view);
        same(chain.restarts, units.restarts);
        same(chain.envelope.mended, units.envelope.mended);
        same(chain.envelope.bare, units.envelope.bare);
      }
      // What is complete is strict JSON, and what is none is the model's fault.
      if (chain.complete) same(JSON.parse(chain.json), chain.view.state);
      if (chain.view.fault !== undefined) holds(!isJson(text), "mended badly");
    }),
};

/** Documents that are objects or arrays. */
function roots(): fc.Arbitrary<Tree> {
  return documents().filter(({ kind }) =>
    kind === "object" || kind === "array"
  );
}

function chainOf({ kind }: Tree): Chain {
  return new Chain({ root: kind === "array" ? "array" : "object" });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Throws, as fast-check wants it, unless `held`. */
function holds(held: boolean, message: string): void {
  if (!held) throw new Error(`Does not hold: ${message}`);
}

/** -0 is not 0 here, and `__proto__` is a member as any other. */
function same(actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(
    `Not the same: ${fc.stringify(actual)} and ${fc.stringify(expected)}`,
  );
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isRaw(value: unknown): boolean {
  return (JSON as unknown as { isRawJSON(value: unknown): boolean })
    .isRawJSON(value);
}

/** A reviver that tells a number's digits. */
function keepDigits(
  _key: string,
  value: unknown,
  context?: { source: string },
): unknown {
  return typeof value === "number" ? `number ${context!.source}` : value;
}

/** What becomes of a value on the wire. */
function send<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}

function structure<T>(value: T): T {
  return structuredClone(value);
}

function freeze<T>(value: T): T {
  if (isContainer(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

function tokens(pointer: string): string[] {
  return pointer.split("/").slice(1).map((token) =>
    token.replace(/~[01]/g, (escape) => escape === "~1" ? "/" : "~")
  );
}

function at(value: unknown, pointer: string): unknown {
  for (const token of tokens(pointer)) {
    value = isContainer(value) && Object.hasOwn(value, token)
      ? value[token]
      : undefined;
  }
  return value;
}

function without(value: unknown, pointer: string): unknown {
  if (pointer === "") return undefined;
  const copy = structure(value);
  const slash = pointer.lastIndexOf("/");
  const parent = at(copy, pointer.slice(0, slash));
  if (isContainer(parent)) delete parent[tokens(pointer).at(-1)!];
  return copy;
}

/** Whether `after` shows all that `before` did, and more only at the ends. */
function continues(before: unknown, after: unknown): boolean {
  if (before === undefined) return true;
  if (typeof before === "string" && typeof after === "string") {
    return after.startsWith(before);
  }
  if (!isContainer(before) || !isContainer(after)) {
    return Object.is(before, after);
  }
  return Array.isArray(before) === Array.isArray(after) &&
    Object.keys(before).every((key) =>
      Object.hasOwn(after, key) && continues(before[key], after[key])
    );
}

/** The pointers that a client holds for complete in the end. */
function completed(deltas: Delta[]): string[] {
  let all: string[] = [];
  const within = (path: string, around: string) =>
    `${path}/`.startsWith(`${around}/`);
  for (const { reset = [], complete = [] } of deltas) {
    all = all.filter((path) => !reset.some((around) => within(path, around)));
    all = all.filter((path) =>
      !complete.some((around) => within(path, around))
    );
    all.push(...complete);
  }
  return all.sort();
}

function fold<T>(lists: T[][], sizes: number[]): T[][] {
  const groups: T[][] = [];
  for (let from = 0, turn = 0; from < lists.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    groups.push(lists.slice(from, from + size).flat());
    from += size;
  }
  return groups;
}

/** Texts of which most are not JSON, or not all of it. */
function spoiltTexts(): fc.Arbitrary<string> {
  const slip = fc.constantFrom(
    ...'{}[]",:\\u0123eE+-. \n\0tfnal/\ud83d\ude00',
    "",
    "",
    "",
  );
  return fc.tuple(
    texts(),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), slip), { maxLength: 2 }),
    fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  ).map(([text, slips, part]) => {
    for (const [place, length, slip] of slips) {
      const from = place % (text.length + 1);
      text = text.slice(0, from) + slip + text.slice(from + length);
    }
    return text.slice(0, Math.ceil(text.length * part));
  });
}

const SNAPSHOT = Allow.STR | Allow.ARR | Allow.OBJ;

/**
 * A prefix without the high surrogate, raw or escaped, at its end whose other
 * half may follow, perhaps as the escape sequence that has begun.
 */
function withoutHalf(text: string): string {
  return text.replace(
    /(?:[\ud800-\udbff]|(?<=(?<!\\)(?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2})(?:\\(?:u[0-9a-fA-F]{0,3})?)?$/,
    "",
  );
}

/** What partial-json makes of a prefix. */
function snapshot(text: string): unknown {
  // A number that is the document goes on until the text ends.
  if (/^\s*[-0-9]\S*$/.test(text)) return undefined;
  // The library takes the end of `[ ]` for a value that is not there.
  text = text.replace(
    /"(?:[^"\\]|\\.)*"?|\[\s+(?=\])/gs,
    (match) => match.startsWith("[") ? "[" : match,
  );
  try {
    return parsePartial(text, SNAPSHOT);
  } catch {
    return undefined;
  }
}

function chooser(choices: number[]): (count: number) => number {
  let turn = 0;
  return (count) => (choices[turn++ % choices.length]! + turn * 7) % count;
}

function randomOperation(
  document: unknown,
  value: unknown,
  choose: (count: number) => number,
): Operation {
  if (document !== undefined && choose(20) === 0) {
    return { op: "remove", path: "" };
  }
  let path = "";
  let place = document;
  while (isContainer(place) && choose(5) > 0) {
    const keys = Object.keys(place);
    const isArray = Array.isArray(place);
    const escape = (key: string) =>
      key.replaceAll("~", "~0").replaceAll("/", "~1");
    if (keys.length === 0 || choose(4) === 0) {
      const fresh = isArray
        ? ["-", "0", String(keys.length), String(keys.length >> 1)]
        : ["new", "__proto__", "0", "~/"];
      const key = fresh[choose(4)]!;
      return { op: "add", path: `${path}/${escape(key)}`, value };
    }
    const key = keys[choose(keys.length)]!;
    path += `/${escape(key)}`;
    place = place[key];
    if (choose(6) === 0) return { op: "remove", path };
  }
  // A value that goes on where the old one ended, or any other.
  if (typeof place === "string" && choose(4) > 0) value = `${place}+`;
  if (Array.isArray(place) && choose(4) > 0) value = [...place, value];
  if (place === undefined) return { op: "add", path, value };
  const op = choose(3) > 0 || path.endsWith("/0") ? "replace" : "add";
  return { op, path, value };
}

/** RFC 6902 on a copy, in the plainest way. */
function patched(document: unknown, operation: Operation): unknown {
  const { op, path } = operation;
  const value = "value" in operation ? structure(operation.value) : undefined;
  if (path === "") return value;
  const copy = structure(document);
  const parent = at(copy, path.slice(0, path.lastIndexOf("/")));
  const key = tokens(path).at(-1)!;
  if (Array.isArray(parent)) {
    const index = key === "-" ? parent.length : Number(key);
    const inserted = op === "remove" ? [] : [value];
    parent.splice(index, op === "add" ? 0 : 1, ...inserted);
  } else if (op === "remove") {
    delete (parent as Record<string, unknown>)[key];
  } else {
    const attributes = { enumerable: true, configurable: true, writable: true };
    Object.defineProperty(parent, key, { value, ...attributes });
  }
  return copy;
}

/** The operations from one document to the next, as a plain diff finds them. */
function difference(
  before: unknown,
  after: unknown,
  path: string,
): Operation[] {
  if (before === undefined) return [{ op: "replace", path, value: after }];
  if (isDeepStrictEqual(before, after)) return [];
  if (
    !isContainer(before) || !isContainer(after) ||
    Array.isArray(before) !== Array.isArray(after)
  ) {
    return [{ op: "replace", path, value: after }];
  }
  const list: Operation[] = [];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const key of [...keys].toSorted((a, b) => Number(b) - Number(a))) {
    const inner = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const was = Object.hasOwn(before, key);
    if (!Object.hasOwn(after, key)) list.push({ op: "remove", path: inner });
    else if (was) list.push(...difference(before[key], after[key], inner));
    else if (!Array.isArray(after)) {
      list.push({ op: "add", path: inner, value: after[key] });
    }
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (const value of after.slice(before.length)) {
      list.push({ op: "add", path: `${path}/-`, value });
    }
  }
  return list;
}
