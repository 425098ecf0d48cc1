/**
 * What a proxy lets through of a response's next bytes: where it is less than
 * all, the connection breaks behind it.
 */
export type Filter = (bytes: Uint8Array) => Uint8Array;

/** A TCP proxy that cuts its connections. */
export interface Proxy extends AsyncDisposable {
  /** With no slash at its end. */
  url: string;
  /** Breaks what is open now. */
  cut(): void;
}

/**
 * Starts a proxy on a free port of this machine.
 *
 * @param target What it leads to; of several, each connection to any of them.
 * @param filter Makes the filter of each connection. Without it all passes.
 * @param options How long it holds back what comes, each way, in milliseconds.
 */
export function startProxy(
  target: string | readonly string[],
  filter: () => Filter = () => (bytes) => bytes,
  { delay = 0 }: { delay?: number } = {},
): Proxy {
  const targets = [target].flat().map((url) => new URL(url));
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const pipes = new Set<Promise<void>>();

  function close(connection: Deno.TcpConn): void {
    if (open.delete(connection)) connection.close();
  }

  async function copy(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    pass: Filter,
  ): Promise<void> {
    const buffer = new Uint8Array(16384);
    try {
      for (;;) {
        const read = await from.read(buffer);
        if (read === null) break;
        const bytes = pass(buffer.subarray(0, read));
        if (delay > 0) await new Promise((done) => setTimeout(done, delay));
        for (let sent = 0; sent < bytes.length;) {
          sent += await to.write(bytes.subarray(sent));
        }
        if (bytes.length < read) break;
      }
    } catch {
      // One side has gone: so must the other.
    }
    close(from);
    close(to);
  }

  async function accept(): Promise<void> {
    for await (const client of listener) {
      open.add(client);
      const { hostname, port } =
        targets[Math.floor(Math.random() * targets.length)]!;
      try {
        const server = await Deno.connect({ hostname, port: Number(port) });
        open.add(server);
        for (
          const pipe of [
            copy(client, server, (bytes) => bytes),
            copy(server, client, filter()),
          ]
        ) {
          pipes.add(pipe);
          pipe.finally(() => pipes.delete(pipe));
        }
      } catch {
        close(client);
      }
    }
  }

  function cut(): void {
    for (const connection of [...open]) close(connection);
  }

  const accepting = accept();
  const { port: ownPort } = listener.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${ownPort}`,
    cut,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      cut();
      await Promise.all(pipes);
    },
  };
}

/**
 * A filter that breaks a connection after so many bytes.
 *
 * @param onCut Called when it breaks.
 */
export function cutAfter(bytes: number, onCut: () => void = () => {}): Filter {
  let rest = bytes;
  return (piece) => {
    const passed = piece.subarray(0, rest);
    rest -= passed.length;
    if (passed.length < piece.length) onCut();
    return passed;
  };
}

/**
 * A filter that breaks a connection at a random byte, but lets at least one
 * event through, or one is its last: whoever comes back gets to the end. It also
 * takes the pause out of `retry:`, for tests in a hurry.
 *
 * @param onCut Called when it breaks.
 */
export function cutAfterEvent(onCut: () => void): Filter {
  let text = "";
  let sent = 0;
  let limit = Infinity;
  return (bytes) => {
    for (const byte of bytes) text += String.fromCharCode(byte);
    const event = /\ndata: .*\n\n/.exec(text);
    if (event !== null && limit === Infinity) {
      limit = event.index + event[0].length + Math.floor(Math.random() * 400);
    }
    text = text.replace(/retry: \d{4}/, "retry: 0001");
    const from = sent;
    sent = Math.min(text.length, limit);
    if (sent < text.length) onCut();
    return Uint8Array.from(
      text.slice(from, sent),
      (unit) => unit.charCodeAt(0),
    );
  };
}
