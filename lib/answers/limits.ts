/** Every time limit and bound. */

/** Every time limit and bound of answers and their connections. */
export interface Limits {
  /**
   * How long a generation goes on that nobody reads.
   *
   * @default {15}
   */
  lingerSeconds: number;
  /**
   * How long an instance counts as alive that writes an answer and says nothing,
   * where several share a store.
   *
   * @default {10}
   */
  leaseSeconds: number;
  /**
   * How long a finished generation can be followed and polled.
   *
   * @default {300}
   */
  retentionSeconds: number;
  /**
   * How much text finished generations hold together, in UTF-16 units.
   *
   * @default {50_000_000}
   */
  retainedCharacters: number;
  /**
   * How long a connection may be silent before it gets a comment.
   *
   * @default {15}
   */
  heartbeatSeconds: number;
  /**
   * The least time between two events of a connection; the first after a pause
   * comes at once. The default is a frame of a display: more is not seen.
   *
   * @default {16}
   */
  eventMilliseconds: number;
  /**
   * How old a connection may become, times a random 0.8 to 1.0.
   *
   * @default {600}
   */
  connectionSeconds: number;
  /**
   * How long the provider may send nothing, not even a comment, before the
   * model's first word.
   *
   * @default {300}
   */
  firstTokenSeconds: number;
  /**
   * How long it may send nothing after that.
   *
   * @default {60}
   */
  tokenGapSeconds: number;
  /**
   * How long a generation may take in all, once its model is asked.
   *
   * @default {1_800}
   */
  generationSeconds: number;
  /**
   * How long running generations may finish when the server stops.
   *
   * @default {25}
   */
  drainSeconds: number;
  /**
   * How long a request's body may take to arrive.
   *
   * @default {10}
   */
  bodySeconds: number;
  /**
   * How much a model may write, in UTF-16 units.
   *
   * @default {1_000_000}
   */
  outputCharacters: number;
  /**
   * How many objects and arrays may stand in one another.
   *
   * @default {128}
   */
  depth: number;
  /**
   * The longest prompt, in UTF-16 units.
   *
   * @default {8_000}
   */
  promptCharacters: number;
  /**
   * The largest request body, in bytes.
   *
   * @default {65_536}
   */
  bodyBytes: number;
  /**
   * How many streams may be open, and how many generations may run.
   *
   * @default {1_000}
   */
  streams: number;
  /**
   * How many streams one client may have open, bodies still on their way
   * included.
   *
   * @default {20}
   */
  streamsPerClient: number;
  /**
   * How many generations one client may start in a minute.
   *
   * @default {60}
   */
  generationsPerMinute: number;
  /**
   * How often one client may resume, poll, sign in or stop what is not there, in
   * a minute. It counts once more for every 50,000 characters that are read or
   * sent for it.
   *
   * @default {600}
   */
  resumesPerMinute: number;
}

/** The limits where nothing else is said. */
export const DEFAULT_LIMITS: Readonly<Limits> = {
  lingerSeconds: 15,
  leaseSeconds: 10,
  retentionSeconds: 300,
  retainedCharacters: 50_000_000,
  heartbeatSeconds: 15,
  eventMilliseconds: 16,
  connectionSeconds: 600,
  firstTokenSeconds: 300,
  tokenGapSeconds: 60,
  generationSeconds: 1_800,
  drainSeconds: 25,
  bodySeconds: 10,
  outputCharacters: 1_000_000,
  depth: 128,
  promptCharacters: 8_000,
  bodyBytes: 65_536,
  streams: 1_000,
  streamsPerClient: 20,
  generationsPerMinute: 60,
  resumesPerMinute: 600,
};
