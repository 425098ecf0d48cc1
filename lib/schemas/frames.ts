import { joinPointer } from "../json_patch.ts";
import type { Node } from "./nodes.ts";
import type { Step } from "./states.ts";
import type { MemberIds } from "./values.ts";
import { TRUE } from "./verdicts.ts";
import type { Violation } from "./violations.ts";

/** A verdict that counts if nothing else evaluates the element or member. */
export interface Unevaluated {
  readonly key: string | number;
  readonly verdict: number;
  readonly held: Violation[] | undefined;
}

/** The elements that satisfy `contains`, or may. */
export interface Matches {
  sure: number;
  maybe: number;
  /** The keywords that leave it open. */
  why: number;
  /** Where they are, and their verdicts; only if that matters. */
  readonly places: [number, number][];
}

/** An object or array that has begun and not ended. */
export interface Frame {
  readonly parent: Frame | undefined;
  readonly key: string | number;
  readonly step: Step;
  readonly isArray: boolean;
  /** What is known so far, for each of the state's subschemas. */
  readonly verdicts: number[];
  /** How many members or elements have begun. */
  count: number;
  /** How many violations wait for its end. */
  waiting: number;
  /** The keys of the names, as far as the schema speaks of them. */
  readonly names: Set<string>;
  /** All names or indexes, if something is to be said of the unevaluated. */
  readonly keys: (string | number)[];
  /** Whether it has to be compared with others. */
  readonly wantsId: boolean;
  readonly elementIds: number[];
  readonly memberIds: MemberIds[];
  // These are made when they are needed.
  pointer?: string;
  /** Violations that wait for the end, by the index of the subschema. */
  held?: (Violation[] | undefined)[];
  unevaluated?: Map<Node, Unevaluated[]>;
  matches?: Map<Node, Matches>;
  /** Whether an element came again, for sure. */
  isRepeated?: boolean;
  /** Where the elements were, by their ids: to find the first that does. */
  places?: Map<number, number>;
}

/** An object or array begins. */
export function newFrame(
  parent: Frame | undefined,
  key: string | number,
  step: Step,
  isArray: boolean,
  wantsId: boolean,
): Frame {
  return {
    parent,
    key,
    step,
    isArray,
    verdicts: step.state.nodes.map(() => TRUE),
    count: 0,
    waiting: 0,
    names: new Set(),
    keys: [],
    wantsId,
    elementIds: [],
    memberIds: [],
  };
}

/** The JSON Pointer of an object or array; made once. */
export function pointerOf(frame: Frame): string {
  const { parent } = frame;
  if (parent === undefined) return "";
  return frame.pointer ??= joinPointer(pointerOf(parent), frame.key);
}
