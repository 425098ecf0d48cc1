/** A client with a socket of its own, which shares no code with the server. */

/** An event, and when to come back. */
export interface RawEvent {
  id: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

/** A request on a socket, and as much of the response as is wanted. */
export class RawConnection {
  readonly socket: Deno.TcpConn;
  /** Of the response: head, chunk sizes and all. */
  bytes = new Uint8Array(0);

  private constructor(socket: Deno.TcpConn) {
    this.socket = socket;
  }

  /** Connects and sends a request. */
  static async open(
    url: string,
    { method = "GET", headers = {}, body = "" }: {
      method?: string;
      headers?: Record<string, string>;
      body?: string;
    } = {},
  ): Promise<RawConnection> {
    const { hostname, port, host, pathname, search } = new URL(url);
    const socket = await Deno.connect({ hostname, port: Number(port) });
    let head = `${method} ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n`;
    for (const [name, value] of Object.entries(headers)) {
      head += `${name}: ${value}\r\n`;
    }
    if (body !== "") {
      const { length } = new TextEncoder().encode(body);
      head += `Content-Length: ${length}\r\n`;
    }
    const request = new TextEncoder().encode(`${head}\r\n${body}`);
    for (let sent = 0; sent < request.length;) {
      sent += await socket.write(request.subarray(sent));
    }
    return new RawConnection(socket);
  }

  /**
   * Reads what comes next.
   *
   * @param limit How many bytes at most.
   * @returns Whether anything came; else the connection is closed.
   */
  async read(limit = 65536): Promise<boolean> {
    const buffer = new Uint8Array(limit);
    const read = await this.socket.read(buffer);
    if (read === null) return false;
    const bytes = new Uint8Array(this.bytes.length + read);
    bytes.set(this.bytes);
    bytes.set(buffer.subarray(0, read), this.bytes.length);
    this.bytes = bytes;
    return true;
  }

  /** The response's status; `undefined` if it has not come. */
  get status(): number | undefined {
    const head = new TextDecoder().decode(this.bytes.subarray(0, 12));
    return head.length < 12 ? undefined : Number(head.slice(9));
  }

  /** The body so far, and whether that is all. */
  get body(): { bytes: Uint8Array; complete: boolean } {
    const all = this.bytes;
    const none = { bytes: new Uint8Array(0), complete: false };
    const headEnd = find(all, "\r\n\r\n", 0);
    if (headEnd < 0) return none;
    const head = new TextDecoder().decode(all.subarray(0, headEnd));
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length !== undefined) {
      const bytes = all.subarray(headEnd + 4);
      return { bytes, complete: bytes.length >= Number(length) };
    }
    if (!/\r\ntransfer-encoding: chunked/i.test(head)) {
      return { ...none, complete: true };
    }
    const bytes: number[] = [];
    for (let at = headEnd + 4;;) {
      const lineEnd = find(all, "\r\n", at);
      if (lineEnd < 0) break;
      const line = new TextDecoder().decode(all.subarray(at, lineEnd));
      const size = parseInt(line, 16);
      if (size === 0) return { bytes: Uint8Array.from(bytes), complete: true };
      at = lineEnd + 2;
      for (const byte of all.subarray(at, at + size)) bytes.push(byte);
      at += size + 2;
    }
    return { bytes: Uint8Array.from(bytes), complete: false };
  }

  /** The events so far that are whole (HTML standard, section 9.2.6). */
  get events(): RawEvent[] {
    const text = new TextDecoder().decode(this.body.bytes);
    const events: RawEvent[] = [];
    let id = "";
    let data: string[] = [];
    // What stands behind the last line end is no line yet.
    for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
      const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
      if (name === "id") id = value;
      if (name === "data") data.push(value);
      if (line === "" && data.length > 0) {
        events.push({ id, data: JSON.parse(data.join("\n")) });
        data = [];
      }
    }
    return events;
  }

  /** Closes it; what has come and was not read makes that a reset (RST). */
  close(): void {
    this.socket.close();
  }
}

function find(bytes: Uint8Array, text: string, from: number): number {
  const wanted = new TextEncoder().encode(text);
  for (let at = from; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, place) => bytes[at + place] === byte)) return at;
  }
  return -1;
}
