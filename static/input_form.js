/**
 * A form made from the JSON Schema of an address's input: a control for each
 * property.
 *
 * @module
 */

/// <reference lib="dom" />

import { element } from "./dom.js";

/** @typedef {import("./messages.js").Messages} Messages */
/** @typedef {Record<string, any>} Schema As JSON Schema has it. */
/** @typedef {Record<string, unknown>} Values */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

/**
 * A control, and what its text says.
 *
 * @typedef {object} Reader
 * @property {Control} control
 * @property {() => unknown} read `undefined`: nothing.
 */

/** @typedef {Reader & { name: string, error: HTMLElement }} Field */

/** Texts that may be longer get several lines. */
const LINE = 200;

export class InputForm {
  #root;
  #say;
  /** @type {Field[]} */
  #fields = [];

  /**
   * @param {HTMLElement} root
   * @param {Messages} say
   */
  constructor(root, say) {
    this.#root = root;
    this.#say = say;
    root.addEventListener("input", ({ target }) => {
      const field = this.#fields.find(({ control }) => control === target);
      if (field) this.#mark(field, "");
    });
  }

  /** @param {Messages} say */
  speak(say) {
    this.#say = say;
  }

  /**
   * @param {Schema} schema
   * @param {Values} [values] Default: those of the schema.
   */
  draw({ properties = {}, required = [] }, values) {
    this.#fields = [];
    this.#root.replaceChildren();
    for (const [name, property] of Object.entries(properties)) {
      // `true` is a schema too.
      const schema = Object(property);
      const value = values ? values[name] : schema.default;
      this.#add(name, schema, required.includes(name), value);
    }
  }

  /** @returns {Values} */
  read() {
    /** @type {[string, unknown][]} */
    const entries = this.#fields.map(({ name, read }) => [name, read()]);
    return Object.fromEntries(
      entries.filter(([, value]) => value !== undefined),
    );
  }

  /**
   * Shows what the server says of an input, by the field that it is about.
   *
   * @param {string} message Such as `input/persons: Number is less than 1.`
   * @returns {boolean} Whether there is such a field.
   */
  showWrong(message) {
    const [, pointer = "", words = ""] =
      /^input\/([^/:：]+)[^:：]*[:：]\s*(.*)/s.exec(message) ?? [];
    const name = pointer.replaceAll("~1", "/").replaceAll("~0", "~");
    const field = this.#fields.find((field) => field.name === name);
    if (!field) return false;
    this.#mark(field, words);
    field.control.focus();
    return true;
  }

  /**
   * @param {Field} field
   * @param {string} words
   */
  #mark({ control, error }, words) {
    error.textContent = words;
    if (words) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }

  /**
   * @param {string} name
   * @param {Schema} schema
   * @param {boolean} isRequired
   * @param {unknown} value
   */
  #add(name, schema, isRequired, value) {
    const id = `input-${this.#fields.length}`;
    const reader = this.#makeControl(schema, isRequired, value);
    const { control } = reader;
    control.id = id;
    control.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
    const label = element("label", "", schema.title ?? name);
    label.setAttribute("for", id);
    const isCheck = control.type === "checkbox";
    if (!isCheck) control.required = isRequired;
    if (!isCheck && !isRequired) {
      const optional = element("small", "", this.#say.optional);
      optional.dataset["t"] = "optional";
      label.append(" ", optional);
    }
    const hint = element("small", "", schema.description ?? "");
    hint.id = `${id}-hint`;
    const error = element("p", "error-text");
    error.id = `${id}-error`;
    const field = element("div", isCheck ? "check" : "");
    field.append(label, control, hint, error);
    this.#root.append(field);
    this.#fields.push({ ...reader, name, error });
  }

  /**
   * @param {Schema} schema
   * @param {boolean} isRequired
   * @param {unknown} value
   * @returns {Reader}
   */
  #makeControl(schema, isRequired, value) {
    const types = [schema.type].flat();
    const choices = schema.enum ?? ("const" in schema ? [schema.const] : null);
    if (choices) return makeSelect(choices, isRequired, value);
    if (types.includes("string")) return makeText(schema, value);
    if (types.includes("boolean")) return makeCheckbox(value);
    if (types.includes("number") || types.includes("integer")) {
      return makeNumber(schema, value);
    }
    return types.includes("object") || types.includes("array")
      ? this.#makeJson(value)
      : makeText(schema, value);
  }

  /**
   * What no control is made for, as its source.
   *
   * @param {unknown} value
   * @returns {Reader}
   */
  #makeJson(value) {
    const control = document.createElement("textarea");
    control.rows = 3;
    control.spellcheck = false;
    control.placeholder = "JSON";
    control.value = value === undefined ? "" : JSON.stringify(value, null, 2);
    const read = () => {
      try {
        return JSON.parse(control.value);
      } catch {
        return undefined;
      }
    };
    control.addEventListener("input", () => {
      const isWrong = control.value !== "" && read() === undefined;
      control.setCustomValidity(isWrong ? this.#say.inputJson : "");
    });
    return { control, read };
  }
}

/**
 * @param {readonly unknown[]} choices
 * @param {boolean} isRequired
 * @param {unknown} value
 * @returns {Reader}
 */
function makeSelect(choices, isRequired, value) {
  const control = document.createElement("select");
  if (!isRequired) control.add(new Option("–", ""));
  choices.forEach((choice, index) => {
    const text = typeof choice === "string" ? choice : JSON.stringify(choice);
    const isChosen = value !== undefined &&
      JSON.stringify(choice) === JSON.stringify(value);
    control.add(new Option(text, String(index), isChosen, isChosen));
  });
  return {
    control,
    read: () => control.value === "" ? undefined : choices[+control.value],
  };
}

/** @param {unknown} value @returns {Reader} */
function makeCheckbox(value) {
  const control = document.createElement("input");
  control.type = "checkbox";
  control.checked = value === true;
  return { control, read: () => control.checked };
}

/**
 * @param {Schema} schema
 * @param {unknown} value
 * @returns {Reader}
 */
function makeNumber({ type, minimum, maximum }, value) {
  const control = document.createElement("input");
  const isInteger = ![type].flat().includes("number");
  control.type = "number";
  control.step = isInteger ? "1" : "any";
  // Steps are counted from the minimum.
  control.min = minimum === undefined || !isInteger
    ? `${minimum ?? ""}`
    : `${Math.ceil(minimum)}`;
  control.max = `${maximum ?? ""}`;
  control.value = `${value ?? ""}`;
  return {
    control,
    read: () => control.value === "" ? undefined : Number(control.value),
  };
}

/**
 * @param {Schema} schema
 * @param {unknown} value
 * @returns {Reader}
 */
function makeText({ minLength = 0, maxLength = -1 }, value) {
  const control = document.createElement(
    maxLength > LINE ? "textarea" : "input",
  );
  // A schema counts characters, HTML counts UTF-16 units: never fewer.
  if (minLength > 0) control.minLength = minLength;
  if (maxLength >= 0) control.maxLength = maxLength;
  control.value = `${value ?? ""}`;
  return { control, read: () => control.value || undefined };
}
