// The room of this page: its topic and its messages, and what the parts of the page tell each other.

import { pageData, part } from "../js/dom.js";
import { socket } from "../realtime/connection.js";
import { Feed } from "../realtime/feed.js";
import { wipe } from "../realtime/signed-out.js";

/**
 * Each part of the page imports `room`, finds its own elements, and listens to `room.topic` and `room.messages` by
 * itself. What a part wants of others is an event of the room, with a message or a draft as `detail`: `reply` and
 * `edit` by the toolbar, `archived` by the page, `takeback` by what could not be sent, `insert` by what completes words, `type` and `send` by
 * the composer.
 */
class Room extends EventTarget {
  page = document.querySelector("[data-room-page]");
  #opening;

  constructor() {
    super();
    const { slug, kind, you, upload, limits, opening } = pageData("room-data");
    Object.assign(this, { slug, kind, you, upload, limits, unread: opening.unread, at: opening.at });
    this.#opening = opening;
    this.topic = socket.topic(`chat:${slug}`);
    this.topic.addEventListener("welcome", (event) => this.#check(event)); // Before any part sends what waits.
    this.messages = new Feed(this.topic, { items: "messages", list: "history", keepDeleted: true });
  }

  /** Shows what came with the page, and goes on from there: once all parts listen. */
  open() {
    const { rev, epoch, history } = this.#opening;
    this.messages.begin({ rev, epoch }, history);
    this.messages.join();
  }

  /** Somebody else has signed in meanwhile: what waits here is not theirs to send. */
  #check(event) {
    if (event.detail.data.you.id === this.you.id) return;
    event.stopImmediatePropagation();
    socket.close();
    wipe();
  }

  get isArchived() {
    return this.page.classList.contains("room--archived");
  }

  part(name) {
    return part(this.page, name);
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export const room = new Room();
