import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { failure, type Outcome } from "../../lib/answers/outcome.ts";
import type { Run } from "../../lib/answers/transcript.ts";
import {
  type Head,
  lengthOf,
  type Reading,
  type TranscriptStore,
} from "../../lib/stores/store.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import { engines } from "./_engines.ts";
import { type Fault, faulty, StoreFault } from "./_faulty.ts";

/** A generation as a store must have it, in the plainest way. */
interface Model {
  token: string;
  owner: string;
  text: string;
  outcome: Outcome | undefined;
  stopped: boolean;
  isOver: boolean;
}

const OWNERS = ["one", "two"];
const HOUR = 3_600_000;

/** What each token's model would write, all of it. */
const TEXTS = ["aA\ud83d\ude00", "bB\ud83d", "\udc00cC"]
  .map((text) => text.repeat(20));

const fault: fc.Arbitrary<Fault> = fc.constantFrom(
  "none",
  "none",
  "none",
  "throws",
  "loses the reply",
  "repeats",
);
const common = {
  /** Which generation, and which instance asks. */
  which: fc.nat(1),
  instance: fc.nat(1),
  fault,
};
const step = fc.oneof(
  fc.record({
    ...common,
    type: fc.constant("claim" as const),
    token: fc.nat(2),
    owner: fc.nat(1),
    isShort: fc.boolean(),
  }),
  {
    weight: 4,
    arbitrary: fc.record({
      ...common,
      type: fc.constant("append" as const),
      token: fc.nat(2),
      /** From where the transcript ends: what the writer believes. */
      off: fc.constantFrom(0, 0, 0, 0, -1, 1, -3),
      lengths: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
      ends: fc.constantFrom(false, false, false, true),
    }),
  },
  fc.record({ ...common, type: fc.constant("bury" as const) }),
  fc.record({
    ...common,
    type: fc.constant("stop" as const),
    owner: fc.nat(1),
  }),
  fc.record({
    ...common,
    type: fc.constant("attend" as const),
    reading: fc.boolean(),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      ...common,
      type: fc.constant("read" as const),
      part: fc.double({ min: 0, max: 1.2, noNaN: true }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const history = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: step },
    fc.constant({ type: "lose" as const }),
  ),
  { minLength: 1, maxLength: 40 },
);

for (const [name, { ignore, start }] of Object.entries(engines)) {
  Deno.test({
    name: `a store does what its model does: ${name}`,
    ignore,
    async fn() {
      await using engine = await start();
      let next: Fault = "none";
      const real = [await engine.open(), await engine.open()];
      const stores = real.map((store) => faulty(store, () => next));
      try {
        await fc.assert(
          fc.asyncProperty(history, async (history) => {
            const run = new History(stores);
            for (const step of history) {
              if (step.type === "lose") {
                await engine.lose();
                run.lose();
                continue;
              }
              next = step.fault;
              await run.take(step);
              next = "none";
              await run.check(step.which);
            }
          }),
          { numRuns: 1000 },
        );
      } finally {
        for (const store of real) await store.close();
      }
    },
  });
}

/** A history as it goes on, of two generations. */
class History {
  readonly models = new Map<number, Model>();
  /** Stops that have come before their claims. */
  readonly #tombstones = new Set<string>();
  readonly #ids = [makeGenerationId(), makeGenerationId()];
  readonly #stores: TranscriptStore[];

  constructor(stores: TranscriptStore[]) {
    this.#stores = stores;
  }

  /** Everything is gone. */
  lose(): void {
    this.models.clear();
    this.#tombstones.clear();
  }

  /** Does it in the store and in the model, and compares. */
  async take(step: Step): Promise<void> {
    const store = this.#stores[step.instance]!;
    let actual: unknown;
    try {
      actual = await this.#call(store, step);
    } catch (error) {
      if (!(error instanceof StoreFault)) throw error;
      if (step.fault === "loses the reply") this.#expect(step);
      return;
    }
    let expected = this.#expect(step);
    if (step.fault === "repeats") expected = this.#expect(step);
    if (expected !== undefined) assertEquals(actual, expected);
  }

  #call(store: TranscriptStore, step: Step): Promise<unknown> {
    const id = this.#ids[step.which]!;
    const model = this.models.get(step.which);
    switch (step.type) {
      case "claim":
        return store.claim(id, {
          token: `T${step.token}`,
          meta: { owner: OWNERS[step.owner]! },
          // One that is over at once, whatever the clock says.
          lease: step.isShort ? -1 : HOUR,
          retention: HOUR,
        });
      case "append": {
        const append = appendOf(step, model?.text.length ?? 0);
        return store.append([{ id, ...append }]).then(([first]) => {
          if (first !== undefined && "readers" in first) {
            const { readers: _, ...rest } = first;
            return rest;
          }
          return first;
        });
      }
      case "bury":
        return store.bury(id, failure("interrupted"));
      case "stop":
        return store.stop(id, OWNERS[step.owner]!);
      case "attend":
        return store.attend([{ id, reading: step.reading }]);
      case "read":
        return store.read(id, this.#offset(step));
    }
  }

  /** @returns What the store has to say; `undefined`: see for yourself. */
  #expect(step: Step): unknown {
    const model = this.models.get(step.which);
    switch (step.type) {
      case "claim": {
        const token = `T${step.token}`;
        if (model !== undefined) {
          return model.token === token
            ? { won: true, stopped: model.stopped }
            : { won: false, head: headOf(model) };
        }
        const owner = OWNERS[step.owner]!;
        const stopped = this.#tombstones.delete(`${step.which} ${owner}`);
        this.models.set(step.which, {
          token,
          owner,
          text: "",
          outcome: undefined,
          stopped,
          isOver: step.isShort,
        });
        return { won: true, stopped };
      }
      case "append": {
        if (model === undefined) return { status: "gone" };
        if (model.token !== `T${step.token}`) return { status: "fenced" };
        // A repetition is what was sent, not what would be sent now.
        const append = this.#appendOnce(step, model);
        const isOk = append.start === model.text.length &&
          model.outcome === undefined;
        if (isOk) {
          model.text += append.runs.map(({ text }) => text).join("");
          model.outcome = append.outcome;
        }
        return {
          status: isOk ? "ok" : "moved",
          length: model.text.length,
          ended: model.outcome !== undefined,
          stopped: model.stopped,
        };
      }
      case "bury": {
        const isDue = model !== undefined && headOf(model).isOver;
        if (isDue) {
          model.outcome = failure("interrupted");
          model.token = "";
        }
        // The second time there is an outcome.
        return isDue;
      }
      case "stop": {
        const owner = OWNERS[step.owner]!;
        if (model === undefined) {
          this.#tombstones.add(`${step.which} ${owner}`);
        } else if (model.owner === owner && model.outcome === undefined) {
          model.stopped = true;
        }
        return undefined;
      }
      case "attend":
        return [model && headOf(model)];
      case "read":
        return undefined;
    }
  }

  readonly #appended = new WeakMap<Step, ReturnType<typeof appendOf>>();

  #appendOnce(
    step: Step & { type: "append" },
    model: Model,
  ): ReturnType<typeof appendOf> {
    const append = this.#appended.get(step) ??
      appendOf(step, model.text.length);
    this.#appended.set(step, append);
    return append;
  }

  #offset({ which, part }: Step & { type: "read" }): number {
    return Math.floor(part * (this.models.get(which)?.text.length ?? 9));
  }

  /** Reads all of it, and from somewhere, and compares. */
  async check(which: number): Promise<void> {
    const id = this.#ids[which]!;
    const model = this.models.get(which);
    for (const store of this.#stores) {
      assertEquals(await store.find(id), model && headOf(model));
      const from = (model?.text.length ?? 0) >> 1;
      for (const offset of [0, from]) {
        const text = await readFrom(store, id, offset, model?.outcome);
        assertEquals(text, model?.text.slice(offset));
      }
    }
    if (model === undefined) return;
    const whole = TEXTS.find((text) => text.startsWith(model.text));
    assert(whole !== undefined, "it is not what one model wrote");
  }
}

/** What an honest writer sends that believes itself where `off` says. */
function appendOf(
  { token, off, lengths, ends }: Step & { type: "append" },
  length: number,
): { token: string; start: number; runs: Run[]; outcome?: Outcome } {
  const start = Math.max(0, length + off);
  let offset = start;
  const runs = lengths.map((length, n): Run => ({
    type: n % 2 === 0 ? "text" : "reasoning",
    text: TEXTS[token]!.slice(offset, offset += length),
  })).filter(({ text }) => text !== "");
  return {
    token: `T${token}`,
    start,
    runs,
    ...(ends && { outcome: failure("refused", { words: `${token}` }) }),
  };
}

function headOf({ owner, text, outcome, isOver }: Model): Head {
  const head = { meta: { owner }, length: text.length, outcome };
  return { ...head, isOver: isOver && outcome === undefined };
}

/** The text from an offset on, in as many readings as it takes. */
async function readFrom(
  store: TranscriptStore,
  id: string,
  from: number,
  outcome: Outcome | undefined,
): Promise<string | undefined> {
  let text = "";
  for (let offset = from;; offset = from + text.length) {
    const reading: Reading | undefined = await store.read(id, offset);
    if (reading === undefined) return undefined;
    assertEquals(reading.outcome, outcome);
    if (reading.pieces.length === 0) {
      assertEquals(reading.length, Math.max(offset, reading.length));
      return text;
    }
    for (const { start, runs } of reading.pieces) {
      assert(start <= offset && start + lengthOf(runs) > offset, "a hole");
      const piece = runs.map(({ text }) => text).join("");
      text += piece.slice(offset - start);
      offset = from + text.length;
    }
  }
}
