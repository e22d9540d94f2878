// What opens over the page: menus beside a button, the dialog that asks first, the toast of a failed request.

import { part } from "../js/dom.js";
import { gettext } from "../js/texts.js";
import { toast } from "../js/toasts.js";

const GAP_PX = 4;

/** Shows `popover` by `anchor`, wholly inside the window, with the focus on its first button; later it goes back. */
export function openBeside(popover, anchor) {
  popover.showPopover();
  anchor.ariaExpanded = "true";
  popover.addEventListener("toggle", function closed({ newState }) {
    if (newState !== "closed") return;
    anchor.ariaExpanded = "false";
    popover.removeEventListener("toggle", closed);
  });
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const above = box.top - height - GAP_PX;
  const below = box.bottom + GAP_PX;
  const top = below + height < innerHeight ? below : Math.max(above, GAP_PX);
  const left = Math.max(GAP_PX, Math.min(box.right - width, innerWidth - width - GAP_PX));
  popover.style.top = `${top}px`;
  popover.style.left = `${left}px`;
  popover.querySelector("button:not([hidden])")?.focus();
}

/** Lets the arrow keys move between the buttons of `element`, or of what in it matches `among`. */
export function moveWithArrows(element, among = null) {
  element.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[key];
    const group = among ? target.closest(among) : element;
    if (!step || !group) return;
    event.preventDefault();
    const buttons = Array.from(group.querySelectorAll("button:not([hidden])"));
    const next = buttons[(buttons.indexOf(target) + step + buttons.length) % buttons.length];
    [target.tabIndex, next.tabIndex] = [next.tabIndex, target.tabIndex]; // Where one of them is the tab key's stop.
    next.focus();
  });
}

/**
 * @param {{title: string, text: string, action: string}} question action is the label of the button that agrees
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

/**
 * Waits for a request and shows a toast if it fails.
 *
 * @returns {Promise<boolean>} whether it was granted
 */
export async function attempt(request) {
  try {
    await request;
    return true;
  } catch (error) {
    const noConnection = gettext("That did not go through: there is no connection. Try again when it is back.");
    toast(error.code === "lost" ? noConnection : error.detail, "error");
    return false;
  }
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
