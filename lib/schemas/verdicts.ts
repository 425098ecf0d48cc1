/**
 * Verdicts on a value: whether a schema holds, where some keywords are not
 * judged.
 *
 * | level   |                                                               |
 * | ------- | ------------------------------------------------------------- |
 * | FALSE   | it does not hold, whatever those keywords would say           |
 * | UNKNOWN | they decide                                                   |
 * | OPEN    | what was judged holds, and they would only ask for more       |
 * | TRUE    | it holds, whatever they would say                             |
 *
 * A verdict is a number: its level, and a bit for each of those keywords.
 *
 * @module
 */

export const FALSE = 0;
export const UNKNOWN = 1;
export const OPEN = 2;
export const TRUE = 3;

/** Keywords that may have to be left unjudged. */
const UNJUDGED = [
  ...["pattern", "type", "multipleOf", "enum", "const", "uniqueItems"],
];

export function levelOf(verdict: number): number {
  return verdict & 3;
}

function reasonsOf(verdict: number): number {
  return verdict & ~3;
}

/** The verdict of a keyword that is not judged. */
export function unjudged(level: number, keyword: string): number {
  return level | 4 << UNJUDGED.indexOf(keyword);
}

/** The keywords that a verdict leaves open. */
export function keywordsOf(verdict: number): string[] {
  return UNJUDGED.filter((_, bit) => (verdict & 4 << bit) !== 0);
}

/** Both must hold. */
export function and(a: number, b: number): number {
  return Math.min(levelOf(a), levelOf(b)) | reasonsOf(a | b);
}

export function not(verdict: number): number {
  switch (levelOf(verdict)) {
    case FALSE:
      return TRUE;
    case TRUE:
      return FALSE;
    default:
      return UNKNOWN | reasonsOf(verdict);
  }
}

/** At least one must hold. */
export function anyOf(verdicts: number[]): number {
  const { sure, maybe } = count(verdicts);
  return sure > 0 ? TRUE : one(maybe);
}

/** Exactly one must hold. */
export function oneOf(verdicts: number[]): number {
  const { sure, maybe } = count(verdicts);
  if (sure > 1) return FALSE;
  if (sure === 0) return one(maybe);
  return maybe.length === 0 ? TRUE : UNKNOWN | reasons(maybe);
}

/** How many hold for sure, and those that may. */
export function count(
  verdicts: number[],
): { sure: number; maybe: number[] } {
  const maybe = verdicts.filter((verdict) =>
    levelOf(verdict) !== FALSE && levelOf(verdict) !== TRUE
  );
  const sure = verdicts.filter((verdict) => levelOf(verdict) === TRUE).length;
  return { sure, maybe };
}

/** One of these must hold, and all others do not: a single one stands alone. */
function one(maybe: number[]): number {
  if (maybe.length === 0) return FALSE;
  return maybe.length === 1 ? maybe[0]! : UNKNOWN | reasons(maybe);
}

export function ifThenElse(test: number, then: number, other: number): number {
  switch (levelOf(test)) {
    case TRUE:
      return then;
    case FALSE:
      return other;
  }
  const [least, most] = [levelOf(then), levelOf(other)].sort();
  if (least === most && (least === TRUE || least === FALSE)) return least;
  return UNKNOWN | reasonsOf(test | then | other);
}

/** Between so many and so many must hold; `sure` do, and `maybe` more may. */
export function between(
  least: number,
  most: number,
  sure: number,
  maybe: number,
  why: number,
): number {
  if (sure > most || sure + maybe < least) return FALSE;
  if (sure >= least && sure + maybe <= most) return TRUE;
  return UNKNOWN | reasonsOf(why);
}

function reasons(verdicts: number[]): number {
  return verdicts.reduce((all, verdict) => all | reasonsOf(verdict), 0);
}
