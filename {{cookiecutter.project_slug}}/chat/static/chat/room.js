// The page of a room: makes its parts and lets them know of each other.

import { socket } from "../realtime/connection.js";
import { Outbox } from "../realtime/outbox.js";
import { OutboxStore } from "../realtime/outbox-store.js";
import { Actions } from "./actions.js";
import { Banner } from "./banner.js";
import { confirmForms } from "./confirm.js";
import { Composer } from "./composer.js";
import { pageData, part, show } from "./dom.js";
import { Draft } from "./drafts.js";
import { History } from "./history.js";
import { MemberMenu } from "./member-menu.js";
import { Members } from "./members.js";
import { NewMessages } from "./new-messages.js";
import { Panel } from "./panel.js";
import { Pending } from "./pending.js";
import { Reads } from "./reads.js";
import { moveThrough } from "./roving.js";
import { Scroller } from "./scroller.js";
import { Timeline } from "./timeline.js";
import { Toolbar } from "./toolbar.js";
import { Typing } from "./typing.js";

const REFUSED = {
  forbidden: "You are not in this room any more.",
  "not-found": "This room does not exist any more.",
};

const page = document.querySelector("[data-room-page]");
const { slug, you } = pageData("room-data");
const whose = { user: you.id, room: slug };
const topic = socket.topic(`chat:${slug}`);

const list = part(page, "messages");
const viewport = part(page, "timeline");
const members = new Members({ list: part(page, "members"), counts: page.querySelectorAll("[data-part=count]"), topic });
const reader = { you, nameOf: (id) => members.nameOf(id) };
const scroller = new Scroller(viewport, list);
const timeline = new Timeline({ list, scroller, reader });
const history = new History({ topic, timeline, viewport, start: part(page, "start") });
const reads = new Reads({ topic, timeline, scroller });
const newMessages = new NewMessages({ button: part(page, "new-messages"), scroller });
const outbox = new Outbox({ store: new OutboxStore(whose), send });
const pending = new Pending({ list: part(page, "pending"), outbox, scroller, timeline, you });
const composer = new Composer({ form: part(page, "composer"), draft: new Draft(whose) });
const typing = new Typing({ line: part(page, "typing"), topic, you });
const actions = new Actions({ topic, timeline });
const toolbar = new Toolbar({
  list,
  bar: document.getElementById("toolbar-template").content.firstElementChild,
  emoji: document.getElementById("emoji-menu"),
  more: document.getElementById("message-menu"),
  timeline,
  you,
});
new Banner({ element: part(page, "connection"), socket });
new Panel({
  room: page,
  panel: part(page, "panel"),
  toggle: part(page, "panel-toggle"),
  conversation: part(page, "conversation"),
});
const memberMenu = document.getElementById("member-menu");
if (memberMenu) new MemberMenu({ menu: memberMenu, list: part(page, "members"), you });
moveThrough(list);
confirmForms();

let started = false;

topic.addEventListener("welcome", ({ detail: { rev, data } }) => {
  become(data.you);
  reads.start(data.you.last_read);
  if (started) history.resume();
  else restart(rev, data.you.last_read);
  started = true;
  outbox.resume();
});
topic.addEventListener("reset", ({ detail }) => restart(detail.rev, you.last_read));
topic.addEventListener("changes", ({ detail }) => take(detail.data.messages));
for (const type of ["message.created", "message.updated", "message.deleted"]) {
  topic.addEventListener(type, ({ detail }) => take([detail.data]));
}
topic.addEventListener("member.updated", ({ detail: { data } }) => {
  if (data.member.id === you.id) become(data.member);
});
topic.addEventListener("room.updated", ({ detail: { data } }) => rename(data.room));
topic.addEventListener("state", () => {
  if (topic.state !== "joined") outbox.pause();
  if (topic.state === "refused") refuse(topic.reason);
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") timeline.endUnread();
  else if (scroller.atEnd && timeline.newest) timeline.markUnread(timeline.newest.seq);
});

composer.addEventListener("type", () => typing.tell());
composer.addEventListener("edit", ({ detail }) => actions.edit(detail));
composer.addEventListener("edit-last", () => timeline.lastOwn && composer.edit(timeline.lastOwn));
composer.addEventListener("send", ({ detail }) => {
  typing.sent();
  outbox.add(detail);
  scroller.toEnd();
});

toolbar.addEventListener("react", ({ detail }) => actions.react(detail.message, detail.emoji));
toolbar.addEventListener("reply", ({ detail }) => composer.reply(detail.message));
toolbar.addEventListener("edit", ({ detail }) => composer.edit(detail.message));
toolbar.addEventListener("delete", ({ detail }) => actions.delete(detail.message));
toolbar.addEventListener("copy", ({ detail }) => actions.copy(detail.message));

list.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-emoji], [data-jump]");
  if (!button) return;
  if (button.dataset.jump) jump(Number(button.dataset.jump));
  else actions.react({ seq: Number(button.closest("[data-seq]").dataset.seq) }, button.dataset.emoji);
});

pending.show();
topic.join();
if (!matchMedia("(hover: none)").matches) composer.focus();

/** Takes the reader's name and role as they are now. */
function become(person) {
  Object.assign(you, person);
  page.dataset.yourRole = you.role;
}

function restart(rev, lastRead) {
  timeline.markUnread(lastRead, rev);
  history.restart(rev).then(() => reads.check());
}

/** Puts messages from the room's events in their places. */
function take(messages) {
  for (const { author } of messages) members.meet(author);
  const added = timeline.put(messages);
  for (const { author, client_id } of messages) if (author.id === you.id) outbox.settle(client_id);
  newMessages.add(added.filter(({ author }) => author.id !== you.id).length);
  reads.check();
}

async function send({ client_id, body, reply_to }) {
  take([await topic.request("message.send", { client_id, body, reply_to })]);
}

async function jump(seq) {
  await history.reach(seq);
  const element = timeline.element(seq);
  if (!element) return;
  element.scrollIntoView({ block: "center" });
  element.focus({ preventScroll: true });
}

function rename({ name, kind, about }) {
  if (kind === "direct") return;
  part(page, "name").textContent = name;
  show(part(page, "about"), about);
}

function refuse(reason) {
  const words = REFUSED[reason];
  if (!words) return; // Signed out: the banner says so.
  page.classList.add("room--refused");
  composer.close(words);
  show(part(page, "refused-text"), words);
  part(page, "refused").hidden = false;
}
