import { printTable } from "../table.ts";
import { measureWire } from "../wire.ts";

/** Bytes of whole answers. */
export async function printWire(): Promise<void> {
  const answers = await measureWire();
  const names = [...answers.keys()];
  const ways = Object.keys(answers.get(names[0]!)!);
  printTable(
    "Bytes of an answer on the wire, in tokens of four characters; and to the " +
      "raw JSON text",
    ["", ...names],
    ways.map((way) => [
      way,
      ...names.map((name) => {
        const sizes = answers.get(name)!;
        const bytes = sizes[way]!;
        const ratio = (bytes / sizes["raw JSON text"]!).toPrecision(2);
        return `${bytes.toLocaleString("en")} (${Number(ratio)})`;
      }),
    ]),
  );
}
