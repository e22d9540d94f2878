// What every page does.

import "./passwords.js";
import "./themes.js";
import { toast } from "./toasts.js";

if (document.querySelector("[data-feed]")) import("../realtime/feed-list.js");

// What allauth's scripts say: no passkey was chosen, or the browser has none.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  toast("That did not work. Try again, or choose another way.", "error");
});
