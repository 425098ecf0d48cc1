/** Ways to make a store fail. */

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
    claim: (...args) => call(() => store.claim(...args)),
    append: (...args) => call(() => store.append(...args)),
    find: (...args) => call(() => store.find(...args)),
    read: (...args) => call(() => store.read(...args)),
    attend: (...args) => call(() => store.attend(...args)),
    bury: (...args) => call(() => store.bury(...args)),
    stop: (...args) => call(() => store.stop(...args)),
    spend: (...args) => call(() => store.spend(...args)),
    hold: (...args) => call(() => store.hold(...args)),
    // Pieces are missed where calls fail, too.
    listen: (id, onPiece) =>
      store.listen(id, (piece) => {
        if (next() !== "throws") onPiece(piece);
      }),
    onNudge: (listener) =>
      store.onNudge((id) => {
        if (next() !== "throws") listener(id);
      }),
    close: () => store.close(),
  };
}
