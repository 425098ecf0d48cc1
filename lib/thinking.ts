/**
 * The tags that models put around their thinking.
 *
 * @module
 */

/** What a tag says. */
export interface Tag {
  /**
   * - `open`: thinking begins.
   * - `close`: what came before was thinking, whether or not it was opened.
   * - `end`: ends thinking that its family has opened, and nothing else.
   * - `frame`: neither thinking nor prose.
   */
  role: "open" | "close" | "end" | "frame";
  /** Thinking ends at a tag of the family that it began with. */
  family: "<" | "[" | "◁" | "channel";
}

/** By name: `<think>`, `[THINK]`, `◁think▷`, `<seed:think>`, … in any case. */
const NAMES = [
  ...["think", "thinking", "thought", "thoughts", "reasoning", "reflection"],
  ...["scratchpad", "seed:think", "antml:thinking", "longcat_think"],
];

const TAGS = new Map<string, Tag>();
for (const name of NAMES) {
  for (const [left, right] of [["<", ">"], ["[", "]"], ["◁", "▷"]] as const) {
    TAGS.set(`${left}${name}${right}`, { role: "open", family: left });
    TAGS.set(`${left}/${name}${right}`, { role: "close", family: left });
  }
}
for (
  const [role, family, tags] of [
    // Gemma 4, MedGemma, Sky-T1, Command A.
    ["open", "<", "<|channel>thought <unused94> <|begin_of_thought|>"],
    ["close", "<", "<channel|> <unused95> <|end_of_thought|>"],
    ["open", "<", "<|start_thinking|>"],
    ["close", "<", "<|end_thinking|>"],
    ["frame", "<", "<|begin_of_solution|> <|start_response|> <|start_text|>"],
    // Harmony: <|channel|>analysis<|message|>…<|end|><|start|>assistant
    // <|channel|>final <|constrain|>json<|message|>…<|return|>. Where control
    // tokens are left out, analysis…assistantfinal… remains.
    ["open", "channel", "<|channel|>analysis <|channel|>commentary"],
    ["close", "channel", "<|channel|>final assistantfinal"],
    ["end", "channel", "<|end|> <|return|> <|call|>"],
    ["frame", "channel", "<|start|>assistant <|message|> <|constrain|>json"],
  ] as const
) {
  for (const tag of tags.split(" ")) TAGS.set(tag, { role, family });
}

/** How an answer begins whose control tokens were left out. */
export const HARMONY = "analysis";

/** The beginnings of all tags. No tag is the beginning of another. */
const BEGINNINGS = new Set<string>();
for (const tag of TAGS.keys()) {
  for (let end = 1; end < tag.length; end++) BEGINNINGS.add(tag.slice(0, end));
}

/** `<think type="deep">`: a name, and anything behind white space. */
const WITH_ATTRIBUTES = /^(<\/?[a-z:_]+)\s[^<>]*(>?)$/;
const MAX_LENGTH = 128;
const LONGEST = Math.max(...Array.from(TAGS.keys(), ({ length }) => length));

/**
 * Reads what may be a tag.
 *
 * @param text What has come of it: at least its first unit, in any case.
 * @returns The tag; `"part"` if it may become one; `undefined` if it cannot.
 */
export function readTag(text: string): Tag | "part" | undefined {
  const last = text.charCodeAt(text.length - 1);
  // Behind a name only its end matters: what came before has been looked at.
  if (text.length > LONGEST && last !== 0x3c && last !== 0x3e) {
    return text.length > MAX_LENGTH ? undefined : "part";
  }
  const tag = text.toLowerCase();
  if (BEGINNINGS.has(tag)) return "part";
  const known = TAGS.get(tag);
  if (known !== undefined || tag.length > MAX_LENGTH) return known;
  const [, name, end] = WITH_ATTRIBUTES.exec(tag) ?? [];
  const named = name === undefined ? undefined : TAGS.get(`${name}>`);
  return named === undefined || end === ">" ? named : "part";
}

/** Whether the unit can begin a tag of the family; of any, where none is given. */
export function beginsTag(unit: string, family?: Tag["family"]): boolean {
  switch (unit) {
    case "<":
      return family === undefined || family === "<" || family === "channel";
    case "[":
    case "◁":
      return family === undefined || family === unit;
    default:
      return false;
  }
}

/** Where the next tag can begin in a text; its length where none can. */
export function findTag(text: string, from: number): number {
  let index = from;
  for (; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0x3c || unit === 0x5b || unit === 0x25c1) break;
  }
  return index;
}
