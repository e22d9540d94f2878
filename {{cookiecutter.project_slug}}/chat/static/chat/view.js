// The part of the timeline that is in view: what is above and below it comes and goes without moving it.

import { hide, part } from "../js/dom.js";
import { attempt } from "./popups.js";
import { room } from "./room.js";

const NEAR_END_PX = 80;
const AHEAD = "600px 0px";
const PAGE_MESSAGES = 50;
const AGAIN_MS = 5_000;

/** Dispatches `move` when other messages are in view, or may be. */
class View extends EventTarget {
  #view = room.part("timeline");
  #content = room.part("messages");
  #start = room.part("start");
  #end = room.part("end");
  #top = this.#view.scrollTop;
  #nearEnd = this.#isNearEnd();
  #ends = new IntersectionObserver((entries) => this.#met(entries), { root: this.#view, rootMargin: AHEAD });

  constructor() {
    super();
    this.#view.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => {
      if (this.atEnd) this.toEnd();
      this.#moved();
    });
    sizes.observe(this.#view);
    for (const child of this.#view.children) sizes.observe(child);
    part(this.#start, "earlier").addEventListener("click", () => this.#load("older"));
    this.#content.addEventListener("click", (event) => this.#followed(event));
    room.topic.addEventListener("welcome", () => this.#watch()); // Continues after a lost connection.
    room.messages.addEventListener("change", ({ detail: { started, page, removed } }) => {
      if (started && !started.data.messages) this.#load("older");
      else if (started || page || removed.length) this.#loaded();
    });
  }

  /** Whether the latest message is in view. */
  get atEnd() {
    return this.#nearEnd && !room.messages.newer;
  }

  /** @returns {{first: number, last: number} | null} the `seq` of the first message in view and of the last whose end is */
  get shown() {
    const { top, bottom } = this.#view.getBoundingClientRect();
    const [first, next] = [this.#lineAt(top), this.#lineAt(bottom + 1)];
    if (first === next) return null;
    const { children } = this.#content;
    return { first: Number(children[first].dataset.seq), last: Number(children[next - 1].dataset.seq) };
  }

  /** Changes the content without moving what is being read. */
  keep(change) {
    if (this.atEnd) {
      change();
      if (this.atEnd) this.toEnd();
      return;
    }
    const line = this.#content.children[this.#lineAt(this.#view.getBoundingClientRect().top)];
    const before = line?.getBoundingClientRect().top;
    change();
    if (line?.isConnected) this.#view.scrollTop += line.getBoundingClientRect().top - before;
    this.#nearEnd = this.#isNearEnd(); // What came may be the rest, which the reader has not reached.
  }

  /** Shows the latest message. */
  async latest() {
    if (room.messages.newer && !(await attempt(room.messages.loadLatest(PAGE_MESSAGES)))) return;
    this.toEnd();
  }

  /** Shows the message with this `seq`, whether it is loaded or not. */
  async jump(seq) {
    if (!room.messages.get(seq) && !(await attempt(room.messages.loadAround(seq, PAGE_MESSAGES)))) return;
    const line = document.getElementById(`message-${seq}`);
    if (!line) return;
    line.scrollIntoView({ block: "center" });
    line.focus({ preventScroll: true });
    this.mark(seq);
  }

  /** Shows for a moment which message it is that a link led to. */
  mark(seq) {
    const line = document.getElementById(`message-${seq}`);
    line?.classList.add("message--found");
    line?.addEventListener("animationend", () => line.classList.remove("message--found"), { once: true });
  }

  toEnd() {
    this.#view.scrollTop = this.#view.scrollHeight;
    this.#top = this.#view.scrollTop;
    this.#nearEnd = true;
    this.#moved();
  }

  // Only scrolling up leaves the end; content that grows meanwhile does not.
  #scrolled() {
    const nearEnd = this.#isNearEnd();
    if (nearEnd || this.#view.scrollTop < this.#top) this.#nearEnd = nearEnd;
    this.#top = this.#view.scrollTop;
    this.#moved();
  }

  #moved() {
    this.dispatchEvent(new CustomEvent("move"));
  }

  #isNearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#view;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  /** @returns {number} the place of the first line that ends below this height of the window */
  #lineAt(height) {
    const { children } = this.#content;
    let [low, high] = [0, children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].getBoundingClientRect().bottom > height) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** A link to a message of this room does not load the page again. */
  #followed(event) {
    const link = event.target.closest("[data-jump]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.jump(Number(link.dataset.jump));
  }

  #met(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#load(target === this.#start ? "older" : "newer");
    }
  }

  async #load(page) {
    const { messages } = room;
    this.#ends.disconnect();
    if (page === "older" && messages.more) this.#show("loading");
    try {
      await (page === "older" ? messages.loadOlder(PAGE_MESSAGES) : messages.loadNewer(PAGE_MESSAGES));
    } catch (error) {
      this.#failed(page, error.code);
    }
  }

  /** After a loss the next welcome loads the page. */
  #failed(page, code) {
    if (page === "older") {
      this.#show(code === "lost" ? "loading" : "earlier");
      if (room.messages.newer) this.#ends.observe(this.#end);
    } else if (code !== "lost") {
      setTimeout(() => this.#watch(), AGAIN_MS);
    }
  }

  #loaded() {
    this.#show(room.messages.more ? "" : "beginning");
    this.#watch();
  }

  /** A new observation reports an end even if it is in view already. */
  #watch() {
    this.#ends.disconnect();
    if (room.messages.more) this.#ends.observe(this.#start);
    if (room.messages.newer) this.#ends.observe(this.#end);
  }

  #show(name) {
    this.keep(() => {
      for (const each of ["loading", "earlier", "beginning"]) {
        hide(part(this.#start, each), each !== name, this.#content.firstElementChild);
      }
    });
  }
}

export const view = new View();
