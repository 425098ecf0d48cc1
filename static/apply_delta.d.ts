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
