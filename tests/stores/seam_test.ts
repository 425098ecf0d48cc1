import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { failure } from "../../lib/answers/outcome.ts";
import { Transcript } from "../../lib/answers/transcript.ts";
import { guardStore } from "../../lib/stores/guard.ts";
import { type Mirror, Mirrors } from "../../lib/stores/mirror.ts";
import { Publisher } from "../../lib/stores/publisher.ts";
import type { TranscriptStore } from "../../lib/stores/store.ts";
import { TestClock } from "../_server.ts";
import { pass, settle } from "./_clock.ts";
import { type Fault, faulty } from "./_faulty.ts";
import { Memory } from "./_memory.ts";

const LEASE = 10_000;

const faults: fc.Arbitrary<Fault> = fc.constantFrom(
  "none",
  "throws",
  "loses the reply",
  "repeats",
  "hangs",
  "slow",
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("text" as const, "reasoning" as const),
      text: fc.string({ unit: "binary", minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("wait" as const),
      time: fc.constantFrom(30, 60, 300, 1000, 3000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("faults" as const),
      list: fc.array(faults, { maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("open" as const, "close" as const),
      instance: fc.nat(1),
    }),
  },
  fc.record({
    type: fc.constantFrom(
      "lose" as const,
      "lose the end" as const,
      "away for long" as const,
      "a stranger stops it" as const,
    ),
  }),
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

Deno.test("whatever a store does, all see what was written, and no more", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.boolean(),
      fc.constantFrom("ends", "dies"),
      async (steps, durable, fate) => {
        const world = new World(durable);
        try {
          for (const step of steps) {
            await world.take(step);
            world.check();
          }
          await world.end(fate === "dies");
        } finally {
          world.close();
        }
      },
    ),
    { numRuns: 1000 },
  );
});

/** A writer on one instance, and followers on two others. */
class World {
  readonly #clock = new TestClock();
  readonly #memory = new Memory(() => this.#clock.now());
  #faults: Fault[] = [];
  #turn = 0;
  readonly #late: (() => void)[] = [];
  readonly #id = makeGenerationId();
  readonly #written = new Transcript();
  readonly #shown: Transcript | undefined;
  readonly #publisher: Publisher;
  readonly #stores: TranscriptStore[];
  readonly #mirrors: Mirrors[];
  readonly #open: (Mirror | undefined)[] = [undefined, undefined];
  readonly #detach: ((() => void) | undefined)[] = [undefined, undefined];
  /** Mirrors that have ever been, and how long they were. */
  readonly #seen = new Map<Mirror, number>();
  #text = "";
  #stops = 0;
  #isFenced = false;
  /**
   * When the writer last heard of the store. After a lease without a word it may
   * be buried, and does not write again what was lost.
   */
  #heardAt = this.#clock.now();
  #mayBeFenced = false;
  #claimed: Promise<unknown>;

  constructor(durable: boolean) {
    const options = { clock: this.#clock };
    const store = this.#store();
    const own: TranscriptStore = {
      ...store,
      append: async (batch) => {
        const answers = await store.append(batch);
        this.#heardAt = this.#clock.now();
        return answers;
      },
    };
    this.#publisher = new Publisher({ store: own, ...options });
    this.#stores = [this.#store(), this.#store()];
    this.#mirrors = this.#stores.map((store) =>
      new Mirrors({ store, lease: LEASE, ...options })
    );
    this.#shown = durable ? new Transcript() : undefined;
    const claim = {
      token: "a token",
      meta: { owner: "me" },
      lease: LEASE,
      retention: 300_000,
    };
    this.#claimed = own.claim(this.#id, claim).then(() =>
      this.#publisher.publish({
        id: this.#id,
        claim,
        transcript: this.#written,
        shown: this.#shown,
        onReaders: () => {},
        onStop: () => this.#stops++,
        onFenced: () => {
          this.#isFenced = true;
          this.#written.finish(failure("interrupted"));
        },
      })
    );
  }

  #store(): TranscriptStore {
    const store = faulty(
      this.#memory.open(),
      () => this.#faults[this.#turn++ % this.#faults.length] ?? "none",
      (call) => this.#late.push(call),
    );
    return guardStore(store, { clock: this.#clock });
  }

  async take(step: Step): Promise<void> {
    await this.#claimed;
    switch (step.type) {
      case "text":
      case "reasoning":
        if (this.#written.outcome !== undefined) break;
        this.#written.append(step.type, step.text);
        this.#text += step.text;
        break;
      case "wait":
        await this.#pass(step.time);
        break;
      case "faults":
        this.#faults = step.list;
        break;
      case "away for long":
        this.#faults = ["throws"];
        await this.#pass(2 * LEASE);
        this.#faults = [];
        break;
      case "lose":
        this.#memory.lose();
        break;
      case "lose the end":
        this.#memory.loseEnd();
        break;
      case "a stranger stops it":
        await this.#memory.open().stop(this.#id, "a stranger");
        break;
      case "open":
        await this.#attach(step.instance);
        break;
      case "close":
        this.#detach[step.instance]?.();
        this.#open[step.instance] = undefined;
        this.#detach[step.instance] = undefined;
    }
  }

  /** Lets time pass, and what is slow arrive. */
  async #pass(time: number): Promise<void> {
    for (let rest = time; rest > 0; rest -= 250) {
      const late = this.#late.splice(0);
      await pass(this.#clock, Math.min(rest, 250));
      for (const call of late) call();
      await settle();
      this.check();
    }
  }

  async #attach(instance: number): Promise<void> {
    if (this.#open[instance] !== undefined) return;
    const finding = this.#stores[instance]!.find(this.#id).then((head) => {
      if (head === undefined) return;
      const mirror = this.#mirrors[instance]!.open(this.#id, head);
      this.#open[instance] = mirror;
      this.#detach[instance] = mirror.attach();
      this.#seen.set(mirror, 0);
    }, () => {});
    await this.#pass(2500);
    await finding;
  }

  /** What holds at all times. */
  check(): void {
    for (const [mirror, before] of this.#seen) {
      const text = read(mirror.transcript);
      assert(this.#text.startsWith(text), "a mirror shows something else");
      assert(text.length >= before, "a mirror takes something back");
      this.#seen.set(mirror, text.length);
    }
    const entry = this.#memory.entries.get(this.#id);
    const stored = entry?.pieces.flatMap(({ runs }) => runs)
      .map(({ text }) => text).join("") ?? "";
    assert(this.#text.startsWith(stored), "the store has something else");
    if (this.#shown !== undefined) {
      assert(this.#text.startsWith(read(this.#shown)));
    }
    assertEquals(this.#stops, 0);
    this.#mayBeFenced ||= this.#clock.now() - this.#heardAt > LEASE - 500;
    if (this.#isFenced) assert(this.#mayBeFenced, "fenced without a reason");
  }

  /** The store is well again; the writer ends, or its process dies. */
  async end(dies: boolean): Promise<void> {
    await this.#claimed;
    this.#faults = [];
    await this.#pass(3000);
    for (const instance of [0, 1]) await this.#attach(instance);
    if (dies) this.#publisher.close();
    else this.#written.finish(failure("refused"));
    this.#publisher.flush(this.#id);
    const mirrors = this.#open.filter((mirror) => mirror !== undefined);
    const isOver = () =>
      mirrors.every(({ transcript }) => transcript.outcome !== undefined);
    const start = this.#clock.now();
    while (!isOver() && this.#clock.now() - start < 60_000) {
      await this.#pass(250);
    }
    assert(isOver(), "a follower waits for ever");
    const took = this.#clock.now() - start;
    await this.#pass(100);
    if (dies || this.#isFenced) {
      assert(took <= LEASE + 4000 + 250, `after ${took} ms`);
      return;
    }
    assert(took <= 1000, `after ${took} ms`);
    for (const { transcript } of mirrors) {
      assertEquals(transcript.outcome, failure("refused"));
      assertEquals(read(transcript), this.#text);
    }
    assertEquals(this.#publisher.size, 0);
    if (this.#shown !== undefined) {
      assertEquals(read(this.#shown), this.#text);
      assertEquals(this.#shown.outcome, failure("refused"));
    }
  }

  close(): void {
    this.#publisher.close();
    for (const mirror of this.#open) mirror?.close();
  }
}

function read(transcript: Transcript): string {
  const reader = transcript.read();
  let text = "";
  for (let run = reader.next(); run !== undefined; run = reader.next()) {
    text += run.text;
  }
  return text;
}
