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
 * @param target What it leads to.
 * @param budget Called for each connection: after how many bytes of responses it
 * breaks. Default: never.
 */
export function startProxy(
  target: string,
  budget: () => number = () => Infinity,
): Proxy {
  const { hostname, port } = new URL(target);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const pipes = new Set<Promise<void>>();

  function close(connection: Deno.TcpConn): void {
    if (open.delete(connection)) connection.close();
  }

  async function copy(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    bytes: number,
  ): Promise<void> {
    const buffer = new Uint8Array(4096);
    try {
      for (;;) {
        const read = await from.read(buffer);
        if (read === null) break;
        const piece = buffer.subarray(0, Math.min(read, bytes));
        for (let at = 0; at < piece.length;) {
          at += await to.write(piece.subarray(at));
        }
        bytes -= piece.length;
        if (bytes <= 0) break;
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
      try {
        const server = await Deno.connect({ hostname, port: Number(port) });
        open.add(server);
        for (
          const pipe of [
            copy(client, server, Infinity),
            copy(server, client, budget()),
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
