// Stands in for jsr:@std/assert: the functions the tests use, over node:assert.

import node from "node:assert/strict";

// deno-lint-ignore no-explicit-any
type Class<T = unknown> = abstract new (...args: any[]) => T;

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

export function fail(msg?: string): never {
  throw new AssertionError(join("Failed assertion", msg));
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  const difference = compare(actual, expected);
  assert(difference === undefined, join(difference, msg));
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  assert(compare(actual, expected) !== undefined, join("Values equal", msg));
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  try {
    node.equal(actual, expected);
  } catch (error) {
    throw new AssertionError(join((error as Error).message, msg));
  }
}

export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance = Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7,
  msg?: string,
): void {
  assert(
    Object.is(actual, expected) || Math.abs(expected - actual) <= tolerance,
    join(`Expected ${actual} to be within ${tolerance} of ${expected}`, msg),
  );
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  assert(actual > expected, msg ?? `Expected ${actual} > ${expected}`);
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  assert(actual < expected, msg ?? `Expected ${actual} < ${expected}`);
}

export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  assert(
    actual !== undefined && actual !== null,
    join(`Expected a value, not ${actual}`, msg),
  );
}

export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  assert(
    expected.test(actual),
    join(`Expected "${actual}" to match ${expected}`, msg),
  );
}

export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  assert(
    actual.includes(expected),
    join(`Expected "${actual}" to contain "${expected}"`, msg),
  );
}

export function assertInstanceOf<T extends Class>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is InstanceType<T> {
  assert(
    actual instanceof expectedType,
    join(`Expected an instance of ${expectedType.name}`, msg),
  );
}

export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  ...expectation: unknown[]
): unknown {
  try {
    fn();
  } catch (error) {
    return checkError(error, expectation);
  }
  throw new AssertionError(
    join("Expected function to throw", messageOf(expectation)),
  );
}

export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...expectation: unknown[]
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    throw new AssertionError(
      join("Function throws when expected to reject", messageOf(expectation)),
    );
  }
  try {
    await promise;
  } catch (error) {
    return checkError(error, expectation);
  }
  throw new AssertionError(
    join("Expected function to reject", messageOf(expectation)),
  );
}

function checkError(error: unknown, expectation: unknown[]): unknown {
  const [ErrorClass, msgIncludes = ""] = expectation;
  if (typeof ErrorClass === "function") {
    const msg = messageOf(expectation);
    assertInstanceOf(error, ErrorClass as Class<Error>, msg);
    assertStringIncludes(error.message, msgIncludes as string, msg);
  }
  return error;
}

function messageOf([first, _, third]: unknown[]): string | undefined {
  return (typeof first === "string" ? first : third) as string | undefined;
}

/** Node's account of the difference, or `undefined` where there is none. */
function compare(actual: unknown, expected: unknown): string | undefined {
  try {
    node.deepEqual(normalize(actual), normalize(expected));
  } catch (error) {
    return (error as Error).message;
  }
}

/** To @std/assert -0 equals 0, and an object's null prototype any object's. */
function normalize(value: unknown): unknown {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== "object" || value === null) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, normalize(member)]),
  );
}

function join(what = "", msg?: string): string {
  return msg ? `${what}: ${msg}` : what;
}
