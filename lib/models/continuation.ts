/** How providers are asked to go on with an answer that broke off. */

/** What marks the last message, an assistant's, as one to be continued. */
export interface Continuation {
  /** Members of that message. */
  message: Record<string, unknown>;
  /** Members of the request. */
  request: Record<string, unknown>;
}

/** How a provider is asked, or that it cannot be. */
export type Continue = "off" | "prefix" | "final-message" | "trailing";

/** The ways that there are. */
export const CONTINUATIONS: Readonly<
  Record<Exclude<Continue, "off">, Continuation>
> = {
  /** DeepSeek and Mistral. */
  "prefix": { message: { prefix: true }, request: {} },
  /** vLLM and SGLang. */
  "final-message": {
    message: {},
    request: { continue_final_message: true, add_generation_prompt: false },
  },
  /** llama.cpp, Ark, and others that go on by themselves. */
  "trailing": { message: {}, request: {} },
};

/** Addresses that are known; DeepSeek does it only under this path. */
const ADDRESSES: [prefix: RegExp, Continue][] = [
  [/^https:\/\/api\.deepseek\.com\/beta(?:\/|$)/, "prefix"],
  [/^https:\/\/api\.mistral\.ai\//, "prefix"],
  [/^https:\/\/ark\.[\w-]+\.volces\.com\//, "trailing"],
  // The built-in demo model.
  [/^https:\/\/demo\.invalid\//, "trailing"],
];

/**
 * How a provider is asked to go on.
 *
 * @returns `undefined` if it cannot be.
 */
export function continuationOf(
  { baseURL, continues }: { baseURL: string; continues?: Continue | undefined },
): Continuation | undefined {
  const way = continues ??
    ADDRESSES.find(([prefix]) => prefix.test(baseURL))?.[1] ?? "off";
  return way === "off" ? undefined : CONTINUATIONS[way];
}
