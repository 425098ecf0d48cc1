/**
 * The answer of this name, or a new one.
 *
 * @template [T=any]
 * @param {string | URL} url
 * @param {FieldStreamOptions<T>} options
 * @returns {FieldStore<T>}
 */
export function fieldStore<T = any>(url: string | URL, options: FieldStreamOptions<T>): FieldStore<T>;
/**
 * An answer that components show.
 *
 * @template [T=any] What the answer is.
 */
export class FieldStore<T = any> {
    /**
     * @param {string | URL} url
     * @param {FieldStreamOptions<T>} options
     */
    constructor(url: string | URL, options: FieldStreamOptions<T>);
    /** @type {string | URL} */
    url: string | URL;
    /** @type {FieldStreamOptions<T>} */
    options: FieldStreamOptions<T>;
    /** @type {DeepPartial<T> | undefined} */
    state: DeepPartial<T> | undefined;
    /** @type {AnswerStatus} */
    status: AnswerStatus;
    /** @type {FieldStreamError | undefined} */
    error: FieldStreamError | undefined;
    /** @type {string} */
    reasoning: string;
    /** @type {EndEvent["usage"]} */
    usage: EndEvent["usage"];
    /** Another number whenever `isComplete` may say something else. */
    completions: number;
    /**
     * What components can do.
     *
     * @type {Controls<T> & Places}
     */
    controls: Controls<T> & Places;
    /**
     * Calls back with the name of what is new.
     *
     * @param {(name: Name) => void} listener
     * @returns {() => void} Ends it.
     */
    listen(listener: (name: Name) => void): () => void;
    /** Asks; or carries on with what was left. @returns {void} */
    mount(): void;
    /** Leaves, unless others stay. @returns {void} */
    unmount(): void;
    /**
     * Asks anew.
     *
     * @param {Partial<StreamOptions<T>>} [more] What differs from the options.
     * @returns {void}
     */
    start(more?: Partial<StreamOptions<T>>): void;
    /** Ends the answer, for the server too. @returns {Promise<void>} */
    stop(): Promise<void>;
    /** @param {string} pointer @returns {any} */
    at(pointer: string): any;
    /** @param {string} pointer @returns {boolean} */
    isComplete(pointer: string): boolean;
    #private;
}
/**
 * How an answer fares: as its connection does while it comes, then how it has
 * ended. `idle`: none was asked for.
 */
export type AnswerStatus = "idle" | "connecting" | "open" | "waiting" | "offline" | "end" | "error" | "stopped" | "closed";
/**
 * When a component asks, and what it comes back to.
 */
export type MountOptions = {
    /**
     * Whether it asks as soon as it is mounted.
     * Default: true.
     */
    immediate?: boolean;
    /**
     * A name for the answer. Whatever is mounted with it
     * later comes back to the answer that was left, or shares the one that is there.
     */
    resume?: string;
};
/**
 * What a component asks for. Callbacks may be new each time; all else is looked
 * at when an answer is asked for.
 */
export type FieldStreamOptions<T = any> = StreamOptions<T> & MountOptions;
/**
 * Where a place of an answer is shown from: what `useFieldStream` gives, and what
 * `streamFields` does.
 */
export type Places = Pick<FieldStream, "at" | "isComplete" | "subscribe" | "onField">;
/**
 * An answer that a component shows.
 */
export type Shown<T = any> = {
    /**
     * The answer so far: what has not
     * changed since the one before is the same object.
     */
    state: DeepPartial<T> | undefined;
    status: AnswerStatus;
    error: FieldStreamError | undefined;
    /**
     * What the model thought so far.
     */
    reasoning: string;
    /**
     * As the provider counts it, at the end.
     */
    usage: EndEvent["usage"];
};
/**
 * What can be done with it.
 */
export type Controls<T = any> = {
    /**
     * Asks anew, with
     * what differs from the options.
     */
    start: (more?: Partial<StreamOptions<T>>) => void;
    /**
     * Ends the answer, for the server too.
     */
    stop: () => Promise<void>;
};
/**
 * An answer in React.
 */
export type FieldAnswer<T = any> = Readonly<Shown<T>> & Controls<T> & Places;
/**
 * What may be new.
 */
export type Name = keyof Shown | "isComplete";
/**
 * Who wants to know of a place, and how that is ended.
 */
export type Subscription = {
    how: "subscribe" | "onField";
    pointer: string;
    callback: (...values: any[]) => void;
    end?: () => void;
};
import type { DeepPartial } from "./client.js";
import type { FieldStreamError } from "./client.js";
import type { EndEvent } from "./client.js";
import type { StreamOptions } from "./client.js";
import type { FieldStream } from "./client.js";
