// The people of the room: their names for the rest of the page, the list of them, the menu of each, and their panel.

import { clone, part, show } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { storage } from "../realtime/storage.js";
import { moveWithArrows, openBeside } from "./popups.js";
import { room } from "./room.js";

const ROLES = { owner: "Owner", moderator: "Moderator", member: "" };
const PLACEHOLDER = "some.one"; // Stands for the username in addresses; no room's address can have a dot.

const BESIDE = matchMedia("(width >= 72rem)");
const PANEL = "people-panel";

class Members {
  #list = room.part("members");
  #people = new Map(); // person id → person with role
  #names = new Map(); // person id → name, former members included
  #count = 0;

  constructor() {
    const { topic, messages } = room;
    topic.addEventListener("welcome", ({ detail: { data } }) => this.#start(data));
    topic.addEventListener("member.joined", ({ detail: { data } }) => this.#joined(data.member));
    topic.addEventListener("member.updated", ({ detail: { data } }) => this.#updated(data.member));
    topic.addEventListener("member.left", ({ detail: { data } }) => this.#left(data.user_id));
    messages.addEventListener("change", ({ detail: { added, updated } }) => {
      for (const { author } of [...added, ...updated]) this.#meet(author);
    });
    this.#offerMenu(document.getElementById("member-menu"));
  }

  get everybody() {
    return Array.from(this.#people.values());
  }

  nameOf(id) {
    return this.#names.get(id) ?? "Someone";
  }

  /** Remembers the name of somebody who may not be listed. */
  #meet({ id, name }) {
    this.#names.set(id, name);
  }

  /** Takes the reader's name and role as they are now. */
  #become(person) {
    Object.assign(room.you, person);
    room.page.dataset.yourRole = room.you.role;
  }

  #start({ you, members, member_count }) {
    this.#become(you);
    this.#people = new Map(members.map((person) => [person.id, person]));
    members.forEach((person) => this.#meet(person));
    this.#list.replaceChildren(...members.map(line));
    this.#counted(member_count);
  }

  #joined(person) {
    this.#meet(person);
    document.querySelector(`[data-invited="${person.id}"]`)?.remove();
    const isNew = !this.#people.has(person.id);
    this.#updated(person);
    if (isNew) this.#counted(this.#count + 1);
  }

  #updated(person) {
    if (person.id === room.you.id) this.#become(person);
    this.#people.set(person.id, { ...this.#people.get(person.id), ...person });
    const there = this.#line(person.id);
    if (there) there.replaceWith(line(person));
    else this.#list.prepend(line(person));
  }

  #left(id) {
    this.#line(id)?.remove();
    if (this.#people.delete(id)) this.#counted(this.#count - 1);
  }

  #line(id) {
    return this.#list.querySelector(`[data-member="${id}"]`);
  }

  #counted(count) {
    this.#count = count;
    for (const element of room.page.querySelectorAll("[data-part=count]")) element.textContent = count;
  }

  /** @param {HTMLElement | null} menu of forms; null where the reader may use none of them */
  #offerMenu(menu) {
    if (!menu) return;
    moveWithArrows(menu);
    this.#list.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-action=menu]");
      if (!button) return;
      const { username, role } = button.closest("[data-member]").dataset;
      for (const form of menu.querySelectorAll("form")) {
        form.action = form.dataset.action.replace(PLACEHOLDER, username);
      }
      for (const choice of menu.querySelectorAll("[name=role]")) {
        choice.hidden = room.you.role !== "owner" || choice.value === role;
      }
      openBeside(menu, button);
    });
  }
}

/** Beside the conversation where there is room for both, over it where there is not. */
class Panel {
  #panel = room.part("panel");
  #toggle = room.part("panel-toggle");
  #conversation = room.part("conversation");

  constructor() {
    room.page.classList.toggle("room--panel-closed", storage.get(PANEL) === "closed");
    this.#toggle.addEventListener("click", () => this.#turn());
    this.#panel.addEventListener("click", ({ target }) => target.closest("[data-action=close]") && this.#turn());
    this.#panel.addEventListener("keydown", ({ key }) => key === "Escape" && !BESIDE.matches && this.#turn());
    BESIDE.addEventListener("change", () => this.#turned());
    this.#turned();
  }

  #turn() {
    if (BESIDE.matches) {
      const closed = room.page.classList.toggle("room--panel-closed");
      storage.set(PANEL, closed ? "closed" : "open");
    } else {
      const open = room.page.classList.toggle("room--panel-open");
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

function line(person) {
  const element = clone("member");
  Object.assign(element.dataset, { member: person.id, username: person.username, role: person.role });
  part(element, "picture").replaceChildren(avatar(person, "small"));
  if (!person.bot) part(element, "picture").dataset.presenceUser = person.id;
  part(element, "name").textContent = person.name;
  part(element, "username").textContent = `@${person.username}`;
  show(part(element, "role"), person.bot ? "Bot" : ROLES[person.role]);
  part(element, "menu").ariaLabel = `More about ${person.name}`;
  const link = element.querySelector("a");
  link.href = link.getAttribute("href").replace(PLACEHOLDER, person.username);
  return element;
}

const members = new Members();
new Panel();

/** @returns {object[]} the people of the room whom the server lists */
export function everybody() {
  return members.everybody;
}

/** @returns {string} the name of somebody who is or was in the room */
export function nameOf(id) {
  return members.nameOf(id);
}
