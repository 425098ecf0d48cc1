/**
 * What went wrong, and what can be done about it.
 *
 * @module
 */

/// <reference lib="dom" />

import { button, byId, element } from "./dom.js";

/** @typedef {import("./messages.js").Messages} Messages */

/**
 * @typedef {object} Content
 * @property {() => { title: string, text: string }} words In the language of
 * the moment.
 * @property {string} [quote] What somebody else said of it.
 * @property {readonly { pointer: string, message: string }[]} [reasons]
 * @property {"again" | "resume"} [action] What the button says; none: no button.
 * @property {() => void} [onAction]
 * @property {() => void} [onToken] Called with a token that holds. Without it,
 * none is asked for.
 * @property {boolean} [isQuiet] Whether nothing is wrong.
 */

export class Notice {
  #say;
  #describe = () => {};

  /** @param {Messages} say */
  constructor(say) {
    this.#say = say;
  }

  /** @param {Messages} say */
  speak(say) {
    this.#say = say;
    this.#describe();
  }

  hide() {
    byId("notice").hidden = true;
    this.#describe = () => {};
  }

  /**
   * Shows it, wherever on the page the reader is.
   *
   * @param {Content} content
   */
  show({ words, quote, reasons = [], action, onAction, onToken, isQuiet }) {
    const notice = byId("notice");
    notice.classList.toggle("quiet", isQuiet ?? false);
    byId("notice-words").hidden = quote === undefined;
    byId("notice-words").textContent = quote ?? "";
    byId("notice-reasons").replaceChildren(
      ...reasons.map(({ pointer, message }) => {
        const item = element("li");
        if (pointer) item.append(element("code", "", pointer), " ");
        item.append(message);
        return item;
      }),
    );
    const press = button("notice-action");
    press.hidden = action === undefined;
    press.onclick = onAction ?? null;
    byId("token-form").hidden = onToken === undefined;
    byId("token-form").onsubmit = (event) => {
      event.preventDefault();
      if (onToken) this.#sendToken(onToken);
    };
    this.#describe = () => {
      const { title, text } = words();
      byId("notice-title").textContent = title;
      byId("notice-text").textContent = text;
      if (action) press.textContent = this.#say[action];
    };
    this.#describe();
    notice.hidden = false;
    notice.scrollIntoView({ block: "nearest" });
    if (onToken) byId("token").focus();
  }

  /** Exchanges the token for a cookie. @param {() => void} then */
  async #sendToken(then) {
    const input = /** @type {HTMLInputElement} */ (byId("token"));
    const response = await fetch(new URL("session", location.href), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: input.value.trim() }),
    }).catch(() => undefined);
    if (response?.ok) {
      input.value = "";
      then();
      return;
    }
    const describeBefore = this.#describe;
    const words = () =>
      response?.status === 401
        ? this.#say.tokenWrong
        : this.#say.errors["connection_lost"]?.title ?? this.#say.failed;
    this.#describe = () => {
      describeBefore();
      byId("notice-text").textContent = words();
    };
    this.#describe();
    byId("live").textContent = "";
    // Said again, if it is the same as before.
    requestAnimationFrame(() => byId("live").textContent = words());
    input.focus();
    input.select();
  }
}
