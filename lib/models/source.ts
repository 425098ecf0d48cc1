/** Where a body comes from: a stream that is read, or what comes by itself. */

/**
 * How much is read at once, in bytes: more than a provider writes at once. Every
 * answer that is waited for by `fetch` holds so much.
 */
const READ_SIZE = 16_384;

/** What is done with a piece; where that takes a while, no other comes. */
export type OnPiece = (piece: Uint8Array) => Promise<void> | undefined;

/** Where bytes come from. */
export interface Source {
  /**
   * Passes on each piece that comes, which is good for as long as that takes. To
   * be called once.
   *
   * @returns Resolves at the end, and when it is cancelled; rejects where it breaks
   * off, and with what `onPiece` throws.
   */
  pump(onPiece: OnPiece): Promise<void>;
  /** Lets nothing more come. */
  cancel(): Promise<void>;
}

/** Where streams come from that nobody has read of. */
const sources = new WeakMap<ReadableStream, Source>();

/** A stream of what comes, made as it is asked for. */
export function toStream(source: Source): ReadableStream<Uint8Array> {
  let goOn: (() => void) | undefined;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      goOn?.();
      if (!sources.delete(stream)) return;
      const pumped = source.pump((piece) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        goOn = resolve;
        controller.enqueue(piece);
        return promise;
      });
      pumped.then(() => controller.close())
        // Whoever has cancelled it hears nothing.
        .catch((error) => controller.error(error));
    },
    cancel: () => source.cancel(),
  }, { highWaterMark: 0 });
  sources.set(stream, source);
  return stream;
}

/**
 * Where a stream comes from. One that was made of a source, and has not been read
 * of, is not gone through: that costs each piece several promises.
 */
export function toSource(stream: ReadableStream<Uint8Array>): Source {
  const source = sources.get(stream);
  if (source === undefined) return read(stream);
  // It is nobody else's.
  stream.getReader();
  return source;
}

/** What is read of, one piece after the other. */
function read(stream: ReadableStream<Uint8Array>): Source {
  const { bufferSize, next, cancel } = open(stream);
  return {
    async pump(onPiece) {
      let buffer = new Uint8Array(bufferSize);
      for (;;) {
        const { done, value } = await next(buffer);
        if (done) return;
        const busy = onPiece(value);
        if (busy !== undefined) await busy;
        if (bufferSize > 0) {
          buffer = new Uint8Array(value.buffer as ArrayBuffer);
        }
      }
    },
    cancel,
  };
}

/** How a stream is read. */
interface Reading {
  /** Of the buffer that it wants to be read into; 0 if it brings its own. */
  bufferSize: number;
  next(
    buffer: Uint8Array<ArrayBuffer>,
  ): Promise<ReadableStreamReadResult<Uint8Array>>;
  cancel(): Promise<void>;
}

/**
 * Has a stream of bytes read into a buffer of one's own (Bun's `fetch` gives none):
 * with Deno's that costs a sixth.
 */
function open(stream: ReadableStream<Uint8Array>): Reading {
  try {
    const reader = stream.getReader({ mode: "byob" });
    return {
      bufferSize: READ_SIZE,
      next: (buffer) => reader.read(buffer),
      cancel: () => reader.cancel(),
    };
  } catch {
    const reader = stream.getReader();
    return {
      bufferSize: 0,
      next: () => reader.read(),
      cancel: () => reader.cancel(),
    };
  }
}
