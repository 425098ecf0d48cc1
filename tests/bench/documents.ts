/** The answers that are measured, and how models cut them. */

const PROSE =
  "Streams of tokens are read by people, so what has come is shown at once. " +
  'A "delta" says only what is new; it costs the same at the end of an answer ' +
  "as at its beginning.\n";

/** Prose of that many UTF-16 units. */
export function prose(length: number): string {
  return PROSE.repeat(Math.ceil(length / PROSE.length)).slice(0, length);
}

/** A document that is one long text: JSON of about `size` units. */
export function article(size: number): string {
  const frame = JSON.stringify({ title: "On streams", text: "" });
  const escaped = JSON.stringify(PROSE).length - 2;
  const length = Math.round((size - frame.length) * PROSE.length / escaped);
  return JSON.stringify({ title: "On streams", text: prose(length) });
}

/** A document that is an array of small objects, under that name. */
export function table(rows: number, name = "items"): string {
  return JSON.stringify({
    [name]: Array.from({ length: rows }, (_, id) => ({
      id,
      name: `Row number ${id}`,
      note: PROSE.slice(0, 60),
      done: id % 3 === 0,
    })),
  });
}

/** The same, of about `size` units, as the AI SDK asks for arrays. */
export function rows(size: number): string {
  let count = 1;
  while (table(count, "elements").length < size) count++;
  return table(count, "elements");
}

/** A document of objects in arrays in objects: JSON of about `size` units. */
export function report(size: number): string {
  const section = (number: number) => ({
    heading: `Section ${number}`,
    score: number / 7,
    paragraphs: [
      { text: PROSE.slice(0, 72), sources: [{ name: "notes", page: number }] },
      { text: PROSE.slice(73), sources: [] },
    ],
    tags: ["streams", "tokens", `part-${number}`],
  });
  const sections = [section(1)];
  const length = () => JSON.stringify({ title: "A report", sections }).length;
  while (length() < size) sections.push(section(sections.length + 1));
  return JSON.stringify({ title: "A report", sections });
}

/** Cuts a text as tokens do: by default, four characters each. */
export function cut(text: string, size = 4): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; from += size) {
    pieces.push(text.slice(from, from + size));
  }
  return pieces;
}
