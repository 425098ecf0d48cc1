/** A store that answers in time or fails, and that fails fast while it is away. */

import type { Clock } from "../clock.ts";
import type { TranscriptStore } from "./store.ts";

/** Options for {@linkcode guardStore}. */
export interface GuardOptions {
  clock: Clock;
  /**
   * Called with what goes wrong, at most once a second, and how often it has
   * since the last time.
   */
  onFault?: ((error: unknown) => void) | undefined;
}

/** The store cannot be reached just now. */
export class StoreError extends Error {
  override name = "StoreError";
}

/** How long a call may take, in milliseconds. */
const LIMIT = 2000;

/** After so many failures in a row no more is tried, but for now and then. */
const FAILURES = 2;

/** How often faults are told at most, in milliseconds. */
const QUIET = 1000;

/** How often it is tried while it is away, in milliseconds. */
const PROBE = 500;

/**
 * Guards a store: its calls reject with a {@linkcode StoreError} when they fail
 * or take too long. When it is known to be away they do so at once, so that
 * nobody waits for it in vain.
 */
export function guardStore(
  store: TranscriptStore,
  { clock, onFault }: GuardOptions,
): TranscriptStore {
  let failures = 0;
  let probeAt = -Infinity;
  /** How many faults have not been told, and when the last one was. */
  let untold = 0;
  let toldAt = -Infinity;

  function tell(fault: StoreError): void {
    untold++;
    if (clock.now() < toldAt + QUIET) return;
    onFault?.(
      untold === 1
        ? fault
        : new StoreError(`${fault.message} (${untold} times)`),
    );
    untold = 0;
    toldAt = clock.now();
  }

  function call<T>(action: () => Promise<T>): Promise<T> {
    if (failures >= FAILURES) {
      if (clock.now() < probeAt) {
        return Promise.reject(
          new StoreError("Cannot use the store: it is away"),
        );
      }
      probeAt = clock.now() + PROBE;
    }
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const timer = clock.setTimeout(
        () => fail(new Error(`no answer in ${LIMIT} ms`)),
        LIMIT,
      );

      function fail(cause: unknown): void {
        if (isOver) return;
        isOver = true;
        clock.clearTimeout(timer);
        failures++;
        probeAt = clock.now() + PROBE;
        const reason = cause instanceof Error ? cause.message : cause;
        const error = new StoreError(`Cannot use the store: ${reason}`);
        tell(error);
        reject(error);
      }

      action().then((value) => {
        // However late it comes: it lives.
        failures = 0;
        if (isOver) return;
        isOver = true;
        clock.clearTimeout(timer);
        resolve(value);
      }, fail);
    });
  }

  return intercept(store, call);
}

/** The same store, each of whose questions is asked by `call`. */
export function intercept(
  store: TranscriptStore,
  call: <T>(ask: () => Promise<T>) => Promise<T>,
): TranscriptStore {
  return {
    claim: (...args) => call(() => store.claim(...args)),
    append: (...args) => call(() => store.append(...args)),
    find: (...args) => call(() => store.find(...args)),
    read: (...args) => call(() => store.read(...args)),
    attend: (...args) => call(() => store.attend(...args)),
    bury: (...args) => call(() => store.bury(...args)),
    stop: (...args) => call(() => store.stop(...args)),
    spend: (...args) => call(() => store.spend(...args)),
    hold: (...args) => call(() => store.hold(...args)),
    listen: (...args) => store.listen(...args),
    onNudge: (listener) => store.onNudge(listener),
    close: () => store.close(),
  };
}
