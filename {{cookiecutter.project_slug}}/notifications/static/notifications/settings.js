// Allowing notifications on the desktop: a browser asks only when a person has pressed something.

import { part } from "../js/dom.js";
import { gettext } from "../js/texts.js";

const section = document.querySelector("[data-desktop]");

const WORDS = {
  granted: gettext("Notifications show on your desktop while no tab of this site can be seen."),
  denied: gettext("Your browser does not let this site show notifications. Its own settings can allow it again."),
  default: gettext("Notifications can show on your desktop while this site is in the background."),
};

function show() {
  section.hidden = false;
  part(section, "text").textContent = WORDS[Notification.permission];
  part(section, "allow").hidden = Notification.permission !== "default";
}

if (section && "Notification" in window) {
  part(section, "allow").addEventListener("click", async () => {
    await Notification.requestPermission();
    show();
  });
  show();
}
