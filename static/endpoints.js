/**
 * Which addresses the server has, and what may be asked at the chosen one.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId, choose } from "./dom.js";
import { InputForm } from "./input_form.js";

/** @typedef {import("./input_form.js").Values} Values */
/** @typedef {import("./messages.js").Messages} Messages */
/** @typedef {import("./view.js").Schema} Schema */

/**
 * As `GET /endpoints` lists it.
 *
 * @typedef {object} Endpoint
 * @property {string} path
 * @property {boolean} open Whether anything may be asked.
 * @property {Schema} [input] Of what a request may send.
 * @property {Schema} [schema] Of the answer.
 */

/**
 * What is asked where the server has set the question.
 *
 * @typedef {object} Pinned
 * @property {string} path
 * @property {Schema} schema Of the answer. The server knows it: it is not sent.
 * @property {Values} [input]
 */

/** The address of a path, also where the server stands in a folder. */
export function addressOf(path = "/helloworld") {
  return new URL(`.${path}`, location.href);
}

export class Endpoints {
  /** Called when another address has been chosen. */
  onChange = () => {};

  #form;
  /** @type {Endpoint[]} */
  #list = [];
  /** @type {Endpoint | undefined} Until it is known: anything may be asked. */
  #chosen;
  /** @type {Map<string, Values>} What has been filled in, by path. */
  #values = new Map();

  /** @param {Messages} say */
  constructor(say) {
    this.#form = new InputForm(byId("input"), say);
  }

  /** @param {Messages} say */
  speak(say) {
    this.#form.speak(say);
  }

  /**
   * Learns what there is. A server that does not tell takes any question.
   *
   * @param {Partial<Pinned>} [earlier] What was asked before a reload.
   * @returns {Promise<string | undefined>} Which model answers.
   */
  async learn({ path, input } = {}) {
    const response = await fetch(addressOf("/endpoints"))
      .catch(() => undefined);
    const told = response?.ok && await response.json().catch(() => undefined);
    if (!Array.isArray(told?.endpoints)) return undefined;
    this.#list = told.endpoints;
    if (path && input) this.#values.set(path, input);
    this.#chosen = this.#list.find((endpoint) => endpoint.path === path) ??
      this.#list.find(({ open }) => open) ??
      this.#list.find(({ input }) => input) ?? this.#list[0];
    this.#draw();
    return told.model;
  }

  /** @returns {Pinned | undefined} None where anything may be asked. */
  read() {
    if (!this.#chosen || this.#chosen.open) return undefined;
    const { path, input, schema = { type: "object" } } = this.#chosen;
    return { path, schema, ...(input && { input: this.#form.read() }) };
  }

  /**
   * Shows what the server says of an input, by the field that it is about.
   *
   * @param {string} message
   */
  showWrong(message) {
    return this.#form.showWrong(message);
  }

  /** @param {string} path */
  #choose(path) {
    const { path: left, input } = this.read() ?? {};
    if (left && input) this.#values.set(left, input);
    this.#chosen = this.#list.find((endpoint) => endpoint.path === path);
    this.#draw();
    this.onChange();
  }

  #draw() {
    const { path = "", open = true, input = {} } = this.#chosen ?? {};
    const hasInput = Object.keys(input["properties"] ?? {}).length > 0;
    this.#form.draw(input, this.#values.get(path));
    byId("prompt").hidden = byId("choices").hidden = !open;
    byId("input").hidden = open || !hasInput;
    byId("pinned").hidden = open || hasInput;
    const paths = this.#list.map(({ path }) => ({ name: path, label: path }));
    choose(byId("addresses"), paths, path, (path) => this.#choose(path));
    byId("addresses").hidden = paths.length < 2;
  }
}
