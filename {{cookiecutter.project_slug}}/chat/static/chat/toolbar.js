// The actions on a message: a bar of buttons on the message under the pointer or the focus, and their menus.

import { clone } from "../js/dom.js";
import { gettext, interpolate } from "../js/texts.js";
import { toast } from "../js/toasts.js";
import { pickEmoji } from "./emoji-picker.js";
import { ask, attempt, moveWithArrows, openBeside } from "./popups.js";
import { room } from "./room.js";

const KEYS = { r: "reply", e: "edit", Delete: "delete" };

const DELETE = {
  title: gettext("Delete this message?"),
  text: gettext("It goes for everybody in the room, and cannot be brought back."),
  action: gettext("Delete"),
};

/** Tells the room `reply` and `edit`, with the message; the rest it does itself. */
class Toolbar {
  #bar = clone("toolbar");
  #emoji = document.getElementById("emoji-menu");
  #more = document.getElementById("message-menu");
  #seq = null;

  constructor() {
    const list = room.part("messages");
    for (const type of ["pointerover", "focusin", "click"]) {
      list.addEventListener(type, ({ target }) => this.#attend(target));
    }
    list.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("click", ({ target }) => this.#toggle(target.closest("[data-emoji]")));
    this.#bar.addEventListener("click", ({ target }) => this.#do(target.closest("button")));
    moveWithArrows(list, ".reactions");
    for (const menu of [this.#emoji, this.#more]) {
      moveWithArrows(menu);
      menu.addEventListener("click", ({ target }) => this.#choose(menu, target.closest("button")));
    }
  }

  /** Goes to the message that the pointer or the focus is on. */
  #attend(target) {
    const element = target.closest("[data-seq]");
    if (!element || element.contains(this.#bar)) return;
    if (document.querySelector(".popup:popover-open")) return;
    // What moves loses the focus: the message that the bar leaves takes it.
    if (this.#bar.contains(document.activeElement)) this.#bar.parentElement.focus({ preventScroll: true });
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
    const isMore = button.dataset.action === "pick";
    if (isMore) menu.addEventListener("toggle", () => this.#pick(), { once: true }); // Once the menu has closed.
    menu.hidePopover();
    if (isMore) return;
    if (menu === this.#more) this.#act(button.dataset.action);
    else if (this.#message) this.#react(this.#seq, button.dataset.emoji);
  }

  async #pick() {
    const seq = this.#seq;
    const emoji = await pickEmoji(this.#bar.querySelector("[data-action=react]"));
    if (emoji && room.messages.get(seq)?.deleted_at === null) this.#react(seq, emoji);
  }

  /** Toggles a reaction that somebody has given already. */
  #toggle(reaction) {
    if (reaction) this.#react(Number(reaction.closest("[data-seq]").dataset.seq), reaction.dataset.emoji);
  }

  #act(action) {
    const message = this.#message;
    if (!message) return;
    if (action === "copy") this.#copy(message.body);
    else if (action === "link") this.#copy(new URL(`?at=${message.seq}`, location.href).href);
    else if (action === "delete") this.#delete(message);
    else room.tell(action, message);
  }

  /** Says what is to be rather than what to change, so that a second try undoes nothing. */
  #react(seq, emoji) {
    if (room.isArchived) return toast(gettext("This room is archived: nobody reacts here any more."));
    const reactions = room.messages.get(seq)?.reactions ?? [];
    const on = !reactions.some((each) => each.emoji === emoji && each.users.includes(room.you.id));
    attempt(room.messages.command("reaction.toggle", { seq, emoji, on }));
  }

  async #delete({ seq }) {
    if (!(await ask(DELETE))) return;
    document.getElementById(`message-${seq}`)?.focus({ preventScroll: true }); // The button that asked goes.
    attempt(room.messages.command("message.delete", { seq }));
  }

  async #copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      toast(gettext("Copied."), "success");
    } catch {
      toast(interpolate(gettext("Your browser does not let this site copy. Copy it from here: %(text)s"), { text }), "error");
    }
  }

  /** @returns {object | null} the message in hand as it is now; null when it was deleted */
  get #message() {
    const message = room.messages.get(this.#seq);
    return message?.deleted_at === null ? message : null;
  }

  #allows(action) {
    if (!this.#message) return false;
    const own = this.#message.author.id === room.you.id;
    if (action === "edit") return own && !room.isArchived;
    if (action === "reply" || action === "react") return !room.isArchived;
    if (action === "copy" || action === "link") return navigator.clipboard !== undefined; // Browsers offer it to secure pages only.
    if (action === "delete") return own || room.you.role === "owner" || room.you.role === "moderator";
    return true;
  }
}

new Toolbar();
