/** What depends on the runtime. */

/** What tells a runtime. */
interface Runtime {
  Deno?: { version: { deno: string } };
  Bun?: unknown;
}

/**
 * Whether `node:http` is more than another face of `fetch`, as it is in Bun, and
 * was in Deno, where it let no one know of a body that broke off.
 */
export function readsSockets(
  { Deno, Bun }: Runtime = globalThis as Runtime,
): boolean {
  if (Deno === undefined) return Bun === undefined;
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 9);
}
