// Documents as models write them: with slips whose meaning is plain.

import fc from "fast-check";
import { type Tree, type Unit, write } from "./_documents.ts";

/** A document with slips. */
export interface Misspelt {
  text: string;
  /** The kinds of slips in it, each once, sorted. */
  kinds: string[];
}

const QUOTES = [
  ...['""', "''", "“”", "‘’", "``", "„“", "«»", "＂＂", "＇＇"],
];
const WORDS: Record<string, string[]> = {
  true: ["True", "TRUE"],
  false: ["False", "FALSE"],
  null: ["None", "NULL", "NaN", "Infinity", "-Infinity", "undefined"],
};
const SPACES: [kind: string, texts: string[]][] = [
  ["", ["", "", "", " ", "\n\t"]],
  ["space", ["\u00a0", "\u3000 ", "\n\u200b", "\ufeff", "\u2003\u2028"]],
  ["comment", ["//{'\"\n", "# it's 1,\r", "/**/", '/* [" * */', " //\n//\n"]],
];

/** Writes a document, with a slip wherever a choice says so. */
class Writer {
  readonly #choices: number[];
  #turn = 0;
  readonly #kinds = new Set<string>();

  constructor(choices: number[]) {
    this.#choices = choices;
  }

  misspell(tree: Tree): Misspelt {
    return { text: this.#value(tree), kinds: [...this.#kinds].sort() };
  }

  /** One of them; the first more often than not. */
  #choose<T>(values: T[]): T {
    const choice = this.#choices[this.#turn++ % this.#choices.length]!;
    return values[choice % 3 === 0 ? choice % values.length : 0]!;
  }

  /** One of two, and notes the kind of slip if it is the other. */
  #or(kind: string, right: string, ...wrong: string[]): string {
    const chosen = this.#choose([right, ...wrong]);
    if (chosen !== right) this.#kinds.add(kind);
    return chosen;
  }

  #space(): string {
    const [kind, texts] = this.#choose(SPACES);
    if (kind !== "") this.#kinds.add(kind);
    return this.#choose(texts);
  }

  #value(tree: Tree): string {
    switch (tree.kind) {
      case "atom":
        return this.#or("literal", tree.text, ...WORDS[tree.text] ?? []);
      case "string":
        return this.#string(tree.units);
      case "array":
        return this.#list(
          "[]",
          tree.elements.map((element) => this.#value(element)),
        );
      case "object":
        return this.#list(
          "{}",
          tree.members.map(([key, value]) =>
            this.#name(key) + this.#space() +
            this.#or("punctuation", ":", "：") + this.#space() +
            this.#value(value)
          ),
        );
    }
  }

  #list([open, close]: string, items: string[]): string {
    let text = open + this.#space();
    for (const [index, item] of items.entries()) {
      if (index > 0) text += this.#or("punctuation", ",", "，") + this.#space();
      text += item + this.#space();
    }
    const dots = open === "["
      ? this.#or("ellipsis", "", "...", "…") + this.#space()
      : this.#space();
    const hasDots = /^(?:\.\.\.|…)/.test(dots);
    if (items.length === 0) return text + dots + close;
    const comma = hasDots
      ? this.#choose([",", ""])
      : this.#or("comma", "", ",");
    return text + comma + this.#space() + dots + close;
  }

  #name(units: Unit[]): string {
    const name = units.map(({ unit }) => unit).join("");
    const isName = /^[A-Za-z_$\u4e00-\u9fff][\w$\u4e00-\u9fff-]*$/.test(name);
    const bare = isName ? this.#or("name", "", name) : "";
    return bare || this.#string(units);
  }

  /** In any quotes, its own escaped, as JSON writes it or by a backslash. */
  #string(units: Unit[]): string {
    const [open, close] = this.#choose(QUOTES) as unknown as [string, string];
    if (open !== '"') this.#kinds.add("quote");
    const body = units.map((unit) => {
      if (unit.unit === '"' && open !== '"') return this.#choose(['"', '\\"']);
      if (unit.unit === close && open !== '"') {
        this.#kinds.add("escape");
        return `\\${close}`;
      }
      const text = write({ kind: "string", units: [unit] }).slice(1, -1);
      const isControl = unit.unit < " ";
      return isControl ? this.#or("control", text, unit.unit) : text;
    });
    return open + body.join("") + close;
  }
}

/** Documents with slips, by what they are. */
export function misspell(tree: Tree, choices: number[]): Misspelt {
  return new Writer(choices).misspell(tree);
}

export const choices: fc.Arbitrary<number[]> = fc.array(fc.nat(), {
  minLength: 1,
  maxLength: 40,
});

/** Text of what could be a slip, a tag, a value or prose. */
export const fragments: fc.Arbitrary<string> = fc.array(
  fc.oneof(
    fc.constantFrom(
      ...[
        '{"a":',
        '"b"',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "'",
        "“",
        "”",
        "a",
      ],
      ...["\\", "\\(", "\\f", "\\'", "\\u00", "//", "/*", "*/", "#", "\n", " "],
      ...["...", ".", "…", "-", "1", "1.5e3", "true", "Tru", "None", "-Inf"],
      ...["，", "：", "\u00a0", "\ufeff", "```json\n", "\ud83d", "\ude00"],
      ...["<think>", "</think>", "<think ", "</thi", "[THINK]", "[/THINK]"],
      ...["<|channel|>analysis", "<|channel|>final", "<|message|>", "<|end|>"],
      ...[
        '{"a":[1,{"b":"c"}]}',
        "[1,2]",
        "{}",
        "[]",
        "{a:'b'}",
        "assistantfinal",
      ],
    ),
    fc.string({ unit: "binary", maxLength: 2 }),
  ),
  { maxLength: 14 },
).map((parts) => parts.join(""));
