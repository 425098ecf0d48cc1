/**
 * Short ways to the page's elements.
 *
 * @module
 */

/// <reference lib="dom" />

/** @param {string} id */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} id */
export function button(id) {
  return /** @type {HTMLButtonElement} */ (byId(id));
}

/** @param {string} id */
export function textarea(id) {
  return /** @type {HTMLTextAreaElement} */ (byId(id));
}

/**
 * @param {string} name
 * @param {string} [className]
 * @param {string | Node} [content]
 */
export function element(name, className = "", content = "") {
  const result = document.createElement(name);
  if (className) result.className = className;
  if (content) result.append(content);
  return result;
}

/**
 * A row of buttons of which one is pressed.
 *
 * @param {HTMLElement} row
 * @param {readonly { name: string, label: string }[]} choices
 * @param {string} chosen
 * @param {(name: string) => void} onChoose
 */
export function choose(row, choices, chosen, onChoose) {
  choices.forEach(({ name, label }, index) => {
    let item = row.children[index];
    if (!item) {
      item = element("button", "choice");
      item.setAttribute("type", "button");
      item.addEventListener("click", () => onChoose(name));
      row.append(item);
    }
    item.textContent = label;
    item.setAttribute("aria-pressed", String(name === chosen));
  });
}
