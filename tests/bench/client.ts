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

/** What it answers. */
export interface Count {
  /** Streams that have ended, each with the ending that was asked for. */
  ended: number;
  bytes: number;
  /** Tokens that hold the time at which they were written. */
  tokens: number;
  seconds: number;
  /** How old these tokens were, in microseconds: the percentiles 0 to 100. */
  latencies: number[];
}

const BUFFER_SIZE = 65536;
const DIGITS = 11;

/** How much of what came last is looked at for the stream's end. */
const TAIL = 400;
const latin1 = new TextDecoder("latin1");
const encoder = new TextEncoder();

class Load {
  #ended = 0;
  #bytes = 0;
  #latencies: number[] = [];
  #since = performance.now();
  readonly #open = new Set<Deno.TcpConn>();

  async run(command: Command): Promise<Count | null> {
    switch (command.do) {
      case "repeat":
        await this.#repeat(command);
        return this.#count();
      case "open":
        for (let number = 0; number < command.streams; number++) {
          const begun = Promise.withResolvers<void>();
          this.#read(command.url, "", begun.resolve).catch(() => {});
          await begun.promise;
        }
        return null;
      case "count":
        return this.#count();
      case "close":
        for (const connection of this.#open) connection.close();
        this.#open.clear();
        return null;
    }
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
      let rest = "";
      while (true) {
        const count = await connection.read(buffer);
        if (count === null) throw new Error("Cannot read: the stream broke");
        onBegun?.();
        this.#bytes += count;
        rest = this.#readTokens(rest, buffer.subarray(0, count));
        if (!rest.endsWith("\r\n0\r\n\r\n")) continue;
        if (!rest.includes(ending)) {
          throw new Error(`Cannot read: the stream ended with ${rest}`);
        }
        this.#ended++;
        return;
      }
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
      bytes: this.#bytes,
      tokens: sorted.length,
      seconds: (now - this.#since) / 1000,
      latencies: Array.from({ length: 101 }, (_, percent) => {
        const place = Math.floor(percent / 100 * (sorted.length - 1));
        return Math.round(sorted[place] ?? 0);
      }),
    };
    this.#ended = this.#bytes = 0;
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
