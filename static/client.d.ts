/**
 * Asks for an answer and follows it.
 *
 * @template [T=any] What the answer is.
 * @param {string | URL} url
 * @param {StreamOptions<T>} [options]
 * @returns {FieldStream<T>}
 * @throws {TypeError} If the options contradict each other.
 */
export function streamFields<T = any>(url: string | URL, options?: StreamOptions<T>): FieldStream<T>;
/** 128 random bits in base64url: the name of a generation. */
export function generationId(): string;
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
    constructor(code: string, message: string, retryable: boolean, path?: string);
    /** Why: one of the codes above. @readonly */
    readonly code: string;
    /** Whether asking anew may help. @readonly */
    readonly retryable: boolean;
    /** The field that was being written. @readonly */
    readonly path: string | undefined;
}
/**
 * What `streamFields` returns.
 *
 * @template [T=any] What the answer is.
 */
export class FieldStream<T = any> {
    /**
     * Made by {@linkcode streamFields}.
     *
     * @param {string | URL} url
     * @param {StreamOptions<T>} options
     */
    constructor(url: string | URL, options: StreamOptions<T>);
    /** The generation. @readonly @type {string} */
    readonly id: string;
    /**
     * Resolves when nothing more will come, for whatever reason. Rejects only
     * with what a callback threw.
     *
     * @readonly
     * @type {Promise<Result<T>>}
     */
    readonly finished: Promise<Result<T>>;
    /**
     * The answer so far. It never changes: there is a new one when something is
     * new, at the pace that was chosen.
     *
     * @returns {DeepPartial<T> | undefined}
     */
    get state(): DeepPartial<T> | undefined;
    /** What the model thought so far. */
    get reasoning(): string;
    /** With it and the state, `streamFields` carries on from here. */
    get lastEventId(): string;
    /**
     * The JSON Pointer of the value that is being written; `undefined` if none is.
     *
     * @returns {string | undefined}
     */
    get writing(): string | undefined;
    /**
     * The value at a JSON Pointer (RFC 6901).
     *
     * @param {string} pointer
     * @returns {any} `undefined` if there is none.
     */
    at(pointer: string): any;
    /**
     * Whether the value at a JSON Pointer is there and will not change again.
     *
     * @param {string} pointer
     */
    isComplete(pointer: string): boolean;
    /**
     * Calls back with the value at a JSON Pointer whenever it changes, and for
     * nothing else.
     *
     * @param {string} pointer
     * @param {(value: any) => void} callback
     * @returns {() => void} Ends it.
     */
    subscribe(pointer: string, callback: (value: any) => void): () => void;
    /**
     * Calls back when the value at a JSON Pointer is complete, with what the schema
     * says against it, as far as the server tells before the end.
     *
     * @param {string} pointer
     * @param {(value: any, pointer: string, faults: Fault[]) => void} callback
     * @returns {() => void} Ends it.
     */
    onField(pointer: string, callback: (value: any, pointer: string, faults: Fault[]) => void): () => void;
    /**
     * The same for the elements of the array at a JSON Pointer, one by one.
     *
     * @param {string} pointer
     * @param {(value: any, pointer: string, faults: Fault[]) => void} callback
     * @returns {() => void} Ends it.
     */
    onElement(pointer: string, callback: (value: any, pointer: string, faults: Fault[]) => void): () => void;
    /** Of all event streams. */
    get bytesReceived(): number;
    /**
     * Ends the answer: the server stops the model. Resolves when the server knows,
     * or cannot be told (then it stops by itself, since nobody reads).
     *
     * @returns {Promise<void>}
     */
    stop(): Promise<void>;
    /** Leaves. The answer can be followed from elsewhere, or from here later. */
    close(): void;
    /** Drops the connection and carries on over another one. */
    reconnect(): void;
    #private;
}
/**
 * Whoever waits for values to be complete, one after the other.
 */
export type Waiter = {
    /**
     * Where the value is that
     * comes after so many.
     */
    next: (count: number) => string | undefined;
    callback: (value: any, pointer: string, faults: Fault[]) => void;
    count: number;
};
/**
 * The data of the event `start`.
 */
export type StartEvent = {
    /**
     * The generation.
     */
    id: string;
    /**
     * Who answers.
     */
    model: string;
    message: string;
    protocol: number;
    /**
     * How many seconds the answer goes on that
     * nobody reads; `null`: to its end.
     */
    linger?: number | null;
};
/**
 * The data of the event `attempt`: the model is asked once more.
 */
export type AttemptEvent = {
    /**
     * 2 or more.
     */
    attempt: number;
    /**
     * The code of the error that this would have been.
     */
    reason: string;
    /**
     * Whether the rest of the same answer follows.
     */
    continues: boolean;
};
/**
 * The data of the event `end`.
 */
export type EndEvent = {
    message?: string;
    finish_reason?: string;
    /**
     * The kinds of slips that were mended, where there
     * were any: then the value is what the model meant, not what it wrote.
     */
    mended?: string[];
    /**
     * How often the model was asked, if more than once.
     */
    attempts?: number;
    /**
     * As the provider counts it, for all
     * attempts together.
     */
    usage?: Record<string, unknown>;
    /**
     * Whether the answer fits the schema, if there is one
     * and as far as it was judged.
     */
    valid?: boolean;
    /**
     * Where it does not.
     */
    errors?: {
        pointer: string;
        keyword: string;
        message: string;
    }[];
    /**
     * Why something was not judged: keywords, or
     * `cost`.
     */
    unchecked?: string[];
};
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
 */
export type Connection = {
    status: "connecting" | "open" | "waiting" | "offline" | "closed";
    /**
     * 0 for the first.
     */
    attempt: number;
    /**
     * UTF-16 code units of the model's text.
     */
    offset?: number;
    /**
     * Milliseconds.
     */
    delay?: number;
    /**
     * Why it waits, where the server said so.
     */
    code?: string;
    /**
     * Whether it asks again and again, because
     * something on the way lets no event stream through.
     */
    polling?: boolean;
};
/**
 * A value, as far as it has been written.
 */
export type DeepPartial<T> = 0 extends 1 & T ? T : T extends readonly (infer Element)[] ? DeepPartial<Element>[] : T extends object ? { [Key in keyof T]?: DeepPartial<T[Key]>; } : T;
/**
 * What zod and others make (https://standardschema.dev), if it can tell its JSON
 * Schema.
 */
export type StandardSchema<T> = {
    readonly "~standard": {
        readonly version: 1;
        readonly vendor: string;
        readonly types?: {
            readonly input: T;
        } | undefined;
    };
};
/**
 * What to ask for, and whom to tell of it.
 */
export type StreamOptions<T = any> = {
    /**
     * Default: the server's own.
     */
    prompt?: string;
    /**
     * For addresses that make a prompt
     * of it.
     */
    input?: Record<string, unknown>;
    /**
     * A JSON Schema that the answer
     * shall fit, or what can tell one. Needs POST.
     */
    schema?: StandardSchema<T> | object;
    /**
     * A GET puts the prompt into the URL, which
     * proxies log. Default: POST.
     */
    method?: "POST" | "GET";
    /**
     * Added to every request, such as
     * `Authorization`.
     */
    headers?: HeadersInit;
    /**
     * The generation, 22 characters of base64url. Sending it
     * makes it safe to send the request again. Default: a random one.
     */
    id?: string;
    /**
     * Carries on after this event, and never starts
     * an answer. `<id>.0` follows from the beginning.
     */
    lastEventId?: string;
    /**
     * What the events up to `lastEventId` made: it is
     * needed, except after `<id>.0`.
     */
    state?: unknown;
    /**
     * What the model thought up to there.
     */
    reasoning?: string;
    /**
     * Whether cookies go to another
     * origin, as for `fetch`.
     */
    credentials?: RequestCredentials;
    /**
     * Leaves when aborted, as `close()` does.
     */
    signal?: AbortSignal;
    /**
     * Default: `globalThis.fetch`.
     */
    fetch?: typeof fetch;
    /**
     * A connection on which nothing comes for
     * so long is given up for dead. (The server pings every 15 seconds.)
     * Default: 45,000. After a third of it, a page that is shown again or is online
     * again makes a new connection at once.
     */
    idleMilliseconds?: number;
    /**
     * How long a connection may take to
     * bring its first byte. Default: 10,000.
     */
    connectMilliseconds?: number;
    /**
     * How often in a row connecting may fail, or the
     * server may ask to come back later. Time without a network does not count.
     * Default: 8.
     */
    attempts?: number;
    onStart?: (event: StartEvent) => void;
    /**
     * When a new `state` is made: once for each
     * frame that is shown (by a timer where none is), or for each event. Default:
     * `"frame"` where there are frames, `"event"` elsewhere.
     */
    pace?: "frame" | "event";
    /**
     * Each delta
     * at once, for those who keep a state of their own.
     */
    onDelta?: (delta: Delta & {
        invalid?: Fault[];
    }) => void;
    /**
     * The state, when
     * there is a new one, and what to carry on after with it. Neither the state nor
     * anything in it ever changes; what has not changed since the one before is the
     * same object.
     */
    onState?: (state: DeepPartial<T>, lastEventId: string) => void;
    /**
     * JSON Pointers
     * (RFC 6901) of values that will not change again. They are in `state`.
     */
    onComplete?: (pointers: readonly string[]) => void;
    /**
     * The next piece of what the
     * model thinks.
     */
    onReasoning?: (text: string) => void;
    onAttempt?: (event: AttemptEvent) => void;
    onEnd?: (event: EndEvent) => void;
    onError?: (error: FieldStreamError) => void;
    onConnection?: (connection: Connection) => void;
    /**
     * Each event
     * as it came, before it is looked at.
     *
     * What a callback throws, or its promise rejects with, goes to the console,
     * ends the stream and rejects `finished`.
     */
    onEvent?: (event: {
        id: string;
        data: string;
    }) => void;
};
/**
 * How a stream has ended.
 */
export type Result<T = any> = {
    status: "end" | "error" | "stopped" | "closed";
    /**
     * As far as it came.
     */
    state: DeepPartial<T> | undefined;
    end?: EndEvent;
    error?: FieldStreamError;
};
/**
 * What a value does not satisfy in the schema.
 */
export type Fault = {
    pointer: string;
    keyword?: string;
    message: string;
};
/**
 * What a connection has led to. One with a delay is followed by another.
 */
export type Outcome = {
    end?: EndEvent;
    error?: FieldStreamError;
    /**
     * Milliseconds.
     */
    delay?: number;
    /**
     * Why, where the server said so.
     */
    code?: string;
};
import type { Delta } from "./apply_delta.js";
