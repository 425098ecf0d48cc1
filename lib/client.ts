/**
 * The client: asks a fieldstream server for an answer, follows it, and carries
 * on wherever it was cut off. `static/client.js` with its types, which browsers
 * can load as it is.
 *
 * @module
 */

export * from "../static/client.js";
export { applyDelta, type Delta } from "../static/apply_delta.js";
