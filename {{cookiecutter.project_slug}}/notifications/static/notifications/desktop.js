// Notifications on the desktop: if the person allowed them, unless quiet, while no tab of the site is visible.

import { linkTo } from "./list.js";

const SEEN = "notifications-seen";

/** Every visible tab holds this lock, so that a hidden tab can tell whether there is a visible one. */
function holdWhileSeen() {
  let release = null;
  const follow = () => {
    if (document.visibilityState !== "visible") {
      release?.();
      release = null;
    } else if (!release) {
      navigator.locks.request(SEEN, { mode: "shared" }, () => new Promise((resolve) => (release = resolve)));
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

if (navigator.locks) holdWhileSeen();

async function anyTabIsSeen() {
  if (document.visibilityState === "visible") return true;
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return held.some(({ name }) => name === SEEN);
}

/** Shows a notification, which calls `opened` when it is clicked; several tabs that show the same one show it once. */
export async function showOnDesktop({ id, text, excerpt, quiet }, opened) {
  if (quiet || !("Notification" in window) || Notification.permission !== "granted") return;
  if (document.documentElement.dataset.push === "on" || (await anyTabIsSeen())) return;
  try {
    const shown = new Notification(text, { body: excerpt, tag: `notification-${id}` });
    shown.addEventListener("click", () => {
      window.focus();
      opened();
      location.assign(linkTo(id));
      shown.close();
    });
  } catch {
    // Chrome on Android knows them from service workers only: there, web push shows them.
  }
}
