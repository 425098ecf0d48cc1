/**
 * Copies texts, also where the browser would rather not.
 *
 * @module
 */

/// <reference lib="dom" />

import { element } from "./dom.js";

/** @param {string} text @returns {Promise<boolean>} Whether it has been copied. */
export async function copyText(text) {
  return await navigator.clipboard?.writeText(text)
    .then(() => true, () => false) || copyOldWay(text);
}

/** Where the page is not served over HTTPS. @param {string} text */
function copyOldWay(text) {
  const focused = document.activeElement;
  const area = /** @type {HTMLTextAreaElement} */ (element("textarea"));
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
