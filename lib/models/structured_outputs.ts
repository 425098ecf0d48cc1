import { keyOf } from "../keys.ts";
import { isObject, type JsonSchema, subschemas } from "../schemas/schema.ts";

/** What Structured Outputs know; `format`s and limits are those documented. */
const STRICT_KEYWORDS = new Set([
  ...["type", "enum", "const", "anyOf", "$ref", "$defs", "definitions"],
  ...["properties", "required", "additionalProperties", "items"],
  ...["minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum"],
  ...["exclusiveMaximum", "multipleOf", "format", "title", "description"],
]);
const STRICT_FORMATS = new Set([
  ...["date-time", "time", "date", "duration", "email", "hostname"],
  ...["ipv4", "ipv6", "uuid"],
]);
const STRICT_PROPERTIES = 5_000;
const STRICT_DEPTH = 10;
const STRICT_NAMES_LENGTH = 120_000;
const STRICT_ENUM_VALUES = 1_000;
const STRICT_LONG_ENUM = 250;
const STRICT_LONG_ENUM_LENGTH = 15_000;

/**
 * Whether OpenAI's Structured Outputs take the schema with `strict: true`, by
 * their documentation ("Supported schemas"). In doubt they do not: the same
 * schema without `strict` is always taken.
 *
 * @param schema One that `checkSchema` has passed.
 * @returns Whether a request may say `strict: true`.
 */
export function isStrict(schema: JsonSchema): boolean {
  const totals = { properties: 0, namesLength: 0, enumValues: 0 };
  return schema.type === "object" && schema.anyOf === undefined &&
    isStrictBelow(schema, 1, totals) &&
    totals.properties <= STRICT_PROPERTIES &&
    totals.namesLength <= STRICT_NAMES_LENGTH &&
    totals.enumValues <= STRICT_ENUM_VALUES;
}

function isStrictBelow(
  schema: unknown,
  depth: number,
  totals: { properties: number; namesLength: number; enumValues: number },
): boolean {
  if (!isObject(schema) || depth > STRICT_DEPTH) return false;
  const names = Object.keys(schema);
  if (schema.$ref !== undefined) {
    return names.length === 1 &&
      /^#(?:\/(?:\$defs|definitions)\/[^/]+)?$/.test(String(schema.$ref));
  }
  if (!names.every((name) => STRICT_KEYWORDS.has(name))) return false;
  if (schema.type === undefined && schema.anyOf === undefined) return false;

  const types = [schema.type].flat();
  if (types.includes("object")) {
    const properties = Object.keys(schema.properties ?? {});
    const names = schema.required as string[] | undefined;
    const required = new Set(names?.map(keyOf));
    if (
      schema.properties === undefined ||
      schema.additionalProperties !== false ||
      required.size !== properties.length ||
      !properties.every((name) => required.has(keyOf(name)))
    ) return false;
    totals.properties += properties.length;
  }
  if (types.includes("array") && !isObject(schema.items)) return false;
  if (
    schema.format !== undefined && !STRICT_FORMATS.has(String(schema.format))
  ) {
    return false;
  }
  const values = (schema.enum ?? []) as unknown[];
  const length = values.concat(schema.const ?? []).join("").length;
  if (values.length > STRICT_LONG_ENUM && length > STRICT_LONG_ENUM_LENGTH) {
    return false;
  }
  totals.enumValues += values.length;
  totals.namesLength += length;

  for (
    const { path: [keyword, name], schema: subschema } of subschemas(schema)
  ) {
    if (keyword === "additionalProperties") continue;
    if (typeof name === "string") totals.namesLength += name.length;
    const inner = keyword === "properties" || keyword === "items";
    if (!isStrictBelow(subschema, depth + Number(inner), totals)) return false;
  }
  return true;
}
