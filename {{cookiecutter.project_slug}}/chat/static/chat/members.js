// The people of the room: their names for the rest of the page, the list of them, and the menu of each.

import { clone, part, show } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { moveWithArrows, openBeside } from "./popups.js";

const ROLES = { owner: "Owner", moderator: "Moderator", member: "" };
const PLACEHOLDER = "some.one"; // Stands for the username in addresses; no room's address can have a dot.

export class Members {
  #page;
  #you;
  #list;
  #people = new Map(); // person id → person with role
  #names = new Map(); // person id → name, former members included
  #count = 0;

  /** @param {{page: HTMLElement, you: object, topic: EventTarget, messages: EventTarget}} room */
  constructor({ page, you, topic, messages }) {
    this.#page = page;
    this.#you = you;
    this.#list = part(page, "members");
    topic.addEventListener("welcome", ({ detail: { data } }) => this.#start(data));
    topic.addEventListener("member.joined", ({ detail: { data } }) => this.#joined(data.member));
    topic.addEventListener("member.updated", ({ detail: { data } }) => this.#updated(data.member));
    topic.addEventListener("member.left", ({ detail: { data } }) => this.#left(data.user_id));
    messages.addEventListener("change", ({ detail: { added, updated } }) => {
      for (const { author } of [...added, ...updated]) this.#meet(author);
    });
    this.#offerMenu(document.getElementById("member-menu"));
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
    Object.assign(this.#you, person);
    this.#page.dataset.yourRole = this.#you.role;
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
    if (person.id === this.#you.id) this.#become(person);
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
    for (const element of this.#page.querySelectorAll("[data-part=count]")) element.textContent = count;
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
        choice.hidden = this.#you.role !== "owner" || choice.value === role;
      }
      openBeside(menu, button);
    });
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
