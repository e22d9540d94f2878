// What an owner or a moderator can do about a member: a menu beside the name, with the forms that do it.

import { moveWithArrows, openBeside } from "./popup.js";

const PLACEHOLDER = "some.one"; // Stands for the username in addresses; no room's address can have a dot.

export class MemberMenu {
  #menu;
  #you;

  /** @param {{menu: HTMLElement, list: HTMLElement, you: {role: string}}} parts */
  constructor({ menu, list, you }) {
    this.#menu = menu;
    this.#you = you;
    list.addEventListener("click", ({ target }) => this.#open(target.closest("[data-action=menu]")));
    moveWithArrows(menu);
  }

  #open(button) {
    if (!button) return;
    const { username, role } = button.closest("[data-member]").dataset;
    for (const form of this.#menu.querySelectorAll("form")) {
      form.action = form.dataset.action.replace(PLACEHOLDER, username);
    }
    for (const choice of this.#menu.querySelectorAll("[name=role]")) {
      choice.hidden = this.#you.role !== "owner" || choice.value === role;
    }
    openBeside(this.#menu, button);
  }
}
