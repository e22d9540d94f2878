// The messages of a room in their order: each once, in its newest form.

import { part } from "./dom.js";
import { day, sameDay } from "./dates.js";
import { createMessage, showQuote, updateMessage } from "./message.js";

const TOGETHER_MS = 5 * 60_000; // What one person says within this time reads as one turn.
const SHOWN_MESSAGES = 600;
const KEPT_MESSAGES = 300;
const SPOKEN_MESSAGES = 5; // More than this at once is a page or a catching up: a screen reader does not read it out.
const HUSH_MS = 500;

/** Dispatches `trim` when the oldest messages were let go, to be loaded again if the reader goes up to them. */
export class Timeline extends EventTarget {
  #list;
  #scroller;
  #reader;
  #lines = []; // {message, element, date}, by seq
  #unread = null;
  /** Messages before this `seq` are not loaded. */
  floor = 1;

  /**
   * @param {{list: HTMLElement, scroller: object, reader: {you: object, nameOf: (id: number) => string}}} parts
   */
  constructor({ list, scroller, reader }) {
    super();
    this.#list = list;
    this.#scroller = scroller;
    this.#reader = reader;
  }

  get newest() {
    return this.#lines.at(-1)?.message ?? null;
  }

  get(seq) {
    return this.#line(seq)?.message ?? null;
  }

  /** @returns {object | null} the latest message that the reader wrote and has not deleted */
  get lastOwn() {
    const own = ({ author, deleted_at }) => author.id === this.#reader.you.id && deleted_at === null;
    return this.#lines.findLast(({ message }) => own(message))?.message ?? null;
  }

  element(seq) {
    return this.#line(seq)?.element ?? null;
  }

  /** Begins empty: everything from `floor` on will be put here. */
  clear(floor) {
    this.#lines = [];
    this.#list.replaceChildren();
    this.floor = floor;
  }

  /**
   * Takes messages in any order and any number of times; an older form never replaces a newer one.
   *
   * @returns {object[]} the messages that were not there before
   */
  put(messages) {
    const added = [];
    if (messages.length > SPOKEN_MESSAGES) this.#hush();
    this.#scroller.keep(() => {
      for (const message of messages) if (message.seq >= this.floor && this.#place(message)) added.push(message);
      if (this.#scroller.atEnd) this.#trim();
    });
    return added;
  }

  /** Takes a page of messages from before `floor`. */
  putEarlier(messages, floor) {
    this.floor = floor;
    this.put(messages);
  }

  /** Marks the first message after the `seq` where the reader left off, as far as the `seq` where they came back. */
  markUnread(after, upTo = Infinity) {
    this.#unread = { after, upTo };
    this.#scroller.keep(() => this.#lines.forEach((_, index) => this.#arrange(index)));
  }

  /** The reader is back: what comes from now on is not marked. */
  endUnread() {
    if (this.#unread) this.#unread.upTo = Math.min(this.#unread.upTo, this.newest?.seq ?? 0);
  }

  /** @returns {boolean} whether the message is new here */
  #place(message) {
    const index = this.#indexOf(message.seq);
    const line = this.#lines[index];
    if (line?.message.seq === message.seq) {
      this.#update(line, message);
      return false;
    }
    const element = createMessage(message, this.#reader);
    this.#list.insertBefore(element, line?.element ?? null);
    this.#lines.splice(index, 0, { message, element, date: new Date(message.created_at) });
    if (message.reply_to !== null) showQuote(element, this.get(message.reply_to) ?? unseen(message.reply_to));
    this.#quoteIn(message);
    this.#arrange(index);
    this.#arrange(index + 1);
    return true;
  }

  #update(line, message) {
    if (message.rev <= line.message.rev) return;
    line.message = message;
    updateMessage(line.element, message, this.#reader);
    this.#quoteIn(message);
  }

  /** Shows a message's present words wherever it is quoted. */
  #quoteIn(message) {
    for (const quote of this.#list.querySelectorAll(`[data-jump="${message.seq}"]`)) {
      showQuote(quote.closest("[data-seq]"), message);
    }
  }

  /** Gives a line what depends on the line before it. */
  #arrange(index) {
    const line = this.#lines[index];
    if (!line) return;
    const previous = this.#lines[index - 1];
    const newDay = !previous || !sameDay(previous.date, line.date);
    const firstUnread = this.#isFirstUnread(line.message, previous?.message);
    const together =
      !newDay &&
      !firstUnread &&
      line.message.reply_to === null &&
      previous.message.author.id === line.message.author.id &&
      line.date - previous.date < TOGETHER_MS;
    const heading = part(line.element, "day");
    heading.hidden = !newDay;
    heading.textContent = newDay ? day(line.date) : "";
    part(line.element, "unread").hidden = !firstUnread;
    line.element.classList.toggle("message--together", together);
  }

  #isFirstUnread(message, previous) {
    if (!this.#unread || message.author.id === this.#reader.you.id) return false;
    const { after, upTo } = this.#unread;
    if (message.seq <= after || message.seq > upTo) return false;
    return previous ? previous.seq <= after : this.floor <= after + 1;
  }

  #trim() {
    if (this.#lines.length <= SHOWN_MESSAGES) return;
    const dropped = this.#lines.splice(0, this.#lines.length - KEPT_MESSAGES);
    for (const { element } of dropped) element.remove();
    this.floor = this.#lines[0].message.seq;
    this.#arrange(0);
    this.dispatchEvent(new CustomEvent("trim"));
  }

  #hush() {
    const log = this.#list.closest("[role=log]");
    log.ariaLive = "off";
    setTimeout(() => (log.ariaLive = "polite"), HUSH_MS);
  }

  #line(seq) {
    const line = this.#lines[this.#indexOf(seq)];
    return line?.message.seq === seq ? line : null;
  }

  /** @returns {number} the index of the first line that is not before `seq` */
  #indexOf(seq) {
    let low = 0;
    let high = this.#lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle].message.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function unseen(seq) {
  return { seq, author: null, body: "An earlier message", deleted_at: null };
}
