/**
 * Follows a model's answer, field by field, while it is written: however often
 * the connection breaks, the state is the same as if it never had.
 *
 * This file and apply_delta.js are all that is needed, in browsers, Deno and
 * Node alike.
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

import { applyDelta } from "./apply_delta.js";

/** @typedef {import("./apply_delta.js").Delta} Delta */

/**
 * @typedef {object} StartEvent
 * @property {string} id The generation.
 * @property {string} model Who answers.
 * @property {string} message
 * @property {number} protocol
 */

/**
 * @typedef {object} EndEvent
 * @property {string} [message]
 * @property {string} [finish_reason]
 * @property {Record<string, unknown>} [usage] As the provider counts it.
 * @property {boolean} [valid] Whether the answer fits the schema, if there is one.
 * @property {{ pointer: string, message: string }[]} [errors] Where it does not.
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
 */

/**
 * @typedef {object} StreamOptions
 * @property {string} [prompt] Default: the server's own.
 * @property {unknown} [schema] A JSON Schema that the answer shall fit. Needs
 * POST.
 * @property {"POST" | "GET"} [method] A GET puts the prompt into the URL, which
 * proxies log. Default: POST.
 * @property {HeadersInit} [headers] Added to every request, such as
 * `Authorization`.
 * @property {string} [id] The generation, 22 characters of base64url. Sending it
 * makes it safe to send the request again. Default: a random one.
 * @property {string} [lastEventId] Carries on after this event, and never starts
 * an answer. `<id>.0` follows from the beginning.
 * @property {unknown} [state] What the events up to `lastEventId` made.
 * @property {AbortSignal} [signal] Leaves when aborted, as `close()` does.
 * @property {typeof fetch} [fetch] Default: `globalThis.fetch`.
 * @property {number} [idleMilliseconds] A connection on which nothing comes for
 * so long is given up for dead. (The server pings every 15 seconds.)
 * Default: 45,000.
 * @property {number} [attempts] How often in a row connecting may fail, or the
 * server may ask to come back later. Time without a network does not count.
 * Default: 8.
 * @property {(event: StartEvent) => void} [onStart]
 * @property {(delta: Delta) => void} [onDelta] Before it, `state` has been
 * changed.
 * @property {(state: any) => void} [onState] After each delta. It is the same
 * object each time, not to be changed.
 * @property {(pointers: readonly string[]) => void} [onComplete] JSON Pointers
 * (RFC 6901) of values that will not change again.
 * @property {(text: string) => void} [onReasoning] The next piece of what the
 * model thinks.
 * @property {(event: EndEvent) => void} [onEnd]
 * @property {(error: FieldStreamError) => void} [onError]
 * @property {(connection: Connection) => void} [onConnection]
 * @property {(event: { id: string, data: string }) => void} [onEvent] Each event
 * as it came, before it is looked at.
 */

/**
 * @typedef {object} Result
 * @property {"end" | "error" | "stopped" | "closed"} status
 * @property {any} state What the deltas made, as far as they came.
 * @property {EndEvent} [end]
 * @property {FieldStreamError} [error]
 */

/** Why a stream ended before its answer did. */
export class FieldStreamError extends Error {
  /**
   * @param {string} code One of the protocol's; or `connection_lost`, when
   * connecting failed too often; or `bad_response`, when something else than a
   * fieldstream server answered.
   * @param {string} message For people; Chinese where the server wrote it.
   * @param {boolean} retryable Whether asking anew may help.
   * @param {string} [path] JSON Pointer of the field that was being written.
   */
  constructor(code, message, retryable, path) {
    super(message);
    this.name = "FieldStreamError";
    /** @readonly */
    this.code = code;
    /** @readonly */
    this.retryable = retryable;
    /** @readonly */
    this.path = path;
  }
}

/**
 * Asks for an answer and follows it.
 *
 * @param {string | URL} url
 * @param {StreamOptions} [options]
 * @returns {FieldStream}
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

/** What `streamFields` returns. */
export class FieldStream {
  /** The generation. @readonly @type {string} */
  id;
  /**
   * Resolves when nothing more will come, for whatever reason. Rejects only
   * with what a callback threw.
   *
   * @readonly
   * @type {Promise<Result>}
   */
  finished;

  /** @type {URL} */
  #url;
  /** @type {StreamOptions} */
  #options;
  /** @type {unknown} */
  #state;
  /** Of the last event that is part of the state; "" before the first. */
  #lastEventId = "";
  #bytes = 0;
  /** What the server asks clients to wait before they come back. */
  #retry = 1_000 + 1_000 * Math.random();
  /** Connections since the last event. */
  #attempt = 0;
  /** Set once nothing more is wanted. @type {"stopped" | "closed" | undefined} */
  #left;
  /** Ends the connection that is open or being made. */
  #hangUp = () => {};
  /** Ends the pause between two connections. */
  #wake = () => {};

  /**
   * @param {string | URL} url
   * @param {StreamOptions} options
   */
  constructor(url, options) {
    const { id, lastEventId = "", schema, method = "POST", signal } = options;
    if (method === "GET" && schema !== undefined) {
      throw new TypeError("Cannot send a schema: the method is GET");
    }
    const [followed] = lastEventId.split(".");
    if (id && followed && id !== followed) {
      throw new TypeError(
        `Cannot follow "${id}": lastEventId is of "${followed}"`,
      );
    }
    this.#url = new URL(url, globalThis.location?.href);
    this.id = id || followed || generationId();
    this.#url.searchParams.set("id", this.id);
    this.#options = options;
    this.#state = options.state;
    this.#lastEventId = lastEventId;

    const leave = () => this.close();
    const online = () => this.#wake();
    if (signal?.aborted) this.#left = "closed";
    signal?.addEventListener("abort", leave);
    globalThis.addEventListener?.("online", online);
    this.finished = this.#run().finally(() => {
      signal?.removeEventListener("abort", leave);
      globalThis.removeEventListener?.("online", online);
    });
  }

  /** The answer so far. @returns {any} */
  get state() {
    return this.#state;
  }

  /** With it and the state, `streamFields` carries on from here. */
  get lastEventId() {
    return this.#lastEventId;
  }

  /** Of all responses' bodies. */
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
    const { headers, fetch = globalThis.fetch } = this.#options;
    try {
      const response = await fetch(this.#url, {
        method: "DELETE",
        ...(headers && { headers }),
        keepalive: true,
      });
      await response.body?.cancel();
    } catch {
      // It has left, which is what counts.
    }
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

  /** @returns {Promise<Result>} */
  async #run() {
    await undefined; // whoever called gets the stream before the callbacks come
    const { attempts = 8, onConnection, onEnd, onError } = this.#options;
    while (!this.#left) {
      const outcome = await this.#connect();
      if (this.#left) break;
      let { error } = outcome;
      if (error && outcome.delay !== undefined && this.#attempt < attempts) {
        await this.#pause(outcome.delay, error.code);
        continue;
      }
      this.#left = "closed";
      onConnection?.({ status: "closed", attempt: this.#attempt });
      if (outcome.end) {
        onEnd?.(outcome.end);
        return { status: "end", state: this.#state, end: outcome.end };
      }
      error ??= badResponse("an outcome was expected");
      onError?.(error);
      return { status: "error", state: this.#state, error };
    }
    onConnection?.({ status: "closed", attempt: this.#attempt });
    return { status: this.#left ?? "closed", state: this.#state };
  }

  /**
   * One connection, from the request to its end. An error with a delay is no
   * reason to give up.
   *
   * @returns {Promise<{ end?: EndEvent, error?: FieldStreamError, delay?: number }>}
   */
  async #connect() {
    const { onConnection, fetch = globalThis.fetch } = this.#options;
    const controller = new AbortController();
    this.#hangUp = () => controller.abort();
    onConnection?.({ status: "connecting", attempt: this.#attempt });
    const dead = this.#watch();
    /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
    let reader;
    try {
      /** @type {Response | undefined} */
      const response = await fetch(...this.#request(controller.signal))
        .catch(() => undefined);
      if (!response) return this.#lost();
      if (response.status === 204) return { end: {} };
      if (!response.ok) return await this.#rejected(response);
      const type = response.headers.get("Content-Type") ?? "none";
      if (!/^text\/event-stream\b/i.test(type) || !response.body) {
        controller.abort();
        return { error: badResponse(`an event stream was expected: ${type}`) };
      }
      const offset = Number(this.#lastEventId.split(".")[1] ?? 0);
      onConnection?.({
        status: "open",
        attempt: this.#attempt,
        ...(this.#lastEventId && { offset }),
      });

      const events = new EventStreamParser();
      reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read()
          .catch(() => ({ done: true, value: undefined }));
        if (done || !value || this.#left) return this.#lost();
        dead.postpone();
        this.#bytes += value.length;
        for (const event of events.write(value)) {
          const outcome = this.#take(event);
          if (outcome) return outcome;
          if (controller.signal.aborted) return this.#lost();
        }
        if (events.retry !== undefined) this.#retry = events.retry;
      }
    } finally {
      dead.forget();
      this.#hangUp = () => {};
      controller.abort();
      await reader?.cancel().catch(() => {});
    }
  }

  /** @param {AbortSignal} signal @returns {[URL, RequestInit]} */
  #request(signal) {
    const { prompt, schema, method = "POST" } = this.#options;
    const url = new URL(this.#url);
    const headers = new Headers(this.#options.headers);
    headers.set("Accept", "text/event-stream");
    /** @type {RequestInit} */
    const request = { headers, signal, cache: "no-store" };
    if (this.#lastEventId) {
      headers.set("Last-Event-ID", this.#lastEventId);
    } else if (method === "GET") {
      if (prompt !== undefined) url.searchParams.set("prompt", prompt);
    } else {
      headers.set("Content-Type", "application/json");
      request.method = "POST";
      request.body = JSON.stringify({ prompt, schema });
    }
    return [url, request];
  }

  /**
   * @param {{ id: string, data: string }} event
   * @returns {{ end?: EndEvent, error?: FieldStreamError } | undefined}
   */
  #take(event) {
    const { onEvent, onStart, onDelta, onState, onComplete, onReasoning } =
      this.#options;
    onEvent?.(event);
    let message;
    try {
      message = JSON.parse(event.data);
      if (message.status === "start") this.#state = undefined;
      if (message.status === "chunk") {
        this.#state = applyDelta(this.#state, message);
      }
    } catch (error) {
      return { error: badResponse(String(error)) };
    }
    this.#attempt = 0;
    this.#lastEventId = event.id;
    switch (message.status) {
      case "start":
        onStart?.(message);
        break;
      case "chunk":
        onDelta?.(message);
        onState?.(this.#state);
        if (message.complete) onComplete?.(message.complete);
        break;
      case "reasoning":
        onReasoning?.(String(message.data));
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

  /** The connection broke: the next attempt waits longer each time. */
  #lost() {
    const delay = Math.min(this.#retry * 2 ** this.#attempt, 30_000);
    return {
      error: new FieldStreamError(
        "connection_lost",
        "Cannot reach the server",
        true,
      ),
      // The server's own delays are random already.
      delay: this.#attempt ? delay * (0.75 + Math.random() / 2) : delay,
    };
  }

  /**
   * The server, or a proxy before it, answers with a status instead of events.
   *
   * @param {Response} response
   */
  async #rejected(response) {
    const { status, headers } = response;
    const { code, message } = await response.json().catch(() => ({})) ?? {};
    const later = [408, 425, 429, 500, 502, 503, 504].includes(status);
    const error = new FieldStreamError(
      typeof code === "string" ? code : codes.get(status) ?? "bad_response",
      typeof message === "string" ? message : `HTTP ${status}`,
      later,
    );
    const wait = retryAfter(headers.get("Retry-After"));
    // Full or leaving: it says when to come back.
    if ((status === 429 || status === 503) && wait <= 60_000) {
      return { error, delay: wait + Math.random() * 1_000 };
    }
    // A proxy that does not reach its server, which may be starting just now.
    return [408, 425, 502, 504].includes(status)
      ? { ...this.#lost(), error }
      : { error };
  }

  /**
   * @param {number} delay
   * @param {string} code
   */
  async #pause(delay, code) {
    const { onConnection } = this.#options;
    const attempt = this.#attempt;
    const offline = isOffline();
    // The network may be back without an event that says so.
    if (offline) delay = 10_000;
    else this.#attempt++;
    onConnection?.({
      status: offline ? "offline" : "waiting",
      attempt,
      delay,
      ...(code !== "connection_lost" && { code }),
    });
    if (this.#left) return;
    await /** @type {Promise<void>} */ (new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    }));
    this.#wake = () => {};
  }

  /** Hangs up when nothing comes for too long. */
  #watch() {
    const { idleMilliseconds = 45_000 } = this.#options;
    let last = Date.now();
    // One timer that looks at the clock now and then costs less than one that is
    // set anew with each piece.
    const look = () => {
      const left = last + idleMilliseconds - Date.now();
      if (left <= 0) this.#hangUp();
      else timer = setTimeout(look, left);
    };
    let timer = setTimeout(look, idleMilliseconds);
    // What survived a time without a network is seldom alive.
    const back = () => {
      if (last <= wentOffline) this.#hangUp();
    };
    let wentOffline = 0;
    const gone = () => wentOffline = Date.now();
    globalThis.addEventListener?.("offline", gone);
    globalThis.addEventListener?.("online", back);
    return {
      postpone() {
        last = Date.now();
      },
      forget() {
        clearTimeout(timer);
        globalThis.removeEventListener?.("offline", gone);
        globalThis.removeEventListener?.("online", back);
      },
    };
  }
}

/** What a status means when the body does not say. */
const codes = new Map([
  [400, "bad_request"],
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not_found"],
  [405, "method_not_allowed"],
  [410, "expired"],
  [413, "too_large"],
  [415, "unsupported_media_type"],
  [429, "too_many_streams"],
  [500, "internal"],
  [502, "connection_lost"],
  [503, "overloaded"],
  [504, "connection_lost"],
]);

/** @param {string} why */
function badResponse(why) {
  const message = `Cannot understand the server's answer: ${why}`;
  return new FieldStreamError("bad_response", message, false);
}

/**
 * Milliseconds from now; `Infinity` if the header is absent or senseless.
 *
 * @param {string | null} value Seconds or a date (RFC 9110, section 10.2.3).
 */
function retryAfter(value) {
  if (value === null) return Infinity;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? Infinity : Math.max(0, date - Date.now());
}

/** Whether the device says that it has no network. */
function isOffline() {
  const { navigator } = /** @type {{ navigator?: { onLine?: boolean } }} */ (
    globalThis
  );
  return navigator?.onLine === false;
}

/**
 * Reads `text/event-stream` (HTML standard, section 9.2.6) in pieces cut
 * anywhere. Each byte is looked at once.
 */
class EventStreamParser {
  /** The last `retry:`, in milliseconds. @type {number | undefined} */
  retry;
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
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return;
    let start = this.#afterCR && text[0] === "\n" ? 1 : 0;
    this.#afterCR = text.endsWith("\r");
    const lineEnd = /\r\n|\n|\r/g;
    lineEnd.lastIndex = start;
    for (let end; (end = lineEnd.exec(text)); start = lineEnd.lastIndex) {
      const line = this.#line + text.slice(start, end.index);
      this.#line = "";
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
    this.#line += text.slice(start);
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") this.#data += value + "\n";
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) {
      this.retry = Number(value);
    }
  }
}
