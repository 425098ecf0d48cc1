/** Who watches answers and their connections: telemetry, for one. */

import type { Ask } from "../models/ask.ts";
import type { FinishedAnswer } from "./answer.ts";

/**
 * Is told of answers and connections while they last. It decides nothing: what
 * it throws goes to `onError`.
 */
export interface Observer {
  /** Called when a generation is started, in the request that starts it. */
  onGeneration?(generation: ObservedGeneration): GenerationWatch | undefined;
  /** Called when a client is connected, in its request. */
  onConnection?(connection: ObservedConnection): ConnectionWatch | undefined;
  /** Called when a request is refused, with the code that the client gets. */
  onRefusal?(code: string): void;
  /** Called when the store has failed. */
  onStoreFault?(): void;
}

/** A generation that begins. */
export interface ObservedGeneration {
  /** Who knows it may follow and stop the answer: a secret. */
  readonly id: string;
  /** Which model is asked, where that is known. */
  readonly model: string | undefined;
}

/** Watches one generation. */
export interface GenerationWatch {
  /**
   * Called for each request to the model, perhaps several times.
   *
   * @param request Makes it; to be called once, at once. What is active while it
   * is called (a context of OpenTelemetry's) is active for it.
   */
  onAsk?(request: () => Promise<void>): Promise<void>;
  /** Called once, when it has ended. */
  onEnd?(answer: FinishedAnswer): void;
}

/** A connection that begins. */
export interface ObservedConnection {
  /** Which generation it follows: a secret. */
  readonly id: string;
  /** How much of the text the client has, in UTF-16 units, if it comes back. */
  readonly resumedFrom: number | undefined;
  /** What it has been sent; it changes while it lasts. */
  readonly traffic: Readonly<Traffic>;
}

/** Watches one connection. */
export interface ConnectionWatch {
  /** Called once, when it has ended: `traffic` says how. */
  onEnd?(): void;
}

/** What a connection has been sent so far. */
export interface Traffic {
  /** How many events. */
  events: number;
  /** How many bytes, of the response's body. */
  bytes: number;
  /**
   * Since when the client has not got all that is there, by the clock that
   * `performance.now()` reads; `undefined`: it has.
   */
  behindSince: number | undefined;
  /**
   * How it has ended, once it has: with the answer, because the client left,
   * because it was too old, or by a fault.
   */
  ended: "answer" | "left" | "age" | "fault";
}

/** The same model, each of whose requests is watched. */
export function watchedAsk(ask: Ask, watch: GenerationWatch): Ask {
  if (watch.onAsk === undefined) return ask;
  const watched: Ask = (...asked) => watch.onAsk!(() => ask(...asked));
  const { model, continues } = ask;
  return Object.assign(watched, { model, continues });
}
