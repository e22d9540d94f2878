// How much to be told of what a page is about: each choice is sent as it is made.

import { gettext } from "../js/texts.js";
import { toast } from "../js/toasts.js";

const SIGNED_OUT = gettext("You are signed out. Sign in, and choose again.");
const STALE = gettext("This page is too old for that: you signed in again elsewhere. Reload it, and choose again.");
const LOST = gettext("That did not go through: there is no connection. Choose again when it is back.");

for (const form of document.querySelectorAll("[data-level]")) {
  let chosen = form.level.value;
  let sent = Promise.resolve();
  form.addEventListener("change", () => (sent = sent.then(send))); // One at a time: the last one stands.
  async function send() {
    const { value } = form.level;
    if (value === chosen) return;
    const why = await refusal(form);
    if (why) {
      form.level.value = chosen;
      toast(why, "error");
    } else chosen = value;
  }
}

/** @returns {Promise<string>} why the form is not taken; empty where it is */
async function refusal(form) {
  const request = { method: "POST", headers: { Accept: "application/json" }, body: new FormData(form) };
  try {
    const response = await fetch(form.action, request);
    if (response.redirected) return SIGNED_OUT;
    if (response.ok) return "";
    return response.headers.get("Content-Type").includes("json") ? (await response.json()).detail : STALE;
  } catch {
    return LOST;
  }
}
