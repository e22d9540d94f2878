// The panel of people: beside the conversation where there is room for both, over it where there is not.

import { storage } from "../realtime/storage.js";

const BESIDE = matchMedia("(width >= 72rem)");
const KEY = "people-panel";

export class Panel {
  #room;
  #panel;
  #toggle;
  #conversation;

  /** @param {{room: HTMLElement, panel: HTMLElement, toggle: HTMLButtonElement, conversation: HTMLElement}} parts */
  constructor({ room, panel, toggle, conversation }) {
    this.#room = room;
    this.#panel = panel;
    this.#toggle = toggle;
    this.#conversation = conversation;
    room.classList.toggle("room--panel-closed", storage.get(KEY) === "closed");
    toggle.addEventListener("click", () => this.#turn());
    panel.addEventListener("click", ({ target }) => target.closest("[data-action=close]") && this.#turn());
    panel.addEventListener("keydown", ({ key }) => key === "Escape" && !BESIDE.matches && this.#turn());
    BESIDE.addEventListener("change", () => this.#turned());
    this.#turned();
  }

  #turn() {
    if (BESIDE.matches) {
      const closed = this.#room.classList.toggle("room--panel-closed");
      storage.set(KEY, closed ? "closed" : "open");
    } else {
      const open = this.#room.classList.toggle("room--panel-open");
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
