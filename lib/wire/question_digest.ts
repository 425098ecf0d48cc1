/** Tells whether two requests ask the same. */

/**
 * A digest of what a request asks, as it came: the members of its body, or its
 * query.
 *
 * @returns SHA-256 in hexadecimal; `undefined` if it asks nothing.
 */
export async function digestOf(
  asked: Record<string, unknown>,
): Promise<string | undefined> {
  const members = Object.entries(asked)
    .filter(([name, value]) => name !== "input" || !isEmpty(value))
    .sort(([a], [b]) => a < b ? -1 : 1);
  if (members.length === 0) return undefined;
  const bytes = new TextEncoder().encode(JSON.stringify(members));
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(
    new Uint8Array(digest),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    Object.keys(value).length === 0;
}
