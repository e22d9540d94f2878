// Presence in the page: every element that names a person or a room shows it, those that come later too.
//
//   <span data-presence-user="7">        gets data-presence="online", "away" or "offline", and a title in words
//   <span data-presence-text="7">        says it in words
//   <span data-presence-count="general"> says how many people are in the room

import { inWords } from "./words.js";

const ASK_MS = 300; // A page that is being built adds people one by one.
const REDRAW_MS = 60_000; // "5 minutes ago" goes on.
const MARKED = "[data-presence-user], [data-presence-text], [data-presence-count]";
const ATTRIBUTES = ["data-presence-user", "data-presence-text", "data-presence-count"];

export class Dots {
  #people;
  #asked = new Set();
  #asking = null;

  /** @param {import("./people.js").People} people */
  constructor(people) {
    this.#people = people;
    people.addEventListener("change", ({ detail }) => this.#changed(detail));
    people.addEventListener("start", () => this.#start());
    const observer = new MutationObserver((records) => this.#added(records));
    observer.observe(document.body, { subtree: true, childList: true, attributeFilter: ATTRIBUTES });
    setInterval(() => this.#drawAll(), REDRAW_MS);
  }

  #start() {
    this.#asked.clear();
    this.#drawAll();
  }

  #changed(ids) {
    for (const element of marked(document)) {
      if (ids.has(userOf(element)) || element.dataset.presenceCount) this.#draw(element);
    }
  }

  #added(records) {
    for (const { type, target, addedNodes } of records) {
      if (type === "attributes") this.#draw(target);
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        if (node.matches(MARKED)) this.#draw(node);
        marked(node).forEach((element) => this.#draw(element));
      }
    }
  }

  #drawAll() {
    marked(document).forEach((element) => this.#draw(element));
  }

  #draw(element) {
    const { presenceUser, presenceText, presenceCount } = element.dataset;
    if (presenceCount) write(element, this.#people.sizeOf(presenceCount) ?? "");
    const id = userOf(element);
    if (!id) return;
    const state = this.#people.stateOf(id);
    const words = inWords(state, this.#people.lastSeen(id));
    if (presenceUser && (element.dataset.presence !== state || element.title !== words)) {
      element.dataset.presence = state;
      element.title = words;
    }
    if (presenceText) write(element, words);
    if (state === "offline") this.#askSoon(id);
  }

  /** Somebody offline may have been seen, or be in a room that is too large to be known whole. */
  #askSoon(id) {
    if (this.#asked.has(id) || this.#people.lastSeen(id)) return;
    this.#asked.add(id);
    this.#asking ??= setTimeout(() => this.#ask(), ASK_MS);
  }

  async #ask() {
    this.#asking = null;
    const ids = marked(document).map(userOf);
    const offline = ids.filter((id) => id && this.#asked.has(id) && this.#people.stateOf(id) === "offline");
    try {
      await this.#people.ask(Array.from(new Set(offline)));
    } catch {
      // Not joined yet, or lost: the next start asks again.
    }
  }
}

function marked(root) {
  return Array.from(root.querySelectorAll(MARKED));
}

function userOf(element) {
  return Number(element.dataset.presenceUser || element.dataset.presenceText) || null;
}

/** An unchanged text is left alone, so that the observer of the page is not called for it. */
function write(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}
