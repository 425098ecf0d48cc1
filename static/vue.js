// @ts-self-types="./vue.d.ts"

/**
 * A model's answer in Vue 3, field by field, over client.js.
 *
 * @example
 * ```vue
 * <script setup>
 * const answer = useFieldStream("/api/recipe", { input: { dish: "soup" } });
 * const title = useField(answer, "/title");
 * const { status } = answer;
 * </script>
 * <template>{{ title }} {{ status }}</template>
 * ```
 *
 * @module
 */

import { onMounted, onUnmounted, shallowRef, toValue, watchEffect } from "vue";
import { fieldStore } from "./field_store.js";

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
export function useFieldStream(url, options = {}) {
  const store = fieldStore(toValue(url), toValue(options));
  const refs = {
    state: shallowRef(store.state),
    status: shallowRef(store.status),
    error: shallowRef(store.error),
    reasoning: shallowRef(store.reasoning),
    usage: shallowRef(store.usage),
  };
  const byName = /** @type {Record<string, any>} */ (refs);
  const completed = shallowRef({});
  const look = () => {
    store.url = toValue(url);
    store.options = toValue(options);
  };
  let end = () => {};
  onMounted(() => {
    look();
    const show = (/** @type {Name} */ name) => {
      if (name === "isComplete") completed.value = {};
      else byName[name].value = store[name];
    };
    end = store.listen(show);
    // It may have gone on since the setup.
    for (const name in refs) show(/** @type {Name} */ (name));
    store.mount();
  });
  onUnmounted(() => {
    store.unmount();
    end();
  });
  return {
    ...refs,
    ...store.controls,
    start(/** @type {any} */ more) {
      look();
      store.start(more);
    },
    isComplete(/** @type {string} */ pointer) {
      // Whoever asks in a template asks again when something is complete.
      void completed.value;
      return store.isComplete(pointer);
    },
  };
}

/**
 * The value at a JSON Pointer (RFC 6901): a shallow ref, which changes when that
 * does, and with no other change of the answer.
 *
 * @template [Value=any] What is there.
 * @param {Places} stream What `useFieldStream` or `streamFields` gave.
 * @param {MaybeRefOrGetter<string>} pointer
 * @returns {ShallowRef<Value>} Of `undefined` as long as there is none.
 */
export function useField(stream, pointer) {
  const value = /** @type {ShallowRef<any>} */ (shallowRef());
  watchEffect((/** @type {(end: () => void) => void} */ onCleanup) => {
    const place = toValue(pointer);
    value.value = stream.at(place);
    onCleanup(stream.subscribe(place, (/** @type {any} */ next) => {
      value.value = next;
    }));
  }, { flush: "sync" });
  return value;
}
