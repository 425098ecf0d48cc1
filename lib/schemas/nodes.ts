/**
 * A schema made ready for judging: its subschemas in the order in which they
 * are judged, and their keywords looked up once.
 *
 * @module
 */

import { keyOf } from "../keys.ts";
import type { Scalar } from "./values.ts";
import { isObject, type JsonSchema, resolveReference } from "./schema.ts";

/** The kinds of JSON values, one bit each; an integer is a number too. */
export const NULL = 1;
const BOOLEAN = 2;
export const NUMBER = 4;
export const INTEGER = 8;
export const STRING = 16;
export const ARRAY = 32;
export const OBJECT = 64;

const TYPE_BITS: Record<string, number> = {
  null: NULL,
  boolean: BOOLEAN,
  number: NUMBER | INTEGER,
  integer: INTEGER,
  string: STRING,
  array: ARRAY,
  object: OBJECT,
};
const ANY_TYPE = 127;

/** See `Node.isChoice`; what applies in place of it is done. */
function isChoice({ choices, all, anyOf, oneOf }: Node): boolean {
  const isOne = (target: Reference) =>
    typeof target !== "boolean" && target.isChoice;
  const admitsOthers = (target: Reference) =>
    target === true ||
    target !== false && (target.types & STRING) !== 0 && !target.isChoice;
  return choices.length > 0 || all.some(({ target }) => isOne(target)) ||
    [anyOf, oneOf].some((targets) =>
      targets !== undefined && targets.some(isOne) &&
      !targets.some(admitsOthers)
    );
}

/** The names of kinds, as `type` has them. */
function namesOfTypes(types: number): string[] {
  const names = Object.keys(TYPE_BITS).filter((name) =>
    (TYPE_BITS[name]! & ~types) === 0
  );
  return names.includes("number")
    ? names.filter((name) => name !== "integer")
    : names;
}

/** The kind of a value that holds no others. */
export function kindOf(value: Scalar): number {
  switch (typeof value) {
    case "string":
      return STRING;
    case "number":
      return Number.isInteger(value) ? INTEGER : NUMBER;
    case "boolean":
      return BOOLEAN;
    default:
      return NULL;
  }
}

/** A type that is none of those wanted, and those, as a violation says it. */
export function wrongType(node: Node, kind: number): string[] {
  const isNumber = (kind & (NUMBER | INTEGER)) !== 0;
  const [found] = namesOfTypes(isNumber ? NUMBER | INTEGER : kind);
  return [found!, ...namesOfTypes(node.types)];
}

/** A subschema, as another refers to it: `true` and `false` need no node. */
export type Reference = Node | boolean;

/** A number that another must not pass, and the keyword that says so. */
export interface Bound {
  readonly keyword: string;
  readonly limit: number;
  readonly holds: (value: number, limit: number) => boolean;
}

/** The values that `enum` or `const` allow. */
export interface Choice {
  keyword: "enum" | "const";
  values: unknown[];
  /** Whether objects or arrays are among them. */
  hasComposites: boolean;
  /** What to say of them; made when it is needed. */
  text: string | undefined;
}

/**
 * A subschema. What is absent is `undefined` or empty. All names are as
 * `keyOf` has them.
 */
export interface Node {
  /** Those that apply to the same value have lower ones. */
  index: number;
  readonly schema: JsonSchema;
  /** The kinds of values that `type` lets pass. */
  types: number;

  // What is judged of the value itself.
  readonly choices: Choice[];
  /** Whether a string that satisfies it is one of some that it names. */
  isChoice: boolean;
  readonly bounds: Bound[];
  multipleOf: number | undefined;
  minLength: number;
  maxLength: number;
  pattern: boolean;
  minItems: number;
  maxItems: number;
  uniqueItems: boolean;
  minProperties: number;
  maxProperties: number;
  required: string[];
  readonly dependentRequired: { name: string; required: string[] }[];

  // What applies to the same value: applicators in place.
  /** Whether anything does. */
  appliesInPlace: boolean;
  /** `$ref` and `allOf`: all must hold. */
  readonly all: { keyword: string; target: Reference }[];
  anyOf: Reference[] | undefined;
  oneOf: Reference[] | undefined;
  not: Reference | undefined;
  if: Reference | undefined;
  then: Reference;
  else: Reference;
  /** Those that must hold where there is a member of that name. */
  readonly dependencies: { name: string; target: Reference }[];
  /** Those of `anyOf` to here that are no booleans: they may apply or not. */
  alternatives: Node[];

  // What applies to members and elements.
  readonly properties: Map<string, Reference>;
  additionalProperties: Reference | undefined;
  unevaluatedProperties: Reference | undefined;
  propertyNames: Reference | undefined;
  readonly prefixItems: Reference[];
  /** For the elements behind `prefixItems`. */
  items: Reference | undefined;
  unevaluatedItems: Reference | undefined;
  contains: Reference | undefined;
  minContains: number;
  maxContains: number;
}

/** A schema made ready for judging. */
export interface Program {
  readonly root: Node;
  readonly nodes: Node[];
  /** Every name that the schema speaks of; others are all alike to it. */
  readonly names: ReadonlySet<string>;
  /** How many elements, from the first, some part of it tells apart. */
  readonly prefix: number;
  /** Keywords that are nowhere judged, whatever the document. */
  readonly annotations: string[];
}

/** Those that have been compiled: all who read an answer need the same. */
const programs = new WeakMap<JsonSchema, Program>();

/**
 * Compiles a schema, once; the work is linear in it.
 *
 * @param schema One that `checkSchema` has passed.
 * @returns What a document is judged by.
 */
export function compile(schema: JsonSchema): Program {
  let program = programs.get(schema);
  if (program === undefined) {
    program = new Compiler(schema).program();
    programs.set(schema, program);
  }
  return program;
}

class Compiler {
  readonly #schema: JsonSchema;
  readonly #bySchema = new Map<JsonSchema, Node>();
  readonly #nodes: Node[] = [];
  readonly #names = new Set<string>();
  #prefix = 0;
  #rebased = false;

  constructor(schema: JsonSchema) {
    this.#schema = schema;
  }

  program(): Program {
    const root = this.#refer(this.#schema) as Node;
    // Members and elements are compiled when what applies in place is done, so
    // that this recursion goes no deeper than `checkSchema` lets it.
    for (const node of this.#bySchema.values()) this.#compileBelow(node);
    return {
      root,
      nodes: this.#nodes,
      names: this.#names,
      prefix: this.#prefix,
      annotations: this.#rebased ? ["$id"] : [],
    };
  }

  /** The node of a schema; made, with all that apply in place, if it is new. */
  #refer(schema: unknown): Reference {
    if (!isObject(schema)) return schema as boolean;
    const known = this.#bySchema.get(schema);
    if (known !== undefined) return known;
    const node = newNode(schema);
    this.#bySchema.set(schema, node);
    this.#compileHere(node);
    node.index = this.#nodes.length;
    this.#nodes.push(node);
    return node;
  }

  #compileHere(node: Node): void {
    const { schema } = node;
    this.#rebased ||= schema.$id !== undefined;
    if (schema.$ref !== undefined) {
      const { target } = resolveReference(schema.$ref, this.#schema);
      node.all.push({ keyword: "$ref", target: this.#refer(target) });
    }
    for (const target of this.#referAll(schema.allOf) ?? []) {
      // `true` asks for nothing.
      if (target !== true) node.all.push({ keyword: "allOf", target });
    }
    node.anyOf = this.#referAll(schema.anyOf);
    node.oneOf = this.#referAll(schema.oneOf);
    node.not = this.#referTo(schema.not);
    node.if = this.#referTo(schema.if);
    node.then = this.#referTo(schema.then) ?? true;
    node.else = this.#referTo(schema.else) ?? true;
    for (const keyword of ["dependentSchemas", "dependencies"]) {
      for (const [name, content] of members(schema[keyword])) {
        this.#names.add(name);
        if (Array.isArray(content)) this.#require(node, name, content);
        else node.dependencies.push({ name, target: this.#refer(content) });
      }
    }
    for (const [name, content] of members(schema.dependentRequired)) {
      this.#names.add(name);
      this.#require(node, name, content as string[]);
    }
    for (const name of node.required) this.#names.add(name);
    node.alternatives = [
      ...node.anyOf ?? [],
      ...node.oneOf ?? [],
      ...(node.if === undefined ? [] : [node.then, node.else]),
      ...node.dependencies.map(({ target }) => target),
    ].filter((target) => typeof target !== "boolean");
    node.isChoice = isChoice(node);
    node.appliesInPlace = node.all.length + node.dependencies.length > 0 ||
      (node.anyOf ?? node.oneOf ?? node.not ?? node.if) !== undefined;
  }

  #require(node: Node, name: string, names: string[]): void {
    const required = keysOf(names);
    node.dependentRequired.push({ name, required });
    for (const other of required) this.#names.add(other);
  }

  #compileBelow(node: Node): void {
    const { schema } = node;
    for (const [name, content] of members(schema.properties)) {
      this.#names.add(name);
      node.properties.set(name, this.#refer(content));
    }
    node.additionalProperties = this.#referTo(schema.additionalProperties);
    node.unevaluatedProperties = this.#referTo(schema.unevaluatedProperties);
    node.propertyNames = this.#referTo(schema.propertyNames);
    // The older form: `items` is a list, and `additionalItems` is for the rest.
    const isOlder = Array.isArray(schema.items);
    const prefix = isOlder ? schema.items : schema.prefixItems;
    node.prefixItems.push(...this.#referAll(prefix) ?? []);
    this.#prefix = Math.max(this.#prefix, node.prefixItems.length);
    node.items = this.#referTo(isOlder ? schema.additionalItems : schema.items);
    node.unevaluatedItems = this.#referTo(schema.unevaluatedItems);
    node.contains = this.#referTo(schema.contains);
  }

  #referTo(schema: unknown): Reference | undefined {
    return schema === undefined ? undefined : this.#refer(schema);
  }

  #referAll(schemas: unknown): Reference[] | undefined {
    return (schemas as unknown[] | undefined)?.map((each) => this.#refer(each));
  }
}

const BOUNDS: Record<string, Bound["holds"]> = {
  minimum: (value, limit) => value >= limit,
  maximum: (value, limit) => value <= limit,
  exclusiveMinimum: (value, limit) => value > limit,
  exclusiveMaximum: (value, limit) => value < limit,
};

/** A node that refers to no others yet. */
function newNode(schema: JsonSchema): Node {
  const number = (keyword: string, otherwise: number) =>
    (schema[keyword] as number | undefined) ?? otherwise;
  return {
    index: 0,
    schema,
    types: schema.type === undefined
      ? ANY_TYPE
      : [schema.type].flat().reduce<number>(
        (types, type) => types | TYPE_BITS[type as string]!,
        0,
      ),
    choices: [
      ...choice("enum", schema.enum as unknown[] | undefined),
      ...choice(
        "const",
        schema.const === undefined ? undefined : [schema.const],
      ),
    ],
    isChoice: false,
    bounds: Object.entries(BOUNDS)
      .filter(([keyword]) => schema[keyword] !== undefined)
      .map(([keyword, holds]) => (
        { keyword, limit: schema[keyword] as number, holds }
      )),
    multipleOf: schema.multipleOf as number | undefined,
    minLength: number("minLength", 0),
    maxLength: number("maxLength", Infinity),
    pattern: schema.pattern !== undefined,
    minItems: number("minItems", 0),
    maxItems: number("maxItems", Infinity),
    uniqueItems: schema.uniqueItems === true,
    minProperties: number("minProperties", 0),
    maxProperties: number("maxProperties", Infinity),
    required: keysOf(schema.required),
    dependentRequired: [],
    appliesInPlace: false,
    all: [],
    anyOf: undefined,
    oneOf: undefined,
    not: undefined,
    if: undefined,
    then: true,
    else: true,
    dependencies: [],
    alternatives: [],
    properties: new Map(),
    additionalProperties: undefined,
    unevaluatedProperties: undefined,
    propertyNames: undefined,
    prefixItems: [],
    items: undefined,
    unevaluatedItems: undefined,
    contains: undefined,
    minContains: number("minContains", 1),
    maxContains: number("maxContains", Infinity),
  };
}

/** Members by the keys of their names. */
function members(content: unknown): [string, unknown][] {
  return Object.entries((content ?? {}) as JsonSchema)
    .map(([name, member]) => [keyOf(name), member]);
}

/** The keys of names, each once. */
function keysOf(names: unknown): string[] {
  return [...new Set((names as string[] | undefined)?.map(keyOf))];
}

function choice(
  keyword: "enum" | "const",
  values: unknown[] | undefined,
): Choice[] {
  if (values === undefined) return [];
  const hasComposites = values.some((value) =>
    typeof value === "object" && value !== null
  );
  return [{ keyword, values, hasComposites, text: undefined }];
}
