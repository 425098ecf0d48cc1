/**
 * When two JSON values are equal, and when a number is a multiple of another.
 *
 * @module
 */

/** A JSON value that holds no others. */
export type Scalar = string | number | boolean | null;

/** A member's name and value, by their ids. */
export type MemberIds = [name: number, value: number];

/** How much is sorted or compared at a stretch. */
const PART = 1_000;

/**
 * Gives equal JSON values the same id, and others another: a value is compared
 * with all before it by one look-up, or a few.
 *
 * What an object or array holds has its ids first, so all work is linear, but
 * for the sorting of members. Each `yield` says how much was done since the
 * last.
 */
export class Ids {
  readonly #ids = new Map<string, number>();
  /** Of numbers that a double cannot hold, and of what holds them. */
  readonly #inexact = new Set<number>();

  /** How many different values there were. */
  get size(): number {
    return this.#ids.size;
  }

  /** Whether another value of the same id is equal for sure. */
  isExact(id: number): boolean {
    return !this.#inexact.has(id);
  }

  // A prefix tells the kinds apart. It also keeps numbers, and texts that look
  // like indexes, from being looked up by hashes that anyone can foresee.
  ofScalar(value: Scalar): number {
    const id = this.#idOf(`${(typeof value)[0]}${value}`);
    if (value === Infinity || value === -Infinity) this.#inexact.add(id);
    return id;
  }

  /** @param elements Their ids. */
  *ofArray(elements: number[]): Generator<number, number> {
    let id = this.#idOf("[");
    for (let from = 0; from < elements.length; from += PART) {
      const part = elements.slice(from, from + PART);
      id = this.#idOf(`${id}[${part.join()}`, [id, ...part]);
      yield part.length;
    }
    return id;
  }

  *ofObject(members: MemberIds[]): Generator<number, number> {
    const sorted = yield* sort(members);
    let id = this.#idOf("{");
    for (let from = 0; from < sorted.length; from += PART) {
      const part = sorted.slice(from, from + PART);
      id = this.#idOf(`${id}{${part.join()}`, [id, ...part.flat()]);
      yield part.length;
    }
    return id;
  }

  /** Of a whole value, at once: for those that a schema holds. */
  of(value: unknown): number {
    if (typeof value !== "object" || value === null) {
      return this.ofScalar(value as Scalar);
    }
    if (Array.isArray(value)) {
      return atOnce(this.ofArray(value.map((element) => this.of(element))));
    }
    const members = Object.entries(value).map(([name, member]): MemberIds => [
      this.ofScalar(name),
      this.of(member),
    ]);
    return atOnce(this.ofObject(members));
  }

  #idOf(key: string, parts: number[] = []): number {
    let id = this.#ids.get(key);
    if (id === undefined) this.#ids.set(key, id = this.#ids.size);
    if (this.#inexact.size > 0 && parts.some((part) => !this.isExact(part))) {
      this.#inexact.add(id);
    }
    return id;
  }
}

function atOnce<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function byName([a]: MemberIds, [b]: MemberIds): number {
  return a - b;
}

/** Sorts members by the ids of their names. */
function* sort(members: MemberIds[]): Generator<number, MemberIds[]> {
  let runs: MemberIds[][] = [];
  for (let from = 0; from < members.length; from += PART) {
    const run = members.slice(from, from + PART).sort(byName);
    runs.push(run);
    yield run.length;
  }
  while (runs.length > 1) {
    const longer: MemberIds[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      longer.push(yield* merge(runs[index]!, runs[index + 1] ?? []));
    }
    runs = longer;
  }
  return runs[0] ?? [];
}

function* merge(
  left: MemberIds[],
  right: MemberIds[],
): Generator<number, MemberIds[]> {
  const merged: MemberIds[] = [];
  for (let l = 0, r = 0; l < left.length || r < right.length;) {
    const isLeft = r === right.length ||
      l < left.length && byName(left[l]!, right[r]!) <= 0;
    merged.push(isLeft ? left[l++]! : right[r++]!);
    if (merged.length % PART === 0) yield PART;
  }
  return merged;
}

/**
 * Whether a number is a multiple of another, both taken for the decimal numbers
 * that they are written as: 0.3 is a multiple of 0.1.
 *
 * @param value A finite number.
 * @param divisor A finite number above 0.
 */
export function isMultiple(value: number, divisor: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) {
    return value % divisor === 0;
  }
  const a = decimal(value);
  const b = decimal(divisor);
  if (a.digits === 0n) return true;
  const shift = a.exponent - b.exponent;
  if (shift >= 0) {
    return a.digits * power(10n, shift, b.digits) % b.digits === 0n;
  }
  // No digits end in 0, and there are at most 17 of them.
  return shift > -20 && a.digits % (b.digits * 10n ** BigInt(-shift)) === 0n;
}

/** A finite number's shortest decimal form: its digits, times a power of ten. */
export function decimal(value: number): { digits: bigint; exponent: number } {
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return {
    digits: BigInt(whole + fraction),
    exponent: Number(exponent) - fraction.length,
  };
}

/** `base` to the power of `exponent`, modulo `modulus`. */
function power(base: bigint, exponent: number, modulus: bigint): bigint {
  let result = 1n;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result * base % modulus;
    base = base * base % modulus;
  }
  return result;
}

/** How many Unicode characters: the length that JSON Schema speaks of. */
export function countCharacters(text: string): number {
  let count = text.length;
  for (let index = 1; index < text.length; index++) {
    const isPair = (text.charCodeAt(index) & 0xfc00) === 0xdc00 &&
      (text.charCodeAt(index - 1) & 0xfc00) === 0xd800;
    if (isPair) count--;
  }
  return count;
}
