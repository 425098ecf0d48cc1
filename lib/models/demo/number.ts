/** Chooses numbers as a schema's bounds want them, in exact decimals. */

import { decimal, isMultiple } from "../../schemas/values.ts";

/** What a number has to satisfy: it is a multiple of each of `multipleOf`. */
type Bounds =
  & { multipleOf: number[] }
  & {
    [name in `${"m" | "exclusiveM"}${"in" | "ax"}imum`]?: number | undefined;
  };

/**
 * Chooses a usual number within bounds, or else one that is near or round. JSON
 * Schema speaks of decimals, and 0.3 is not three times the 0.1 of floating
 * point: so this counts in whole steps of the smallest decimal place there is.
 *
 * @param usual At least, at most, and how many digits after the point.
 * @param random From 0 to 1: which of them.
 */
export function chooseNumber(
  bounds: Bounds,
  usual: readonly [from: number, to: number, digits: number],
  random: number,
): number {
  const { minimum = -Infinity, maximum = Infinity, multipleOf } = bounds;
  const { exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = bounds;
  const least = Math.max(minimum, exclusiveMinimum, -Number.MAX_VALUE);
  const most = Math.min(maximum, exclusiveMaximum, Number.MAX_VALUE);
  const [from, to, digits] = usual;
  const steps = multipleOf.length > 0 ? multipleOf : [10 ** -digits];
  const place = Math.min(
    ...[least, most, from, to, ...steps].map((one) => decimal(one).exponent),
  );
  const scale = (value: number) => {
    const { digits, exponent } = decimal(value);
    return digits * 10n ** BigInt(exponent - place);
  };
  // Of a step beyond all numbers only 0 is a multiple.
  const limit = scale(Number.MAX_VALUE);
  const step = steps.map(scale)
    .reduce((a, b) => a > limit ? a : a / divisor(a, b) * b);
  const down = (value: number) => floor(scale(value), step);
  const up = (value: number) => -floor(-scale(value), step);
  const low = least === exclusiveMinimum ? down(least) + 1n : up(least);
  const high = most === exclusiveMaximum ? up(most) - 1n : down(most);
  const clamp = (count: bigint) =>
    count < low ? low : count > high ? high : count;

  const first = clamp(up(from));
  const last = clamp(down(to));
  const choices = last > first ? last - first + 1n : 1n;
  const choice = choices * BigInt(Math.floor(random * 2 ** 32)) >> 32n;
  // With as many zeros at its end as fit: floating point holds some 15 digits.
  const round = 10n ** BigInt(String(high > low ? high - low : 1n).length - 1);
  const counts = [first + choice, -floor(-low, round) * round];
  const candidates = [
    ...counts.map((count) => Number(`${count * step}e${place}`)),
    // Between near neighbours there is no decimal as short as is usual.
    Number.isFinite(most - least) ? (least + most) / 2 : least / 2 + most / 2,
    least,
    most,
  ];
  const fits = (value: number) =>
    value >= minimum && value <= maximum &&
    value > exclusiveMinimum && value < exclusiveMaximum &&
    multipleOf.every((step) => isMultiple(value, step));
  return candidates.find(fits) ?? candidates[0]!;
}

/** The quotient, rounded down: BigInt's own division rounds towards zero. */
function floor(a: bigint, b: bigint): bigint {
  return a / b - (a % b < 0n ? 1n : 0n);
}

/** The greatest common divisor. */
function divisor(a: bigint, b: bigint): bigint {
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}
