// The messages of a room on the page, in their order.

import { part } from "../js/dom.js";
import { gettext, interpolate, ngettext } from "../js/texts.js";
import { clock, day, eachDay, sameDay } from "../js/times.js";
import { createMessage, quoteOf, showMessage, showQuote, unfold } from "./message.js";
import { attempt } from "./popups.js";
import { room } from "./room.js";
import { view } from "./view.js";

const TOGETHER_MS = 5 * 60_000; // Messages of one person within this time share one heading.
const SHOWN_MESSAGES = 250; // More make each frame of a slow phone late.
const KEPT_MESSAGES = 200;
const SPOKEN_MESSAGES = 5; // More at once is a page or a catch-up, which a screen reader does not read out.
const COUNTED = 99; // The server counts no further.
const HUSH_MS = 500;
const LOOKS = ["name", "color", "picture"];

class Timeline {
  #list = room.part("messages");
  #unread = null;

  constructor() {
    const { topic, messages } = room;
    messages.addEventListener("change", ({ detail }) => this.#show(detail));
    this.#list.addEventListener("click", ({ target }) => {
      if (target.dataset.part === "unfold") unfold(target.closest("[data-seq]"));
      if (target.dataset.part !== "stop") return;
      const seq = Number(target.closest("[data-seq]").dataset.seq);
      attempt(messages.command("message.stop", { seq }));
    });
    // What is quoted need not be loaded.
    for (const type of ["message.updated", "message.deleted"]) {
      topic.addEventListener(type, ({ detail: { data } }) => this.#quote([data]));
    }
    topic.addEventListener("changes", ({ detail: { data } }) => this.#quote(data.messages));
    topic.addEventListener("message.growing", ({ detail: { data } }) => this.#grow(data));
    topic.addEventListener("welcome", ({ detail: { data } }) => this.#renamed(data.members));
    topic.addEventListener("member.updated", ({ detail: { data } }) => this.#renamed([data.member]));
    eachDay(() => view.keep(() => this.#arrange(() => true)));
    this.#moveWithKeys();
  }

  /** Marks the first message after the `seq` where the reader left off, as far as the `seq` where they came back. */
  markUnread(after, upTo = Infinity) {
    this.#unread = { after, upTo };
    view.keep(() => this.#arrange(() => true));
  }

  /** The reader is back: messages from now on are not marked. */
  endUnread() {
    if (this.#unread) this.#unread.upTo = Math.min(this.#unread.upTo, room.messages.newest?.seq ?? 0);
  }

  #show({ page, added, updated, removed }) {
    if (added.length + updated.length > SPOKEN_MESSAGES) this.#hush();
    view.keep(() => {
      for (const { seq } of removed) element(seq)?.remove();
      for (const message of updated) showMessage(element(message.seq), message);
      this.#insert(added);
      this.#quote([...added, ...updated]);
      const fresh = new Set(added);
      this.#arrange((message, previous) => !previous || fresh.has(message) || fresh.has(previous));
      if (this.#list.childElementCount > SHOWN_MESSAGES) this.#trim(page);
    });
  }

  /** Drops what is far from the view: above it, unless the reader goes up. */
  #trim(page) {
    if (page === "older") room.messages.trimNewer(KEPT_MESSAGES);
    else if (page === "newer" || view.atEnd) room.messages.trim(KEPT_MESSAGES);
  }

  /** Shows what a message has so far; a later form of it says the same, and more. */
  #grow({ seq, body, html }) {
    const message = room.messages.get(seq);
    if (!message?.writing) return;
    Object.assign(message, { body, html });
    view.keep(() => showMessage(element(seq), message));
  }

  /** Puts new messages into their places. Those that came with the page are there already. */
  #insert(added) {
    if (added.length === 0) return;
    let previous = null;
    for (const message of room.messages.items) {
      const line = element(message.seq) ?? createMessage(message);
      if (!line.isConnected && previous) previous.after(line);
      else if (!line.isConnected) this.#list.prepend(line);
      previous = line;
    }
    for (const message of added) this.#fill(element(message.seq), message);
  }

  #fill(line, message) {
    showMessage(line, message);
    const { reply_to: seq, quote } = message;
    if (!quote) return;
    const quoted = room.messages.get(seq); // It may have changed since.
    showQuote(line, seq, quoted ? quoteOf(quoted) : quote);
  }

  /** Updates the quotes of these messages. */
  #quote(messages) {
    const changed = new Map(messages.map((message) => [String(message.seq), message]));
    for (const quote of this.#list.querySelectorAll(".message__quote[data-jump]")) {
      const message = changed.get(quote.dataset.jump);
      if (message) showQuote(quote.closest("[data-seq]"), message.seq, quoteOf(message));
    }
  }

  /** Shows people's messages under their names as they are now. */
  #renamed(people) {
    const now = new Map(people.map((person) => [person.id, person]));
    for (const message of room.messages.items) {
      const person = now.get(message.author.id);
      const line = element(message.seq);
      if (!person || !line || LOOKS.every((key) => person[key] === message.author[key])) continue;
      message.author = person;
      showMessage(line, message);
      this.#quote([message]);
    }
  }

  /** Shows what depends on the previous message, for the messages with `isDue(message, previous)`. */
  #arrange(isDue) {
    room.messages.items.forEach((message, index, items) => {
      const previous = items[index - 1];
      if (isDue(message, previous)) this.#head(element(message.seq), message, previous);
    });
  }

  #head(line, message, previous) {
    const date = new Date(message.created_at);
    const previousDate = previous && new Date(previous.created_at);
    const newDay = !previous || !sameDay(previousDate, date);
    const firstUnread = this.#isFirstUnread(message, previous);
    const together =
      !newDay &&
      !firstUnread &&
      message.reply_to === null &&
      previous.author.id === message.author.id &&
      date - previousDate < TOGETHER_MS;
    const heading = part(line, "day");
    heading.hidden = !newDay;
    heading.textContent = newDay ? day(date) : "";
    const { unread } = room;
    part(line, "unread").hidden = !firstUnread;
    part(line, "unread").textContent = unread?.first === message.seq ? newSince(unread) : gettext("New");
    line.classList.toggle("message--together", together);
  }

  #isFirstUnread(message, previous) {
    if (!this.#unread || message.author.id === room.you.id) return false;
    const { after, upTo } = this.#unread;
    if (message.seq <= after || message.seq > upTo) return false;
    return previous ? previous.seq <= after : room.messages.floor <= after + 1;
  }

  #hush() {
    const log = this.#list.closest("[role=log]");
    log.ariaLive = "off";
    setTimeout(() => (log.ariaLive = "polite"), HUSH_MS);
  }

  /** One stop for the tab key in the whole list, and the arrow keys from there. */
  #moveWithKeys() {
    const list = this.#list;
    const stopAt = (line) => {
      for (const other of list.querySelectorAll(":scope > [tabindex='0']")) other.tabIndex = -1;
      if (line) line.tabIndex = 0;
    };
    list.addEventListener("keydown", (event) => {
      if (event.target.parentElement !== list) return;
      const next = neighbour(event.target, event.key);
      if (!next) return;
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    });
    list.addEventListener("focusin", ({ target }) => stopAt(target.closest("[data-seq]")));
    new MutationObserver(() => {
      if (!list.contains(document.activeElement)) stopAt(list.lastElementChild);
    }).observe(list, { childList: true });
  }
}

export const timeline = new Timeline();

/** "79 new since 9:05" */
export function newSince({ count, since }) {
  const words = ngettext("%(count)s new since %(time)s", "%(count)s new since %(time)s", count);
  return interpolate(words, { count: count > COUNTED ? `${COUNTED}+` : count, time: clock(new Date(since)) });
}

function element(seq) {
  return document.getElementById(`message-${seq}`);
}

function neighbour(line, key) {
  if (key === "ArrowUp") return line.previousElementSibling;
  if (key === "ArrowDown") return line.nextElementSibling;
  if (key === "Home") return line.parentElement.firstElementChild;
  if (key === "End") return line.parentElement.lastElementChild;
  return null;
}
