// The switch on the settings page: whether this browser is told of things while it is closed.

import { part } from "../js/dom.js";
import { gettext, interpolate } from "../js/texts.js";
import { toast } from "../js/toasts.js";
import { current, isPossible, subscribe, unsubscribe } from "./subscription.js";

const section = document.querySelector("[data-push-switch]");

if (isPossible && section) {
  const text = part(section, "text");
  const toggle = part(section, "toggle");
  let subscription = await current();

  const show = () => {
    section.hidden = false;
    text.textContent = subscription
      ? gettext("This browser is told of things even while it is closed.")
      : gettext("This browser can be told of things even while it is closed.");
    toggle.textContent = subscription ? gettext("Turn off") : gettext("Turn on");
    document.documentElement.dataset.push = subscription ? "on" : "off";
  };

  toggle.addEventListener("click", async () => {
    toggle.disabled = true;
    try {
      subscription = subscription ? await unsubscribe(subscription) : await subscribe(section.dataset.key);
      const denied = !subscription && Notification.permission === "denied";
      if (denied) toast(gettext("Your browser does not let this site do that."), "error");
    } catch (error) {
      toast(interpolate(gettext("That did not work: %(why)s"), { why: error.message }), "error");
    }
    toggle.disabled = false;
    show();
  });
  show();
}
