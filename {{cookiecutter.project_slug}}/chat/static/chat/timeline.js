// The messages of a room on the page, in their order.

import { part } from "../js/dom.js";
import { day, sameDay } from "../js/times.js";
import { createMessage, showQuote, unfold, updateMessage } from "./message.js";
import { attempt } from "./popups.js";

const TOGETHER_MS = 5 * 60_000; // Messages of one person within this time share one heading.
const SHOWN_MESSAGES = 600;
const KEPT_MESSAGES = 300;
const SPOKEN_MESSAGES = 5; // More at once is a page or a catch-up, which a screen reader does not read out.
const HUSH_MS = 500;

export class Timeline {
  #list;
  #messages;
  #reader;
  #scroller;
  #elements = new Map(); // seq → element
  #unread = null;

  /**
   * @param {{page: HTMLElement, you: object, topic: EventTarget, messages: import("../realtime/feed.js").Feed}} room
   * @param {{members: object, scroller: object}} parts
   */
  constructor({ page, you, topic, messages }, { members, scroller }) {
    this.#list = part(page, "messages");
    this.#messages = messages;
    this.#reader = { you, nameOf: (id) => members.nameOf(id), mayStop: (message) => this.#mayStop(message) };
    this.#scroller = scroller;
    messages.addEventListener("change", ({ detail }) => this.#show(detail));
    this.#list.addEventListener("click", ({ target }) => {
      if (target.dataset.part === "unfold") unfold(target.closest("[data-seq]"));
      if (target.dataset.part !== "stop") return;
      const seq = Number(target.closest("[data-seq]").dataset.seq);
      attempt(messages.command("message.stop", { seq }));
    });
    topic.addEventListener("message.growing", ({ detail: { data } }) => this.#grow(data));
    topic.addEventListener("welcome", ({ detail: { data } }) => this.#renamed(data.members));
    topic.addEventListener("member.updated", ({ detail: { data } }) => this.#renamed([data.member]));
    this.#moveWithKeys();
  }

  element(seq) {
    return this.#elements.get(seq) ?? null;
  }

  /** Marks the first message after the `seq` where the reader left off, as far as the `seq` where they came back. */
  markUnread(after, upTo = Infinity) {
    this.#unread = { after, upTo };
    this.#scroller.keep(() => this.#arrange(() => true));
  }

  /** The reader is back: messages from now on are not marked. */
  endUnread() {
    if (this.#unread) this.#unread.upTo = Math.min(this.#unread.upTo, this.#messages.newest?.seq ?? 0);
  }

  #show({ older, added, updated, removed }) {
    if (added.length + updated.length > SPOKEN_MESSAGES) this.#hush();
    this.#scroller.keep(() => {
      for (const { seq } of removed) this.#remove(seq);
      for (const message of updated) updateMessage(this.element(message.seq), message, this.#reader);
      this.#insert(added);
      for (const message of [...added, ...updated]) this.#quote(message);
      const fresh = new Set(added);
      this.#arrange((message, previous) => !previous || fresh.has(message) || fresh.has(previous));
      const tooMany = this.#elements.size > SHOWN_MESSAGES;
      if (tooMany && this.#scroller.atEnd && !older) this.#messages.trim(KEPT_MESSAGES);
    });
  }

  /** Shows what a message has so far; a later form of it says the same, and more. */
  #grow({ seq, body }) {
    const message = this.#messages.get(seq);
    if (!message?.writing) return;
    message.body = body;
    this.#scroller.keep(() => updateMessage(this.element(seq), message, this.#reader));
  }

  #mayStop({ reply_to: asked }) {
    const { id, role } = this.#reader.you;
    return role !== "member" || this.#messages.get(asked)?.author.id === id;
  }

  #remove(seq) {
    this.#elements.get(seq)?.remove();
    this.#elements.delete(seq);
  }

  #insert(added) {
    if (added.length === 0) return;
    let previous = null;
    for (const message of this.#messages.items) {
      const element = this.element(message.seq) ?? this.#create(message);
      if (!element.isConnected && previous) previous.after(element);
      else if (!element.isConnected) this.#list.prepend(element);
      previous = element;
    }
  }

  #create(message) {
    const element = createMessage(message, this.#reader);
    const { reply_to: quoted } = message;
    if (quoted !== null) showQuote(element, this.#messages.get(quoted) ?? unseen(quoted));
    this.#elements.set(message.seq, element);
    return element;
  }

  /** Updates the quotes of a message. */
  #quote(message) {
    for (const quote of this.#list.querySelectorAll(`[data-jump="${message.seq}"]`)) {
      showQuote(quote.closest("[data-seq]"), message);
    }
  }

  /** Shows people's messages under their names as they are now. */
  #renamed(people) {
    const now = new Map(people.map((person) => [person.id, person]));
    for (const message of this.#messages.items) {
      const person = now.get(message.author.id);
      const element = this.element(message.seq);
      if (!person || !element || (person.name === message.author.name && person.color === message.author.color)) continue;
      message.author = person;
      updateMessage(element, message, this.#reader);
      this.#quote(message);
    }
  }

  /** Shows what depends on the previous message, for the messages with `isDue(message, previous)`. */
  #arrange(isDue) {
    this.#messages.items.forEach((message, index, items) => {
      const previous = items[index - 1];
      if (isDue(message, previous)) this.#head(this.element(message.seq), message, previous);
    });
  }

  #head(element, message, previous) {
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
    const heading = part(element, "day");
    heading.hidden = !newDay;
    heading.textContent = newDay ? day(date) : "";
    part(element, "unread").hidden = !firstUnread;
    element.classList.toggle("message--together", together);
  }

  #isFirstUnread(message, previous) {
    if (!this.#unread || message.author.id === this.#reader.you.id) return false;
    const { after, upTo } = this.#unread;
    if (message.seq <= after || message.seq > upTo) return false;
    return previous ? previous.seq <= after : this.#messages.floor <= after + 1;
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

function neighbour(line, key) {
  if (key === "ArrowUp") return line.previousElementSibling;
  if (key === "ArrowDown") return line.nextElementSibling;
  if (key === "Home") return line.parentElement.firstElementChild;
  if (key === "End") return line.parentElement.lastElementChild;
  return null;
}

function unseen(seq) {
  return { seq, author: null, body: "An earlier message", deleted_at: null };
}
