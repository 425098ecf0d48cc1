/** An answer as its readers see it, whoever writes it. */

import type { Beginning } from "../beginning.ts";
import type { Transcript } from "./transcript.ts";

/** An answer that can be read: of this process, or of another one. */
export interface Answer {
  readonly id: string;
  /** Who may follow and stop it. */
  readonly owner: string;
  /** What tells its question from another one under the same id. */
  readonly digest: string | undefined;
  /** What is known of the value: all who read the answer decide alike. */
  readonly beginning: Beginning;
  /** How long it goes on that nobody reads, in seconds. */
  readonly linger: number;
  /** What readers get, which may be behind what has been written. */
  readonly shown: Transcript;
  /** How long that is, or is known to become. */
  readonly length: number;

  /**
   * How much work a reader makes who comes now, in UTF-16 units.
   *
   * @param offset How much of the text the reader has.
   */
  workFrom(offset: number): number;

  /**
   * Counts one more reader.
   *
   * @returns What counts it out again; to be called once.
   */
  attach(): () => void;

  /**
   * Counts a client that polls as a reader for the linger time.
   *
   * @param offset What the client has, in UTF-16 units.
   * @returns Resolves when it is up to date; `undefined` if it is.
   */
  poll(offset?: number): Promise<void> | undefined;
}
