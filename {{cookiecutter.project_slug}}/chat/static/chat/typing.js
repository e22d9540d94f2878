// Who is typing: reported of the reader, shown of the others.

import { gettext, interpolate } from "../js/texts.js";
import { room } from "./room.js";

const TELL_EVERY_MS = 3_000;
const SHOWN_MS = 5_000;

class Typing {
  #line = room.part("typing");
  #typists = new Map(); // person id → {name, timer}
  #toldAt = -Infinity;

  constructor() {
    const { topic, you } = room;
    room.addEventListener("type", () => this.#tell());
    room.addEventListener("send", () => (this.#toldAt = -Infinity)); // The next key tells again.
    topic.addEventListener("typing", ({ detail: { data } }) => data.user.id !== you.id && this.#started(data.user));
    topic.addEventListener("message.created", ({ detail: { data } }) => this.#stopped(data.author.id));
    topic.addEventListener("state", () => topic.state !== "joined" && this.#clear());
  }

  /** The reader has pressed a key. */
  #tell() {
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY_MS || room.topic.state !== "joined") return;
    this.#toldAt = now;
    room.topic.request("typing").catch(() => {}); // A lost one does no harm.
  }

  #started({ id, name }) {
    clearTimeout(this.#typists.get(id)?.timer);
    this.#typists.set(id, { name, timer: setTimeout(() => this.#stopped(id), SHOWN_MS) });
    this.#show();
  }

  #stopped(id) {
    clearTimeout(this.#typists.get(id)?.timer);
    if (this.#typists.delete(id)) this.#show();
  }

  #clear() {
    for (const id of Array.from(this.#typists.keys())) this.#stopped(id);
  }

  #show() {
    this.#line.textContent = sentence(Array.from(this.#typists.values(), ({ name }) => name));
  }
}

/** @param {string[]} names @returns {string} */
function sentence(names) {
  const [name, other] = names;
  if (names.length === 0) return "";
  if (names.length === 1) return interpolate(gettext("%(name)s is typing…"), { name });
  if (names.length === 2) return interpolate(gettext("%(name)s and %(other)s are typing…"), { name, other });
  return gettext("Several people are typing…");
}

new Typing();
