// @ts-self-types="./apply_delta.d.ts"

/**
 * The client's half of fieldstream: merges deltas into a value.
 *
 * @example
 * let state;
 * for (const delta of deltas) state = applyDelta(state, delta);
 *
 * @module
 */

/**
 * What changes a state into the next.
 *
 * @typedef {object} Delta
 * @property {unknown} [data] Merged into the state.
 * @property {readonly string[]} [reset] JSON Pointers of values that are
 * deleted first: members of objects, or `""`.
 * @property {readonly string[]} [complete] JSON Pointers of values that will
 * not change again. They do not change the state.
 */

/**
 * Merges one delta into the state: deletes what is at `delta.reset`, then
 * merges `delta.data`. Objects and arrays in `state` are changed in place; the
 * delta is not, and none of its objects becomes part of the state.
 *
 * The work is linear in the delta, whatever the size of the state.
 *
 * @param {unknown} state What the deltas so far made; `undefined` at first.
 * @param {Delta} delta The next delta.
 * @returns {unknown} The new state.
 * @throws {TypeError} If the delta does not fit the state. Members that were
 * merged before the misfit stay merged.
 */
export function applyDelta(state, { data, reset = [] }) {
  for (const pointer of reset) state = resetAt(state, pointer);
  return data === undefined ? state : merge(state, data, "");
}

/**
 * The delta that makes one state out of an earlier one, for clients that poll.
 * What was taken back makes it a reset of the whole.
 *
 * The work is linear in the states.
 *
 * @param {unknown} from The earlier state.
 * @param {unknown} to The later one. Its objects may become part of the delta.
 * @returns {Delta | undefined} `undefined` if they are equal.
 */
export function deltaBetween(from, to) {
  try {
    const data = added(from, to);
    return data === undefined ? undefined : { data };
  } catch {
    return { reset: [""], data: to };
  }
}

/**
 * Where deltas have changed a state, in the shape of the state: for each member
 * that may have changed, where inside it. `null`: anywhere.
 *
 * @typedef {{ get(key: string): Changes | undefined,
 *   set(key: string, changes: Changes): unknown,
 *   [Symbol.iterator](): Iterator<[string, Changes]> } | null} Changes
 */

/**
 * Notes where a delta changes a state. The work is linear in the delta.
 *
 * @param {Changes} changes Those of the deltas before it; changed in place.
 * @param {Delta} delta
 * @returns {Changes} Those of this one too.
 */
export function noteChanges(changes, { data, reset = [] }) {
  for (const pointer of reset) {
    const keys = splitPointer(pointer);
    const last = keys.pop();
    if (last === undefined) return null;
    let at = changes;
    for (const key of keys) at = at && inside(at, key);
    at?.set(last, null);
  }
  note(changes, data);
  return changes;
}

/**
 * @param {Changes} changes
 * @param {unknown} data
 */
function note(changes, data) {
  if (!changes || !isContainer(data)) return;
  for (const key of Object.keys(data)) note(inside(changes, key), data[key]);
}

/**
 * @param {NonNullable<Changes>} changes
 * @param {string} key
 * @returns {Changes}
 */
function inside(changes, key) {
  let at = changes.get(key);
  if (at === undefined) changes.set(key, at = new Map());
  return at;
}

/**
 * A copy of a state that will not change, and that shares with the copy before
 * it all that has not changed since: an object is the same one if nothing in it
 * is new.
 *
 * The work is linear in the objects and arrays that hold what has changed.
 *
 * @param {unknown} before The copy before this one.
 * @param {unknown} state
 * @param {Changes} changes What has changed in between.
 * @returns {unknown}
 */
export function shareCopy(before, state, changes) {
  if (
    !changes || !isContainer(state) || !isContainer(before) ||
    Array.isArray(state) !== Array.isArray(before)
  ) return copy(state);
  let after = before;
  for (const [key, inner] of changes) {
    const value = shareCopy(member(before, key), member(state, key), inner);
    if (value === member(before, key)) continue;
    if (after === before) {
      after = Array.isArray(before)
        ? /** @type {any} */ (before.slice())
        : { ...before };
    }
    if (value === undefined) delete after[key];
    else setMember(after, key, value);
  }
  return after;
}

/**
 * The value at a JSON Pointer (RFC 6901); `undefined` if there is none.
 *
 * @param {unknown} state
 * @param {string} pointer
 * @returns {unknown}
 */
export function valueAt(state, pointer) {
  return splitPointer(pointer).reduce(memberOf, state);
}

/**
 * @param {unknown} value
 * @param {string} key
 */
export function memberOf(value, key) {
  return isContainer(value) &&
      Object.prototype.propertyIsEnumerable.call(value, key)
    ? value[key]
    : undefined;
}

/**
 * @param {string} pointer
 * @returns {string[]} Its keys.
 */
export function splitPointer(pointer) {
  return pointer.split("/").slice(1).map((key) =>
    key.replaceAll("~1", "/").replaceAll("~0", "~")
  );
}

/**
 * @param {string} key
 * @returns {string} As a pointer has it, with the slash before it.
 */
export function pointerTo(key) {
  return `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/**
 * @param {unknown} from
 * @param {unknown} to
 * @returns {unknown} `undefined` if they are equal.
 * @throws {TypeError} If something in `from` is not in `to`.
 */
function added(from, to) {
  if (from === undefined) return to;
  if (from === to) return undefined;
  if (typeof from === "string" && typeof to === "string") {
    if (to.startsWith(from)) return to.slice(from.length);
  }
  if (
    !isContainer(from) || !isContainer(to) ||
    Array.isArray(from) !== Array.isArray(to) ||
    !Object.keys(from).every((key) => Object.hasOwn(to, key))
  ) throw misfit("");
  /** @type {Record<string, unknown> | undefined} */
  let result;
  for (const key of Object.keys(to)) {
    const data = added(member(from, key), to[key]);
    if (data !== undefined) setMember(result ??= {}, key, data);
  }
  return result;
}

/**
 * @param {unknown} state
 * @param {unknown} data
 * @param {string} pointer
 * @returns {unknown}
 */
function merge(state, data, pointer) {
  if (state === undefined) return copy(data);
  if (typeof state === "string" && typeof data === "string") {
    return state + data;
  }
  if (!isContainer(state) || !isContainer(data)) throw misfit(pointer);
  if (Array.isArray(data) && (data.length > 0 || !Array.isArray(state))) {
    throw misfit(pointer);
  }
  for (const key of Object.keys(data)) {
    const at = pointer + pointerTo(key);
    if (Array.isArray(state) && !isIndex(key, state.length)) throw misfit(at);
    setMember(state, key, merge(member(state, key), data[key], at));
  }
  return state;
}

/**
 * @param {unknown} state
 * @param {string} pointer
 * @returns {unknown}
 */
function resetAt(state, pointer) {
  const keys = splitPointer(pointer);
  const last = keys.pop();
  if (last === undefined) return undefined;
  const parent = keys.reduce(memberOf, state);
  if (Array.isArray(parent)) throw misfit(pointer);
  if (isContainer(parent)) delete parent[last];
  return state;
}

/**
 * @param {unknown} value
 * @returns {unknown} Nothing of it is the same object.
 */
export function copy(value) {
  if (!isContainer(value)) return value;
  if (Array.isArray(value)) return value.map(copy);
  /** @type {Record<string, unknown>} */
  const result = {};
  for (const key of Object.keys(value)) {
    setMember(result, key, copy(value[key]));
  }
  return result;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>} An object or an array.
 */
export function isContainer(value) {
  return typeof value === "object" && value !== null;
}

/**
 * Whether `key` names one of an array's elements, or the place behind them.
 *
 * @param {string} key
 * @param {number} length
 */
function isIndex(key, length) {
  return /^(0|[1-9]\d*)$/.test(key) && Number(key) <= length;
}

/**
 * An own member: `__proto__` and the like are keys as any other.
 *
 * @param {Record<string, unknown>} container
 * @param {string} key
 */
function member(container, key) {
  return Object.hasOwn(container, key) ? container[key] : undefined;
}

/**
 * @param {Record<string, unknown>} container
 * @param {string} key
 * @param {unknown} value
 */
function setMember(container, key, value) {
  if (key === "__proto__") {
    Object.defineProperty(container, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    container[key] = value;
  }
}

/**
 * @param {string} pointer
 */
function misfit(pointer) {
  return new TypeError(
    `Cannot merge a delta: it does not fit the state at "${pointer}"`,
  );
}
