/**
 * Which subschemas apply where: the way down a document.
 *
 * All subschemas that apply to one value are a *state*. From the state of an
 * object or array, a member's name or an element's index leads to the state of
 * what is there: an automaton, made as far as a document needs it. So each pair
 * of subschema and value is judged once, however many ways lead to it.
 *
 * @module
 */

import type { Meter } from "./meter.ts";
import type { Node, Program, Reference } from "./nodes.ts";

// What becomes of the violations that a subschema finds. Of two roles the
// greater counts.
/** Nothing: it is below `not`, `anyOf` or the like, which decide. */
export const SILENT = 0;
/** They wait until the value has ended: it is below `then` or the like. */
export const HELD = 1;
/** They are for good. */
export const FINAL = 2;

/** How a verdict on a member or element counts in the object or array. */
export type Use = "all" | "contains" | "unevaluated";

/** What one subschema says of a member or element: another subschema. */
export interface Link {
  /** Which of the state's subschemas. */
  readonly slot: number;
  readonly node: Node;
  readonly target: Reference;
  readonly keyword: string;
  readonly use: Use;
}

/** The way to a member or element. */
export interface Step {
  readonly state: State;
  readonly links: readonly Link[];
}

/** The subschemas that apply to a value. */
export interface State {
  /** Those that apply in place come before those that ask for them. */
  readonly nodes: readonly Node[];
  readonly roles: readonly number[];
  /** The kinds of values that all of them let pass. */
  readonly types: number;
  readonly hasUnevaluated: boolean;
  readonly hasUnique: boolean;
  /** Whether objects or arrays are among the values of an `enum` or `const`. */
  readonly hasComposites: boolean;
  // What any of them lets pass.
  readonly maxItems: ReadonlySet<number>;
  readonly maxProperties: ReadonlySet<number>;
  /** The least. */
  readonly maxLength: number;
  // The steps that have been needed so far.
  /** To the names of members. */
  names: Step | undefined;
  readonly byName: Map<string, Step>;
  /** To members of whose names the schema does not speak. */
  otherMember: Step | undefined;
  /** The last is for all elements that the schema does not tell apart. */
  readonly byIndex: (Step | undefined)[];
}

/** Makes the states that a document needs. */
export class States {
  readonly #program: Program;
  readonly #byKey = new Map<string, State>();
  readonly #meter: Meter;

  constructor(program: Program, meter: Meter) {
    this.#program = program;
    this.#meter = meter;
  }

  /** The state of the document. */
  root(): State {
    return this.#stateOf(new Map([[this.#program.root, FINAL]]));
  }

  /** The way from an object to the member whose name has this key. */
  member(state: State, name: string): Step {
    if (!this.#program.names.has(name)) {
      return state.otherMember ??= this.#memberStep(state, undefined);
    }
    let step = state.byName.get(name);
    if (step === undefined) {
      state.byName.set(name, step = this.#memberStep(state, name));
    }
    return step;
  }

  #memberStep(state: State, name: string | undefined): Step {
    return this.#step(state, (link, node) => {
      const own = name === undefined ? undefined : node.properties.get(name);
      if (own !== undefined) return link("properties", own, "all");
      const { additionalProperties, unevaluatedProperties } = node;
      if (additionalProperties !== undefined) {
        link("additionalProperties", additionalProperties, "all");
      } else if (unevaluatedProperties !== undefined) {
        link("unevaluatedProperties", unevaluatedProperties, "unevaluated");
      }
    });
  }

  /** The way from an array to its element. */
  element(state: State, index: number): Step {
    const place = Math.min(index, this.#program.prefix);
    return state.byIndex[place] ??= this.#step(state, (link, node) => {
      const { prefixItems, items, unevaluatedItems, contains } = node;
      if (contains !== undefined) link("contains", contains, "contains");
      const own = prefixItems[place];
      if (own !== undefined) return link("prefixItems", own, "all");
      if (items !== undefined) link("items", items, "all");
      else if (unevaluatedItems !== undefined) {
        link("unevaluatedItems", unevaluatedItems, "unevaluated");
      }
    });
  }

  /** From an object to the names of its members. */
  names(state: State): Step {
    return state.names ??= this.#step(state, (link, { propertyNames }) => {
      if (propertyNames !== undefined) {
        link("propertyNames", propertyNames, "all");
      }
    }, SILENT);
  }

  #step(
    state: State,
    linksOf: (
      link: (keyword: string, target: Reference, use: Use) => void,
      node: Node,
    ) => void,
    most = FINAL,
  ): Step {
    const links: Link[] = [];
    const targets = new Map<Node, number>();
    for (const [slot, node] of state.nodes.entries()) {
      linksOf((keyword, target, use) => {
        if (target === true && use !== "contains") return;
        links.push({ slot, node, target, keyword, use });
        if (typeof target === "boolean") return;
        const role = use === "contains"
          ? SILENT
          : Math.min(state.roles[slot]!, use === "all" ? most : HELD);
        targets.set(target, Math.max(role, targets.get(target) ?? SILENT));
      }, node);
    }
    this.#meter.work += state.nodes.length + links.length;
    this.#meter.states += 1 + links.length;
    return { state: this.#stateOf(targets), links };
  }

  /** The state of these subschemas and those that apply with them. */
  #stateOf(targets: Map<Node, number>): State {
    const key = [...targets].map(([{ index }, role]) => `${index}:${role}`)
      .sort().join();
    this.#meter.work += 2 * targets.size;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const roles = new Map<Node, number>();
    const add = (target: Reference | undefined, role: number) => {
      if (target === undefined || typeof target === "boolean") return;
      this.#meter.work++;
      const before = roles.get(target);
      if (before !== undefined && before >= role) return;
      roles.set(target, role);
      const below = Math.min(role, HELD);
      for (const { target: other } of target.all) add(other, role);
      for (const other of target.anyOf ?? []) add(other, SILENT);
      for (const other of target.oneOf ?? []) add(other, SILENT);
      add(target.not, SILENT);
      add(target.if, SILENT);
      if (target.if !== undefined) {
        add(target.then, below);
        add(target.else, below);
      }
      for (const { target: other } of target.dependencies) add(other, below);
    };
    for (const [node, role] of targets) add(node, role);
    const sorted = [...roles].sort(([a], [b]) => a.index - b.index);
    const state = newState(
      sorted.map(([node]) => node),
      sorted.map(([, role]) => role),
    );
    this.#meter.work += 4 * sorted.length;
    this.#meter.states += 1 + sorted.length;
    this.#byKey.set(key, state);
    return state;
  }
}

function newState(nodes: Node[], roles: number[]): State {
  return {
    nodes,
    roles,
    types: nodes.reduce((types, node) => types & node.types, ~0),
    hasUnevaluated: nodes.some((node) =>
      node.unevaluatedItems !== undefined ||
      node.unevaluatedProperties !== undefined
    ),
    hasUnique: nodes.some(({ uniqueItems }) => uniqueItems),
    hasComposites: nodes.some(({ choices }) =>
      choices.some(({ hasComposites }) => hasComposites)
    ),
    maxItems: new Set(nodes.map(({ maxItems }) => maxItems)),
    maxProperties: new Set(nodes.map(({ maxProperties }) => maxProperties)),
    maxLength: nodes.reduce(
      (least, { maxLength }) => Math.min(least, maxLength),
      Infinity,
    ),
    names: undefined,
    byName: new Map(),
    otherMember: undefined,
    byIndex: [],
  };
}
