/**
 * The answer in Vue: `useFieldStream` asks for one and shows how it fares,
 * `useField` shows one place of it. `static/vue.js` with its types.
 *
 * Vue is the importer's: this package depends on none.
 *
 * @module
 */

export * from "../static/vue.js";
export type { MaybeRefOrGetter, ShallowRef } from "vue";
export type {
  AnswerStatus,
  Controls,
  FieldStreamOptions,
  MountOptions,
  Places,
  Shown,
} from "../static/field_store.js";
