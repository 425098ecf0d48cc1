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

/** The subschemas that apply to a value, and whether each does for sure. */
type Applied = Map<Node, boolean>;

/** An object or array that is open. */
interface Frame {
  readonly isArray: boolean;
  readonly applied: Applied;
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
      if (!isChoice(this.#appliedAt(path))) return false;
      this.#held = { path, text: value, before };
      return true;
    }
    if (typeof value === "object" && value !== null) {
      const applied = withAlternatives(this.#appliedAt(path));
      this.#open.push({ isArray: Array.isArray(value), applied });
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

  #appliedAt(path: string): Applied {
    const frame = this.#open.at(-1);
    if (frame === undefined) return new Map([[this.#program.root, true]]);
    const token = path.slice(path.lastIndexOf("/") + 1);
    const name = frame.isArray ? "" : keyOf(unescapeKey(token));
    const found: Applied = new Map();
    for (const [node, isSure] of frame.applied) {
      const target = frame.isArray
        ? node.prefixItems[Number(token)] ?? node.items
        : node.properties.get(name) ?? node.additionalProperties;
      add(found, target, isSure);
    }
    return found;
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
    for (
      const target of [
        ...node.anyOf ?? [],
        ...node.oneOf ?? [],
        ...(node.if === undefined ? [] : [node.then, node.else]),
        ...node.dependencies.map(({ target }) => target),
      ]
    ) add(more, target, false);
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
