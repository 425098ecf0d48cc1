/** Whether a value can still grow into another, with nothing taken back. */
export function isPrefix(part: unknown, whole: unknown): boolean {
  if (part === undefined) return true;
  if (typeof part === "string") {
    return typeof whole === "string" && whole.startsWith(part);
  }
  if (typeof part !== "object" || part === null) return Object.is(part, whole);
  if (typeof whole !== "object" || whole === null) return false;
  return Array.isArray(part) === Array.isArray(whole) &&
    Object.entries(part).every(([name, value]) =>
      Object.hasOwn(whole, name) &&
      isPrefix(value, (whole as Record<string, unknown>)[name])
    );
}

/** Without the high surrogates whose other half has not come yet. */
export function wholeCharacters(value: unknown): unknown {
  if (value === undefined) return undefined;
  return JSON.parse(
    JSON.stringify(value),
    (_name, inner) =>
      typeof inner === "string" ? inner.replace(/[\ud800-\udbff]$/, "") : inner,
  );
}
