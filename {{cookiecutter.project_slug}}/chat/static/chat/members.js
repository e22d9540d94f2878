// The people of the room: their names for the rest of the page, and the panel that lists them.

import { avatar } from "../js/avatar.js";
import { clone, part, show } from "./dom.js";

const ROLES = { owner: "Owner", moderator: "Moderator", member: "" };

export class Members {
  #list;
  #counts;
  #people = new Map(); // person id → person with role
  #names = new Map(); // person id → name, of those too who have left
  #count = 0;

  /** @param {{list: HTMLElement, counts: Iterable<HTMLElement>, topic: EventTarget}} parts counts show how many there are */
  constructor({ list, counts, topic }) {
    this.#list = list;
    this.#counts = Array.from(counts);
    topic.addEventListener("welcome", ({ detail: { data } }) => this.#start(data));
    topic.addEventListener("member.joined", ({ detail: { data } }) => this.#joined(data.member));
    topic.addEventListener("member.updated", ({ detail: { data } }) => this.#updated(data.member));
    topic.addEventListener("member.left", ({ detail: { data } }) => this.#left(data.user_id));
  }

  /** @returns {object | undefined} the person with their role, if they are among those listed */
  get(id) {
    return this.#people.get(id);
  }

  nameOf(id) {
    return this.#names.get(id) ?? "Someone";
  }

  /** Remembers the name of somebody who may not be listed. */
  meet({ id, name }) {
    this.#names.set(id, name);
  }

  #start({ members, member_count }) {
    this.#people = new Map(members.map((person) => [person.id, person]));
    members.forEach((person) => this.meet(person));
    this.#list.replaceChildren(...members.map(line));
    this.#counted(member_count);
  }

  #joined(person) {
    this.meet(person);
    document.querySelector(`[data-invited="${person.id}"]`)?.remove();
    const isNew = !this.#people.has(person.id);
    this.#updated(person);
    if (isNew) this.#counted(this.#count + 1);
  }

  #updated(person) {
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
    for (const element of this.#counts) element.textContent = count;
  }
}

function line(person) {
  const element = clone("member");
  Object.assign(element.dataset, { member: person.id, username: person.username, role: person.role });
  part(element, "picture").replaceChildren(avatar(person, "small"));
  part(element, "picture").dataset.presenceUser = person.id;
  part(element, "name").textContent = person.name;
  part(element, "username").textContent = `@${person.username}`;
  show(part(element, "role"), ROLES[person.role]);
  part(element, "menu").ariaLabel = `More about ${person.name}`;
  const link = element.querySelector("a");
  link.href = link.getAttribute("href").replace("some.one", person.username);
  return element;
}
