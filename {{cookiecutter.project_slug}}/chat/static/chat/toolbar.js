// The actions on a message: a bar of buttons on the message under the pointer or the focus, and their menus.

import { clone, part } from "../js/dom.js";
import { toast } from "../js/toasts.js";
import { ask, attempt, moveWithArrows, openBeside } from "./popups.js";

const KEYS = { r: "reply", e: "edit", Delete: "delete" };

const DELETE = {
  title: "Delete this message?",
  text: "It goes for everybody in the room, and cannot be brought back.",
  action: "Delete",
};

/** Dispatches `reply` and `edit`, with the message as `detail`; the rest it does itself. */
export class Toolbar extends EventTarget {
  #bar = clone("toolbar");
  #emoji = document.getElementById("emoji-menu");
  #more = document.getElementById("message-menu");
  #messages;
  #you;
  #seq = null;

  /** @param {{page: HTMLElement, you: object, messages: import("../realtime/feed.js").Feed}} room */
  constructor({ page, you, messages }) {
    super();
    this.#messages = messages;
    this.#you = you;
    const list = part(page, "messages");
    for (const type of ["pointerover", "focusin", "click"]) {
      list.addEventListener(type, ({ target }) => this.#attend(target));
    }
    list.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("click", ({ target }) => this.#toggle(target.closest("[data-emoji]")));
    this.#bar.addEventListener("click", ({ target }) => this.#do(target.closest("button")));
    for (const menu of [this.#emoji, this.#more]) {
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
    else this.#act(action);
  }

  #openMore(button) {
    for (const item of this.#more.querySelectorAll("button")) item.hidden = !this.#allows(item.dataset.action);
    openBeside(this.#more, button);
  }

  #choose(menu, button) {
    if (!button) return;
    menu.hidePopover();
    if (menu === this.#more) this.#act(button.dataset.action);
    else if (this.#message) this.#react(this.#seq, button.dataset.emoji);
  }

  /** Toggles a reaction that somebody has given already. */
  #toggle(reaction) {
    if (reaction) this.#react(Number(reaction.closest("[data-seq]").dataset.seq), reaction.dataset.emoji);
  }

  #act(action) {
    const message = this.#message;
    if (!message) return;
    if (action === "copy") this.#copy(message);
    else if (action === "delete") this.#delete(message);
    else this.dispatchEvent(new CustomEvent(action, { detail: message }));
  }

  /** Says what is to be rather than what to change, so that a second try undoes nothing. */
  #react(seq, emoji) {
    const reactions = this.#messages.get(seq)?.reactions ?? [];
    const on = !reactions.some((each) => each.emoji === emoji && each.users.includes(this.#you.id));
    attempt(this.#messages.command("reaction.toggle", { seq, emoji, on }));
  }

  async #delete({ seq }) {
    if (await ask(DELETE)) attempt(this.#messages.command("message.delete", { seq }));
  }

  async #copy({ body }) {
    await navigator.clipboard.writeText(body);
    toast("Copied.", "success");
  }

  /** @returns {object | null} the message in hand as it is now; null when it was deleted */
  get #message() {
    const message = this.#messages.get(this.#seq);
    return message?.deleted_at === null ? message : null;
  }

  #allows(action) {
    if (!this.#message) return false;
    const own = this.#message.author.id === this.#you.id;
    if (action === "edit") return own;
    if (action === "copy") return navigator.clipboard !== undefined; // Browsers offer it to secure pages only.
    if (action === "delete") return own || this.#you.role === "owner" || this.#you.role === "moderator";
    return true;
  }
}
