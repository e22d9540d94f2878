// The keys of chat's pages: Ctrl+K, or ⌘K, goes to a room or a person, and ? shows what there is.

import { part, show } from "../js/dom.js";
import { gettext } from "../js/texts.js";
import { Choices, matching, words } from "./choices.js";
import { listedRooms } from "./sidebar.js";

const PAUSE_MS = 200; // The server is not asked at each key.
const NOBODY = gettext("No room of yours and nobody here has that name.");
const LOST = gettext("Without a connection only your rooms are found. Try again when it is back.");
const MAC = navigator.platform.startsWith("Mac"); // There Ctrl+K is a key of the text field.

class Switcher {
  #dialog = document.getElementById("switcher");
  #field = part(this.#dialog, "query");
  #choices = new Choices(this.#field, part(this.#dialog, "places"));
  #looks = 0;

  constructor() {
    this.#field.addEventListener("input", () => this.#look());
    this.#choices.addEventListener("choose", ({ detail: { go } }) => go());
  }

  open() {
    this.#field.value = "";
    this.#dialog.showModal();
    this.#look();
  }

  close() {
    this.#dialog.close();
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** Offers the reader's rooms at once, and then whom the server finds. */
  async #look() {
    const look = (this.#looks += 1);
    const typed = this.#field.value.trim();
    const rooms = matching(listedRooms(), typed, ({ name }) => [name]);
    this.#show(rooms.map(roomChoice), "");
    if (!typed) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (look !== this.#looks) return;
    const found = await this.#find(typed).catch(() => null);
    if (look !== this.#looks) return;
    const met = new Set(rooms.map(({ personId }) => personId));
    const people = (found ?? []).filter(({ dataset }) => !met.has(dataset.person));
    const choices = [...rooms.map(roomChoice), ...people.map((line) => this.#personChoice(line))];
    if (people.length) this.#show(choices, "");
    else if (!choices.length) this.#show([], found ? NOBODY : LOST);
  }

  /** @returns {Promise<HTMLElement[]>} their lines on the page of people */
  async #find(typed) {
    const response = await fetch(`${this.#dialog.dataset.people}?q=${encodeURIComponent(typed)}`);
    if (!response.ok || response.redirected) throw new Error(`The page of people: ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return Array.from(page.querySelectorAll("[data-person]"));
  }

  #personChoice(line) {
    const { name, username } = line.dataset;
    const form = line.querySelector("form");
    const go = () => {
      this.#dialog.append(form);
      form.submit();
    };
    return { content: [line.querySelector("svg"), words(name), words(`@${username}`, "muted")], go };
  }

  #show(choices, problem) {
    this.#choices.show(choices);
    show(part(this.#dialog, "problem"), problem);
  }
}

function roomChoice({ name, path, picture }) {
  return { content: [picture.cloneNode(true), words(name)], go: () => location.assign(path) };
}

const switcher = new Switcher();
const help = document.getElementById("keys");

function pressed(event) {
  const { key, target, ctrlKey, metaKey, altKey, shiftKey, isComposing } = event;
  if (isComposing || event.defaultPrevented || altKey) return;
  const isFree = document.querySelector("dialog:modal") === null;
  const isTyping = target.closest("input, textarea, select, [contenteditable]") !== null;
  if ((MAC ? metaKey : ctrlKey) && !shiftKey && key.toLowerCase() === "k") {
    if (switcher.isOpen) switcher.close();
    else if (isFree) switcher.open();
    else return;
  } else if (key === "?" && isFree && !isTyping && !ctrlKey && !metaKey) help.showModal();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", pressed);
document.addEventListener("click", ({ target }) => {
  const action = target.closest("[data-keys]")?.dataset.keys;
  if (action === "switcher") switcher.open();
  if (action === "help") help.showModal();
});
