// Short notes that something has happened: toast("Copied"), toast("Could not send", "error").
// They go after a while, except errors and those under the pointer or the focus.

import { focusBefore, hide } from "./dom.js";
import { showIcon } from "./pictures.js";

const SHOWN_MS = 6000;

const toasts = document.getElementById("toasts");

export function toast(text, level = "info") {
  const made = toasts.querySelector("template").content.firstElementChild.cloneNode(true);
  made.classList.replace("toast--info", `toast--${level}`);
  showIcon(made.querySelector(".icon"), level);
  made.querySelector(".toast__text").textContent = text;
  toasts.append(made);
  leaveLater(made);
  return made;
}

function leaveLater(shown) {
  if (shown.matches(".toast--error")) return;
  setTimeout(() => {
    if (shown.matches(":hover, :focus-within")) leaveLater(shown);
    else shown.remove();
  }, SHOWN_MS);
}

if (toasts) {
  const before = focusBefore(toasts);
  toasts.addEventListener("click", ({ target }) => {
    if (!target.closest("button")) return;
    const shown = target.closest(".toast");
    hide(shown, true, before());
    shown.remove();
  });
}

for (const shown of document.querySelectorAll("#toasts > .toast")) leaveLater(shown);
