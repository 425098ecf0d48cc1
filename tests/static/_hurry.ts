import { type FieldStream, streamFields } from "../../static/client.js";

/** What `streamFields` can be told. */
export type Options = NonNullable<Parameters<typeof streamFields>[1]>;

/** `streamFields`, but connections are made again at once. */
export function hurry(url: string, options: Options): FieldStream {
  const field = streamFields(url, {
    ...options,
    onConnection(connection) {
      options.onConnection?.(connection);
      if (connection.status === "waiting") {
        queueMicrotask(() => field.reconnect());
      }
    },
  });
  return field;
}
