// @ts-self-types="./client.d.ts"

/**
 * Follows a model's answer, field by field, while it is written: however often
 * the connection breaks, the state is the same as if it never had.
 *
 * This file and apply_delta.js are all that is needed, in browsers, Deno and
 * Node alike: two files to take, which is why this one is long.
 *
 * @example
 * ```js
 * import { streamFields } from "./client.js";
 *
 * const stream = streamFields("http://localhost:5001/helloworld", {
 *   prompt: "Why the sky is blue",
 *   onState: (state) => console.log(state), // { title: "Blue", summary: "" } …
 *   onComplete: (pointers) => console.log("finished:", pointers), // ["/title"]
 *   onError: ({ code, message }) => console.error(code, message),
 * });
 * // stream.stop() ends it, for the server too.
 * const { status, state } = await stream.finished;
 * console.log(status, state);
 * ```
 *
 * @module
 */

import {
  applyDelta,
  copy,
  deltaBetween,
  isContainer,
  memberOf,
  noteChanges,
  pointerTo,
  shareCopy,
  splitPointer,
  valueAt,
} from "./apply_delta.js";

/** @import { Delta } from "./apply_delta.js" */

/**
 * The data of the event `start`.
 *
 * @typedef {object} StartEvent
 * @property {string} id The generation.
 * @property {string} model Who answers.
 * @property {string} message
 * @property {number} protocol
 * @property {number | null} [linger] How many seconds the answer goes on that
 * nobody reads; `null`: to its end.
 */

/**
 * The data of the event `attempt`: the model is asked once more.
 *
 * @typedef {object} AttemptEvent
 * @property {number} attempt 2 or more.
 * @property {string} reason The code of the error that this would have been.
 * @property {boolean} continues Whether the rest of the same answer follows.
 */

/**
 * The data of the event `end`.
 *
 * @typedef {object} EndEvent
 * @property {string} [message]
 * @property {string} [finish_reason]
 * @property {string[]} [mended] The kinds of slips that were mended, where there
 * were any: then the value is what the model meant, not what it wrote.
 * @property {number} [attempts] How often the model was asked, if more than once.
 * @property {Record<string, unknown>} [usage] As the provider counts it, for all
 * attempts together.
 * @property {boolean} [valid] Whether the answer fits the schema, if there is one
 * and as far as it was judged.
 * @property {{ pointer: string, keyword: string, message: string }[]} [errors]
 * Where it does not.
 * @property {string[]} [unchecked] Why something was not judged: keywords, or
 * `cost`.
 */

/**
 * How the connection fares:
 *
 * - `connecting`: a request is on its way, the `attempt`th since the last event;
 * - `open`: the server answers. `offset` says from which character on if this
 *   carries on with what an earlier connection began;
 * - `waiting`: the connection broke, or could not be made; the next attempt is
 *   due in `delay` milliseconds;
 * - `offline`: the same, and the device says that it has no network;
 * - `closed`: nothing more will come.
 *
 * @typedef {object} Connection
 * @property {"connecting" | "open" | "waiting" | "offline" | "closed"} status
 * @property {number} attempt 0 for the first.
 * @property {number} [offset] UTF-16 code units of the model's text.
 * @property {number} [delay] Milliseconds.
 * @property {string} [code] Why it waits, where the server said so.
 * @property {boolean} [polling] Whether it asks again and again, because
 * something on the way lets no event stream through.
 */

/**
 * A value, as far as it has been written.
 *
 * @template T
 * @typedef {0 extends 1 & T ? T
 *   : T extends readonly (infer Element)[] ? DeepPartial<Element>[]
 *   : T extends object ? { [Key in keyof T]?: DeepPartial<T[Key]> }
 *   : T} DeepPartial
 */

/**
 * What zod and others make (https://standardschema.dev), if it can tell its JSON
 * Schema.
 *
 * @template T
 * @typedef {{ readonly "~standard": {
 *   readonly version: 1, readonly vendor: string,
 *   readonly types?: { readonly input: T } | undefined } }} StandardSchema
 */

/**
 * What to ask for, and whom to tell of it.
 *
 * @template [T=any] What the answer is.
 * @typedef {object} StreamOptions
 * @property {string} [prompt] Default: the server's own.
 * @property {Record<string, unknown>} [input] For addresses that make a prompt
 * of it.
 * @property {StandardSchema<T> | object} [schema] A JSON Schema that the answer
 * shall fit, or what can tell one. Needs POST.
 * @property {"POST" | "GET"} [method] A GET puts the prompt into the URL, which
 * proxies log. Default: POST.
 * @property {HeadersInit} [headers] Added to every request, such as
 * `Authorization`.
 * @property {string} [id] The generation, 22 characters of base64url. Sending it
 * makes it safe to send the request again. Default: a random one.
 * @property {string} [lastEventId] Carries on after this event, and never starts
 * an answer. `<id>.0` follows from the beginning.
 * @property {unknown} [state] What the events up to `lastEventId` made: it is
 * needed, except after `<id>.0`.
 * @property {string} [reasoning] What the model thought up to there.
 * @property {RequestCredentials} [credentials] Whether cookies go to another
 * origin, as for `fetch`.
 * @property {AbortSignal} [signal] Leaves when aborted, as `close()` does.
 * @property {typeof fetch} [fetch] Default: `globalThis.fetch`.
 * @property {number} [idleMilliseconds] A connection on which nothing comes for
 * so long is given up for dead. (The server pings every 15 seconds.)
 * Default: 45,000. After a third of it, a page that is shown again or is online
 * again makes a new connection at once.
 * @property {number} [connectMilliseconds] How long a connection may take to
 * bring its first byte. Default: 10,000.
 * @property {number} [attempts] How often in a row connecting may fail, or the
 * server may ask to come back later. Time without a network does not count.
 * Default: 8.
 * @property {(event: StartEvent) => void} [onStart]
 * @property {"frame" | "event"} [pace] When a new `state` is made: once for each
 * frame that is shown (by a timer where none is), or for each event. Default:
 * `"frame"` where there are frames, `"event"` elsewhere.
 * @property {(delta: Delta & { invalid?: Fault[] }) => void} [onDelta] Each delta
 * at once, for those who keep a state of their own.
 * @property {(state: DeepPartial<T>, lastEventId: string) => void} [onState] The state, when
 * there is a new one, and what to carry on after with it. Neither the state nor
 * anything in it ever changes; what has not changed since the one before is the
 * same object.
 * @property {(pointers: readonly string[]) => void} [onComplete] JSON Pointers
 * (RFC 6901) of values that will not change again. They are in `state`.
 * @property {(text: string) => void} [onReasoning] The next piece of what the
 * model thinks.
 * @property {(event: AttemptEvent) => void} [onAttempt]
 * @property {(event: EndEvent) => void} [onEnd]
 * @property {(error: FieldStreamError) => void} [onError]
 * @property {(connection: Connection) => void} [onConnection]
 * @property {(event: { id: string, data: string }) => void} [onEvent] Each event
 * as it came, before it is looked at.
 *
 * What a callback throws, or its promise rejects with, goes to the console,
 * ends the stream and rejects `finished`.
 */

/**
 * How a stream has ended.
 *
 * @template [T=any]
 * @typedef {object} Result
 * @property {"end" | "error" | "stopped" | "closed"} status
 * @property {DeepPartial<T> | undefined} state As far as it came.
 * @property {EndEvent} [end]
 * @property {FieldStreamError} [error]
 */

/**
 * What a value does not satisfy in the schema.
 *
 * @typedef {object} Fault
 * @property {string} pointer
 * @property {string} [keyword]
 * @property {string} message
 */

/** Why a stream ended before its answer did. */
export class FieldStreamError extends Error {
  /**
   * Made where a stream ends.
   *
   * @param {string} code One of the protocol's; or `connection_lost`, when
   * connecting failed too often; or `bad_response`, when something else than a
   * fieldstream server answered; or `redirected`, when the question would have
   * been lost on the way to where the server is now.
   * @param {string} message For people; Chinese where the server wrote it.
   * @param {boolean} retryable Whether asking anew may help.
   * @param {string} [path] JSON Pointer of the field that was being written.
   */
  constructor(code, message, retryable, path) {
    super(message);
    this.name = "FieldStreamError";
    /** Why: one of the codes above. @readonly */
    this.code = code;
    /** Whether asking anew may help. @readonly */
    this.retryable = retryable;
    /** The field that was being written. @readonly */
    this.path = path;
  }
}

/**
 * Asks for an answer and follows it.
 *
 * @template [T=any] What the answer is.
 * @param {string | URL} url
 * @param {StreamOptions<T>} [options]
 * @returns {FieldStream<T>}
 * @throws {TypeError} If the options contradict each other.
 */
export function streamFields(url, options = {}) {
  return new FieldStream(url, options);
}

/** 128 random bits in base64url: the name of a generation. */
export function generationId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * What `streamFields` returns.
 *
 * @template [T=any] What the answer is.
 */
export class FieldStream {
  /** The generation. @readonly @type {string} */
  id;
  /**
   * Resolves when nothing more will come, for whatever reason. Rejects only
   * with what a callback threw.
   *
   * @readonly
   * @type {Promise<Result<T>>}
   */
  finished;

  /** @type {URL} */
  #url;
  /** @type {StreamOptions<T>} */
  #options;
  /** What the deltas made; changed in place. @type {unknown} */
  #state;
  #reasoning;
  /** Of the last event that is part of it; "" before the first. */
  #lastEventId;
  /** What is shown of it. @type {any} */
  #shown;
  /** The last event that is part of that. */
  #shownId;
  /** What has changed since. @type {import("./apply_delta.js").Changes} */
  #changes = new Map();
  /** What is complete, as far as it is shown. @type {Set<string>} */
  #complete = new Set();
  /** What is complete, and not yet shown. @type {string[]} */
  #completed = [];
  /** @type {Fault[]} */
  #faults = [];
  /** @type {Delta | undefined} */
  #delta;
  /** Who wants to know of changes. */
  #subscribers = new Subscribers();
  /** Who waits for values to be complete. @type {Set<Waiter>} */
  #waiters = new Set();
  #byFrame;
  /** Whether a state is to be made, at the latest by a timer. */
  #isDue = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #bytes = 0;
  /** What the server asks clients to wait before they come back. */
  #retry = 1_000 + 1_000 * Math.random();
  /** How long the answer goes on that nobody reads, in milliseconds. */
  #linger = 15_000;
  /** Connections since the last byte. */
  #attempt = 0;
  /** Connections since the last one that was an event stream and lived. */
  #fruitless = 0;
  /** Whether the answer comes by polls. */
  #polling = false;
  /** Whether something that is not the server has just refused us. */
  #refused = false;
  /** When something last came, or was asked for. */
  #heard = 0;
  /** When something last came. */
  #reached = 0;
  /** How long it may be silent now, and once it is open. */
  #patience = 0;
  #idle;
  /** When the server wants us back. */
  #due = 0;
  /** When the network went away. */
  #wentOffline = 0;
  /** Whether the next connection is made without a pause. */
  #hurry = false;
  /** Set once nothing more is wanted. @type {"stopped" | "closed" | undefined} */
  #left;
  /** What a callback threw. @type {{ error: unknown } | undefined} */
  #failure;
  /** Ends the connection that is open or being made. */
  #hangUp = () => {};
  /** Ends the pause between two connections. */
  #wake = () => {};

  /**
   * Made by {@linkcode streamFields}.
   *
   * @param {string | URL} url
   * @param {StreamOptions<T>} options
   */
  constructor(url, options) {
    const { id, lastEventId = "", schema, method, signal } = options;
    const { pace = "requestAnimationFrame" in globalThis ? "frame" : "event" } =
      options;
    if (method === "GET" && schema !== undefined) {
      throw new TypeError("Cannot send a schema: the method is GET");
    }
    const [followed, offset] = lastEventId.split(".");
    if (id && followed && id !== followed) {
      throw new TypeError(
        `Cannot follow "${id}": lastEventId is of "${followed}"`,
      );
    }
    if (lastEventId && offset !== "0" && !("state" in options)) {
      throw new TypeError(
        `Cannot carry on after "${lastEventId}": its state is missing`,
      );
    }
    this.#url = new URL(url, globalThis.location?.href);
    this.id = id || followed || generationId();
    this.#url.searchParams.set("id", this.id);
    this.#url.searchParams.set("ids", "short");
    this.#options = options;
    this.#state = copy(options.state);
    this.#shown = options.state;
    this.#shownId = lastEventId;
    this.#byFrame = pace === "frame";
    this.#reasoning = options.reasoning ?? "";
    this.#lastEventId = lastEventId;
    this.#idle = options.idleMilliseconds ?? 45_000;

    // React Native's own fetch gives a body only when it has ended.
    if (!options.fetch && !("body" in Response.prototype)) this.#fruitless = 3;

    const over = new AbortController();
    if (signal?.aborted) this.#left = "closed";
    signal?.addEventListener("abort", () => this.close(), over);
    this.#listen(over);
    this.finished = this.#run().finally(() => over.abort());
    // Has been reported: where nobody waits, it does not end the process.
    this.finished.catch(() => {});
  }

  /**
   * The answer so far. It never changes: there is a new one when something is
   * new, at the pace that was chosen.
   *
   * @returns {DeepPartial<T> | undefined}
   */
  get state() {
    if (!this.#byFrame) this.#show();
    return this.#shown;
  }

  /** What the model thought so far. */
  get reasoning() {
    return this.#reasoning;
  }

  /** With it and the state, `streamFields` carries on from here. */
  get lastEventId() {
    if (!this.#byFrame) this.#show();
    return this.#shownId;
  }

  /**
   * The JSON Pointer of the value that is being written; `undefined` if none is.
   *
   * @returns {string | undefined}
   */
  get writing() {
    const { data, complete = [] } = this.#delta ?? {};
    if (data === undefined || this.isComplete("")) return undefined;
    let pointer = "";
    let value = /** @type {any} */ (data);
    while (isContainer(value)) {
      const key = Object.keys(value).at(-1);
      if (key === undefined) break;
      pointer += pointerTo(key);
      value = value[key];
    }
    const done = isAtom(value)
      ? pointer
      : complete.find((/** @type {string} */ at) => isWithin(pointer, at));
    return done === undefined ? pointer : parentOf(done);
  }

  /**
   * The value at a JSON Pointer (RFC 6901).
   *
   * @param {string} pointer
   * @returns {any} `undefined` if there is none.
   */
  at(pointer) {
    return valueAt(this.state, pointer);
  }

  /**
   * Whether the value at a JSON Pointer is there and will not change again.
   *
   * @param {string} pointer
   */
  isComplete(pointer) {
    return this.#isWhole(pointer, this.at(pointer));
  }

  /**
   * @param {string} pointer
   * @param {unknown} value What is shown there.
   */
  #isWhole(pointer, value) {
    if (value === undefined || isAtom(value)) return value !== undefined;
    for (let at = pointer; !this.#complete.has(at);) {
      if (at === "") return false;
      const index = Number(at.slice(at.lastIndexOf("/") + 1));
      at = parentOf(at);
      const inside = valueAt(this.#shown, at);
      // Whoever carries on, or polls, is not told of each: another one follows.
      if (Array.isArray(inside) && index < inside.length - 1) break;
    }
    return true;
  }

  /**
   * Calls back with the value at a JSON Pointer whenever it changes, and for
   * nothing else.
   *
   * @param {string} pointer
   * @param {(value: any) => void} callback
   * @returns {() => void} Ends it.
   */
  subscribe(pointer, callback) {
    let node = this.#subscribers;
    for (const key of splitPointer(pointer)) {
      let inner = node.inside.get(key);
      if (!inner) node.inside.set(key, inner = new Subscribers());
      node = inner;
    }
    // One callback may be subscribed twice.
    const entry = { callback };
    node.here.add(entry);
    return () => void node.here.delete(entry);
  }

  /**
   * Calls back when the value at a JSON Pointer is complete, with what the schema
   * says against it, as far as the server tells before the end.
   *
   * @param {string} pointer
   * @param {(value: any, pointer: string, faults: Fault[]) => void} callback
   * @returns {() => void} Ends it.
   */
  onField(pointer, callback) {
    return this.#wait((count) => count ? undefined : pointer, callback);
  }

  /**
   * The same for the elements of the array at a JSON Pointer, one by one.
   *
   * @param {string} pointer
   * @param {(value: any, pointer: string, faults: Fault[]) => void} callback
   * @returns {() => void} Ends it.
   */
  onElement(pointer, callback) {
    return this.#wait((count) => `${pointer}/${count}`, callback);
  }

  /**
   * @param {Waiter["next"]} next
   * @param {Waiter["callback"]} callback
   */
  #wait(next, callback) {
    const waiter = { next, callback, count: 0 };
    this.#waiters.add(waiter);
    // It may be complete already.
    this.#showSoon();
    return () => void this.#waiters.delete(waiter);
  }

  /** Makes a new state when it is time. */
  #showSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    const show = () => this.#isDue && this.#show();
    if (!this.#byFrame) return queueMicrotask(show);
    const { requestAnimationFrame: nextFrame } =
      /** @type {{ requestAnimationFrame?: (callback: () => void) => void }} */ (
        globalThis
      );
    nextFrame?.(show);
    // No frames come where nobody sees them.
    this.#timer = setTimeout(show, nextFrame ? 200 : 16);
  }

  /** Makes a new state of what has come, and tells of it. */
  #show() {
    this.#isDue = false;
    clearTimeout(this.#timer);
    this.#shownId = this.#lastEventId;
    const before = this.#shown;
    const state = this.#shown = shareCopy(before, this.#state, this.#changes);
    this.#changes = new Map();
    const completed = this.#completed;
    this.#completed = [];
    for (const pointer of completed) this.#complete.add(pointer);
    if (state !== before) {
      this.#tell("onState", state, this.#shownId);
      this.#subscribers.tell(
        before,
        state,
        (callback, value) => this.#call(callback, value),
      );
    }
    if (completed.length > 0) this.#tell("onComplete", completed);
    for (const waiter of this.#waiters) {
      const { next, callback } = waiter;
      const whole = (/** @type {number} */ count) => {
        const pointer = next(count);
        return pointer !== undefined &&
            this.#isWhole(pointer, valueAt(state, pointer))
          ? pointer
          : undefined;
      };
      // A value that was reset is waited for again.
      if (waiter.count && whole(waiter.count - 1) === undefined) {
        waiter.count = 0;
      }
      for (let at; (at = whole(waiter.count)) !== undefined;) {
        const pointer = at;
        waiter.count++;
        const faults = this.#faults.filter((fault) =>
          isWithin(fault.pointer, pointer)
        );
        this.#call(callback, valueAt(state, pointer), pointer, faults);
      }
    }
  }

  /** Of all event streams. */
  get bytesReceived() {
    return this.#bytes;
  }

  /**
   * Ends the answer: the server stops the model. Resolves when the server knows,
   * or cannot be told (then it stops by itself, since nobody reads).
   *
   * @returns {Promise<void>}
   */
  async stop() {
    if (this.#left) return;
    this.#leave("stopped");
    const request = this.#request();
    // A redirect may make a GET of it: one that never starts an answer.
    request.headers.set("Last-Event-ID", `${this.id}.0`);
    const response = await this.#fetch(this.#url, {
      ...request,
      method: "DELETE",
      keepalive: true,
    });
    await response?.body?.cancel().catch(() => {});
  }

  /** Leaves. The answer can be followed from elsewhere, or from here later. */
  close() {
    if (!this.#left) this.#leave("closed");
  }

  /** Drops the connection and carries on over another one. */
  reconnect() {
    this.#hangUp();
    this.#wake();
  }

  /** @param {"stopped" | "closed"} how */
  #leave(how) {
    this.#left = how;
    this.reconnect();
  }

  /**
   * @template {Extract<keyof StreamOptions, `on${string}`>} Name
   * @param {Name} name
   * @param {Parameters<Required<StreamOptions>[Name]>} values
   */
  #tell(name, ...values) {
    this.#call(this.#options[name], ...values);
  }

  /**
   * Calls back.
   *
   * @param {Function | undefined} callback
   * @param {unknown[]} values
   */
  #call(callback, ...values) {
    if (this.#failure) return;
    try {
      const fail = (/** @type {unknown} */ error) => this.#fail(error);
      callback?.(...values)?.then?.(undefined, fail);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#failure ??= { error };
    console.error(error);
    this.close();
  }

  /** @returns {Promise<Result<T>>} */
  async #run() {
    await undefined; // whoever called gets the stream before the callbacks come
    /** @type {Result<T>} */
    let result = { status: "closed", state: undefined };
    try {
      result = await this.#untilOver();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#failure) throw this.#failure.error;
    return result;
  }

  /** @returns {Promise<Result<T>>} */
  async #untilOver() {
    const { attempts = 8 } = this.#options;
    while (!this.#left) {
      const outcome = await this.#connect();
      if (this.#left) break;
      const { end, error, delay } = outcome;
      if (delay !== undefined && (!error || this.#attempt < attempts)) {
        await this.#pause(delay, error, outcome.code);
        continue;
      }
      this.#left = "closed";
      // Polls do not tell what is complete.
      if (end && this.#polling) this.#completed.push("");
      this.#close();
      const state = this.#shown;
      if (end) {
        this.#tell("onEnd", end);
        return { status: "end", state, end };
      }
      const told = /** @type {FieldStreamError} */ (error);
      this.#tell("onError", told);
      return { status: "error", state, error: told };
    }
    this.#close();
    return { status: this.#left, state: this.#shown };
  }

  #close() {
    this.#show();
    this.#tell("onConnection", { status: "closed", attempt: this.#attempt });
  }

  /**
   * One connection, from the request to its end. Where there is a delay, that is
   * no reason to give up.
   *
   * @returns {Promise<Outcome>}
   */
  async #connect() {
    const { connectMilliseconds = 10_000 } = this.#options;
    // Where no event stream comes through, only each tenth connection tries to
    // be one.
    const polls = this.#fruitless > 2 && this.#fruitless % 10 !== 0;
    const tries = this.#polling && !polls;
    this.#fruitless++;
    this.#hurry = false;
    this.#heard = Date.now();
    this.#patience = Math.min(tries ? 3_000 : connectMilliseconds, this.#idle);
    const controller = new AbortController();
    this.#hangUp = () => controller.abort();
    const forget = this.#watch();
    if (!this.#polling) this.#connection("connecting");
    try {
      const response = await this.#ask(polls, controller.signal);
      const outcome = !response
        ? this.#lost()
        : response.ok && response.body && isEventStream(response)
        ? await this.#follow(response.body, controller.signal)
        : await this.#read(
          response,
          polls,
          `${response.status} ${response.headers.get("Content-Type")}`,
        );
      if (tries && this.#polling && outcome.delay !== undefined) {
        return { delay: outcome.delay };
      }
      if (outcome.error) this.#polling = false;
      return outcome;
    } catch (error) {
      if (error instanceof FieldStreamError) return { error };
      throw error;
    } finally {
      forget();
      controller.abort();
    }
  }

  /** What all requests have. @returns {RequestInit & { headers: Headers }} */
  #request() {
    const { credentials, headers } = this.#options;
    return {
      headers: new Headers(headers),
      cache: "no-store",
      ...(credentials && { credentials }),
    };
  }

  /**
   * @param {boolean} polls
   * @param {AbortSignal} signal
   * @returns {Promise<Response | undefined>} Nothing, if there is no connection.
   */
  async #ask(polls, signal) {
    const { prompt, input, method = "POST" } = this.#options;
    const schema = /** @type {any} */ (this.#options.schema);
    const request = { ...this.#request(), signal };
    const { headers } = request;
    headers.set("Accept", polls ? "application/json" : "text/event-stream");
    if (this.#lastEventId) {
      headers.set("Last-Event-ID", this.#lastEventId);
      return await this.#fetch(this.#url, request);
    }
    /** @type {RequestInit} */
    const question = { ...request, redirect: "manual" };
    if (method === "POST") {
      headers.set("Content-Type", "application/json");
      question.method = method;
      question.body = JSON.stringify({
        prompt,
        input,
        // Of zod and the like (https://standardschema.dev/json-schema).
        schema: schema?.["~standard"]?.jsonSchema.input({
          target: "draft-2020-12",
        }) ?? schema,
      });
    }
    let url = this.#url;
    for (let hops = 0, heads = 0; hops < 9; hops++) {
      url = new URL(url);
      url.searchParams.set("ids", "short");
      if (method === "GET") {
        for (const [name, value] of Object.entries({ ...input, prompt })) {
          if (value !== undefined) url.searchParams.set(name, String(value));
        }
      }
      url.searchParams.set("id", this.id);
      const response = await this.#fetch(url, question);
      if (!response || !isRedirect(response)) return response;
      // Sent as a GET without its body, it would be another question. Browsers
      // do not tell where it leads to, nor whether a POST stays one: a HEAD does,
      // and starts nothing.
      await response.body?.cancel();
      let place = response.status > 306 && response.headers.get("Location");
      if (!place) {
        if (heads++) break;
        const head = await this.#fetch(url, { ...request, method: "HEAD" });
        if (!head || head.status === 429 || head.status > 499) return head;
        place = head.redirected && head.ok && isEventStream(head) && head.url;
      }
      if (!place) break;
      const { origin } = url;
      url = new URL(place, url);
      // As fetch does (Fetch standard, HTTP-redirect fetch).
      if (url.origin !== origin) headers.delete("Authorization");
    }
    const message = "Cannot send the question: a redirect would lose it";
    throw new FieldStreamError("redirected", message, true);
  }

  /**
   * @param {URL} url
   * @param {RequestInit} request
   * @returns {Promise<Response | undefined>}
   */
  async #fetch(url, request) {
    const { fetch = globalThis.fetch } = this.#options;
    try {
      return await fetch(url, request);
    } catch {
      return undefined;
    }
  }

  /**
   * Takes the events of one response.
   *
   * @param {ReadableStream<Uint8Array>} body
   * @param {AbortSignal} signal
   * @returns {Promise<Outcome>}
   */
  async #follow(body, signal) {
    this.#connection("open");
    const events = new EventStreamParser();
    const reader = body.getReader();
    const hangUp = () => reader.cancel().catch(() => {});
    signal.addEventListener("abort", hangUp);
    try {
      for (;;) {
        const { done, value } = await reader.read()
          .catch(() => ({ done: true, value: undefined }));
        if (done || !value || signal.aborted) return this.#lost();
        if (!value.length) continue;
        this.#patience = this.#idle;
        this.#reach();
        this.#bytes += value.length;
        for (const event of events.write(value)) {
          this.#lived();
          this.#tell("onEvent", event);
          const outcome = this.#take(event.id, parseJson(event.data));
          if (outcome) return outcome;
          if (signal.aborted) return this.#lost();
        }
        if (events.pinged) this.#lived();
        if (events.retry !== undefined) this.#retry = events.retry;
      }
    } finally {
      await hangUp();
    }
  }

  /** Something has come: the way is open. */
  #reach() {
    this.#heard = this.#reached = Date.now();
    this.#attempt = 0;
    this.#refused = false;
  }

  /** An event stream comes through. */
  #lived() {
    this.#fruitless = 0;
    this.#polling = false;
  }

  /**
   * @param {string} id
   * @param {any} message
   * @returns {Outcome | undefined}
   */
  #take(id, message) {
    if (/^(?:\d+|end)$/.test(id)) id = `${this.id}.${id}`;
    try {
      if (message.status === "start") {
        this.#state = undefined;
        this.#changes = null;
        this.#forget("");
        this.#reasoning = "";
        if (message.linger !== undefined) {
          this.#linger = (message.linger ?? Infinity) * 1_000;
        }
      } else if (message.status === "chunk") {
        this.#state = applyDelta(this.#state, message);
        this.#changes = noteChanges(this.#changes, message);
        for (const pointer of message.reset ?? []) this.#forget(pointer);
        this.#completed.push(...message.complete ?? []);
        this.#faults.push(...message.invalid ?? []);
        this.#delta = message;
      }
    } catch (error) {
      throw badResponse(error);
    }
    this.#lastEventId = id;
    switch (message.status) {
      case "start":
        this.#tell("onStart", message);
        this.#changed();
        break;
      case "chunk":
        this.#tell("onDelta", message);
        this.#changed();
        break;
      case "reasoning":
        // The state is the same.
        if (!this.#isDue) this.#shownId = id;
        this.#reasoning += message.data;
        this.#tell("onReasoning", message.data);
        break;
      case "attempt":
        if (!this.#isDue) this.#shownId = id;
        this.#tell("onAttempt", message);
        break;
      case "end":
        return { end: message };
      case "error": {
        const { code = "internal", retryable = false, path } = message;
        const text = message.message ?? code;
        return { error: new FieldStreamError(code, text, retryable, path) };
      }
    }
  }

  /** A new state is made when it is time, and if anybody wants it. */
  #changed() {
    const { onState, onComplete } = this.#options;
    const { here, inside } = this.#subscribers;
    if (this.#byFrame) this.#showSoon();
    else if (
      onState || onComplete || this.#waiters.size + here.size + inside.size
    ) this.#show();
  }

  /** What is complete there, or in there, is not any more. @param {string} pointer */
  #forget(pointer) {
    const stays = (/** @type {string} */ at) => !isWithin(at, pointer);
    this.#complete = new Set([...this.#complete].filter(stays));
    this.#completed = this.#completed.filter(stays);
    this.#faults = this.#faults.filter((fault) => stays(fault.pointer));
  }

  /** The connection broke: the next attempt waits longer each time. */
  #lost() {
    const error = new FieldStreamError(
      "connection_lost",
      "Cannot reach the server",
      true,
    );
    return { error, delay: this.#backoff() };
  }

  /** A pause well below the linger. */
  #soon() {
    return Math.max(this.#linger / 3, 100);
  }

  /** Milliseconds until the next attempt. */
  #backoff() {
    // An answer that is being written does not wait for long.
    const hurries = this.#lastEventId &&
      Date.now() - this.#reached < this.#linger;
    const longest = hurries ? this.#soon() : 30_000;
    const delay = Math.min(this.#retry * 2 ** this.#attempt, longest, 30_000);
    // The server's own delays are random already.
    return this.#attempt ? delay * (0.75 + Math.random() / 2) : delay;
  }

  /**
   * Takes a reply that is no event stream: a poll's, the server's refusal, or
   * the word of something in between.
   *
   * @param {Response} response
   * @param {boolean} polls
   * @param {string} what
   * @returns {Promise<Outcome>}
   */
  async #read(response, polls, what) {
    const { ok, status } = response;
    if (status === 204 && this.#lastEventId.endsWith(".end")) {
      return { end: {} };
    }
    this.#patience = this.#idle;
    // Anything else may never end.
    const reads = !ok || /\bjson\b/i.test(what);
    const text = reads ? await response.text().catch(() => "") : "";
    const body = parseJson(text);
    if (ok && polls && body?.id === this.id && body.lastEventId) {
      return this.#takePoll(body, text.length);
    }
    const wasRefused = this.#refused;
    this.#refused = false;
    const after = retryAfter(response.headers.get("Retry-After"));
    let delay = this.#backoff();
    if (after >= 0) {
      delay = Math.min(after, 60_000) + Math.random() * 1_000;
      this.#due = Date.now() + delay;
    }
    const retryable = status > 499 || [408, 425, 429].includes(status);
    const { code, message = `HTTP ${status}` } = body ?? {};
    const isOwn = !ok && body?.status === "error" &&
      /^[a-z_]+$/.test(code ?? "");
    if (isOwn) {
      if (!polls) this.#fruitless = 0;
      const error = new FieldStreamError(code, String(message), retryable);
      return later.test(code) ? { error, delay, code } : { error };
    }
    // Somebody's login: once, it may pass.
    this.#refused = [401, 402, 403, 405, 422].includes(status);
    const error = status < 400 ? badResponse(what) : new FieldStreamError(
      status > 499 && status !== 503
        ? "connection_lost"
        : codes[status] ?? "bad_response",
      `HTTP ${status}`,
      retryable,
    );
    return wasRefused && this.#refused ? { error } : { error, delay };
  }

  /**
   * @param {any} body
   * @param {number} length
   * @returns {Outcome}
   */
  #takePoll(body, length) {
    const { lastEventId, data, reasoning = "", ...outcome } = body;
    this.#reach();
    if (!this.#polling) this.#connection("open", { polling: true });
    this.#polling = true;
    if (reasoning !== this.#reasoning) {
      if (!reasoning.startsWith(this.#reasoning)) this.#reasoning = "";
      const more = reasoning.slice(this.#reasoning.length);
      this.#take(lastEventId, { status: "reasoning", data: more });
    }
    const delta = deltaBetween(this.#state, data);
    if (delta) this.#take(lastEventId, { status: "chunk", ...delta });
    this.#lastEventId = lastEventId;
    // A long answer counts as several requests.
    return this.#take(lastEventId, outcome) ??
      { delay: Math.min(1_500 + length / 333, this.#soon()) };
  }

  /**
   * @param {number} delay
   * @param {FieldStreamError} [error] Why, unless all is well.
   * @param {string} [code]
   */
  async #pause(delay, error, code) {
    if (this.#hurry) return;
    if (error) {
      const { navigator } =
        /** @type {{ navigator?: { onLine?: boolean } }} */ (globalThis);
      const offline = navigator?.onLine === false;
      if (offline) {
        // The network may be back without an event that says so.
        delay = 10_000;
        this.#fruitless = 0;
      }
      this.#tell("onConnection", {
        status: offline ? "offline" : "waiting",
        attempt: this.#attempt,
        delay,
        ...(code && { code }),
      });
      if (!offline) this.#attempt++;
    }
    if (this.#left) return;
    await /** @type {Promise<void>} */ (new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    }));
  }

  /**
   * @param {"connecting" | "open"} status
   * @param {{ polling?: true }} [more]
   */
  #connection(status, more) {
    const [id, offset] = this.#lastEventId.split(".");
    this.#tell("onConnection", {
      status,
      attempt: this.#attempt,
      ...(status === "open" && id && { offset: Number(offset) }),
      ...more,
    });
  }

  /**
   * Hangs up when nothing comes for too long. One timer that looks at the clock
   * now and then costs less than one that is set anew with each piece.
   */
  #watch() {
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const look = () => {
      const left = this.#heard + this.#patience - Date.now();
      if (left > 0) timer = setTimeout(look, left);
      else this.#hangUp();
    };
    look();
    return () => clearTimeout(timer);
  }

  /**
   * A page that is shown again, or online again, finds out at once whether its
   * connection has survived, and waits no longer.
   *
   * @param {AbortController} over Ends it.
   */
  #listen(over) {
    const { document } =
      /** @type {{ document?: EventTarget & { visibilityState: string } }} */ (
        globalThis
      );
    const listener = (/** @type {Event} */ { type }) => {
      const now = Date.now();
      if (type === "offline") this.#wentOffline = now;
      else if (
        // The server has said when.
        now >= this.#due &&
        (type !== "visibilitychange" || document?.visibilityState !== "hidden")
      ) {
        if (
          now - this.#heard > this.#idle / 3 ||
          // What survived a time without a network is seldom alive.
          this.#heard <= this.#wentOffline
        ) {
          this.#hurry = true;
          this.#hangUp();
        }
        this.#wake();
      }
    };
    for (const type of ["online", "offline", "pageshow"]) {
      globalThis.addEventListener?.(type, listener, over);
    }
    document?.addEventListener?.("visibilitychange", listener, over);
  }
}

/** Those who want to know of changes to a value, and to those in it. */
class Subscribers {
  /** @type {Set<{ callback: (value: any) => void }>} */
  here = new Set();
  /** @type {Map<string, Subscribers>} */
  inside = new Map();

  /**
   * The work is linear in what has changed and is subscribed to: what is the
   * same object has not.
   *
   * @param {unknown} before
   * @param {unknown} after
   * @param {(callback: (value: any) => void, value: unknown) => void} call
   */
  tell(before, after, call) {
    if (before === after) return;
    for (const { callback } of [...this.here]) call(callback, after);
    for (const [key, node] of this.inside) {
      node.tell(memberOf(before, key), memberOf(after, key), call);
    }
  }
}

/**
 * Whoever waits for values to be complete, one after the other.
 *
 * @typedef {object} Waiter
 * @property {(count: number) => string | undefined} next Where the value is that
 * comes after so many.
 * @property {(value: any, pointer: string, faults: Fault[]) => void} callback
 * @property {number} count
 */

/** Whether it is whole when it appears. @param {unknown} value */
function isAtom(value) {
  return !isContainer(value) && typeof value !== "string";
}

/** @param {string} pointer */
function parentOf(pointer) {
  return pointer.slice(0, Math.max(0, pointer.lastIndexOf("/")));
}

/**
 * Whether a value is another one, or in it.
 *
 * @param {string} pointer
 * @param {string} other
 */
function isWithin(pointer, other) {
  return `${pointer}/`.startsWith(`${other}/`);
}

/**
 * What a connection has led to. One with a delay is followed by another.
 *
 * @typedef {object} Outcome
 * @property {EndEvent} [end]
 * @property {FieldStreamError} [error]
 * @property {number} [delay] Milliseconds.
 * @property {string} [code] Why, where the server said so.
 */

/** The server's refusals that are no reason to give up. */
const later = /^(overloaded|draining|too_many_streams)$/;

/** The codes of the statuses. @type {Record<number, string>} */
const codes = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  405: "method_not_allowed",
  413: "too_large",
  429: "too_many_streams",
  503: "overloaded",
};

/** @param {unknown} why */
function badResponse(why) {
  const message = `Cannot understand the server's answer: ${why}`;
  return new FieldStreamError("bad_response", message, false);
}

/** @param {Response} response */
function isEventStream({ headers }) {
  return /^text\/event-stream\b/i.test(headers.get("Content-Type") ?? "");
}

/** Whether it leads elsewhere, or has been led there. @param {Response} response */
function isRedirect({ type, status, redirected }) {
  return type === "opaqueredirect" || redirected ||
    /30[12378]/.test(String(status));
}

/** @param {string} text @returns {any} */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Milliseconds from now; `NaN` if the header is absent or senseless.
 *
 * @param {string | null} value Seconds or a date (RFC 9110, section 10.2.3).
 */
function retryAfter(value) {
  if (value && /^\d+$/.test(value)) return Number(value) * 1_000;
  return Math.max(0, Date.parse(value ?? "") - Date.now());
}

/**
 * Reads `text/event-stream` (HTML standard, section 9.2.6) in pieces cut
 * anywhere. Each byte is looked at once.
 */
class EventStreamParser {
  /** The last `retry:`, in milliseconds. @type {number | undefined} */
  retry;
  /** Whether a comment has come. */
  pinged = false;
  #decoder = new TextDecoder(); // takes the BOM away
  /** The line that is not yet whole. */
  #line = "";
  /** The last piece ended in CR: an LF at the start of the next belongs to it. */
  #afterCR = false;
  /** Lines of `data:`, each followed by LF. */
  #data = "";
  #type = "";
  #id = "";

  /**
   * @param {Uint8Array} bytes
   * @returns {Generator<{ id: string, data: string }>} The unnamed events that
   * are whole now.
   */
  *write(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (this.#afterCR) text = text.replace(/^\n/, "");
    this.#afterCR = text.endsWith("\r");
    const lines = text.split(/\r\n?|\n/);
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") {
        this.#field(line);
        continue;
      }
      const data = this.#data;
      const unnamed = this.#type === "" || this.#type === "message";
      this.#data = this.#type = "";
      if (data !== "" && unnamed) {
        yield { id: this.#id, data: data.slice(0, -1) };
      }
    }
  }

  /** @param {string} line */
  #field(line) {
    const [, name, value = ""] = /^([^:]*)(?:: ?)?([^]*)/.exec(line) ?? [];
    if (name === "") this.pinged = true; // a comment
    if (name === "data") this.#data += value + "\n";
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) {
      this.retry = Number(value);
    }
  }
}
