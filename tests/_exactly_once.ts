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

/** What the models say, and how often they were asked: their prompts are ids. */
export class Answers {
  readonly #texts = new Map<string, string>();
  readonly #asked = new Map<string, number>();

  /** Says the answer of an id in pieces of any size, a moment apart. */
  say(
    id: string,
    call: { say(text: string): void; end(): void },
    isOpen: () => boolean,
  ): void {
    this.#asked.set(id, this.timesAsked(id) + 1);
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
  /** Those that somebody got no beginning of. */
  const refused = new Set<string>();
  await using proxy = startProxy(
    servers,
    () =>
      Math.random() < 0.5
        ? cutAfterEvent(onCut)
        : cutAfter(Math.floor(Math.random() * 1500), onCut),
  );
  // A connection for each request, or one that is kept would lead to the same
  // server again.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

  /** @returns Whether it has ended well. */
  async function read(id: string, onEvent = () => {}): Promise<boolean> {
    const seen: ServerEvent[] = [];
    let last: string | undefined;
    while (!last?.endsWith(".end")) {
      try {
        const response = await fetch(
          `${proxy.url}/helloworld?prompt=${id}&id=${id}`,
          {
            headers: last === undefined ? {} : { "last-event-id": last },
            client,
          },
        );
        if (response.status === 503) {
          refused.add(id);
          await response.body!.cancel();
          await new Promise((resolve) => setTimeout(resolve, 20));
          continue;
        }
        assertEquals(response.status, 200);
        for await (const event of readEvents(response)) {
          assertEquals(event.data.status === "start", last === undefined);
          if (event.id !== "") last = event.id;
          seen.push(event);
          if (++events % ALL_CUT === 0) proxy.cut();
          onEvent();
        }
      } catch (error) {
        // It was cut.
        if (!(error instanceof TypeError)) throw error;
        if (last === undefined) refused.add(id);
      }
    }
    const { status, code } = seen.at(-1)!.data;
    // Where a store has been too slow for a claim, twice, nobody may write what
    // has been claimed: that is over with its lease, and never runs twice.
    if (code === "interrupted" && refused.has(id)) return false;
    assertEquals(status, "end", JSON.stringify(seen));
    assertEquals(stateAfter(seen), JSON.parse(answers.text(id)));
    return true;
  }

  async function run(attempt = 1): Promise<void> {
    const id = makeGenerationId();
    const begun = Promise.withResolvers<void>();
    const first = read(id, begun.resolve);
    // Some are asked for twice at once, some get a second viewer later.
    const kind = Math.random();
    const second = kind < 0.3
      ? read(id)
      : kind > 0.7
      ? begun.promise.then(() => read(id))
      : first;
    const [isWell, isWellToo] = await Promise.all([first, second]);
    assertEquals(isWellToo, isWell);
    if (isWell) return assertEquals(answers.timesAsked(id), 1);
    assertEquals(answers.timesAsked(id), 0);
    assert(attempt < ATTEMPTS, "interrupted again and again");
    await run(attempt + 1);
  }

  await Promise.all(Array.from({ length: ANSWERS }, () => run()));
  assert(cuts > ANSWERS, `${cuts} cuts`);
}
