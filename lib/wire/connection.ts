/** One reader of a generation: counted, and followed until the body is closed. */

import type { Generation } from "../answers/generation.ts";
import type { Limits } from "../answers/limits.ts";
import type { Clock } from "../clock.ts";
import { follow } from "./follow.ts";

/** What all connections of a server share. */
export interface ConnectionContext {
  /** The model's name, as clients see it. */
  model: string;
  limits: Pick<Limits, "depth" | "heartbeatSeconds" | "connectionSeconds">;
  clock: Clock;
}

/**
 * Connects a client with a generation; it counts as a reader until the body is
 * closed.
 *
 * @param offset What the client has, in UTF-16 units; `undefined` if it has
 * nothing, not even the `start` event.
 * @param onClose Called once, when the connection has ended.
 * @returns The response's body.
 */
export function connect(
  generation: Generation,
  offset: number | undefined,
  { model, limits, clock }: ConnectionContext,
  onClose: () => void,
): ReadableStream<Uint8Array> {
  const { id, root, transcript } = generation;
  const start = {
    status: "start",
    message: "开始生成响应...",
    id,
    model,
    protocol: 1,
  };
  const detach = generation.attach();
  return follow({
    id,
    root,
    maxDepth: limits.depth,
    transcript,
    start: offset === undefined ? start : undefined,
    offset: offset ?? 0,
    heartbeat: limits.heartbeatSeconds * 1000,
    maxAge: limits.connectionSeconds * 1000 * (0.8 + 0.2 * Math.random()),
    clock,
    onClose: () => {
      detach();
      onClose();
    },
  });
}
