// How much to be told of what a page is about: each choice is sent as it is made.

import { toast } from "../js/toasts.js";

const SIGNED_OUT = "You are signed out. Sign in, and choose again.";
const LOST = "That did not go through: there is no connection. Choose again when it is back.";

for (const form of document.querySelectorAll("[data-level]")) {
  let chosen = form.level.value;
  form.addEventListener("change", async () => {
    const { value } = form.level;
    const why = await refusal(form);
    if (why) {
      form.level.value = chosen;
      toast(why, "error");
    } else chosen = value;
  });
}

/** @returns {Promise<string>} why the form is not taken; empty where it is */
async function refusal(form) {
  const request = { method: "POST", headers: { Accept: "application/json" }, body: new FormData(form) };
  try {
    const response = await fetch(form.action, request);
    if (response.redirected) return SIGNED_OUT;
    return response.ok ? "" : (await response.json()).detail;
  } catch {
    return LOST;
  }
}
