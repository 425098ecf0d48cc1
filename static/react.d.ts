/**
 * Asks for an answer when the component is mounted, and leaves when it is
 * unmounted. The component renders when something is new that it has read.
 *
 * @template [T=any] What the answer is.
 * @param {string | URL} url
 * @param {FieldStreamOptions<T>} [options] Another question, or another URL, is
 * asked by `start`, or by another `key` of the component.
 * @returns {FieldAnswer<T>} The same object each time.
 */
export function useFieldStream<T = any>(url: string | URL, options?: FieldStreamOptions<T>): FieldAnswer<T>;
/**
 * The value at a JSON Pointer (RFC 6901). The component renders when that
 * changes, and for no other change of the answer.
 *
 * @template [Value=any] What is there.
 * @param {Places} stream What `useFieldStream` or `streamFields` gave.
 * @param {string} pointer
 * @param {(value: any) => Value} [select] What of it is wanted, such as how many
 * elements there are: then the component renders when that is another.
 * @returns {Value} `undefined` as long as there is none.
 */
export function useField<Value = any>(stream: Places, pointer: string, select?: (value: any) => Value): Value;
/**
 * Whether the value there will not change again.
 *
 * @param {Places} stream
 * @param {string} pointer
 */
export function useIsComplete(stream: Places, pointer: string): boolean;
import type { FieldStreamOptions } from "./field_store.js";
import type { FieldAnswer } from "./field_store.js";
import type { Places } from "./field_store.js";
