/**
 * The form: a prompt, the shape of the answer, and what the demo model can be
 * asked to do wrong; or what an address of the server's takes in place of that.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId, element, textarea } from "./dom.js";
import { Endpoints } from "./endpoints.js";
import { originalFields, presets } from "./presets.js";

/** @typedef {import("./messages.js").Language} Language */
/** @typedef {import("./messages.js").Messages} Messages */
/** @typedef {import("./presets.js").Preset} Preset */
/** @typedef {import("./view.js").Schema} Schema */
/** @typedef {import("./endpoints.js").Pinned} Pinned */

/**
 * What is asked.
 *
 * @typedef {object} Prompted
 * @property {string} prompt
 * @property {string} preset
 * @property {Schema} [schema]
 */

/** @typedef {Prompted & Partial<Pinned>} Question */

export class QuestionForm {
  /** Called when another preset has been chosen. */
  onChange = () => {};
  /** Called when the answer is asked for. */
  onAsk = () => {};

  #say;
  #language;
  #endpoints;
  #preset = "article";

  /**
   * @param {Messages} say
   * @param {Language} language
   */
  constructor(say, language) {
    this.#say = say;
    this.#language = language;
    this.#endpoints = new Endpoints(say);
    this.#endpoints.onChange = () => this.onChange();
    this.#addPresets();
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.onAsk();
    });
    byId("prompt").addEventListener("keydown", (event) => {
      // Enter also ends the choice of a Chinese word: Safari tells by the code.
      const composes = event.isComposing || event.keyCode === 229;
      if (event.key !== "Enter" || event.shiftKey || composes) return;
      event.preventDefault();
      this.onAsk();
    });
    byId("prompt").addEventListener("input", fit);
    byId("schema").addEventListener("input", () => this.#readSchema());
    addEventListener("resize", fit);
  }

  /**
   * What the form asks.
   *
   * @returns {Question | undefined} None if the schema is not one, which it says.
   */
  read() {
    const pinned = this.#endpoints.read();
    if (pinned) return { prompt: "", preset: this.#preset, ...pinned };
    const schema = this.#readSchema();
    if (schema === null) return undefined;
    const prompt = textarea("prompt").value.trim();
    return { prompt, preset: this.#preset, ...(schema && { schema }) };
  }

  /** @param {Question} [question] Default: the first preset. */
  fill(question) {
    this.#choose(question && presets[question.preset] ? question.preset : "");
    if (!question || question.path) return;
    textarea("prompt").value = question.prompt;
    textarea("schema").value = source(question.schema);
    this.#preset = question.preset;
    const radio = document.querySelector(
      `input[value="${CSS.escape(this.#preset)}"]`,
    );
    if (radio instanceof HTMLInputElement) radio.checked = true;
    fit();
  }

  /**
   * @param {Messages} say
   * @param {Language} language
   */
  speak(say, language) {
    this.#say = say;
    this.#language = language;
    this.#endpoints.speak(say);
    for (const node of document.querySelectorAll("[data-preset]")) {
      const name = node.getAttribute("data-preset") ?? "";
      node.textContent = say.presetNames[name] ?? name;
    }
    textarea("prompt").placeholder = say.promptHint;
    this.#translate();
    this.#listFaults();
  }

  /**
   * Shows what the server takes.
   *
   * @param {Question} [earlier] What was asked before a reload.
   * @returns {Promise<string | undefined>} Which model answers, if it tells.
   */
  learn(earlier) {
    return this.#endpoints.learn(earlier);
  }

  /** @param {string} message @returns {boolean} Whether a field shows it. */
  showWrong(message) {
    return this.#endpoints.showWrong(message);
  }

  /** Offers what the demo model does wrong if asked to. */
  offerFaults() {
    byId("misbehave").hidden = false;
  }

  /**
   * The fields of an answer, in the page's language where they are its own.
   *
   * @param {Schema | undefined} schema
   * @returns {Schema}
   */
  fieldsOf(schema) {
    if (!schema) return originalFields[this.#language];
    return translated(source(schema), this.#language) ?? schema;
  }

  #addPresets() {
    for (const name of [...Object.keys(presets), "custom"]) {
      const label = element("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = "preset";
      input.value = name;
      input.checked = name === this.#preset;
      input.addEventListener("change", () => this.#choose(name));
      const text = element("span");
      text.dataset["preset"] = name;
      label.append(input, text);
      byId("presets").append(label);
    }
  }

  /** @param {string} name "" for the first. */
  #choose(name) {
    const editor = /** @type {HTMLDetailsElement} */ (byId("schema-editor"));
    if (this.#preset === "custom") editor.open = false;
    this.#preset = name || "article";
    const chosen = presets[this.#preset]?.[this.#language];
    const schema = textarea("schema");
    if (chosen) {
      textarea("prompt").value = chosen.prompt;
      schema.value = source(chosen.schema);
    } else {
      // The last preset's, to begin with.
      schema.value ||= source(originalFields[this.#language]);
      editor.open = true;
      schema.focus();
      schema.setSelectionRange(0, 0);
      schema.scrollTop = 0;
    }
    this.#readSchema();
    fit();
    this.onChange();
  }

  /** @returns {Schema | undefined | null} null if it is not one. */
  #readSchema() {
    const area = textarea("schema");
    const text = area.value.trim();
    const hint = byId("schema-error");
    hint.textContent = "";
    area.removeAttribute("aria-invalid");
    if (text === "") return undefined;
    const { schemaWrong } = this.#say;
    try {
      const schema = JSON.parse(text);
      if (typeof schema === "object" && schema && !Array.isArray(schema)) {
        return schema;
      }
      hint.textContent = schemaWrong + text.slice(0, 40);
    } catch (error) {
      hint.textContent = schemaWrong + /** @type {Error} */ (error).message;
    }
    area.setAttribute("aria-invalid", "true");
    /** @type {HTMLDetailsElement} */ (byId("schema-editor")).open = true;
    area.focus();
    return null;
  }

  /** What nobody has typed follows the page's language. */
  #translate() {
    const prompts = presets[this.#preset];
    const prompt = textarea("prompt");
    if (
      prompts &&
      Object.values(prompts).some((own) => own.prompt === prompt.value)
    ) {
      prompt.value = prompts[this.#language].prompt;
      fit();
    }
    const schema = textarea("schema");
    if (schema.value !== "") {
      schema.value = source(translated(schema.value, this.#language)) ||
        schema.value;
    }
  }

  #listFaults() {
    const items = Object.entries(this.#say.faults).map(([name, words]) => {
      const item = element("button", "fault", element("code", "", name));
      item.setAttribute("type", "button");
      item.append(" ", words);
      item.addEventListener("click", () => {
        const prompt = textarea("prompt");
        const topic = prompt.value.replace(/^demo:[\w-]+\s*/, "");
        prompt.value = `${name} ${topic}`.trim();
        fit();
        this.onAsk();
      });
      return element("li", "", item);
    });
    byId("faults").replaceChildren(...items);
  }
}

/**
 * The schema in a language, if it is one of the page's own.
 *
 * @param {string} text
 * @param {Language} language
 * @returns {Schema | undefined}
 */
function translated(text, language) {
  return [originalFields, ...Object.values(presets).map(schemasOf)].find(
    (schemas) => Object.values(schemas).some((own) => source(own) === text),
  )?.[language];
}

/** @param {Record<Language, Preset>} preset */
function schemasOf({ zh, en }) {
  return { zh: zh.schema, en: en.schema };
}

/** @param {Schema | undefined} schema */
function source(schema) {
  return schema ? JSON.stringify(schema, null, 2) : "";
}

/** The prompt is as high as its text. */
function fit() {
  const area = textarea("prompt");
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
