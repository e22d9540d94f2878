// On every page: a subscription belongs to the session it was made in, so each new visit tells the server of it.

import { current, isPossible, tell } from "./subscription.js";

const TOLD = "push-told";

if (isPossible && Notification.permission === "granted") {
  const subscription = await current();
  if (subscription) {
    document.documentElement.dataset.push = "on"; // The page then leaves the desktop to it.
    if (sessionStorage.getItem(TOLD) !== subscription.endpoint) {
      await tell(subscription).then(() => sessionStorage.setItem(TOLD, subscription.endpoint), console.warn);
    }
  }
}
