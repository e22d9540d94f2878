// Earlier messages: a page at a time, as the reader scrolls up to them.

import { part } from "./dom.js";

const PAGE_MESSAGES = 50;
const AHEAD = "600px 0px 0px";
const JUMP_PAGES = 20;

export class History {
  #topic;
  #timeline;
  #start;
  #observer;
  #more = true;
  #page = null;

  /** @param {{topic: object, timeline: object, viewport: HTMLElement, start: HTMLElement}} parts start heads the timeline */
  constructor({ topic, timeline, viewport, start }) {
    this.#topic = topic;
    this.#timeline = timeline;
    this.#start = start;
    this.#observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.load(), {
      root: viewport,
      rootMargin: AHEAD,
    });
    part(start, "earlier").addEventListener("click", () => this.load());
    timeline.addEventListener("trim", () => this.#trimmed());
  }

  /** Begins again with the page before `rev`, after which the timeline hears everything. */
  restart(rev) {
    this.#timeline.clear(rev + 1);
    this.#more = true;
    this.#page = null;
    return this.load();
  }

  /** Goes on where a lost connection has interrupted. */
  resume() {
    if (this.#more) this.#observer.observe(this.#start);
  }

  /** Loads the page before what is there. */
  load() {
    if (!this.#more) return Promise.resolve();
    this.#page ??= this.#load();
    return this.#page;
  }

  /** Loads page after page until `seq` is there; gives up on what is too far back. */
  async reach(seq) {
    for (let page = 0; page < JUMP_PAGES && this.#more && seq < this.#timeline.floor; page += 1) await this.load();
  }

  async #load() {
    this.#observer.disconnect();
    this.#show("loading");
    const before = this.#timeline.floor;
    try {
      const page = await this.#topic.request("history", { before, limit: PAGE_MESSAGES });
      if (before === this.#timeline.floor) this.#take(page); // Otherwise the timeline began again meanwhile.
    } catch (error) {
      this.#show(error.code === "lost" ? "loading" : "earlier"); // What was lost is resumed with the next welcome.
    }
    this.#page = null;
  }

  #take({ messages, more }) {
    this.#more = more;
    this.#timeline.putEarlier(messages, more ? messages[0].seq : 1);
    this.#show(more ? "" : "beginning");
    this.resume(); // Observing afresh reports a start that is still in view.
  }

  #trimmed() {
    this.#more = true;
    this.#show("");
    this.resume();
  }

  #show(name) {
    for (const each of ["loading", "earlier", "beginning"]) part(this.#start, each).hidden = each !== name;
  }
}
