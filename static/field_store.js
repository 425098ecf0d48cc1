// @ts-self-types="./field_store.d.ts"

/**
 * What react.js and vue.js share: an answer that components show, whichever
 * streams it comes by.
 *
 * @module
 */

import { valueAt } from "./apply_delta.js";
import { streamFields } from "./client.js";

/** @import { DeepPartial, EndEvent, FieldStream, FieldStreamError, StreamOptions } from "./client.js" */

/**
 * How an answer fares: as its connection does while it comes, then how it has
 * ended. `idle`: none was asked for.
 *
 * @typedef {"idle" | "connecting" | "open" | "waiting" | "offline" | "end"
 *   | "error" | "stopped" | "closed"} AnswerStatus
 */

/**
 * When a component asks, and what it comes back to.
 *
 * @typedef {object} MountOptions
 * @property {boolean} [immediate] Whether it asks as soon as it is mounted.
 * Default: true.
 * @property {string} [resume] A name for the answer. Whatever is mounted with it
 * later comes back to the answer that was left, or shares the one that is there.
 */

/**
 * What a component asks for. Callbacks may be new each time; all else is looked
 * at when an answer is asked for.
 *
 * @template [T=any] What the answer is.
 * @typedef {StreamOptions<T> & MountOptions} FieldStreamOptions
 */

/**
 * Where a place of an answer is shown from: what `useFieldStream` gives, and what
 * `streamFields` does.
 *
 * @typedef {Pick<FieldStream, "at" | "isComplete" | "subscribe" | "onField">} Places
 */

/**
 * An answer that a component shows.
 *
 * @template [T=any] What the answer is.
 * @typedef {object} Shown
 * @property {DeepPartial<T> | undefined} state The answer so far: what has not
 * changed since the one before is the same object.
 * @property {AnswerStatus} status
 * @property {FieldStreamError | undefined} error
 * @property {string} reasoning What the model thought so far.
 * @property {EndEvent["usage"]} usage As the provider counts it, at the end.
 */

/**
 * What can be done with it.
 *
 * @template [T=any] What the answer is.
 * @typedef {object} Controls
 * @property {(more?: Partial<StreamOptions<T>>) => void} start Asks anew, with
 * what differs from the options.
 * @property {() => Promise<void>} stop Ends the answer, for the server too.
 */

/**
 * An answer in React.
 *
 * @template [T=any] What the answer is.
 * @typedef {Readonly<Shown<T>> & Controls<T> & Places} FieldAnswer
 */

/** What may be new. @typedef {keyof Shown | "isComplete"} Name */

/**
 * Who wants to know of a place, and how that is ended.
 *
 * @typedef {object} Subscription
 * @property {"subscribe" | "onField"} how
 * @property {string} pointer
 * @property {(...values: any[]) => void} callback
 * @property {() => void} [end]
 */

/** Those that have a name, and have been mounted. @type {Map<string, FieldStore>} */
const named = new Map();

/**
 * The answer of this name, or a new one.
 *
 * @template [T=any]
 * @param {string | URL} url
 * @param {FieldStreamOptions<T>} options
 * @returns {FieldStore<T>}
 */
export function fieldStore(url, options) {
  const { resume = "" } = options;
  const store = named.get(resume) ?? new FieldStore(url, options);
  // On a server, nobody gets another one's.
  if (resume && "document" in globalThis) named.set(resume, store);
  return store;
}

/**
 * An answer that components show.
 *
 * @template [T=any] What the answer is.
 */
export class FieldStore {
  /** @type {string | URL} */
  url;
  /** @type {FieldStreamOptions<T>} */
  options;
  /** @type {DeepPartial<T> | undefined} */
  state;
  /** @type {AnswerStatus} */
  status = "idle";
  /** @type {FieldStreamError | undefined} */
  error;
  /** @type {string} */
  reasoning;
  /** @type {EndEvent["usage"]} */
  usage;
  /** Another number whenever `isComplete` may say something else. */
  completions = 0;
  /**
   * What components can do.
   *
   * @type {Controls<T> & Places}
   */
  controls = {
    start: (/** @type {any} */ more) => this.start(more),
    stop: () => this.stop(),
    at: (/** @type {string} */ pointer) => this.at(pointer),
    isComplete: (/** @type {string} */ pointer) => this.isComplete(pointer),
    subscribe: (
      /** @type {string} */ pointer,
      /** @type {Subscription["callback"]} */ callback,
    ) => this.#follow("subscribe", pointer, callback),
    onField: (
      /** @type {string} */ pointer,
      /** @type {Subscription["callback"]} */ callback,
    ) => this.#follow("onField", pointer, callback),
  };

  /** @type {FieldStream<T> | undefined} */
  #stream;
  /** What it asked, and whom. @type {StreamOptions<T>} */
  #asked = {};
  /** @type {string | URL} */
  #askedUrl = "";
  /** Whether a request has been made. */
  #sent = false;
  #over = false;
  #mounts = 0;
  /** @type {Set<(name: Name) => void>} */
  #listeners = new Set();
  /** @type {Set<Subscription>} */
  #subscriptions = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string | URL} url
   * @param {FieldStreamOptions<T>} options
   */
  constructor(url, options) {
    this.url = url;
    this.options = options;
    this.state = /** @type {any} */ (options.state);
    this.reasoning = options.reasoning ?? "";
  }

  /**
   * Calls back with the name of what is new.
   *
   * @param {(name: Name) => void} listener
   * @returns {() => void} Ends it.
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Asks; or carries on with what was left. @returns {void} */
  mount() {
    const { immediate = true, resume } = this.options;
    if (resume) named.set(resume, this);
    if (this.#mounts++ > 0) return;
    const left = this.#stream;
    if (!left) {
      if (immediate) this.start();
    } else if (!this.#over) {
      const { lastEventId: _, state: __, ...asked } = this.#asked;
      const { id } = left;
      // One of which nothing has come is asked for again, under the same id.
      const from = left.lastEventId && { lastEventId: `${id}.0` };
      this.#open({ ...asked, id, ...from }, this.#askedUrl);
    }
  }

  /** Leaves, unless others stay. @returns {void} */
  unmount() {
    if (--this.#mounts === 0) this.#stream?.close();
  }

  /**
   * Asks anew.
   *
   * @param {Partial<StreamOptions<T>>} [more] What differs from the options.
   * @returns {void}
   */
  start(more) {
    const { id: _, lastEventId: __, state, reasoning = "", ...again } =
      this.options;
    const isFirst = !this.#stream;
    if (!this.#over) {
      if (this.#sent) this.#stream?.stop();
      else this.#stream?.close();
    }
    this.#set("error", undefined);
    this.#set("usage", undefined);
    this.#set("reasoning", isFirst ? reasoning : "");
    this.#set("state", isFirst ? state : undefined);
    this.#open({ ...(isFirst ? this.options : again), ...more });
    for (const { pointer, callback } of this.#subscriptions) {
      callback(this.at(pointer));
    }
  }

  /** Ends the answer, for the server too. @returns {Promise<void>} */
  async stop() {
    await this.#stream?.stop();
  }

  /** @param {string} pointer @returns {any} */
  at(pointer) {
    return valueAt(this.state, pointer);
  }

  /** @param {string} pointer @returns {boolean} */
  isComplete(pointer) {
    return this.#stream?.isComplete(pointer) ?? false;
  }

  /**
   * @param {Subscription["how"]} how
   * @param {string} pointer
   * @param {Subscription["callback"]} callback
   * @returns {() => void} Ends it.
   */
  #follow(how, pointer, callback) {
    /** @type {Subscription} */
    const subscription = { how, pointer, callback };
    this.#subscriptions.add(subscription);
    this.#join(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
      subscription.end?.();
    };
  }

  /** @param {Subscription} subscription */
  #join(subscription) {
    const { how, pointer, callback } = subscription;
    const end = this.#stream?.[how](pointer, callback);
    if (end) subscription.end = end;
  }

  /** @param {StreamOptions<T>} options @param {string | URL} url */
  #open(options, url = this.url) {
    this.#asked = options;
    this.#askedUrl = url;
    this.#sent = this.#over = false;
    this.#set("status", "connecting");
    /** @type {Record<string, (...values: any[]) => unknown>} */
    const first = {
      onState: (state) => this.#set("state", state),
      onComplete: () => this.#complete(),
      // As often as frames come, not tokens.
      onReasoning: () => this.#timer ??= setTimeout(() => this.#think(), 16),
      onConnection: ({ status }) => {
        if (status === "closed") return;
        this.#sent = true;
        this.#set("status", status);
      },
    };
    /** @type {typeof first} */
    const callbacks = {};
    for (const name in { ...options, ...first }) {
      if (!/^on[A-Z]/.test(name)) continue;
      callbacks[name] = (...values) => {
        // Nobody wants to hear of one that another has taken the place of.
        if (!mine()) return;
        first[name]?.(...values);
        return /** @type {any} */ (this.options)[name]?.(...values);
      };
    }
    const mine = () => stream === this.#stream;
    const stream = streamFields(url, { ...options, ...callbacks });
    this.#stream = stream;
    for (const subscription of this.#subscriptions) {
      subscription.end?.();
      this.#join(subscription);
    }
    this.#complete();
    stream.finished
      // What a callback threw.
      .catch((/** @type {unknown} */ error) => ({ status: "error", error }))
      .then((/** @type {any} */ result) => {
        // One that was left is not over.
        const left = result.status === "closed" && this.#mounts === 0;
        if (!mine() || left) return;
        this.#over = true;
        this.#think();
        this.#set("usage", result.end?.usage);
        this.#set("error", result.error);
        this.#set("status", result.status);
      });
  }

  #complete() {
    this.completions++;
    this.#tell("isComplete");
  }

  #think() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#set("reasoning", this.#stream?.reasoning);
  }

  /**
   * @param {Exclude<Name, "isComplete">} name
   * @param {any} value
   */
  #set(name, value) {
    if (this[name] === value) return;
    /** @type {any} */ (this)[name] = value;
    this.#tell(name);
  }

  /** @param {Name} name */
  #tell(name) {
    for (const listener of this.#listeners) listener(name);
  }
}
