// What every page does.

import "./passwords.js";
import { gettext } from "./texts.js";
import "./themes.js";
import { toast } from "./toasts.js";
import "./worker.js";

if (document.querySelector("[data-feed]")) import("../realtime/feed-list.js");

// What allauth's scripts say: no passkey was chosen, or the browser lets this page have none.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const barred = event.detail.exception.name === "SecurityError";
  toast(
    barred
      ? gettext("Passkeys need the site's name: HTTPS, or localhost in place of 127.0.0.1.")
      : gettext("That did not work. Try again, or choose another way."),
    "error",
  );
});
