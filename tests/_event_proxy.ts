/**
 * A TCP proxy that breaks each connection at a random byte of the response, but
 * lets at least one event through, or one is its last: whoever comes back gets
 * to the end. It also takes the pause out of `retry:`, for tests in a hurry.
 */
export class EventProxy implements AsyncDisposable {
  /** How many connections it has broken. */
  broken = 0;
  readonly #target: { hostname: string; port: number };
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #work: Promise<void>[] = [];
  readonly #open = new Set<Deno.TcpConn>();

  constructor(target: string) {
    const { hostname, port } = new URL(target);
    this.#target = { hostname, port: Number(port) };
    this.#work.push(this.#accept());
  }

  /** With no slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) this.#close(connection);
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const server = await Deno.connect(this.#target);
      this.#open.add(client).add(server);
      this.#work.push(
        this.#copy(client, server, (bytes) => bytes),
        this.#copy(server, client, this.#cutter()),
      );
    }
  }

  /** What it lets through of the bytes; less than all is the end. */
  #cutter(): (bytes: Uint8Array) => Uint8Array {
    let text = "";
    let sent = 0;
    let limit = Infinity;
    return (bytes) => {
      for (const byte of bytes) text += String.fromCharCode(byte);
      const event = /\ndata: .*\n\n/.exec(text);
      if (event !== null && limit === Infinity) {
        limit = event.index + event[0].length +
          Math.floor(Math.random() * 400);
      }
      text = text.replace(/retry: \d{4}/, "retry: 0001");
      const from = sent;
      sent = Math.min(text.length, limit);
      if (sent === limit) this.broken++;
      return Uint8Array.from(
        text.slice(from, sent),
        (unit) => unit.charCodeAt(0),
      );
    };
  }

  async #copy(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    pass: (bytes: Uint8Array) => Uint8Array,
  ): Promise<void> {
    const buffer = new Uint8Array(16384);
    try {
      for (;;) {
        const read = await from.read(buffer);
        if (read === null) break;
        const bytes = pass(buffer.subarray(0, read));
        for (let sent = 0; sent < bytes.length;) {
          sent += await to.write(bytes.subarray(sent));
        }
        if (bytes.length < read) break;
      }
    } catch {
      // One side has gone: so must the other.
    }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#open.delete(connection)) connection.close();
  }
}
