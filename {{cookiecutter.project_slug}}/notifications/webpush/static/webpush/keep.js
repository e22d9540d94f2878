// On every page: a push subscription belongs to a session, so each new session sends it to the server again.

import { current, isPossible, tell } from "./subscription.js";

const TOLD = "push-told";

if (isPossible && Notification.permission === "granted") {
  const subscription = await current();
  if (subscription) {
    document.documentElement.dataset.push = "on"; // desktop.js then shows nothing.
    if (sessionStorage.getItem(TOLD) !== subscription.endpoint) {
      await tell(subscription).then(() => sessionStorage.setItem(TOLD, subscription.endpoint), console.warn);
    }
  }
}
