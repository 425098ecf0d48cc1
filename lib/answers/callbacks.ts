/** Calling what a host has given, which may throw. */

/** Calls what may throw, and tells what it threw. */
export function guarded<T>(
  callback: () => T,
  onError: ((error: unknown) => void) | undefined,
): T | undefined {
  try {
    return callback();
  } catch (error) {
    onError?.(error);
    return undefined;
  }
}

/**
 * Calls what may throw, now or later, and tells what it threw.
 *
 * @returns Resolves when it has settled; `undefined` if it has already.
 */
export function settle(
  callback: () => unknown,
  onError: ((error: unknown) => void) | undefined,
): Promise<void> | undefined {
  const tell = (error: unknown) => onError?.(error);
  try {
    const result = callback();
    if (!isThenable(result)) return undefined;
    return Promise.resolve(result).then(() => {}, tell);
  } catch (error) {
    tell(error);
  }
}

/** The same `onError`, which throws nothing, now or later. */
export function harmless(
  onError: ((error: unknown) => unknown) | undefined,
): (error: unknown) => void {
  return (error) => {
    settle(() => onError?.(error), undefined);
  };
}

/** Queries of some databases are: they are made when they are awaited. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)
    ?.then === "function";
}
