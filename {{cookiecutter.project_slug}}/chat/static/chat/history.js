// Earlier messages: a page at a time, as the reader scrolls up to them or jumps to one.

import { part } from "../js/dom.js";

const PAGE_MESSAGES = 50;
const AHEAD = "600px 0px 0px";
const JUMP_PAGES = 20;

export class History {
  #messages;
  #timeline;
  #start;
  #observer;

  /** @param {{page: HTMLElement, topic: EventTarget, messages: object}} room @param {object} timeline */
  constructor({ page, topic, messages }, timeline) {
    this.#messages = messages;
    this.#timeline = timeline;
    this.#start = part(page, "start");
    this.#observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.load(), {
      root: part(page, "timeline"),
      rootMargin: AHEAD,
    });
    part(this.#start, "earlier").addEventListener("click", () => this.load());
    part(page, "messages").addEventListener("click", ({ target }) => {
      const quote = target.closest("[data-jump]");
      if (quote) this.jump(Number(quote.dataset.jump));
    });
    topic.addEventListener("welcome", () => this.#watch()); // Continues after a lost connection.
    messages.addEventListener("change", ({ detail: { started, older, removed } }) => {
      if (started) this.load();
      else if (older || removed.length) this.#loaded();
    });
  }

  /** Loads the page before the first message; returns whether that worked. */
  async load() {
    this.#observer.disconnect();
    if (this.#messages.more) this.#show("loading");
    try {
      await this.#messages.loadOlder(PAGE_MESSAGES);
      return true;
    } catch (error) {
      this.#show(error.code === "lost" ? "loading" : "earlier"); // After a loss the next welcome loads it.
      return false;
    }
  }

  /** Shows the message with this `seq`, loading page after page; gives up on one that is too far back. */
  async jump(seq) {
    for (let page = 0; page < JUMP_PAGES && this.#messages.more && seq < this.#messages.floor; page += 1) {
      if (!(await this.load())) break;
    }
    const element = this.#timeline.element(seq);
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
  }

  #loaded() {
    this.#show(this.#messages.more ? "" : "beginning");
    this.#watch();
  }

  /** A new observation reports the start even if it is in view already. */
  #watch() {
    this.#observer.disconnect();
    if (this.#messages.more) this.#observer.observe(this.#start);
  }

  #show(name) {
    for (const each of ["loading", "earlier", "beginning"]) part(this.#start, each).hidden = each !== name;
  }
}
