/**
 * A name, as it is looked up in a `Map` or `Set`. Those that look like indexes
 * are hashed by a rule that anyone can foresee, so that many could be found in
 * one place: these get a mark.
 */
export function keyOf(name: string): string {
  const first = name.charCodeAt(0);
  return first >= 0x2e && first <= 0x39 ? `.${name}` : name;
}

/** The name that a key is for. */
export function nameOf(key: string): string {
  return key.startsWith(".") ? key.slice(1) : key;
}
