/**
 * Strings that are shown whole: those of which the schema names the values.
 *
 * @module
 */

import { type Operation, unescapeKey } from "../json_patch.ts";
import { keyOf } from "../keys.ts";
import { type Node, type Program, type Reference, STRING } from "./nodes.ts";

/** More subschemas than these are not followed. */
const MAX_FOLLOWED = 64;

/** A longer string is shown as it comes, from here on, in UTF-16 units. */
export const MAX_CHOICE = 1_024;

/** How many subschemas the states of a document may hold together. */
const MAX_STATES = 8_000;

/** The subschemas that apply to a value, and whether each does for sure. */
type Applied = Map<Node, boolean>;

/** All that is known of a value: the same wherever the same subschemas apply. */
interface State {
  /** Whether a string is held back. */
  readonly isChoice: boolean;
  /** Those too that apply in place of others. */
  readonly applied: Applied;
  /** To members and elements, as far as they have been needed. */
  readonly steps: Map<string | number | undefined, State>;
}

/** Of a value of which the schema says nothing. */
const NOTHING: State = {
  isChoice: false,
  applied: new Map(),
  steps: new Map(),
};

/** An object or array that is open. */
interface Frame {
  readonly isArray: boolean;
  readonly state: State;
}

/**
 * Holds back a string that the schema gives an `enum` or `const` until it is
 * whole: half of it is none of the values.
 *
 * A string is one if a subschema that applies to it for sure names its values,
 * or if all do that may apply, being alternatives. This depends on the text so
 * far, not on how it was cut. The work for each operation is bounded.
 */
export class ChoiceHold {
  readonly #program: Program;
  readonly #hasChoices: boolean;
  readonly #open: Frame[] = [];
  readonly #states = new Map<string, State>();
  /** How many subschemas, and ways to others, they hold. */
  #size = 0;
  #isInString = false;
  /** The string that is held back, if one is. */
  #held: { path: string; text: string; before: Operation[] } | undefined;

  /**
   * Begins with a document.
   *
   * @param program What `compile` makes of a schema; it can be shared.
   */
  constructor(program: Program) {
    this.#program = program;
    this.#hasChoices = program.nodes.some(({ isChoice }) => isChoice);
  }

  /** Whether a string is held back. */
  get holds(): boolean {
    return this.#held !== undefined;
  }

  /**
   * Reads on.
   *
   * @param operations What a `JsonPatchParser` makes of the text.
   * @returns The same, but for strings that are held back: each comes at its
   * end, as one `add` of the whole.
   */
  read(operations: Operation[]): Operation[] {
    const [first] = operations;
    if (
      !this.#hasChoices ||
      // The usual token: more text of a string that is shown as it comes.
      operations.length === 1 && first!.op === "append" && !this.#held
    ) return operations;
    const shown: Operation[] = [];
    // What a string of the same name had is taken back with the new one.
    let before: Operation[] = [];
    for (const operation of operations) {
      switch (operation.op) {
        case "remove":
          before.push(operation);
          break;
        case "add":
          if (!this.#begin(operation, before)) shown.push(...before, operation);
          before = [];
          break;
        case "append":
          if (this.#held) this.#held.text += operation.value;
          else shown.push(operation);
          break;
        case "complete":
          shown.push(...this.#show());
          if (!this.#isInString) this.#open.pop();
          this.#isInString = false;
          shown.push(operation);
      }
      if (this.#held && this.#held.text.length > MAX_CHOICE) {
        shown.push(...this.#show());
      }
    }
    return shown;
  }

  /** A value begins; `true` if it is held back. */
  #begin(
    { path, value }: Operation & { op: "add" },
    before: Operation[],
  ): boolean {
    if (typeof value === "string") {
      this.#isInString = true;
      if (!this.#stateAt(path).isChoice) return false;
      this.#held = { path, text: value, before };
      return true;
    }
    if (typeof value === "object" && value !== null) {
      this.#open.push({
        isArray: Array.isArray(value),
        state: this.#stateAt(path),
      });
    }
    return false;
  }

  /** The string that is held back, if one is. */
  #show(): Operation[] {
    if (this.#held === undefined) return [];
    const { path, text, before } = this.#held;
    this.#held = undefined;
    return [...before, { op: "add", path, value: text }];
  }

  #stateAt(path: string): State {
    const frame = this.#open.at(-1);
    if (frame === undefined) {
      return this.#stateOf(new Map([[this.#program.root, true]]));
    }
    const { isArray, state } = frame;
    if (state.applied.size === 0) return NOTHING;
    const token = path.slice(path.lastIndexOf("/") + 1);
    const { prefix, names } = this.#program;
    let key: string | number | undefined;
    if (isArray) key = Math.min(Number(token), prefix);
    else {
      const name = keyOf(unescapeKey(token));
      if (names.has(name)) key = name;
    }
    let next = state.steps.get(key);
    if (next === undefined) {
      if (this.#size > MAX_STATES) return NOTHING;
      next = this.#stateOf(this.#appliedBelow(state.applied, key));
      this.#size++;
      state.steps.set(key, next);
    }
    return next;
  }

  /** What applies to a member, of any other name if it has none, or element. */
  #appliedBelow(applied: Applied, key: string | number | undefined): Applied {
    const found: Applied = new Map();
    for (const [node, isSure] of applied) {
      const own = typeof key === "number"
        ? node.prefixItems[key]
        : key === undefined
        ? undefined
        : node.properties.get(key);
      const others = typeof key === "number"
        ? node.items
        : node.additionalProperties;
      add(found, own ?? others, isSure);
    }
    return found;
  }

  #stateOf(applied: Applied): State {
    const key = [...applied].map(([{ index }, isSure]) => `${index}${isSure}`)
      .sort().join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state = {
      isChoice: isChoice(applied),
      applied: withAlternatives(applied),
      steps: new Map(),
    };
    this.#size += 1 + state.applied.size;
    this.#states.set(key, state);
    return state;
  }
}

function add(
  applied: Applied,
  target: Reference | undefined,
  isSure: boolean,
): void {
  if (target === undefined || typeof target === "boolean") return;
  applied.set(target, isSure || (applied.get(target) ?? false));
}

/** Those too that apply in place of others; none if they are too many. */
function withAlternatives(applied: Applied): Applied {
  const all: Applied = new Map();
  const pending = [...applied];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [node, isSure] = next;
    const before = all.get(node);
    if (before === true || before === isSure) continue;
    all.set(node, isSure);
    if (all.size > MAX_FOLLOWED) return new Map();
    const more: Applied = new Map();
    for (const { target } of node.all) add(more, target, isSure);
    for (const target of node.alternatives) add(more, target, false);
    pending.push(...more);
  }
  return all;
}

/** Whether a string is to be held back to which these apply. */
function isChoice(applied: Applied): boolean {
  const sure = [...applied].filter(([, isSure]) => isSure);
  const others = [...applied].filter(([{ types }, isSure]) =>
    !isSure && (types & STRING) !== 0
  );
  return sure.some(([{ isChoice }]) => isChoice) ||
    others.length > 0 && others.every(([{ isChoice }]) => isChoice);
}
