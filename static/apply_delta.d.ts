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
export function applyDelta(state: unknown, { data, reset }: Delta): unknown;
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
export function deltaBetween(from: unknown, to: unknown): Delta | undefined;
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
export function noteChanges(changes: Changes, { data, reset }: Delta): Changes;
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
export function shareCopy(before: unknown, state: unknown, changes: Changes): unknown;
/**
 * The value at a JSON Pointer (RFC 6901); `undefined` if there is none.
 *
 * @param {unknown} state
 * @param {string} pointer
 * @returns {unknown}
 */
export function valueAt(state: unknown, pointer: string): unknown;
/**
 * @param {unknown} value
 * @param {string} key
 */
export function memberOf(value: unknown, key: string): unknown;
/**
 * @param {string} pointer
 * @returns {string[]} Its keys.
 */
export function splitPointer(pointer: string): string[];
/**
 * @param {string} key
 * @returns {string} As a pointer has it, with the slash before it.
 */
export function pointerTo(key: string): string;
/**
 * @param {unknown} value
 * @returns {unknown} Nothing of it is the same object.
 */
export function copy(value: unknown): unknown;
/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>} An object or an array.
 */
export function isContainer(value: unknown): value is Record<string, unknown>;
/**
 * What changes a state into the next.
 */
export type Delta = {
    /**
     * Merged into the state.
     */
    data?: unknown;
    /**
     * JSON Pointers of values that are
     * deleted first: members of objects, or `""`.
     */
    reset?: readonly string[];
    /**
     * JSON Pointers of values that will
     * not change again. They do not change the state.
     */
    complete?: readonly string[];
};
/**
 * Where deltas have changed a state, in the shape of the state: for each member
 * that may have changed, where inside it. `null`: anywhere.
 */
export type Changes = {
    get(key: string): Changes | undefined;
    set(key: string, changes: Changes): unknown;
    [Symbol.iterator](): Iterator<[string, Changes]>;
} | null;
