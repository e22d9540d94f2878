// The panel of people: beside the conversation where there is room for both, over it where there is not.

import { part } from "../js/dom.js";
import { storage } from "../realtime/storage.js";

const BESIDE = matchMedia("(width >= 72rem)");
const KEY = "people-panel";

export class Panel {
  #page;
  #panel;
  #toggle;
  #conversation;

  /** @param {HTMLElement} page */
  constructor(page) {
    this.#page = page;
    this.#panel = part(page, "panel");
    this.#toggle = part(page, "panel-toggle");
    this.#conversation = part(page, "conversation");
    page.classList.toggle("room--panel-closed", storage.get(KEY) === "closed");
    this.#toggle.addEventListener("click", () => this.#turn());
    this.#panel.addEventListener("click", ({ target }) => target.closest("[data-action=close]") && this.#turn());
    this.#panel.addEventListener("keydown", ({ key }) => key === "Escape" && !BESIDE.matches && this.#turn());
    BESIDE.addEventListener("change", () => this.#turned());
    this.#turned();
  }

  #turn() {
    if (BESIDE.matches) {
      const closed = this.#page.classList.toggle("room--panel-closed");
      storage.set(KEY, closed ? "closed" : "open");
    } else {
      const open = this.#page.classList.toggle("room--panel-open");
      if (!open) this.#toggle.focus();
    }
    this.#turned();
  }

  #turned() {
    const open = this.#panel.checkVisibility();
    const over = open && !BESIDE.matches;
    this.#toggle.ariaExpanded = String(open);
    this.#conversation.inert = over;
    if (over) this.#panel.querySelector("[data-action=close]").focus();
  }
}
