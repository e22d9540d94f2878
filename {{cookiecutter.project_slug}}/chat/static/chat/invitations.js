// Inviting people by name: what the server answers is in its page, and this one need not be loaded again.

import { gettext } from "../js/texts.js";
import { toast } from "../js/toasts.js";
import { room } from "./room.js";

const PART = "[data-part=invitations]";
const NOT_TAKEN = gettext("That did not go through. Reload the page, and try again.");
const LOST = gettext("That did not go through: there is no connection. Try again when it is back.");

room.part("panel").addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.closest(PART)) return;
  event.preventDefault();
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form) });
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    toast(LOST, "error");
  }
});

function show(page) {
  const fresh = page.querySelector(PART);
  if (!fresh) return toast(NOT_TAKEN, "error");
  room.part("invitations").replaceWith(fresh);
  fresh.querySelector("[name=username]")?.focus();
  for (const { textContent } of page.querySelectorAll("#toasts .toast__text")) toast(textContent, "success");
}
