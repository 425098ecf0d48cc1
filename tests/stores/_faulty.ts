/** Ways to make a store fail. */

import { intercept } from "../../lib/stores/guard.ts";
import type { TranscriptStore } from "../../lib/stores/store.ts";

/** What becomes of a call. */
export type Fault =
  | "none"
  /** It never reaches the store. */
  | "throws"
  /** It is carried out, and the caller is told that it failed. */
  | "loses the reply"
  /** It is carried out twice. */
  | "repeats"
  /** It is carried out, and nobody hears of it ever. */
  | "hangs"
  /** It is carried out late, after what was called later. */
  | "slow";

/** What a call fails with. */
export class StoreFault extends Error {}

/**
 * The store, with the faults that `next` gives before each call.
 *
 * @param late Called with what is to be carried out late.
 */
export function faulty(
  store: TranscriptStore,
  next: () => Fault,
  late: (call: () => void) => void = queueMicrotask,
): TranscriptStore {
  async function call<T>(action: () => Promise<T>): Promise<T> {
    const fault = next();
    switch (fault) {
      case "none":
        return await action();
      case "throws":
        throw new StoreFault(fault);
      case "loses the reply":
        await action();
        throw new StoreFault(fault);
      case "repeats":
        await action();
        return await action();
      case "hangs":
        await action();
        return await new Promise(() => {});
      case "slow":
        await new Promise<void>((resolve) => late(resolve));
        return await action();
    }
  }
  return {
    ...intercept(store, call),
    // Pieces are missed where calls fail, too.
    listen: (id, onPiece) =>
      store.listen(id, (piece) => {
        if (next() !== "throws") onPiece(piece);
      }),
    onNudge: (listener) =>
      store.onNudge((id) => {
        if (next() !== "throws") listener(id);
      }),
  };
}
