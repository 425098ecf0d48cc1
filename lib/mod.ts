/**
 * Streams JSON field by field: an incremental parser whose operations become
 * deltas, and the merge that a client does. Pure Web-standard code; the server
 * around it is not part of the library.
 *
 * @module
 */

export type { Operation } from "./json_patch.ts";
export { joinPointer, splitPointer } from "./json_patch.ts";
export * from "./parser.ts";
export * from "./processor.ts";
export { applyDelta } from "../static/apply_delta.js";
