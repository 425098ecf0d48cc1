/** @import { MaybeRefOrGetter, ShallowRef } from "vue" */
/** @import { Controls, FieldStreamOptions, Name, Places, Shown } from "./field_store.js" */
/**
 * An answer in Vue.
 *
 * @template [T=any] What the answer is.
 * @typedef {{ readonly [Name in keyof Shown<T>]: ShallowRef<Shown<T>[Name]> }
 *   & Controls<T> & Places} FieldAnswer
 */
/**
 * Asks for an answer when the component is mounted, and leaves when it is
 * unmounted.
 *
 * @template [T=any] What the answer is.
 * @param {MaybeRefOrGetter<string | URL>} url
 * @param {MaybeRefOrGetter<FieldStreamOptions<T>>} [options] They are looked at
 * when an answer is asked for.
 * @returns {FieldAnswer<T>} Its members but for the functions are refs.
 */
export function useFieldStream<T = any>(url: MaybeRefOrGetter<string | URL>, options?: MaybeRefOrGetter<FieldStreamOptions<T>>): FieldAnswer<T>;
/**
 * The value at a JSON Pointer (RFC 6901): a shallow ref, which changes when that
 * does, and with no other change of the answer.
 *
 * @template [Value=any] What is there.
 * @param {Places} stream What `useFieldStream` or `streamFields` gave.
 * @param {MaybeRefOrGetter<string>} pointer
 * @returns {ShallowRef<Value>} Of `undefined` as long as there is none.
 */
export function useField<Value = any>(stream: Places, pointer: MaybeRefOrGetter<string>): ShallowRef<Value>;
/**
 * An answer in Vue.
 */
export type FieldAnswer<T = any> = { readonly [Name in keyof Shown<T>]: ShallowRef<Shown<T>[Name]>; } & Controls<T> & Places;
import type { MaybeRefOrGetter } from "vue";
import type { FieldStreamOptions } from "./field_store.js";
import type { Places } from "./field_store.js";
import type { ShallowRef } from "vue";
import type { Shown } from "./field_store.js";
import type { Controls } from "./field_store.js";
