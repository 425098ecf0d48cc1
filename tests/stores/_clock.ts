import type { TestClock } from "../_server.ts";

/** Lets what is due happen that waits for no timer. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await null;
}

/** Lets time pass, in steps that a publisher's ticks fit into. */
export async function pass(clock: TestClock, time: number): Promise<void> {
  for (let rest = time; rest > 0; rest -= 50) {
    clock.tick(Math.min(rest, 50));
    await settle();
  }
}
