/**
 * The load: opens streams, reads them and counts. It takes commands from its
 * standard input, one line of JSON each, and answers in kind.
 */

import { createInterface } from "node:readline";
import process from "node:process";

/** What the load client is told. */
export type Command =
  /** Streams one after the other, so many at a time, for so long. */
  | {
    do: "repeat";
    url: string;
    streams: number;
    seconds: number;
    ending: string;
  }
  /** Opens so many streams more; `url` is one of them or all. */
  | { do: "open"; url: string; streams: number }
  /** What has come since the last time this was asked. */
  | { do: "count" }
  /** Closes all streams. */
  | { do: "close" };

/** What it answers; how many have begun where streams are to be opened. */
export interface Count {
  /** Streams that have ended, each with the ending that was asked for. */
  ended: number;
  /** Streams that have ended otherwise. */
  broken: number;
  bytes: number;
  /** Tokens that hold the time at which they were written. */
  tokens: number;
  seconds: number;
  /** How old these tokens were, in microseconds: the percentiles 0 to 100. */
  latencies: number[];
}

const BUFFER_SIZE = 65536;
const DIGITS = 11;

/** What a response begins with that has something to read. */
const OK = "HTTP/1.1 200 ";

/** How many streams are opened at once. */
const OPENING = 16;

/** How much of what came last is looked at for the stream's end. */
const TAIL = 400;
const latin1 = new TextDecoder("latin1");
const encoder = new TextEncoder();

class Load {
  #ended = 0;
  #broken = 0;
  #bytes = 0;
  #latencies: number[] = [];
  #since = performance.now();
  readonly #open = new Set<Deno.TcpConn>();

  async run(command: Command): Promise<Count | number | null> {
    switch (command.do) {
      case "repeat":
        await this.#repeat(command);
        return this.#count();
      case "open":
        return await this.#openAll(command);
      case "count":
        return this.#count();
      case "close":
        for (const connection of this.#open) connection.close();
        this.#open.clear();
        return null;
    }
  }

  /** Opens streams that go on; gives the number of those that have begun. */
  async #openAll(
    { url, streams }: Extract<Command, { do: "open" }>,
  ): Promise<number> {
    let left = streams;
    let begun = 0;
    await Promise.all(Array.from({ length: OPENING }, async () => {
      while (left-- > 0) {
        const tried = Promise.withResolvers<boolean>();
        this.#read(url, "", () => tried.resolve(true))
          .catch(() => tried.resolve(false));
        if (await tried.promise) begun++;
      }
    }));
    return begun;
  }

  async #repeat(
    { url, streams, seconds, ending }: Extract<Command, { do: "repeat" }>,
  ): Promise<void> {
    const end = performance.now() + seconds * 1000;
    await Promise.all(Array.from({ length: streams }, async () => {
      do await this.#read(url, ending); while (performance.now() < end);
    }));
  }

  /** Reads one stream to its end. */
  async #read(url: string, ending: string, onBegun?: () => void) {
    const { hostname, port, pathname, search } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    this.#open.add(connection);
    try {
      await connection.write(
        encoder.encode(
          `GET ${pathname}${search} HTTP/1.1\r\nhost: ${hostname}\r\n` +
            "accept: text/event-stream\r\n\r\n",
        ),
      );
      const buffer = new Uint8Array(BUFFER_SIZE);
      let begun = false;
      let rest = "";
      while (true) {
        const count = await connection.read(buffer);
        if (count === null) throw new Error("Cannot read: the stream broke");
        this.#bytes += count;
        rest = this.#readTokens(rest, buffer.subarray(0, count));
        if (!begun) {
          const status = latin1.decode(buffer.subarray(0, OK.length));
          if (status !== OK) throw new Error(`Cannot read: ${status}`);
          begun = true;
          onBegun?.();
        }
        if (!rest.endsWith("\r\n0\r\n\r\n")) continue;
        if (!rest.includes(ending)) {
          throw new Error(`Cannot read: the stream ended with ${rest}`);
        }
        this.#ended++;
        return;
      }
    } catch (error) {
      // Not if it was closed here.
      if (this.#open.has(connection)) this.#broken++;
      throw error;
    } finally {
      if (this.#open.delete(connection)) connection.close();
    }
  }

  /** Notes how old the tokens are; gives what may be the start of the next. */
  #readTokens(rest: string, bytes: Uint8Array): string {
    const now = (performance.timeOrigin + performance.now()) * 1000;
    const text = rest + latin1.decode(bytes);
    let at = text.indexOf("~");
    while (at >= 0 && at + DIGITS < text.length) {
      const written = parseInt(text.slice(at + 1, at + 1 + DIGITS), 36);
      this.#latencies.push(now - written);
      at = text.indexOf("~", at + 1);
    }
    return at < 0 ? text.slice(-TAIL).replaceAll("~", "") : text.slice(at);
  }

  #count(): Count {
    const now = performance.now();
    const sorted = Float64Array.from(this.#latencies).sort();
    const count: Count = {
      ended: this.#ended,
      broken: this.#broken,
      bytes: this.#bytes,
      tokens: sorted.length,
      seconds: (now - this.#since) / 1000,
      latencies: Array.from({ length: 101 }, (_, percent) => {
        const place = Math.floor(percent / 100 * (sorted.length - 1));
        return Math.round(sorted[place] ?? 0);
      }),
    };
    this.#ended = this.#broken = this.#bytes = 0;
    this.#latencies = [];
    this.#since = now;
    return count;
  }
}

if (import.meta.main) {
  const load = new Load();
  for await (const line of createInterface(process.stdin)) {
    console.log(JSON.stringify(await load.run(JSON.parse(line))));
  }
}
