/**
 * JSON Patch operations to deltas: what a client merges into what it has.
 *
 * @module
 */

import {
  joinPointer,
  type Operation,
  splitPointer,
  unescapeKey,
} from "./json_patch.ts";

/**
 * What has changed, in the shape of the document. A client keeps one value,
 * absent at first; for each delta it deletes the values at `reset`, then merges
 * `data`, then may mark those at `complete`. `applyDelta` does this.
 */
export interface Delta {
  /**
   * Merged into the client's value: into nothing, it is the value; a string is
   * appended to a string; an object's members are merged one by one; an object
   * merged into an array has indexes for names. Left out only where the whole
   * document was removed.
   */
  data?: unknown;
  /** JSON Pointers of members, or `""`: deleted first. */
  reset?: string[];
  /**
   * JSON Pointers of the strings, objects and arrays that will not change
   * again. Only the outermost is listed.
   */
  complete?: string[];
}

/** Options for {@linkcode IncrementalProcessor}. */
export interface IncrementalProcessorOptions {
  /**
   * Whether the processor keeps the document, to find out by how much a
   * replaced value has grown. `JsonPatchParser`'s operations do not need it:
   * with `false` only the delta that is being made is in memory. Operations
   * from elsewhere need `true`.
   *
   * @default {true}
   */
  keepValues?: boolean;
}

/** An object or array of the document or of a delta. */
type Node = Record<string, unknown>;

/**
 * Turns lists of JSON Patch operations into deltas, one list at a time.
 *
 * It takes the operations of `JsonPatchParser`, and equally those of programs
 * that replace a growing value again and again (LangChain's
 * `JsonOutputParser(diff=True)`): where the new value continues the old one, the
 * delta is the rest; where it does not, the old one is `reset`.
 *
 * @example Find the increments of a growing text
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { IncrementalProcessor } from "@fieldstream/fieldstream";
 *
 * const processor = new IncrementalProcessor();
 * processor.processPatch([{ op: "replace", path: "", value: {} }]);
 * processor.processPatch([{ op: "add", path: "/title", value: "Hel" }]);
 * const delta = processor.processPatch([
 *   { op: "replace", path: "/title", value: "Hello" },
 * ]);
 * assertEquals(delta, { data: { title: "lo" } });
 * ```
 */
export class IncrementalProcessor {
  readonly #delta = new DeltaBuilder();
  readonly #keepValues: boolean;
  /** The document so far, if it is kept; `undefined` where there is none. */
  #document: unknown;

  /**
   * Makes a processor for one document.
   *
   * @param options Whether values are kept.
   */
  constructor(options: IncrementalProcessorOptions = {}) {
    this.#keepValues = options.keepValues ?? true;
  }

  /**
   * Applies a list of operations. The list and its values are not changed, and
   * not kept.
   *
   * @param operations The operations, in order.
   * @returns One delta for all of them; `undefined` if nothing has changed.
   * @throws {TypeError} If an operation is unknown, or does not fit the
   * document.
   */
  processPatch(operations: readonly Operation[]): Delta | undefined {
    if (operations.length === 1 && !this.#keepValues && this.#delta.empty) {
      const operation = operations[0]!;
      if (operation.op === "append") {
        return this.#delta.takeAppend(operation.path, operation.value);
      }
    }
    for (const operation of operations) {
      if (this.#keepValues) this.#change(operation);
      else this.#pass(operation);
    }
    return this.#delta.take();
  }

  /** Passes on an operation that says by itself what has changed. */
  #pass(operation: Operation): void {
    switch (operation.op) {
      case "append":
        return this.#delta.append(operation.path, operation.value);
      case "complete":
        return this.#delta.complete(operation.path);
      case "add":
        return this.#delta.set(operation.path, operation.value);
      case "remove":
        return this.#delta.reset(operation.path);
      case "replace":
        this.#delta.reset(operation.path);
        return this.#delta.set(operation.path, operation.value);
      default:
        throw unknownOperation(operation);
    }
  }

  /** Applies an operation to the document and finds what has changed. */
  #change(operation: Operation): void {
    const { op, path } = operation;
    const keys = splitPointer(path);
    const key = keys.pop();
    const parent = key === undefined ? undefined : this.#container(keys, path);
    if (Array.isArray(parent) && !isIndex(key!, parent.length)) {
      throw misfit(operation, `no such index in ${parent.length} elements`);
    }
    const old = key === undefined ? this.#document : member(parent!, key);
    switch (op) {
      case "append":
        if (typeof old !== "string") throw misfit(operation, "no string there");
        this.#store(parent, key, old + operation.value);
        return this.#delta.append(path, operation.value);
      case "complete":
        if (typeof old !== "string" && !isNode(old)) {
          throw misfit(operation, "no string, object or array there");
        }
        return this.#delta.complete(path);
      case "add":
      case "replace":
      case "remove":
        break;
      default:
        throw unknownOperation(operation);
    }
    if (
      op !== "add" && old === undefined && !(op === "replace" && path === "")
    ) {
      throw misfit(operation, "nothing there");
    }
    if (Array.isArray(parent) && op !== "replace") {
      return this.#splice(operation, parent, key!);
    }
    if (op === "remove") {
      if (parent === undefined) this.#document = undefined;
      else delete parent[key!];
      return this.#delta.reset(path);
    }
    const value = copy(operation.value);
    this.#store(parent, key, value);
    if (old === undefined) this.#delta.set(path, value);
    else if (!this.#grow(path, old, value)) this.#retract(path);
  }

  /** Inserts an element into an array, or removes one. */
  #splice(
    operation: Extract<Operation, { op: "add" | "remove" }>,
    array: unknown[],
    key: string,
  ): void {
    const path = operation.path.slice(0, operation.path.lastIndexOf("/"));
    const index = key === "-" ? array.length : Number(key);
    if (operation.op === "remove") {
      array.splice(index, 1);
    } else if (index < array.length) {
      array.splice(index, 0, copy(operation.value));
    } else {
      // An array that grows costs its new elements only.
      array.push(copy(operation.value));
      return this.#delta.set(joinPointer(path, index), operation.value);
    }
    this.#retract(path);
  }

  /**
   * Adds to the delta what turns `old` into `value`.
   *
   * @returns `false` if only deleting the old value, or one around it, can.
   */
  #grow(path: string, old: unknown, value: unknown): boolean {
    if (Object.is(old, value)) return true;
    if (typeof old === "string" && typeof value === "string") {
      if (!value.startsWith(old)) return false;
      this.#delta.append(path, value.slice(old.length));
      return true;
    }
    if (!isNode(old) || !isNode(value)) return false;
    if (Array.isArray(old) || Array.isArray(value)) {
      return Array.isArray(old) && Array.isArray(value) &&
        value.length >= old.length &&
        value.every((element, index) => {
          const at = joinPointer(path, index);
          if (index < old.length) return this.#grow(at, old[index], element);
          this.#delta.set(at, element);
          return true;
        });
    }
    for (const key of Object.keys(old)) {
      if (!Object.hasOwn(value, key)) this.#delta.reset(joinPointer(path, key));
    }
    for (const key of Object.keys(value)) {
      const at = joinPointer(path, key);
      const before = member(old, key);
      if (this.#grow(at, before, value[key])) continue;
      if (before !== undefined) this.#delta.reset(at);
      this.#delta.set(at, value[key]);
    }
    return true;
  }

  /**
   * Replaces the client's value at `path`; in an array, which has no members to
   * reset, the array itself.
   */
  #retract(path: string): void {
    let inner = this.#document;
    let innerPath = "";
    let value = inner;
    let at = "";
    for (const key of splitPointer(path)) {
      const isElement = Array.isArray(inner);
      inner = member(inner as Node, key);
      innerPath = joinPointer(innerPath, key);
      if (!isElement) [value, at] = [inner, innerPath];
    }
    this.#delta.reset(at);
    this.#delta.set(at, value);
  }

  /** The object or array in the document that holds the value at `path`. */
  #container(keys: string[], path: string): Node {
    let value = this.#document;
    for (const key of keys) {
      if (!isNode(value)) break;
      value = member(value, key);
    }
    if (isNode(value)) return value;
    throw new TypeError(
      `Cannot apply an operation: no object or array holds ${path}`,
    );
  }

  #store(parent: Node | undefined, key: string | undefined, value: unknown) {
    if (parent === undefined) this.#document = value;
    else setMember(parent, key!, value);
  }
}

/** The delta that is being made. Its work does not depend on the document. */
class DeltaBuilder {
  #data: unknown;
  /** The pointers, each with how many of `#complete` it outdates. */
  #reset: Map<string, number> | undefined;
  #complete: string[] | undefined;
  #rootIsString = false;

  /** The last path, and its parts: a growing value comes again and again. */
  #path: string | undefined;
  #key = "";
  #parentPath = "";
  #parentKeys: string[] = [];
  /** The object or array in `#data` at `#parentPath`, once it is needed. */
  #parent: Node | undefined;

  /** Whether nothing has changed yet. */
  get empty(): boolean {
    return this.#data === undefined && this.#reset === undefined &&
      this.#complete === undefined;
  }

  set(path: string, value: unknown): void {
    if (path === "") {
      this.#data = copy(value);
      this.#rootIsString = typeof value === "string";
    } else {
      this.#put(this.#find(path), copy(value));
    }
  }

  append(path: string, text: string): void {
    if (path === "") {
      this.#data = this.#data === undefined ? text : this.#data + text;
    } else {
      const parent = this.#find(path);
      const before = parent && member(parent, this.#key);
      this.#put(parent, before === undefined ? text : before as string + text);
    }
  }

  complete(path: string): void {
    const list = this.#complete ??= [];
    // `#reset` holds places in the list: none goes away any more.
    while (
      this.#reset === undefined && list.length > 0 &&
      isInside(list.at(-1)!, path)
    ) list.pop();
    list.push(path);
  }

  reset(path: string): void {
    // What it outdates in both lists is sorted out once, by take(): the delta
    // of a thousand duplicate keys is no slower than a thousand deltas.
    this.#reset ??= new Map();
    this.#reset.set(path, this.#complete?.length ?? 0);
    if (path === "") this.#data = this.#parent = undefined;
    else delete this.#find(path)?.[this.#key];
  }

  /** Gives the delta, and begins the next one. */
  take(): Delta | undefined {
    const resets = this.#reset;
    let complete = this.#complete;
    let data = this.#data;
    this.#data =
      this.#reset =
      this.#complete =
      this.#parent =
        undefined;
    if (resets === undefined && complete === undefined) {
      return data === undefined ? undefined : { data };
    }
    if (data === undefined && !resets?.has("")) {
      data = this.#rootIsString ? "" : {};
    }
    const delta: Delta = data === undefined ? {} : { data };
    if (resets !== undefined) {
      delta.reset = outermost(resets.keys());
      complete = outermost(
        complete?.filter((path, place) =>
          !someAround(path, (around) => place < (resets.get(around) ?? 0))
        ) ?? [],
      );
    }
    if (complete?.length) delta.complete = complete;
    return delta;
  }

  /** The fast path, which most tokens take: the delta of one `append` alone. */
  takeAppend(path: string, text: string): Delta {
    if (path === "") return { data: text };
    this.#find(path);
    return { data: this.#wrap(objectOf(this.#key, text), 0) };
  }

  /** Finds the parent of `path` in the delta, if it is there; notes its key. */
  #find(path: string): Node | undefined {
    if (path !== this.#path) {
      const slash = path.lastIndexOf("/");
      const parentPath = path.slice(0, slash);
      if (parentPath !== this.#parentPath) {
        this.#parentKeys = splitPointer(parentPath);
        this.#parentPath = parentPath;
        this.#parent = undefined;
      }
      this.#key = unescapeKey(path.slice(slash + 1));
      this.#path = path;
    }
    if (this.#parent === undefined && this.#data !== undefined) {
      const [node, depth] = this.#descend();
      if (depth === this.#parentKeys.length) this.#parent = node;
    }
    return this.#parent;
  }

  /** Sets the value that was looked for last, and makes what is around it. */
  #put(parent: Node | undefined, value: unknown): void {
    if (parent !== undefined) return setMember(parent, this.#key, value);
    const [around, depth] = this.#data === undefined
      ? [undefined, -1]
      : this.#descend();
    this.#parent = objectOf(this.#key, value);
    const node = this.#wrap(this.#parent, depth + 1);
    if (around === undefined) this.#data = node;
    else setMember(around, this.#parentKeys[depth]!, node);
  }

  /** Makes what is around the parent of the value looked for last. */
  #wrap(parent: Node, depth: number): Node {
    const keys = this.#parentKeys;
    let node = parent;
    for (let at = keys.length - 1; at >= depth; at--) {
      node = objectOf(keys[at]!, node);
    }
    return node;
  }

  /** The innermost value that is there around the one looked for last. */
  #descend(): [node: Node, depth: number] {
    let node = this.#data;
    let depth = 0;
    for (; isNode(node) && depth < this.#parentKeys.length; depth++) {
      const child = member(node, this.#parentKeys[depth]!);
      if (child === undefined) break;
      node = child;
    }
    if (isNode(node)) return [node, depth];
    throw new TypeError(
      `Cannot apply an operation: no object or array holds ${this.#path}`,
    );
  }
}

/**
 * Turns a stream of lists of operations into a stream of deltas, as
 * {@linkcode IncrementalProcessor} does. It reads one list whenever a delta is
 * asked for, and no further ahead; lists that change nothing are passed over.
 *
 * @param stream Lists of operations. Cancelling the result cancels it; its
 * errors are passed on.
 * @param options Whether values are kept.
 * @returns The deltas.
 *
 * @example Process a stream of patches
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type Operation, processPatches } from "@fieldstream/fieldstream";
 *
 * const patches = ReadableStream.from<Operation[]>([
 *   [{ op: "replace", path: "", value: {} }],
 *   [{ op: "add", path: "/title", value: "Hel" }],
 *   [{ op: "replace", path: "/title", value: "Hello" }],
 * ]);
 * assertEquals(await Array.fromAsync(processPatches(patches)), [
 *   { data: {} },
 *   { data: { title: "Hel" } },
 *   { data: { title: "lo" } },
 * ]);
 * ```
 */
export function processPatches(
  stream: ReadableStream<Operation[]>,
  options?: IncrementalProcessorOptions,
): ReadableStream<Delta> {
  const processor = new IncrementalProcessor(options);
  const reader = stream.getReader();
  return new ReadableStream<Delta>({
    async pull(controller) {
      let delta: Delta | undefined;
      do {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        try {
          delta = processor.processPatch(value);
        } catch (error) {
          await reader.cancel(error).catch(() => {});
          throw error;
        }
      } while (delta === undefined);
      controller.enqueue(delta);
    },
    cancel(reason) {
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** Whether the value at `path` is the one at `other`, or in it. */
function isInside(path: string, other: string): boolean {
  return path.startsWith(other) &&
    (path.length === other.length || path[other.length] === "/");
}

/** Whether `test` holds for the pointer or one of a value around it. */
function someAround(path: string, test: (around: string) => boolean): boolean {
  for (; !test(path); path = path.slice(0, path.lastIndexOf("/"))) {
    if (path === "") return false;
  }
  return true;
}

/** The pointers, each once, without those inside another of them. */
function outermost(paths: Iterable<string>): string[] {
  const all = new Set(paths);
  return [...all].filter((path) =>
    !someAround(path, (around) => around !== path && all.has(around))
  );
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !isRawNumber(value);
}

/** A number made by `JSON.rawJSON`: an object, but not one of the document's. */
function isRawNumber(value: object): boolean {
  return (JSON as unknown as { isRawJSON?(value: object): boolean })
    .isRawJSON?.(value) ?? false;
}

/** Whether `key` names an array's element or, also as `-`, the place behind. */
function isIndex(key: string, length: number): boolean {
  return key === "-" || parseIndex(key) <= length;
}

/** An own member: `__proto__` and the like are keys as any other. */
function member(node: Node, key: string): unknown {
  return Object.hasOwn(node, key) ? node[key] : undefined;
}

/** Objects of one member, by their index. */
const TEMPLATES: Node[] = Array.from(
  { length: 100 },
  (_, index) => ({ [index]: 0 }),
);

/**
 * An object of one member. Where its name is an index, the engine makes room
 * for all smaller ones too, which costs ten times as much: a copy of such an
 * object costs less, and for a large index, one that is parsed.
 */
function objectOf(key: string, value: unknown): Node {
  const index = parseIndex(key);
  let object: Node = {};
  if (index < TEMPLATES.length) object = { ...TEMPLATES[index] };
  else if (index >= 0) object = JSON.parse(`{"${key}":0}`);
  setMember(object, key, value);
  return object;
}

/** The array index that a member's name is; `NaN` if it is none. */
function parseIndex(key: string): number {
  const unit = key.charCodeAt(0);
  if (unit < 0x30 || unit > 0x39) return NaN;
  const index = Number(key);
  return Number.isInteger(index) && String(index) === key ? index : NaN;
}

function setMember(node: Node, key: string, value: unknown): void {
  if (key === "__proto__") {
    const attributes = { enumerable: true, configurable: true, writable: true };
    Object.defineProperty(node, key, { value, ...attributes });
  } else {
    node[key] = value;
  }
}

function copy(value: unknown): unknown {
  if (!isNode(value)) return value;
  if (Array.isArray(value)) return value.map(copy);
  const result: Node = {};
  for (const key of Object.keys(value)) {
    setMember(result, key, copy(value[key]));
  }
  return result;
}

function misfit(operation: Operation, reason: string): TypeError {
  const { op, path } = operation;
  return new TypeError(`Cannot ${op} at ${JSON.stringify(path)}: ${reason}`);
}

function unknownOperation(operation: never): TypeError {
  return new TypeError(
    `Cannot apply an operation: unknown op in ${JSON.stringify(operation)}`,
  );
}
