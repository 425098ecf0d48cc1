// What static/react.js needs of React. The name stands for this here, so that
// the package depends on no React: whoever imports "./react" has one.

export function useEffect(
  effect: () => (() => void) | void,
  dependencies?: readonly unknown[],
): void;
export function useCallback<Callback>(
  callback: Callback,
  dependencies: readonly unknown[],
): Callback;
export function useState<State>(initial: () => State): [State, unknown];
export function useSyncExternalStore<Snapshot>(
  subscribe: (onChange: () => void) => () => void,
  snapshot: () => Snapshot,
  serverSnapshot: () => Snapshot,
): Snapshot;
