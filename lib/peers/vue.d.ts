// What static/vue.js needs of Vue. The name stands for this here, so that the
// package depends on no Vue: whoever imports "./vue" has one.

/** A ref of which only the value itself is watched. */
export interface ShallowRef<T = unknown> {
  /** What it holds. */
  value: T;
}
/** A value, or what it is read from. */
export type MaybeRefOrGetter<T = unknown> =
  | T
  | { readonly value: T }
  | (() => T);
export function onMounted(hook: () => void): void;
export function onUnmounted(hook: () => void): void;
export function shallowRef<T>(value: T): ShallowRef<T>;
export function shallowRef(): ShallowRef;
export function toValue<T>(source: MaybeRefOrGetter<T>): T;
export function watchEffect(
  effect: (onCleanup: (cleanup: () => void) => void) => void,
  options: { flush: "sync" },
): void;
