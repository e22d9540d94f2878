// The bell in the header: its count, the list that opens from it, and what follows from both.

import { setBadge } from "../js/badge.js";
import { activity } from "../presence/presence.js";
import { socket } from "../realtime/connection.js";
import { showOnDesktop } from "./desktop.js";
import { Inbox } from "./inbox.js";
import { NotificationList } from "./list.js";

const COUNTED = 99;
const REDRAW_MS = 60_000; // "5 minutes ago" goes on

const bell = document.getElementById("bell");
const panel = document.getElementById("notifications");

if (bell) {
  const topic = socket.topic("notifications");
  const inbox = new Inbox(topic);
  const lists = [panel.querySelector("[data-part=list]"), document.querySelector("[data-notifications]")];
  for (const root of lists) if (root) new NotificationList(root, inbox);

  const readAll = panel.querySelector("[data-part=read-all]");
  readAll.addEventListener("click", () => inbox.readAll().catch(() => {}));
  inbox.addEventListener("change", () => {
    showCount(inbox.unread);
    readAll.hidden = inbox.unread === 0;
  });
  inbox.addEventListener("news", ({ detail }) => {
    const isViewed = detail.target && detail.target === activity.viewing;
    if (isViewed) inbox.read(detail.id).catch(() => {}); // It was sent before the server knew of the view.
    else showOnDesktop(detail);
  });
  setInterval(() => inbox.dispatchEvent(new CustomEvent("change")), REDRAW_MS);
  topic.addEventListener("state", () => readWhatIsViewed(inbox));
  activity.addEventListener("change", () => readWhatIsViewed(inbox));
  showCount(Number(bell.dataset.unread));
}

/** What happened in the topic that the page shows needs no notification any more. */
function readWhatIsViewed(inbox) {
  if (activity.viewing) inbox.readTarget(activity.viewing).catch(() => {}); // Lost: the next join reads it.
}

function showCount(unread) {
  bell.dataset.unread = unread;
  bell.querySelector("[data-part=count]").textContent = unread > COUNTED ? `${COUNTED}+` : unread;
  bell.querySelector("[data-part=label]").textContent = unread ? `Notifications, ${unread} unread` : "Notifications";
  setBadge("notifications", unread);
}
