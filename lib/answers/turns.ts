import type { Clock } from "../clock.ts";

/** How long work may keep others waiting, in milliseconds. */
const TURN = 5;

/**
 * Cuts long work into turns, between which the event loop serves others. The
 * first begins now.
 *
 * @param clock Tells how long a turn has been, and waits for the next one.
 * @param signal Says that the work is not wanted any more.
 * @returns To be called often: gives what to wait for if the turn is over, and
 * throws the signal's reason if it is aborted.
 */
export function takeTurns(
  clock: Clock,
  signal: AbortSignal,
): () => Promise<void> | undefined {
  let end = clock.now() + TURN;
  const wait = async () => {
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 0));
    signal.throwIfAborted();
    end = clock.now() + TURN;
  };
  return () => clock.now() < end ? undefined : wait();
}
