// The bell in the header: its count, and the list that opens from it.

import { setBadge } from "../js/badge.js";
import { part } from "../js/dom.js";
import { gettext, interpolate, ngettext } from "../js/texts.js";
import { activity } from "../realtime/activity.js";
import { socket } from "../realtime/connection.js";
import { showOnDesktop } from "./desktop.js";
import { NotificationFeed } from "./feed.js";
import { NotificationList } from "./list.js";

const COUNTED = 99;
const REDRAW_MS = 60_000; // "5 minutes ago" goes on

const bell = document.getElementById("bell");
const panel = document.getElementById("notifications");

if (bell) {
  const topic = socket.topic("notifications");
  const feed = new NotificationFeed(topic);
  const lists = [part(panel, "list"), document.querySelector("[data-notifications]")];
  for (const root of lists) if (root) new NotificationList(root, feed);

  const readAll = part(panel, "read-all");
  readAll.addEventListener("click", () => feed.readAll().catch(() => {}));
  feed.addEventListener("change", () => {
    showCount(feed.unread);
    readAll.hidden = feed.unread === 0;
  });
  feed.addEventListener("news", ({ detail }) => {
    const isViewed = detail.target && detail.target === activity.viewing;
    const read = () => feed.read(detail.id).catch(() => {});
    if (isViewed) read(); // It was sent before the server knew of the view.
    else showOnDesktop(detail, read);
  });
  setInterval(() => bell.isConnected && feed.dispatchEvent(new CustomEvent("change")), REDRAW_MS);
  topic.addEventListener("state", () => readWhatIsViewed(feed));
  activity.addEventListener("change", () => readWhatIsViewed(feed));
  showCount(Number(bell.dataset.unread));
  feed.join();
}

/** What happened in the topic that the page shows needs no notification any more. */
function readWhatIsViewed(feed) {
  if (activity.viewing) feed.readTarget(activity.viewing).catch(() => {}); // Lost: the next join reads it.
}

function showCount(unread) {
  bell.dataset.unread = unread;
  part(bell, "count").textContent = unread > COUNTED ? `${COUNTED}+` : unread;
  const some = ngettext("Notifications, %(count)s unread", "Notifications, %(count)s unread", unread);
  part(bell, "label").textContent = unread ? interpolate(some, { count: unread }) : gettext("Notifications");
  setBadge("notifications", unread);
}
