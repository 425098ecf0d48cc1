// Random JSON documents, and the ways of writing them down.
//
// No key ends in a backslash. V8 (in Deno 2.9) may take such a
// key for another one: after an object has had the member `\`,
// JSON.parse('{"x":1,"\\n":2}') can give `\` for the newline. That would make
// JSON.parse a liar where it is the oracle; parser_test.ts has such keys, and
// compares pointers instead.

import fc from "fast-check";

/** A document as it is written, not as it is meant: duplicate keys and all. */
export type Tree =
  | { kind: "atom"; text: string }
  | { kind: "string"; units: Unit[] }
  | { kind: "array"; elements: Tree[]; spaces: string[] }
  | { kind: "object"; members: [key: Unit[], value: Tree][]; spaces: string[] };

/** A UTF-16 unit of a string, and how it is escaped. */
export interface Unit {
  unit: string;
  form: "plain" | "short" | "lower" | "upper";
}

const SHORT_ESCAPES: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** Writes a document, white space included. */
export function write(tree: Tree): string {
  switch (tree.kind) {
    case "atom":
      return tree.text;
    case "string":
      return writeString(tree.units);
    case "array": {
      const space = turns(tree.spaces);
      return `[${
        tree.elements.map((element) => space() + write(element) + space())
          .join() || space()
      }]`;
    }
    case "object": {
      const space = turns(tree.spaces);
      return `{${
        tree.members.map(([key, value]) =>
          space() + writeString(key) + space() + ":" + space() +
          write(value) + space()
        ).join() || space()
      }}`;
    }
  }
}

/** What a document means, with `number` to read its numbers. */
export function meaning(
  tree: Tree,
  number: (text: string) => unknown,
): unknown {
  switch (tree.kind) {
    case "atom":
      return isNumber(tree.text) ? number(tree.text) : JSON.parse(tree.text);
    case "string":
      return textOf(tree.units);
    case "array":
      return tree.elements.map((element) => meaning(element, number));
    case "object":
      // Unlike an assignment, this makes a member of `__proto__`; the last one
      // of a name wins.
      return Object.fromEntries(
        tree.members.map((
          [key, value],
        ) => [textOf(key), meaning(value, number)]),
      );
  }
}

/** The numbers of a document, as they are written. */
export function numbers(tree: Tree): string[] {
  switch (tree.kind) {
    case "atom":
      return isNumber(tree.text) ? [tree.text] : [];
    case "string":
      return [];
    case "array":
      return tree.elements.flatMap(numbers);
    case "object":
      return tree.members.flatMap(([, value]) => numbers(value));
  }
}

function isNumber(text: string): boolean {
  return /[0-9]/.test(text);
}

function textOf(units: Unit[]): string {
  return units.map(({ unit }) => unit).join("");
}

function writeString(units: Unit[]): string {
  return `"${units.map(writeUnit).join("")}"`;
}

function writeUnit({ unit, form }: Unit): string {
  const code = unit.charCodeAt(0);
  const digits = code.toString(16).padStart(4, "0");
  if (form === "lower") return `\\u${digits}`;
  if (form === "upper") return `\\u${digits.toUpperCase()}`;
  const short = SHORT_ESCAPES[unit];
  if (short !== undefined && (form === "short" || unit !== "/")) return short;
  return code < 0x20 ? `\\u${digits}` : unit;
}

function turns(values: string[]): () => string {
  let turn = 0;
  return () => values[turn++ % values.length]!;
}

const forms = fc.constantFrom<Unit["form"]>(
  "plain",
  "plain",
  "plain",
  "short",
  "lower",
  "upper",
);

// Short runs of units that belong together, so that halves of pairs, and what
// looks like the end of something else, come often.
const runs = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(..."abc0123 {}[],:eE+-.tfn") },
  { weight: 3, arbitrary: fc.constantFrom(...'"\\/~\b\f\n\r\t\0\u001f') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "\ud83d\ude00",
      "\ud83d",
      "\ude00",
      "\ud83d\ud83d\ude00",
      "\udbff\udfff",
      "\udc00\ud800",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "科技",
      "é",
      "\u2028",
      "\u2029",
      "\u0085",
      "\ufeff",
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom("```", "\\u2705", "</", "null") },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
);

function units(text: fc.Arbitrary<string>): fc.Arbitrary<Unit[]> {
  return text.chain((text) =>
    fc.array(forms, { minLength: 1, maxLength: 4 }).map((forms) =>
      text.split("").map((unit, place) => ({
        unit,
        form: forms[place % forms.length]!,
      }))
    )
  );
}

const strings = units(
  fc.oneof(
    { weight: 4, arbitrary: fc.array(runs, { maxLength: 6 }) },
    { weight: 1, arbitrary: fc.array(runs, { maxLength: 60 }) },
  ).map((runs) => runs.join("")),
);

// Few names, so that duplicates are common; hostile ones among them.
const names = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "", "0", "1", "10") },
  { weight: 2, arbitrary: fc.constantFrom("/", "~", "~1", "a/b~c", "-", " ") },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "constructor",
      "toString",
      "length",
      "undefined",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.array(runs, { maxLength: 3 }).map((r) => r.join("")),
  },
).map((name) => name.endsWith("\\") ? name + "." : name);

const hostileNames = fc.oneof(
  { weight: 9, arbitrary: names },
  { weight: 1, arbitrary: fc.constant("__proto__") },
);

const digits = fc.string({
  unit: fc.constantFrom(..."0123456789"),
  minLength: 1,
  maxLength: 25,
});

const numberTexts = fc.oneof(
  fc.constantFrom("0", "-0", "1", "-1", "12", "1.10", "1e400", "-1E-400"),
  fc.tuple(
    fc.constantFrom("", "-"),
    digits.map((digits) => digits.replace(/^0+(?=\d)/, "")),
    fc.oneof(fc.constant(""), digits.map((digits) => `.${digits}`)),
    fc.oneof(
      { weight: 2, arbitrary: fc.constant("") },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constantFrom("e", "E"),
          fc.constantFrom("", "+", "-"),
          digits.map((digits) => digits.slice(0, 4)),
        ).map((parts) => parts.join("")),
      },
    ),
  ).map((parts) => parts.join("")),
);

const space = fc.oneof(
  { weight: 4, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: fc.constantFrom(" ", "\n", "\r\n\t", "    ") },
);

const spaces = fc.array(space, { minLength: 1, maxLength: 4 });

const atoms: fc.Arbitrary<Tree> = fc.record({
  kind: fc.constant("atom"),
  text: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom("true", "false", "null") },
    { weight: 2, arbitrary: numberTexts },
  ),
});

/** Options for {@linkcode documents}. */
export interface DocumentsOptions {
  /** Leaves out the key `__proto__`. */
  tame?: boolean;
}

/** Random documents. */
export function documents(options: DocumentsOptions = {}): fc.Arbitrary<Tree> {
  const keys = units(options.tame ? names : hostileNames);
  const { value, tree } = fc.letrec<{ tree: Tree; value: Tree }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      { weight: 2, arbitrary: atoms },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant("string"), units: strings }),
      },
      { weight: 5, arbitrary: tie("tree") },
    ),
    tree: fc.oneof(
      fc.record({
        kind: fc.constant("array"),
        elements: fc.oneof(
          { weight: 5, arbitrary: fc.array(tie("value"), { maxLength: 5 }) },
          {
            weight: 1,
            // Indexes with more than one digit.
            arbitrary: fc.array(atoms, { minLength: 9, maxLength: 12 }),
          },
        ),
        spaces,
      }),
      fc.record({
        kind: fc.constant("object"),
        members: fc.array(fc.tuple(keys, tie("value")), { maxLength: 6 }),
        spaces,
      }),
    ),
  }));
  return fc.oneof({ weight: 1, arbitrary: value }, {
    weight: 4,
    arbitrary: tree,
  });
}

/** Documents as text, with white space around them. */
export function texts(options?: DocumentsOptions): fc.Arbitrary<string> {
  return fc.tuple(space, documents(options), space)
    .map(([before, tree, after]) => before + write(tree) + after);
}

/** Sizes of pieces, to be used in turn: see `cut` in _stream.ts. */
export const sizes: fc.Arbitrary<number[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<number[]>([1]) },
  { weight: 1, arbitrary: fc.constant<number[]>([1e9]) },
  {
    weight: 5,
    arbitrary: fc.array(
      fc.oneof(fc.constantFrom(1, 1, 2, 3, 4), fc.integer({ min: 1, max: 40 })),
      { minLength: 1, maxLength: 12 },
    ),
  },
);
