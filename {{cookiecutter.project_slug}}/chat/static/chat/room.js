// The page of a room. Its parts find their own elements, and listen to the room's topic and messages by themselves.

import { Banner } from "../js/banner.js";
import { pageData, part, show } from "../js/dom.js";
import { socket } from "../realtime/connection.js";
import { Feed } from "../realtime/feed.js";
import { Composer } from "./composer.js";
import { History } from "./history.js";
import { Members } from "./members.js";
import { Panel } from "./panel.js";
import { Pending } from "./pending.js";
import { confirmForms } from "./popups.js";
import { Reading } from "./reading.js";
import { Scroller } from "./scroller.js";
import { Timeline } from "./timeline.js";
import { Toolbar } from "./toolbar.js";
import { Typing } from "./typing.js";

const REFUSED = {
  forbidden: "You are not in this room any more.",
  "not-found": "This room does not exist any more.",
};

const page = document.querySelector("[data-room-page]");
const { slug, kind, you, upload } = pageData("room-data");
const topic = socket.topic(`chat:${slug}`);
const messages = new Feed(topic, { items: "messages", list: "history", keepDeleted: true });
const room = { page, slug, you, topic, messages, upload };

const members = new Members(room);
const scroller = new Scroller(part(page, "timeline"), part(page, "messages"));
const timeline = new Timeline(room, { members, scroller });
const pending = new Pending(room, scroller);
const composer = new Composer(room);
const typing = new Typing(room);
const toolbar = new Toolbar(room);
new Reading(room, { scroller, timeline });
new History(room, timeline);
new Banner(page, socket);
new Panel(page);
confirmForms();

toolbar.addEventListener("reply", ({ detail }) => composer.reply(detail));
toolbar.addEventListener("edit", ({ detail }) => composer.edit(detail));
pending.addEventListener("edit", ({ detail: { body, reply_to, attachments } }) => {
  composer.takeBack(body, messages.get(reply_to), attachments);
});
composer.addEventListener("type", () => typing.tell());
composer.addEventListener("send", ({ detail }) => {
  typing.sent();
  pending.add(detail);
  scroller.toEnd();
});

function showRoom({ name, about = "" }) {
  part(page, "name").textContent = name;
  show(part(page, "about"), about);
}

topic.addEventListener("welcome", ({ detail: { data } }) => showRoom(data.room));
topic.addEventListener("room.updated", ({ detail: { data } }) => kind === "direct" || showRoom(data.room));
topic.addEventListener("member.updated", ({ detail: { data } }) => {
  if (kind === "direct" && data.member.id !== you.id) showRoom(data.member); // It has the other person's name.
});

topic.addEventListener("state", () => {
  const words = topic.state === "refused" && REFUSED[topic.reason];
  if (!words) return; // After a sign-out the banner says so.
  page.classList.add("room--refused");
  composer.close(words);
  show(part(page, "refused-text"), words);
  part(page, "refused").hidden = false;
});

messages.join();
if (!matchMedia("(hover: none)").matches) composer.focus();
