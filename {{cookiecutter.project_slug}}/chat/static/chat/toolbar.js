// What one can do with a message: buttons that go to the message in hand, and the menus behind them.

import { moveWithArrows, openBeside } from "./popup.js";

const KEYS = { r: "reply", e: "edit", Delete: "delete" };

/** Dispatches `react` ({message, emoji}), `reply`, `edit`, `delete` and `copy` ({message}). */
export class Toolbar extends EventTarget {
  #bar;
  #emoji;
  #more;
  #timeline;
  #you;
  #seq = null;

  /** @param {{list: HTMLElement, bar: HTMLElement, emoji: HTMLElement, more: HTMLElement, timeline: object, you: object}} parts */
  constructor({ list, bar, emoji, more, timeline, you }) {
    super();
    this.#bar = bar;
    this.#emoji = emoji;
    this.#more = more;
    this.#timeline = timeline;
    this.#you = you;
    for (const type of ["pointerover", "focusin", "click"]) {
      list.addEventListener(type, ({ target }) => this.#attend(target));
    }
    list.addEventListener("keydown", (event) => this.#pressed(event));
    bar.addEventListener("click", ({ target }) => this.#do(target.closest("button")));
    for (const menu of [emoji, more]) {
      moveWithArrows(menu);
      menu.addEventListener("click", ({ target }) => this.#choose(menu, target.closest("button")));
    }
  }

  /** Goes to the message that the pointer or the focus is on. */
  #attend(target) {
    const element = target.closest("[data-seq]");
    if (!element || element.contains(this.#bar)) return;
    if (this.#emoji.matches(":popover-open") || this.#more.matches(":popover-open")) return;
    this.#seq = Number(element.dataset.seq);
    element.append(this.#bar);
  }

  #pressed(event) {
    if (!event.target.matches("[data-seq]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = event.key === "Enter" ? "more" : KEYS[event.key];
    if (!action || !this.#allows(action)) return;
    event.preventDefault();
    this.#do(this.#bar.querySelector(`[data-action="${action}"]`) ?? { dataset: { action } });
  }

  #do(button) {
    if (!button || !this.#message) return;
    const { action } = button.dataset;
    if (action === "react") openBeside(this.#emoji, button);
    else if (action === "more") this.#openMore(button);
    else this.#tell(action);
  }

  #openMore(button) {
    for (const item of this.#more.querySelectorAll("button")) item.hidden = !this.#allows(item.dataset.action);
    openBeside(this.#more, button);
  }

  #choose(menu, button) {
    if (!button) return;
    menu.hidePopover();
    if (menu === this.#emoji) this.#tell("react", button.dataset.emoji);
    else this.#tell(button.dataset.action);
  }

  /** @returns {object | null} the message in hand as it is now; null when it was deleted */
  get #message() {
    const message = this.#timeline.get(this.#seq);
    return message?.deleted_at === null ? message : null;
  }

  #allows(action) {
    if (!this.#message) return false;
    const own = this.#message.author.id === this.#you.id;
    if (action === "edit") return own;
    if (action === "copy") return navigator.clipboard !== undefined; // Browsers lend it to secure pages only.
    if (action === "delete") return own || this.#you.role === "owner" || this.#you.role === "moderator";
    return true;
  }

  #tell(type, emoji = null) {
    const message = this.#message;
    if (message) this.dispatchEvent(new CustomEvent(type, { detail: { message, emoji } }));
  }
}
