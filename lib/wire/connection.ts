/** One reader of an answer: counted, and followed until the body is closed. */

import type { Answer } from "../answers/answer.ts";
import { guarded } from "../answers/callbacks.ts";
import type { Limits } from "../answers/limits.ts";
import type { Observer, Traffic } from "../answers/observer.ts";
import type { Clock } from "../clock.ts";
import type { Language } from "../language.ts";
import { follow } from "./follow.ts";
import type { Format } from "./forms.ts";
import { Lag } from "./lag.ts";
import { WORDS } from "./messages.ts";
import type { Replays } from "./replays.ts";

/** What all connections of a server share. */
export interface ConnectionContext {
  /** The model's name, as clients see it. */
  model: string;
  limits: Pick<
    Limits,
    "depth" | "heartbeatSeconds" | "eventMilliseconds" | "connectionSeconds"
  >;
  clock: Clock;
  /** What is sent again of answers that have ended. */
  replays?: Replays;
  /** Who watches. */
  observer?: Observer | undefined;
  /** Called with what that throws. */
  onError?: ((error: unknown) => void) | undefined;
}

/** What one client wants. */
export interface ConnectionOptions {
  /**
   * What it has, in UTF-16 units; `undefined` if it has nothing, not even the
   * `start` event.
   */
  offset?: number | undefined;
  /**
   * Whether it wants ids that are the offset alone.
   *
   * @default {false}
   */
  shortIds?: boolean | undefined;
  /**
   * In which form the answer is sent.
   *
   * @default {"events"}
   */
  format?: Format;
  language: Language;
  /** Called once, when the connection has ended. */
  onClose: () => void;
}

/**
 * Connects a client with an answer; it counts as a reader until the body is
 * closed.
 *
 * @returns The response's body.
 */
export function connect(
  answer: Answer,
  { offset, format, shortIds, language, onClose }: ConnectionOptions,
  { model, limits, clock, replays, observer, onError }: ConnectionContext,
): ReadableStream<Uint8Array> {
  const { id, beginning, schema, shown: transcript, linger } = answer;
  const message = WORDS.start[language];
  const start = {
    status: "start",
    message,
    // On a line `id` is the event's, which begins with the generation.
    ...(format !== "ndjson" && { id }),
    ...{ model, protocol: 1, linger },
  };
  const detach = answer.attach();
  const lag = Lag.of(clock);
  const endWatch = lag.watch();
  const traffic: Traffic | undefined = observer?.onConnection &&
    { events: 0, bytes: 0, behindSince: clock.now(), ended: "left" };
  const watch = traffic && guarded(
    () => observer?.onConnection?.({ id, resumedFrom: offset, traffic }),
    onError,
  );
  const maxDepth = limits.depth;
  const options = { id, ...beginning, schema, maxDepth, transcript, language };
  return follow({
    ...options,
    shortIds,
    format,
    events: transcript.outcome && replays?.read(options, offset ?? 0),
    start: offset === undefined ? start : undefined,
    offset: offset ?? 0,
    heartbeat: limits.heartbeatSeconds * 1000,
    pause: limits.eventMilliseconds,
    lag,
    maxAge: limits.connectionSeconds * 1000 * (0.8 + 0.2 * Math.random()),
    clock,
    traffic,
    onClose: () => {
      guarded(() => watch?.onEnd?.(), onError);
      endWatch();
      detach();
      onClose();
    },
  });
}
