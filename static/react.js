// @ts-self-types="./react.d.ts"

/**
 * A model's answer in React, field by field: React 18 or later, over client.js.
 *
 * @example
 * ```jsx ignore
 * const answer = useFieldStream("/api/recipe", { input: { dish: "soup" } });
 * return answer.state?.items?.map((_, index) =>
 *   <Item key={index} answer={answer} pointer={`/items/${index}`} />);
 * // const Item = memo(({ answer, pointer }) => useField(answer, pointer)?.name);
 * ```
 *
 * @module
 */

import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { fieldStore } from "./field_store.js";

/** @import { FieldAnswer, FieldStreamOptions, Name, Places } from "./field_store.js" */

/** @type {Name[]} */
const NAMES = ["state", "status", "error", "reasoning", "usage", "isComplete"];

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
export function useFieldStream(url, options = {}) {
  const [{ store, answer, listen, version }] = useState(() =>
    track(url, options)
  );
  useSyncExternalStore(listen, version, version);
  useEffect(() => void Object.assign(store, { url, options }));
  useEffect(() => {
    store.mount();
    return () => store.unmount();
  }, [store]);
  return answer;
}

/** What the answers are made of. @type {WeakMap<Places, Places>} */
const untracked = new WeakMap();

/**
 * An answer that knows what of it is read, and when that is new.
 *
 * @template T
 * @param {string | URL} url
 * @param {FieldStreamOptions<T>} options
 */
function track(url, options) {
  const store = fieldStore(url, options);
  /** What was last seen of it. @type {Map<Name, unknown>} */
  const seen = new Map();
  const isNew = (/** @type {Name} */ name) => {
    const now = name === "isComplete" ? store.completions : store[name];
    const before = seen.get(name);
    seen.set(name, now);
    return now !== before;
  };
  let count = 0;
  const version = () => {
    for (const name of seen.keys()) if (isNew(name)) count++;
    return count;
  };
  const answer = /** @type {FieldAnswer<T>} */ ({ ...store.controls });
  untracked.set(answer, store.controls);
  for (const name of NAMES) {
    const get = () => {
      isNew(name);
      return name === "isComplete" ? store.controls.isComplete : store[name];
    };
    Object.defineProperty(answer, name, { get, enumerable: true });
  }
  return { store, answer, version, listen: store.listen.bind(store) };
}

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
export function useField(stream, pointer, select = (value) => value) {
  const subscribe = useCallback(
    (/** @type {() => void} */ onChange) => stream.subscribe(pointer, onChange),
    [stream, pointer],
  );
  const value = () => select(stream.at(pointer));
  return useSyncExternalStore(subscribe, value, value);
}

/**
 * Whether the value there will not change again.
 *
 * @param {Places} stream
 * @param {string} pointer
 */
export function useIsComplete(stream, pointer) {
  const subscribe = useCallback(
    (/** @type {() => void} */ onChange) => stream.onField(pointer, onChange),
    [stream, pointer],
  );
  // To ask for one place is not to read the answer.
  const places = untracked.get(stream) ?? stream;
  const isComplete = () => places.isComplete(pointer);
  return useSyncExternalStore(subscribe, isComplete, isComplete);
}
