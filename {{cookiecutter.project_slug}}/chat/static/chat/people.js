// The people of the room: their names for the rest of the page, the list of them, the menu of each, and their panel.

import { arrange, clone, part, show } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { gettext, interpolate, locale } from "../js/texts.js";
import { storage } from "../realtime/storage.js";
import { moveWithArrows, openBeside } from "./popups.js";
import { room } from "./room.js";

const ROLES = { owner: gettext("Owner"), moderator: gettext("Moderator"), member: "" };
const PLACEHOLDER = "some.one"; // Stands for the username in addresses; no room's address can have a dot.

const HERE = { online: 0, away: 1 }; // The rest comes after them.
const FILTERED_MEMBERS = 10; // So many are found at a glance.

const BESIDE = matchMedia("(width >= 72rem)");
const PANEL = "people-panel";

class Members {
  #list = room.part("members");
  #filter = room.part("filter");
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
    this.#filter.addEventListener("input", () => this.#arrange());
    const observer = new MutationObserver(() => this.#arrange());
    observer.observe(this.#list, { childList: true, subtree: true, attributeFilter: ["data-presence"] });
    this.#offerMenu(document.getElementById("member-menu"));
  }

  get everybody() {
    return Array.from(this.#people.values());
  }

  nameOf(id) {
    return this.#names.get(id) ?? gettext("Someone");
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
    const isUnlisted = this.#people.size < this.#count; // Of a large room not everybody is listed.
    if (this.#people.delete(id) || isUnlisted) this.#counted(this.#count - 1);
  }

  #line(id) {
    return this.#list.querySelector(`[data-member="${id}"]`);
  }

  /** Puts those who are here first, and hides those whose names the filter does not have. */
  #arrange() {
    const words = this.#filter.value.trim().replace(/^@/, "").toLowerCase();
    const lines = Array.from(this.#list.children);
    for (const line of lines) line.hidden = !names(line).some((name) => name.toLowerCase().includes(words));
    room.part("nobody").hidden = lines.some(({ hidden }) => !hidden);
    const sorted = hereFirst(lines);
    if (sorted.every((line, index) => line === lines[index])) return;
    arrange(this.#list, sorted);
  }

  #counted(count) {
    this.#count = count;
    this.#filter.hidden = count <= FILTERED_MEMBERS && !this.#filter.value;
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
  #watcher = null;

  constructor() {
    room.page.classList.toggle("room--panel-closed", storage.get(PANEL) === "closed");
    this.#toggle.addEventListener("click", () => this.#turn());
    room.part("invite")?.addEventListener("click", () => this.#panel.checkVisibility() || this.#turn());
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
    // Android's Back closes what is open; of menus and dialogs the browser knows by itself.
    this.#watcher?.destroy();
    this.#watcher = over && window.CloseWatcher ? new CloseWatcher() : null;
    this.#watcher?.addEventListener("close", () => this.#turn());
  }
}

function names(line) {
  return ["name", "username"].map((name) => part(line, name).textContent);
}

function hereFirst(lines) {
  const order = new Intl.Collator(locale);
  const places = new Map(lines.map((line) => [line, HERE[part(line, "picture").dataset.presence] ?? 2]));
  const called = new Map(lines.map((line) => [line, names(line)[0]]));
  return lines.toSorted(
    (one, other) => places.get(one) - places.get(other) || order.compare(called.get(one), called.get(other)),
  );
}

function line(person) {
  const element = clone("member");
  Object.assign(element.dataset, { member: person.id, username: person.username, role: person.role });
  part(element, "picture").replaceChildren(avatar(person, "small"));
  if (!person.bot) part(element, "picture").dataset.presenceUser = person.id;
  part(element, "name").textContent = person.name;
  part(element, "username").textContent = `@${person.username}`;
  show(part(element, "role"), person.bot ? gettext("Bot") : ROLES[person.role]);
  part(element, "menu").ariaLabel = interpolate(gettext("More about %(name)s"), { name: person.name });
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
