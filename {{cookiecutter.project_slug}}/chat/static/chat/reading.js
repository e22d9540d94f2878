// How far the reader has read: reported to the server, marked in the timeline, counted while they are scrolled up.

import { part } from "../js/dom.js";

const DELAY_MS = 400;

export class Reading {
  #button;
  #topic;
  #messages;
  #scroller;
  #sent;
  #timer = null;
  #below = 0; // Messages of others that came in while the reader was scrolled up.

  /**
   * @param {{page: HTMLElement, you: object, topic: object, messages: object}} room
   * @param {{scroller: EventTarget, timeline: object}} parts
   */
  constructor({ page, you, topic, messages }, { scroller, timeline }) {
    this.#button = part(page, "new-messages");
    this.#topic = topic;
    this.#messages = messages;
    this.#scroller = scroller;
    this.#button.addEventListener("click", () => scroller.toEnd());
    scroller.addEventListener("end", () => {
      this.#showButton();
      this.#check();
    });
    topic.addEventListener("welcome", ({ detail: { data } }) => {
      this.#sent = data.you.last_read;
      this.#check();
    });
    messages.addEventListener("change", ({ detail: { started, older, added } }) => {
      if (started) timeline.markUnread(you.last_read, started.rev);
      if (!older) this.#count(added.filter(({ author }) => author.id !== you.id).length);
      this.#check();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") timeline.endUnread();
      else if (scroller.atEnd && messages.newest) timeline.markUnread(messages.newest.seq);
      this.#check();
    });
  }

  #count(added) {
    if (this.#scroller.atEnd) return;
    this.#below += added;
    this.#showButton();
  }

  #showButton() {
    if (this.#scroller.atEnd) this.#below = 0;
    const words = this.#below === 1 ? "1 new message" : `${this.#below} new messages`;
    this.#button.hidden = this.#scroller.atEnd;
    this.#button.querySelector("span").textContent = this.#below ? words : "Latest messages";
  }

  /** Reports to the server, in a moment, what the reader newly sees: at the end, in a visible page. */
  #check() {
    if (this.#timer === null && this.#isBehind()) this.#timer = setTimeout(() => this.#tell(), DELAY_MS);
  }

  #tell() {
    this.#timer = null;
    if (!this.#isBehind()) return;
    const { seq } = this.#messages.newest;
    this.#sent = seq;
    this.#topic.request("read", { seq }).catch(() => {}); // The next welcome has the server's position again.
  }

  #isBehind() {
    return (
      this.#topic.state === "joined" &&
      document.visibilityState === "visible" &&
      this.#scroller.atEnd &&
      this.#messages.newest?.seq > this.#sent
    );
  }
}
