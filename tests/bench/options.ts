/** What the command line of the server's benchmark says. */

import { parseArgs } from "node:util";

/** How a table is made. */
export interface TableOptions {
  /** How many rounds count, where a table does not have its own number. */
  rounds?: number | undefined;
  /** How many streams there are, where a table measures several numbers. */
  streams?: number[] | undefined;
  /** How long many streams are counted. */
  seconds?: number | undefined;
}

/** Which tables are made, and how. */
export interface Options extends TableOptions {
  names: string[];
}

/**
 * Reads the command line: names of tables, `--rounds=5`,
 * `--streams=500,1000` and `--seconds=30`.
 */
export function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      streams: { type: "string" },
      seconds: { type: "string" },
    },
  });
  return {
    names: positionals,
    rounds: countIn(values.rounds),
    streams: values.streams?.split(",").map(count),
    seconds: countIn(values.seconds),
  };
}

function countIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : count(text);
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new RangeError(`Cannot measure: ${text} is not a number of any`);
}
