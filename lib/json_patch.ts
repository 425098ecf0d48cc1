/**
 * JSON Patch operations (RFC 6902) and JSON Pointers (RFC 6901): what the
 * parser writes and the processor reads.
 *
 * @module
 */

/**
 * One change to a JSON document: RFC 6902's `add`, `replace` and `remove`, and
 * two operations that a growing document needs beyond them.
 *
 * `path` is a JSON Pointer; `""` is the whole document.
 */
export type Operation =
  /** Sets the member or the root, or inserts the array element, at `path`. */
  | { op: "add"; path: string; value: unknown }
  /** Sets the value at `path`, which exists. */
  | { op: "replace"; path: string; value: unknown }
  /** Deletes the value at `path`. */
  | { op: "remove"; path: string }
  /** Appends `value` to the string at `path`. Not in RFC 6902. */
  | { op: "append"; path: string; value: string }
  /** The value at `path` will not change again. Not in RFC 6902. */
  | { op: "complete"; path: string };

/**
 * Appends one reference token to a JSON Pointer, escaping `~` and `/`
 * (RFC 6901, section 3).
 *
 * @param pointer The pointer of an object or array.
 * @param key The member's name, or the element's index.
 * @returns The pointer of that member or element.
 *
 * @example Point into an object
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { joinPointer } from "@fieldstream/fieldstream";
 *
 * assertEquals(joinPointer("/links", "a/b~c"), "/links/a~1b~0c");
 * ```
 */
export function joinPointer(pointer: string, key: string | number): string {
  if (typeof key === "string" && (key.includes("~") || key.includes("/"))) {
    key = key.replaceAll("~", "~0").replaceAll("/", "~1");
  }
  return `${pointer}/${key}`;
}

/**
 * Splits a JSON Pointer into its unescaped reference tokens.
 *
 * @param pointer A JSON Pointer: `""`, or text that starts with `/`.
 * @returns The names and indexes on the way from the root.
 * @throws {SyntaxError} If `pointer` does not follow RFC 6901.
 *
 * @example Split a pointer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { splitPointer } from "@fieldstream/fieldstream";
 *
 * assertEquals(splitPointer("/links/a~1b/0"), ["links", "a/b", "0"]);
 * assertEquals(splitPointer(""), []);
 * ```
 */
export function splitPointer(pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/") || /~(?![01])/.test(pointer)) {
    throw new SyntaxError(
      `Cannot split the JSON Pointer: ${
        JSON.stringify(pointer)
      } does not follow RFC 6901`,
    );
  }
  return pointer.slice(1).split("/").map(unescapeKey);
}

/** Unescapes one reference token. */
export function unescapeKey(token: string): string {
  if (!token.includes("~")) return token;
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}
