// The page of a room.

import { Banner } from "../js/banner.js";
import { show } from "../js/dom.js";
import { gettext } from "../js/texts.js";
import { socket } from "../realtime/connection.js";
import "./composer.js";
import "./invitations.js";
import "./people.js";
import { confirmForms } from "./popups.js";
import "./reading.js";
import "./receipts.js";
import { room } from "./room.js";
import "./timeline.js";
import "./toolbar.js";
import { view } from "./view.js";

const REFUSED = {
  forbidden: gettext("You are not in this room any more."),
  "not-found": gettext("This room does not exist any more."),
};

const { topic, kind, you } = room;

function showRoom({ name, about = "", archived = false }) {
  const writes = room.part("composer").contains(document.activeElement);
  room.page.classList.toggle("room--archived", archived);
  if (archived) room.tell("archived");
  if (archived && writes) room.part("messages").lastElementChild?.focus({ preventScroll: true });
  for (const element of room.page.querySelectorAll("[data-room-name]")) element.textContent = name;
  for (const element of room.page.querySelectorAll("[data-room-about]")) show(element, about);
}

topic.addEventListener("welcome", ({ detail: { data } }) => showRoom(data.room));
topic.addEventListener("room.updated", ({ detail: { data } }) => kind === "direct" || showRoom(data.room));
topic.addEventListener("member.updated", ({ detail: { data } }) => {
  if (kind === "direct" && data.member.id !== you.id) showRoom(data.member); // It has the other person's name.
});

topic.addEventListener("state", () => {
  room.page.dataset.state = topic.state;
  const words = topic.state === "refused" && REFUSED[topic.reason];
  if (!words) return; // After a sign-out the banner says so.
  const writes = room.part("composer").contains(document.activeElement);
  room.page.classList.add("room--refused");
  room.tell("closed", words);
  show(room.part("refused-text"), words);
  room.part("refused").hidden = false;
  if (writes) room.part("refused").querySelector("a").focus();
});

new Banner(room.page, socket);
confirmForms();
room.open();
view.mark(room.at);
