// Who has seen what: in a small room, under the last message that each of the others has read.

import { clone, part } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { gettext, interpolate } from "../js/texts.js";
import { room } from "./room.js";
// Its lines are there first.
import "./timeline.js";
import { view } from "./view.js";

const SMALL_MEMBERS = 10;

class Receipts {
  #readers = new Map(); // person id → person with `last_read`

  constructor() {
    const { topic, messages } = room;
    topic.addEventListener("welcome", ({ detail: { data } }) => this.#start(data.members));
    // Whoever joins has read what is there.
    topic.addEventListener("member.joined", ({ detail: { data } }) => this.#take(data.member, messages.newest?.seq));
    topic.addEventListener("member.updated", ({ detail: { data } }) => this.#take(data.member));
    topic.addEventListener("member.left", ({ detail: { data } }) => this.#left(data.user_id));
    topic.addEventListener("read", ({ detail: { data } }) => this.#read(data.user_id, data.seq));
    messages.addEventListener("change", () => this.#show());
  }

  #start(members) {
    this.#readers = new Map(members.map((person) => [person.id, person]));
    this.#show();
  }

  #take(person, place = 0) {
    const { last_read = place } = this.#readers.get(person.id) ?? {};
    this.#readers.set(person.id, { ...person, last_read });
    this.#show();
  }

  #read(id, place) {
    const person = this.#readers.get(id);
    if (person) person.last_read = place;
    this.#show();
  }

  #left(id) {
    this.#readers.delete(id);
    this.#show();
  }

  #show() {
    const seen = new Map(); // message → those who have read up to it
    for (const person of this.#readers.size <= SMALL_MEMBERS ? this.#readers.values() : []) {
      const message = person.id === room.you.id || person.bot ? null : lastSeenBy(person);
      if (message) seen.set(message, [...(seen.get(message) ?? []), person]);
    }
    if (seen.size === 0 && !room.page.querySelector(".message__readers")) return;
    view.keep(() => {
      for (const element of room.page.querySelectorAll(".message__readers")) element.remove();
      for (const [{ seq }, people] of seen) document.getElementById(`message-${seq}`)?.append(readers(people));
    });
  }
}

/** @returns {object | null} null also where it is not loaded, or their own */
function lastSeenBy({ id, last_read: place }) {
  const { items, newest, newer } = room.messages;
  if (newer && place > newest.seq) return null;
  const message = items.findLast(({ seq }) => seq <= place);
  return message && message.author.id !== id ? message : null;
}

function readers(people) {
  const element = clone("readers");
  const names = people.map(({ name }) => name).join(", ");
  element.title = part(element, "text").textContent = interpolate(gettext("Seen by %(names)s"), { names });
  element.append(...people.map((person) => avatar(person, "tiny")));
  return element;
}

new Receipts();
