// Questions before it is too late, in the page's <dialog id="confirm">.

import { part } from "./dom.js";

/**
 * @param {{title: string, text: string, action: string}} question action names what yes does
 * @returns {Promise<boolean>}
 */
export function ask({ title, text, action }) {
  const dialog = document.getElementById("confirm");
  part(dialog, "title").textContent = title;
  part(dialog, "text").textContent = text;
  part(dialog, "action").textContent = action;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Asks before a form with `data-confirm` is sent. */
export function confirmForms() {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const { confirm, confirmText, confirmAction } = form.dataset;
    if (!confirm) return;
    event.preventDefault();
    if (await ask({ title: confirm, text: confirmText, action: confirmAction })) form.submit();
  });
}
