/** How the documents of a schema begin, for whoever looks for one in prose. */

import type { Beginning } from "../beginning.ts";
import {
  isObject,
  type JsonSchema,
  resolveReference,
  rootOf,
  typesOf,
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
  const elements = schema && root === "array"
    ? elementTypes(schema, schema)
    : [];
  return {
    root,
    mayBeEmpty: schema === undefined || !requiresMore(schema, schema, root),
    elements: elements.length > 0 ? elements : undefined,
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

/** The types that the first element may have; none where it may have any. */
function elementTypes(schema: unknown, document: JsonSchema): string[] {
  if (!isObject(schema)) return [];
  const { prefixItems, items } = schema;
  const [first] = [prefixItems ?? items].flat();
  const types = typesOf(first, document);
  if (types.length > 0) return types;
  return partsOf(schema, document).map((part) => elementTypes(part, document))
    .find((types) => types.length > 0) ?? [];
}

/** The schemas that a document has to satisfy beside this one. */
function partsOf(schema: JsonSchema, document: JsonSchema): unknown[] {
  const { allOf = [], $ref } = schema;
  const parts = [...allOf as unknown[]];
  if ($ref !== undefined) parts.push(resolveReference($ref, document).target);
  return parts;
}
