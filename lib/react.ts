/**
 * The answer in React: `useFieldStream` asks for one and shows how it fares,
 * `useField` shows one place of it. `static/react.js` with its types.
 *
 * React is the importer's: this package depends on none.
 *
 * @module
 */

export * from "../static/react.js";
export type {
  AnswerStatus,
  Controls,
  FieldAnswer,
  FieldStreamOptions,
  MountOptions,
  Places,
  Shown,
} from "../static/field_store.js";
