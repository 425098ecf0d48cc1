/**
 * Judges one JSON document by a schema, value by value, as it is read.
 *
 * On the way down a document the subschemas that apply are found, see
 * `states.ts`; on the way up, when a value has ended, each of them is judged
 * from the verdicts on what it holds. Nothing of the document is kept but what
 * the verdicts need.
 *
 * It is long, for all of it shares what is known of the value that is judged.
 *
 * @module
 */

import { joinPointer } from "../json_patch.ts";
import { keyOf, nameOf } from "../keys.ts";
import { evaluatedBy } from "./evaluated.ts";
import { Findings, MAX_VIOLATIONS, wants } from "./findings.ts";
import { type Frame, newFrame, pointerOf } from "./frames.ts";
import { Meter } from "./meter.ts";
import {
  ARRAY,
  INTEGER,
  kindOf,
  type Node,
  OBJECT,
  type Program,
  type Reference,
  STRING,
  wrongType,
} from "./nodes.ts";
import {
  FINAL,
  type Link,
  SILENT,
  type State,
  States,
  type Step,
} from "./states.ts";
import { countCharacters, Ids, isMultiple, type Scalar } from "./values.ts";
import {
  and,
  anyOf,
  between,
  FALSE,
  ifThenElse,
  keywordsOf,
  levelOf,
  not,
  oneOf,
  OPEN,
  TRUE,
  unjudged,
  UNKNOWN,
} from "./verdicts.ts";
import { short, type Violation } from "./violations.ts";

/** What is known of a document. */
export interface ValidationResult {
  /** Whether it satisfies what was judged; absent where that is not enough. */
  valid?: boolean;
  /** Why it does not: one at least, ten at most. */
  errors?: Violation[];
  /** Why something was not judged: keywords, and `cost` if it was given up. */
  unchecked?: string[];
}

/**
 * Judges one document: `enter` a member or element, then say that it is an
 * `atom`, or `open` it, enter what it holds, and `close` it.
 */
export class Judge {
  /** What it has cost. */
  readonly meter = new Meter();
  readonly #program: Program;
  readonly #states: States;
  readonly #ids = new Ids();
  /** The ids of the values of an `enum` or `const`. */
  readonly #choices = new Map<unknown[], Set<number>>();
  // What is known of the value that was judged last, by subschema.
  readonly #verdicts: number[] = [];
  readonly #findings = new Findings(this.meter);

  /** The innermost object or array that is open. */
  #frame: Frame | undefined;
  // Where the next value is, or the atom that is being judged.
  #key: string | number = "";
  #step: Step;
  /** The object or array that is being judged. */
  #closing: Frame | undefined;

  /** Where the value is that was entered last; made when it is needed. */
  #place: string | undefined;

  /** What open objects and arrays keep of what they hold. */
  #kept = 0;
  /** On the document; `undefined` until it has ended. */
  #verdict: number | undefined;

  /** Begins with a document. */
  constructor(program: Program) {
    this.#program = program;
    this.#states = new States(program, this.meter);
    this.#step = { state: this.#states.root(), links: [] };
  }

  /** What is wrong for good, so far; at most ten. */
  get violations(): Violation[] {
    return this.#findings.told;
  }

  /** How many there are of those. */
  get violationCount(): number {
    return this.#findings.count;
  }

  /** What is known. Where the document has not ended, no more will be. */
  get result(): ValidationResult {
    const errors = this.violations;
    const unchecked = keywordsOf(this.#verdict ?? 0);
    unchecked.push(...this.#program.annotations);
    let level = FALSE;
    if (errors.length < MAX_VIOLATIONS && this.#verdict === undefined) {
      unchecked.push("cost");
      if (errors.length === 0) level = UNKNOWN;
    } else if (errors.length === 0) {
      level = levelOf(this.#verdict!);
    }
    return {
      ...(level !== UNKNOWN && { valid: level !== FALSE }),
      ...(level === FALSE && { errors }),
      ...(unchecked.length > 0 && { unchecked }),
    };
  }

  /** How much is kept: so many things of some 100 bytes. */
  get size(): number {
    return this.meter.states + this.#ids.size + this.#kept;
  }

  /** Whether nothing is to be judged of the value, nor of what it holds. */
  get isIndifferent(): boolean {
    return this.#step.state.nodes.length === 0 && !this.#wantsId();
  }

  /** Goes on to a member or element of the innermost object or array. */
  enter(key: string | number): void {
    const frame = this.#frame!;
    const { state } = frame.step;
    this.#key = key;
    this.#place = undefined;
    frame.count++;
    if (state.hasUnevaluated) frame.keys.push(key);
    this.#kept++;
    this.meter.allow();
    if (typeof key === "number") {
      this.#step = this.#states.element(state, key);
      if (state.maxItems.has(frame.count - 1)) {
        this.#countOut(frame, "maxItems");
      }
    } else {
      const name = keyOf(key);
      if (this.#program.names.has(name)) frame.names.add(name);
      this.#judgeName(frame, key);
      this.#step = this.#states.member(state, name);
      if (state.maxProperties.has(frame.count - 1)) {
        this.#countOut(frame, "maxProperties");
      }
    }
    this.meter.work += 1 + this.#step.links.length;
    for (const { slot, target, use, keyword } of this.#step.links) {
      if (target !== false || use !== "all") continue;
      this.#fail(frame, slot, keyword, [], true);
    }
  }

  /** The value is an object or array; its members or elements follow. */
  open(isArray: boolean): void {
    const step = this.#step;
    const { nodes, types, hasComposites } = step.state;
    const frame = newFrame(
      this.#frame,
      this.#key,
      step,
      isArray,
      this.#wantsId() || hasComposites,
    );
    this.#frame = frame;
    this.meter.work += 1 + nodes.length;
    const kind = isArray ? ARRAY : OBJECT;
    if ((types & kind) === 0) {
      for (const [slot, node] of nodes.entries()) {
        if ((node.types & kind) !== 0) continue;
        this.#fail(frame, slot, "type", wrongType(node, kind));
      }
    }
  }

  /**
   * The value is a string, of which so many UTF-16 units are known, and more
   * may follow: tells what is wrong with it for good already.
   *
   * @param length How many are known now.
   * @param before How many were when it was last looked at; -1 if it was not.
   */
  peek(length: number, before: number): void {
    const { nodes, roles, types, maxLength } = this.#step.state;
    const isFirst = before < 0 && (types & STRING) === 0;
    // Two units may be one character.
    const isPassed = length > 2 * maxLength && before <= 2 * maxLength;
    if (!isFirst && !isPassed) return;
    this.meter.work += nodes.length;
    for (const [slot, node] of nodes.entries()) {
      const role = roles[slot] === FINAL ? FINAL : SILENT;
      if ((node.types & STRING) === 0) {
        this.#report(role, node, "type", wrongType(node, STRING));
      }
      if (length > 2 * node.maxLength) {
        this.#report(role, node, "maxLength", [node.maxLength]);
      }
    }
  }

  /** The value is this one. */
  atom(value: Scalar): void {
    const step = this.#step;
    this.#judgeAtom(step.state, value);
    this.#leave(step, this.#key, this.#wantsId() ? this.#idOf(value) : -1);
  }

  /** The innermost object or array has ended. Each `yield` is a pause. */
  *close(): Generator<void> {
    const frame = this.#frame!;
    const { nodes, roles } = frame.step.state;
    this.#closing = frame;
    const id = frame.wantsId ? yield* this.#idOfFrame(frame) : -1;
    this.meter.work += 1 + nodes.length;
    for (const [slot, node] of nodes.entries()) {
      const role = roles[slot]!;
      this.#findings.held[node.index] = frame.held?.[node.index];
      let verdict = frame.isArray
        ? this.#judgeArray(frame, node, role)
        : this.#judgeObject(frame, node, role);
      verdict = and(verdict, this.#judgeChoices(node, role, () => id));
      verdict = and(verdict, this.#judgeInPlace(node, role, frame.names));
      // If it fails by what applies in place, that may be why they are not
      // evaluated.
      if (levelOf(verdict) !== FALSE) {
        verdict = and(verdict, yield* this.#judgeRest(frame, node, role));
      }
      this.#verdicts[node.index] = and(verdict, frame.verdicts[slot]!);
      if (this.meter.due) yield* this.meter.pause();
    }
    this.#closing = undefined;
    this.#frame = frame.parent;
    this.#kept -= frame.count;
    this.#findings.release(frame);
    this.#leave(frame.step, frame.key, id);
  }

  /** What the value that has been judged means for what holds it. */
  #leave({ links, state }: Step, key: string | number, id: number): void {
    const frame = this.#frame;
    if (frame === undefined) {
      this.#verdict = this.#verdicts[state.nodes.at(-1)!.index]!;
      return;
    }
    for (const link of links) this.#count(frame, link, key);
    if (id === -1) return;
    this.meter.work++;
    if (frame.wantsId) {
      if (typeof key === "number") frame.elementIds.push(id);
      else frame.memberIds.push([this.#ids.ofScalar(key), id]);
    }
    if (frame.isArray && frame.step.state.hasUnique && !frame.isRepeated) {
      const places = frame.places ??= new Map();
      const first = places.get(id);
      if (first === undefined) places.set(id, key as number);
      else this.#findDuplicate(frame, id, first, key as number);
    }
  }

  #count(frame: Frame, link: Link, key: string | number): void {
    const { slot, node, target, use } = link;
    const verdict = this.#verdictOf(target);
    const level = levelOf(verdict);
    switch (use) {
      case "all":
        frame.verdicts[slot] = and(frame.verdicts[slot]!, verdict);
        if (level === FALSE && typeof target !== "boolean") {
          this.#findings.passUp(frame, slot, this.#findings.held[target.index]);
        }
        return;
      case "contains": {
        if (level === FALSE) return;
        const all = frame.matches ??= new Map();
        const matches = all.get(node) ??
          { sure: 0, maybe: 0, why: 0, places: [] };
        all.set(node, matches);
        if (level === TRUE) matches.sure++;
        else {
          matches.maybe++;
          matches.why |= verdict;
        }
        if (frame.step.state.hasUnevaluated) {
          matches.places.push([key as number, verdict]);
          this.meter.work += 16;
        }
        if (matches.sure === node.maxContains + 1) {
          this.#fail(frame, slot, "maxContains", [node.maxContains]);
        }
        return;
      }
      case "unevaluated": {
        // If it is `false`, all keys are looked at in the end.
        if (level === TRUE || target === false) return;
        const all = frame.unevaluated ??= new Map();
        const list = all.get(node) ?? [];
        all.set(node, list);
        const held = this.#findings.held[(target as Node).index];
        list.push({ key, verdict, held });
        this.#findings.wait(frame, held?.length ?? 0);
        // It takes memory, too.
        this.meter.work += 16;
      }
    }
  }

  /** Takes over what a subschema has found in a member or element. */
  #findDuplicate(
    frame: Frame,
    id: number,
    first: number,
    second: number,
  ): void {
    const { nodes } = frame.step.state;
    frame.isRepeated = this.#ids.isExact(id);
    this.meter.work += nodes.length;
    for (const [slot, { uniqueItems }] of nodes.entries()) {
      if (!uniqueItems) continue;
      if (!frame.isRepeated) {
        const verdict = unjudged(UNKNOWN, "uniqueItems");
        frame.verdicts[slot] = and(frame.verdicts[slot]!, verdict);
      } else if (levelOf(frame.verdicts[slot]!) !== FALSE) {
        this.#fail(frame, slot, "uniqueItems", [first, second]);
      }
    }
  }

  /** There is one member or element more than some let pass. */
  #countOut(frame: Frame, keyword: "maxItems" | "maxProperties"): void {
    const { nodes } = frame.step.state;
    this.meter.work += nodes.length;
    for (const [slot, node] of nodes.entries()) {
      if (frame.count !== node[keyword] + 1) continue;
      this.#fail(frame, slot, keyword, [node[keyword]]);
    }
  }

  #judgeName(frame: Frame, name: string): void {
    const { state, links } = this.#states.names(frame.step.state);
    if (links.length === 0) return;
    this.#judgeAtom(state, name);
    this.meter.work += links.length;
    for (const { slot, target } of links) {
      const verdict = this.#verdictOf(target);
      frame.verdicts[slot] = and(frame.verdicts[slot]!, verdict);
      if (levelOf(verdict) !== FALSE) continue;
      this.#fail(frame, slot, "propertyNames", [short(name)]);
    }
  }

  // What a value is by itself.

  #judgeAtom({ nodes, roles }: State, value: Scalar): void {
    const kind = kindOf(value);
    this.meter.work += 1 + nodes.length;
    let id: number | undefined;
    const idOf = () => id ??= this.#idOf(value);
    let length: number | undefined;
    const lengthOf = () => length ??= this.#lengthOf(value as string);
    for (let slot = 0; slot < nodes.length; slot++) {
      const node = nodes[slot]!;
      const role = roles[slot]!;
      this.#findings.held[node.index] = undefined;
      let verdict = TRUE;
      if ((node.types & kind) === 0) {
        // What is too large for a double may be an integer all the same.
        if (Math.abs(Number(value)) === Infinity && node.types & INTEGER) {
          verdict = unjudged(UNKNOWN, "type");
        } else {
          verdict = FALSE;
          this.#report(role, node, "type", wrongType(node, kind));
        }
      }
      if (typeof value === "string") {
        verdict = and(verdict, this.#judgeString(node, role, value, lengthOf));
      } else if (typeof value === "number") {
        verdict = and(verdict, this.#judgeNumber(node, role, value));
      }
      verdict = and(verdict, this.#judgeChoices(node, role, idOf));
      verdict = and(verdict, this.#judgeInPlace(node, role));
      this.#verdicts[node.index] = verdict;
    }
  }

  #judgeString(
    node: Node,
    role: number,
    text: string,
    lengthOf: () => number,
  ): number {
    const { minLength, maxLength } = node;
    let verdict = node.pattern ? unjudged(OPEN, "pattern") : TRUE;
    // A character has one unit or two.
    if (text.length < 2 * minLength && lengthOf() < minLength) {
      verdict = FALSE;
      this.#report(role, node, "minLength", [minLength]);
    }
    if (text.length > maxLength && lengthOf() > maxLength) {
      verdict = FALSE;
      this.#report(role, node, "maxLength", [maxLength]);
    }
    return verdict;
  }

  #lengthOf(text: string): number {
    this.meter.work += text.length >> 6;
    return countCharacters(text);
  }

  #judgeNumber(node: Node, role: number, value: number): number {
    let verdict = TRUE;
    for (const { keyword, limit, holds } of node.bounds) {
      if (holds(value, limit)) continue;
      verdict = FALSE;
      this.#report(role, node, keyword, [limit]);
    }
    const { multipleOf } = node;
    if (multipleOf === undefined) return verdict;
    this.meter.work += 4;
    if (!Number.isFinite(value)) {
      return and(verdict, unjudged(UNKNOWN, "multipleOf"));
    }
    if (isMultiple(value, multipleOf)) return verdict;
    this.#report(role, node, "multipleOf", [multipleOf]);
    return FALSE;
  }

  #judgeChoices(node: Node, role: number, idOf: () => number): number {
    let verdict = TRUE;
    for (const choice of node.choices) {
      const { keyword, values, hasComposites } = choice;
      // Objects and arrays have an id where it is needed: see `wantsId`.
      if (this.#closing === undefined || hasComposites) {
        if (this.#choicesOf(values).has(idOf())) {
          if (!this.#ids.isExact(idOf())) {
            verdict = and(verdict, unjudged(UNKNOWN, keyword));
          }
          continue;
        }
      }
      verdict = FALSE;
      if (role === SILENT) continue;
      choice.text ??= short(
        JSON.stringify(keyword === "const" ? values[0] : values),
      );
      this.#report(role, node, keyword, [choice.text]);
    }
    return verdict;
  }

  #choicesOf(values: unknown[]): Set<number> {
    let ids = this.#choices.get(values);
    if (ids === undefined) {
      ids = new Set(values.map((value) => this.#ids.of(value)));
      this.#choices.set(values, ids);
      this.meter.work += values.length;
    }
    return ids;
  }

  #judgeArray(frame: Frame, node: Node, role: number): number {
    const { count } = frame;
    let verdict = TRUE;
    if (count < node.minItems) {
      verdict = FALSE;
      this.#report(role, node, "minItems", [node.minItems]);
    }
    if (node.contains === undefined) return verdict;
    const { minContains, maxContains } = node;
    const { sure, maybe, why } = frame.matches?.get(node) ??
      { sure: 0, maybe: 0, why: 0 };
    const contained = between(minContains, maxContains, sure, maybe, why);
    if (sure + maybe < minContains) {
      if (node.schema.minContains === undefined) {
        this.#report(role, node, "contains", []);
      } else this.#report(role, node, "minContains", [minContains]);
    }
    return and(verdict, contained);
  }

  #judgeObject(frame: Frame, node: Node, role: number): number {
    const { count, names } = frame;
    let verdict = TRUE;
    if (count < node.minProperties) {
      verdict = FALSE;
      this.#report(role, node, "minProperties", [node.minProperties]);
    }
    this.meter.work += node.required.length;
    for (const name of node.required) {
      if (names.has(name)) continue;
      verdict = FALSE;
      this.#report(role, node, "required", [short(nameOf(name))]);
    }
    for (const { name, required } of node.dependentRequired) {
      this.meter.work++;
      if (!names.has(name)) continue;
      this.meter.work += required.length;
      for (const other of required) {
        if (names.has(other)) continue;
        verdict = FALSE;
        const values = [short(nameOf(name)), short(nameOf(other))];
        this.#report(role, node, "dependentRequired", values);
      }
    }
    return verdict;
  }

  // What others say of the same value.

  #judgeInPlace(node: Node, role: number, names?: Set<string>): number {
    if (!node.appliesInPlace) return TRUE;
    let verdict = TRUE;
    const must = (target: Reference, keyword: string) => {
      this.meter.work++;
      verdict = and(verdict, this.#verdictOf(target));
      if (target === false) this.#report(role, node, keyword, []);
      else if (target !== true) {
        this.#findings.pass(role, node, this.#findings.held[target.index]);
      }
    };
    for (const { keyword, target } of node.all) must(target, keyword);
    for (const { name, target } of node.dependencies) {
      this.meter.work++;
      if (names?.has(name)) must(target, "dependentSchemas");
    }
    const each = (targets: Reference[]) => {
      this.meter.work += targets.length;
      return targets.map((target) => this.#verdictOf(target));
    };
    if (node.anyOf !== undefined) {
      const any = anyOf(each(node.anyOf));
      if (levelOf(any) === FALSE) this.#report(role, node, "anyOf", []);
      verdict = and(verdict, any);
    }
    if (node.oneOf !== undefined) {
      const verdicts = each(node.oneOf);
      const one = oneOf(verdicts);
      if (levelOf(one) === FALSE) {
        const matches = verdicts.filter((each) => levelOf(each) === TRUE);
        this.#report(role, node, "oneOf", [matches.length]);
      }
      verdict = and(verdict, one);
    }
    if (node.not !== undefined) {
      const negated = not(this.#verdictOf(node.not));
      if (levelOf(negated) === FALSE) this.#report(role, node, "not", []);
      verdict = and(verdict, negated);
    }
    if (node.if !== undefined) {
      const test = this.#verdictOf(node.if);
      const [then, other] = each([node.then, node.else]);
      const chosen = ifThenElse(test, then!, other!);
      verdict = and(verdict, chosen);
      if (levelOf(chosen) === FALSE) {
        // Where it is not known which of them applies, neither does hold.
        if (levelOf(test) === FALSE) must(node.else, "else");
        else must(node.then, "then");
      }
    }
    return verdict;
  }

  /** What members or elements that nothing else evaluates have to satisfy. */
  *#judgeRest(
    frame: Frame,
    node: Node,
    role: number,
  ): Generator<void, number> {
    const [keyword, others] = frame.isArray
      ? ["unevaluatedItems" as const, node.items]
      : ["unevaluatedProperties" as const, node.additionalProperties];
    // Those that satisfy it are not among these.
    const rest = node[keyword] === false
      ? frame.keys
      : frame.unevaluated?.get(node) ?? [];
    if (node[keyword] === undefined || others !== undefined || !rest.length) {
      return TRUE;
    }
    const evaluated = yield* evaluatedBy(
      frame,
      node,
      this.#verdictOf,
      this.meter,
    );
    let verdict = TRUE;
    for (const each of rest) {
      this.meter.work++;
      if (this.meter.due) yield* this.meter.pause();
      const { key, verdict: own, held } = typeof each === "object"
        ? each
        : { key: each, verdict: FALSE, held: undefined };
      // As if they were alternatives: that it is evaluated, or satisfies this.
      const either = anyOf([evaluated(key), own]);
      verdict = and(verdict, either);
      if (levelOf(either) !== FALSE) continue;
      if (node[keyword] !== false) this.#findings.pass(role, node, held);
      else this.#report(role, node, keyword, [], key);
    }
    return verdict;
  }

  *#idOfFrame(frame: Frame): Generator<void, number> {
    const steps = frame.isArray
      ? this.#ids.ofArray(frame.elementIds)
      : this.#ids.ofObject(frame.memberIds);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      this.meter.work += step.value;
      if (this.meter.due) yield* this.meter.pause();
    }
  }

  #idOf(value: Scalar): number {
    this.meter.work++;
    return this.#ids.ofScalar(value);
  }

  readonly #verdictOf = (target: Reference): number => {
    if (typeof target === "boolean") return target ? TRUE : FALSE;
    return this.#verdicts[target.index]!;
  };

  /** Whether the value that comes next has to be compared with others. */
  #wantsId(): boolean {
    const frame = this.#frame;
    return frame !== undefined &&
      (frame.wantsId || frame.isArray && frame.step.state.hasUnique);
  }

  // Violations.

  // Where nobody is told, nothing is made: not even the pointer, for most that is
  // wrong is below `anyOf` or the like.

  /** Of an object or array that has not ended, or of what was entered in it. */
  #fail(
    frame: Frame,
    slot: number,
    keyword: string,
    values: Violation["values"],
    isEntered = false,
  ): void {
    frame.verdicts[slot] = and(frame.verdicts[slot]!, FALSE);
    const { nodes, roles } = frame.step.state;
    const held = frame.held?.[nodes[slot]!.index];
    if (!wants(roles[slot]!, held)) return;
    const pointer = isEntered ? this.#pointer() : pointerOf(frame);
    this.#findings.passUp(frame, slot, [{ pointer, keyword, values }]);
  }

  /** Of the value that is being judged, or of what it holds there. */
  #report(
    role: number,
    node: Node,
    keyword: string,
    values: Violation["values"],
    key?: string | number,
  ): void {
    if (!wants(role, this.#findings.held[node.index])) return;
    const pointer = key === undefined
      ? this.#pointer()
      : joinPointer(this.#pointer(), key);
    this.#findings.pass(role, node, [{ pointer, keyword, values }]);
  }

  /** Where the value is that is being judged, or comes next. */
  #pointer(): string {
    if (this.#closing !== undefined) return pointerOf(this.#closing);
    if (this.#frame === undefined) return "";
    return this.#place ??= joinPointer(pointerOf(this.#frame), this.#key);
  }
}
