/** How the documents of a schema begin, for whoever looks for one in prose. */

import type { Beginning } from "../beginning.ts";
import {
  isObject,
  type JsonSchema,
  resolveReference,
  rootOf,
} from "./schema.ts";

/**
 * Tells how the documents of a schema begin, as far as it says so plainly.
 *
 * @param schema One that `checkSchema` has passed; `undefined` for any object.
 * @returns What an envelope can know of the value.
 */
export function beginningOf(
  schema: JsonSchema | undefined,
): Required<Beginning> {
  const root = rootOf(schema);
  return {
    root,
    mayBeEmpty: schema === undefined || !requiresMore(schema, schema, root),
    elements: schema && root === "array"
      ? elementTypes(schema, schema)
      : undefined,
  };
}

/** Whether `{}`, or `[]` where the root is an array, does not satisfy it. */
function requiresMore(
  schema: unknown,
  document: JsonSchema,
  root: "object" | "array",
): boolean {
  if (!isObject(schema)) return false;
  const more = root === "object"
    ? [(schema.required as unknown[] | undefined)?.length, schema.minProperties]
    : [schema.minItems, schema.contains && (schema.minContains ?? 1)];
  if (more.some((count) => Number(count ?? 0) > 0)) return true;
  const requires = (part: unknown) => requiresMore(part, document, root);
  return partsOf(schema, document).some(requires) ||
    [schema.anyOf, schema.oneOf].some((parts) =>
      Array.isArray(parts) && parts.every(requires)
    );
}

/** The types that the first element may have; `undefined` where it may have any. */
function elementTypes(
  schema: unknown,
  document: JsonSchema,
): string[] | undefined {
  if (!isObject(schema)) return undefined;
  const [first] = [schema.prefixItems ?? schema.items].flat();
  return typesOf(first, document) ??
    firstOf(partsOf(schema, document), (part) => elementTypes(part, document));
}

/** The types that a value may have; `undefined` where it may have any. */
function typesOf(schema: unknown, document: JsonSchema): string[] | undefined {
  if (!isObject(schema)) return undefined;
  if (schema.type !== undefined) return [schema.type].flat() as string[];
  const types = (part: unknown) => typesOf(part, document);
  return firstOf(partsOf(schema, document), types) ??
    firstOf([schema.anyOf, schema.oneOf], (parts) => {
      const all = Array.isArray(parts) ? parts.map(types) : [undefined];
      return all.includes(undefined) ? undefined : all.flat() as string[];
    });
}

/** The first that is told of any of the schemas. */
function firstOf(
  schemas: unknown[],
  tell: (schema: unknown) => string[] | undefined,
): string[] | undefined {
  for (const schema of schemas) {
    const told = tell(schema);
    if (told !== undefined) return told;
  }
}

/** The schemas that a document has to satisfy beside this one. */
function partsOf(schema: JsonSchema, document: JsonSchema): unknown[] {
  const { allOf = [], $ref } = schema;
  const parts = [...allOf as unknown[]];
  if ($ref !== undefined) parts.push(resolveReference($ref, document).target);
  return parts;
}
