/** Answers over all instances that share a store. */

import type { Answer } from "../answers/answer.ts";
import type { Generation, GenerationOptions } from "../answers/generation.ts";
import { makeGenerationId } from "../answers/id.ts";
import type { Limits } from "../answers/limits.ts";
import type { Transcript } from "../answers/transcript.ts";
import type { Beginning } from "../beginning.ts";
import { type Clock, type Timer, within } from "../clock.ts";
import { beginningOf } from "../schemas/beginning.ts";
import type { JsonSchema } from "../schemas/schema.ts";
import { guardStore, StoreError } from "./guard.ts";
import { type Mirror, Mirrors } from "./mirror.ts";
import { Publisher } from "./publisher.ts";
import type {
  Claim,
  ClaimOptions,
  Head,
  Meta,
  TranscriptStore,
} from "./store.ts";

export { StoreError } from "./guard.ts";

/** What an instance needs to know. */
export interface InstancesOptions {
  store: TranscriptStore;
  /** Whether readers get only what is stored. */
  durable: boolean;
  limits: Limits;
  clock: Clock;
  /** Called with the store's faults. */
  onError?: ((error: unknown) => void) | undefined;
}

/** Starts the generation of an id that belongs to this instance. */
export type Start = (
  options: GenerationOptions & { id: string; durable: boolean },
) => Generation;

/** A stream that is counted over all instances. */
export interface SharedStream {
  /**
   * Resolves with whether the client has as many as it may at most; while the
   * store is away each instance has only its own.
   */
  isWithin: Promise<boolean>;
  /** Counts it no more. */
  close(): void;
}

/** How often a claim is tried; its reply may be lost. */
const CLAIMS = 2;

/** How many claims that have failed are remembered; the oldest goes first. */
const MAX_FAILED = 1000;

/** How long what is not stored yet may hold up the end, in milliseconds. */
const DRAIN = 3000;

/** How often it is said how many streams are open, in milliseconds. */
const HOLD = 2000;

/** One instance of those that share a store. */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #store: TranscriptStore;
  readonly #publisher: Publisher;
  readonly #mirrors: Mirrors;
  /** Those that are being claimed here. */
  readonly #starting = new Map<string, Promise<Answer>>();
  /** Claims that have failed, but may have been carried out. */
  readonly #failed = new Map<string, ClaimOptions>();
  /** How many streams clients have open here. */
  readonly #held = new Map<string, number>();
  #holding: Timer | undefined;

  /** Makes one of which nobody knows yet. */
  constructor(options: InstancesOptions) {
    const { clock, limits, onError } = options;
    this.#options = options;
    const store = guardStore(options.store, { clock, onFault: onError });
    this.#store = store;
    this.#publisher = new Publisher({ store, clock });
    const lease = limits.leaseSeconds * 1000;
    this.#mirrors = new Mirrors({ store, clock, lease });
  }

  /**
   * Finds an answer that another instance writes, or has written.
   *
   * @param id Its id.
   * @param isNew Whether whoever asks has seen nothing of it. What could not be
   * claimed here may be this instance's then, and is not found, but started.
   * @throws {StoreError} If the store is away.
   */
  async find(id: string, isNew: boolean): Promise<Answer | undefined> {
    if (isNew && this.#failed.has(id)) return undefined;
    const head = this.#mirrors.get(id) ?? await this.#store.find(id);
    return head && new RemoteAnswer(id, head, this.#mirrors);
  }

  /**
   * Starts a generation, if no other instance has.
   *
   * @param options What it is started with.
   * @param start Starts it here. Called at most once.
   * @returns It, or the answer of the one that was faster.
   * @throws {StoreError} If the store is away, and the id is the client's: then
   * it may run elsewhere.
   */
  async start(options: GenerationOptions, start: Start): Promise<Answer> {
    const { id } = options;
    const earlier = id === undefined ? undefined : this.#starting.get(id);
    if (earlier !== undefined) return await earlier;
    const starting = this.#start(options, start);
    if (id === undefined) return await starting;
    this.#starting.set(id, starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(id);
    }
  }

  async #start(options: GenerationOptions, start: Start): Promise<Answer> {
    const { durable, limits } = this.#options;
    const { id = makeGenerationId() } = options;
    const meta = metaOf(options, limits);
    const failed = this.#failed.get(id);
    // The same question of the same owner, or it is not the claim that failed.
    const isSame = failed?.meta.owner === meta.owner &&
      failed.meta.digest === meta.digest;
    const claim: ClaimOptions = {
      token: isSame ? failed.token : makeGenerationId(),
      meta,
      lease: limits.leaseSeconds * 1000,
      retention: limits.retentionSeconds * 1000,
    };
    let claimed: Claim | undefined;
    try {
      claimed = await this.#claim(id, claim);
    } catch (error) {
      if (options.id !== undefined || durable) throw error;
      // Nobody else has this id: it runs here, and is published when it can be.
    }
    if (claimed?.won === false) {
      return new RemoteAnswer(id, claimed.head, this.#mirrors);
    }
    const generation = start({ ...options, id, durable });
    let detach: (() => void) | undefined;
    this.#publisher.publish({
      id,
      claim,
      isClaimed: claimed !== undefined,
      transcript: generation.transcript,
      shown: durable ? generation.shown : undefined,
      onReaders: (count) => {
        if (count > 0) detach ??= generation.attach();
        else {
          detach?.();
          detach = undefined;
        }
      },
      onStop: () => generation.stop("stopped"),
      onFenced: () => generation.stop("interrupted"),
    });
    if (claimed?.stopped) generation.stop("stopped");
    return generation;
  }

  async #claim(id: string, claim: ClaimOptions): Promise<Claim> {
    for (let turn = 1;; turn++) {
      try {
        const claimed = await this.#store.claim(id, claim);
        this.#failed.delete(id);
        return claimed;
      } catch (error) {
        if (turn < CLAIMS) continue;
        // Perhaps it is ours: who asks again here gets it.
        this.#failed.delete(id);
        this.#failed.set(id, claim);
        const [oldest] = this.#failed.keys();
        if (this.#failed.size > MAX_FAILED) this.#failed.delete(oldest!);
        throw error;
      }
    }
  }

  /**
   * Asks for the end of an answer that another instance writes, or will write.
   *
   * @throws {StoreError} If the store is away.
   */
  stop(id: string, owner: string): Promise<void> {
    return this.#store.stop(id, owner);
  }

  /**
   * Takes from a budget that all instances share; while the store is away, each
   * has only its own.
   *
   * @returns 0, or after how many milliseconds there is as much.
   */
  async spend(key: string, cost: number, perMinute: number): Promise<number> {
    try {
      return await this.#store.spend(key, Math.min(cost, perMinute), perMinute);
    } catch (error) {
      if (error instanceof StoreError) return 0;
      throw error;
    }
  }

  /** Counts one more open stream of a client, over all instances. */
  openStream(client: string): SharedStream {
    this.#count(client, 1);
    let isOpen = true;
    return {
      isWithin: this.#hold([client]).then(
        ([isWithin]) => isWithin!,
        () => true,
      ),
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#count(client, -1);
        this.#hold([client]).catch(() => {
          // It is taken for open for a few seconds longer.
        });
      },
    };
  }

  #count(client: string, more: number): void {
    const count = (this.#held.get(client) ?? 0) + more;
    if (count === 0) this.#held.delete(client);
    else this.#held.set(client, count);
    const { clock } = this.#options;
    if (this.#held.size > 0) {
      this.#holding ??= clock.setTimeout(this.#holdOn, HOLD);
    } else {
      clock.clearTimeout(this.#holding);
      this.#holding = undefined;
    }
  }

  readonly #holdOn = (): void => {
    this.#holding = this.#options.clock.setTimeout(this.#holdOn, HOLD);
    this.#hold([...this.#held.keys()]).catch(() => {
      // The next time it is said again.
    });
  };

  #hold(clients: string[]): Promise<boolean[]> {
    const { streamsPerClient: limit } = this.#options.limits;
    return this.#store.hold(clients.map((key) => ({
      key,
      count: this.#held.get(key) ?? 0,
      limit,
    })));
  }

  /**
   * Resolves when all answers that have ended are stored, or the store is away
   * for too long.
   */
  async drain(): Promise<void> {
    const { clock } = this.#options;
    await within(clock, DRAIN, this.#publisher.idle());
    this.#publisher.close();
    this.#mirrors.closeIdle();
  }
}

/** What the followers of an answer have to know of it. */
function metaOf(options: GenerationOptions, limits: Limits): Meta {
  const { owner, digest, linger = limits.lingerSeconds } = options;
  const { prompt, messages, schema, model, parameters } = options;
  return {
    owner,
    digest,
    // JSON knows no infinity.
    linger: linger === Infinity ? null : linger,
    question: { prompt, messages, schema, model, parameters },
  };
}

/** An answer that another instance writes. It is mirrored while it is read. */
class RemoteAnswer implements Answer {
  readonly id: string;
  readonly owner: string;
  readonly digest: string | undefined;
  readonly linger: number;
  readonly schema: JsonSchema | undefined;
  readonly #head: Pick<Head, "meta" | "length">;
  readonly #mirrors: Mirrors;

  constructor(
    id: string,
    head: Pick<Head, "meta" | "length">,
    mirrors: Mirrors,
  ) {
    const { owner, digest, linger, question } = head.meta as
      & Meta
      & Pick<GenerationOptions, "digest">
      & { linger: number | null; question: GenerationOptions };
    this.id = id;
    this.owner = owner;
    this.digest = digest;
    this.linger = linger ?? Infinity;
    this.schema = question.schema;
    this.#head = head;
    this.#mirrors = mirrors;
  }

  get beginning(): Beginning {
    return beginningOf(this.schema);
  }

  get length(): number {
    return this.#mirrors.get(this.id)?.length ?? this.#head.length;
  }

  get shown(): Transcript {
    return this.#open().transcript;
  }

  workFrom(): number {
    return this.length;
  }

  attach(): () => void {
    return this.#open().attach();
  }

  poll(offset?: number): Promise<void> {
    return this.#open().refresh(offset);
  }

  #open(): Mirror {
    return this.#mirrors.open(this.id, this.#head);
  }
}
