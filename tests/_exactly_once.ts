/**
 * Answers that are read through connections which break at any byte, and which
 * lead to any of several servers.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { makeGenerationId } from "../lib/answers/id.ts";
import { cutAfter, cutAfterEvent, startProxy } from "./_proxy.ts";
import { readEvents, type ServerEvent, stateAfter } from "./_server.ts";

/** How many answers there are. */
const ANSWERS = 200;

/** After how many events everything is cut at once. */
const ALL_CUT = 400;

/** How often an answer is asked for anew, under another id. */
const ATTEMPTS = 3;

/** Limits under which nobody is refused, and nothing ends for being slow. */
export const PATIENT_LIMITS: string = JSON.stringify({
  streams: 5000,
  streamsPerClient: 5000,
  generationsPerMinute: 100_000,
  resumesPerMinute: 1_000_000,
  lingerSeconds: 60,
  leaseSeconds: 60,
  drainSeconds: 1,
});

/** Short answers of all sorts. */
const answer = fc.record({
  title: fc.string({ unit: "binary", maxLength: 20 }),
  tags: fc.array(fc.string({ unit: "grapheme", maxLength: 6 }), {
    maxLength: 4,
  }),
  number: fc.double({ noNaN: true, noDefaultInfinity: true }),
  more: fc.option(
    fc.record({ "a/b": fc.boolean(), surrogate: fc.constant("\ud83d") }),
  ),
}).map((value) => JSON.stringify(value));

/** A request to a model. */
interface Call {
  say(text: string): void;
  end(): void;
}

/** What the models say, and how often they were asked: their prompts are ids. */
export class Answers {
  readonly #texts = new Map<string, string>();
  readonly #asked = new Map<string, number>();

  /** Says the answer of an id in pieces of any size, a moment apart. */
  say(id: string, call: Call, isOpen: () => boolean): void {
    this.#count(id);
    const text = `Sure!\n${this.text(id)}`;
    let at = 0;
    function next(): void {
      if (!isOpen()) return;
      if (at >= text.length) return call.end();
      call.say(text.slice(at, at += 1 + Math.floor(Math.random() * 6)));
      setTimeout(next, Math.random() * 8);
    }
    next();
  }

  /** Says the shortest answer of an id, at once. */
  sayAll(id: string, call: Call): void {
    this.#count(id);
    const text = JSON.stringify({ title: id });
    this.#texts.set(id, text);
    call.say(text);
    call.end();
  }

  #count(id: string): void {
    this.#asked.set(id, this.timesAsked(id) + 1);
  }

  /** The answer, JSON. */
  text(id: string): string {
    let text = this.#texts.get(id);
    if (text === undefined) {
      [text] = fc.sample(answer, 1) as [string];
      this.#texts.set(id, text);
    }
    return text;
  }

  /** How often a model was asked for it. */
  timesAsked(id: string): number {
    return this.#asked.get(id) ?? 0;
  }
}

/** Who reads answers, comes back where a connection breaks, and compares. */
class Readers {
  readonly #answers: Answers;
  readonly #onEvent: () => void;
  /** Those that somebody got no beginning of. */
  readonly #refused = new Set<string>();
  // A connection for each request, or one that is kept would lead to the same
  // server again.
  readonly #client: Deno.HttpClient = Deno.createHttpClient({
    poolMaxIdlePerHost: 0,
  });

  constructor(answers: Answers, onEvent: () => void = () => {}) {
    this.#answers = answers;
    this.#onEvent = onEvent;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /**
   * Has an answer read, by however many: all of them to the same end, and from
   * one request to the model.
   *
   * @param read Reads the answer of an id.
   */
  async check(
    read: (id: string) => Promise<boolean[]>,
    attempt = 1,
  ): Promise<void> {
    const id = makeGenerationId();
    const [isWell, ...others] = await read(id);
    for (const other of others) assertEquals(other, isWell);
    assertEquals(this.#answers.timesAsked(id), isWell ? 1 : 0);
    if (isWell) return;
    assert(attempt < ATTEMPTS, "interrupted again and again");
    await this.check(read, attempt + 1);
  }

  /** @returns Whether it has ended well. */
  async read(url: string, id: string, onEvent = () => {}): Promise<boolean> {
    const seen: ServerEvent[] = [];
    let last: string | undefined;
    while (!last?.endsWith(".end")) {
      try {
        const response = await fetch(
          `${url}/helloworld?prompt=${id}&id=${id}`,
          {
            headers: last === undefined ? {} : { "last-event-id": last },
            client: this.#client,
          },
        );
        if (response.status === 503) {
          this.#refused.add(id);
          await response.body!.cancel();
          await new Promise((resolve) => setTimeout(resolve, 20));
          continue;
        }
        assertEquals(response.status, 200);
        for await (const event of readEvents(response)) {
          assertEquals(event.data.status === "start", last === undefined);
          if (event.id !== "") last = event.id;
          seen.push(event);
          onEvent();
          this.#onEvent();
        }
      } catch (error) {
        // It was cut.
        if (!(error instanceof TypeError)) throw error;
        if (last === undefined) this.#refused.add(id);
      }
    }
    const { status, code } = seen.at(-1)!.data;
    // Where a store has been too slow for a claim, twice, nobody may write what
    // has been claimed: that is over with its lease, and never runs twice.
    if (code === "interrupted" && this.#refused.has(id)) return false;
    assertEquals(status, "end", JSON.stringify(seen));
    assertEquals(stateAfter(seen), JSON.parse(this.#answers.text(id)));
    return true;
  }
}

/**
 * Reads answers over the servers, some of them twice, through cuts at any byte
 * and now and then of all connections at once.
 */
export async function checkExactlyOnce(
  servers: readonly string[],
  answers: Answers,
): Promise<void> {
  let cuts = 0;
  let events = 0;
  const onCut = () => cuts++;
  await using proxy = startProxy(
    servers,
    () =>
      Math.random() < 0.5
        ? cutAfterEvent(onCut)
        : cutAfter(Math.floor(Math.random() * 1500), onCut),
  );
  using readers = new Readers(answers, () => {
    if (++events % ALL_CUT === 0) proxy.cut();
  });

  function read(id: string): Promise<boolean[]> {
    const begun = Promise.withResolvers<void>();
    const reads = [readers.read(proxy.url, id, begun.resolve)];
    // Some are asked for twice at once, some get a second viewer later.
    const kind = Math.random();
    const again = () => readers.read(proxy.url, id);
    if (kind < 0.3) reads.push(again());
    if (kind > 0.7) reads.push(begun.promise.then(again));
    return Promise.all(reads);
  }

  await Promise.all(
    Array.from({ length: ANSWERS }, () => readers.check(read)),
  );
  // Usually several for each; how many chance decides, and how many events a slow
  // machine makes one.
  assert(cuts > ANSWERS / 4, `${cuts} cuts`);
}

/** Reads 1,000 answers, each asked for four times at once, twice of each server. */
export async function checkAskedAtOnce(
  servers: readonly [string, string],
  answers: Answers,
): Promise<void> {
  using readers = new Readers(answers);
  const read = (id: string) =>
    Promise.all(
      [...servers, ...servers].map((url) => readers.read(url, id)),
    );
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 100 }, () => readers.check(read)),
    );
  }
}
