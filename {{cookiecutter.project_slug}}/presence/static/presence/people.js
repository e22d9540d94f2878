// How the people are with whom the reader shares a room: online, away, or offline and last seen when.

import { Room } from "./room.js";

const ROOM_PREFIX = "presence:";
const ROSTER_PEOPLE = 500;
const ASKED_PEOPLE = 100;
const REPAIR_MS = 3_000; // At most: after a failure everybody has something to ask for, so not all at once.

/**
 * Dispatches `change` with a set of ids as `detail`, of people whose state may be another now; `start` when all of it
 * was told anew; `visibility` when `hidden` has changed.
 */
export class People extends EventTarget {
  /** Whether the reader appears offline. */
  hidden = false;
  #socket;
  #topic;
  #rooms = new Map(); // slug → Room
  #told = new Map(); // person id → state, of those asked for by id, until the next event about them
  #lastSeen = new Map(); // person id → Date

  /** @param {EventTarget} socket of the page */
  constructor(socket) {
    super();
    this.#socket = socket;
    this.#topic = socket.topic("presence");
    this.#topic.addEventListener("welcome", ({ detail: { data } }) => this.#welcomed(data));
    this.#topic.addEventListener("rooms.changed", () => this.#refresh());
    this.#topic.addEventListener("visibility.changed", ({ detail: { data } }) => this.#becomeHidden(data.hidden));
    this.#topic.addEventListener("state", () => this.#topic.state === "joined" || this.#pause());
    // This topic's socket hears the events of every room of the reader's, under the rooms' own topics.
    socket.addEventListener("frame", ({ detail }) => this.#heard(detail));
  }

  join() {
    this.#topic.join();
  }

  /** @returns {"online" | "away" | "offline"} */
  stateOf(id) {
    const states = [this.#told.get(id), ...Array.from(this.#rooms.values(), (room) => room.stateOf(id))];
    return ["online", "away"].find((state) => states.includes(state)) ?? "offline";
  }

  /** @returns {Date | undefined} */
  lastSeen(id) {
    return this.#lastSeen.get(id);
  }

  /** @returns {number | undefined} how many people are in a room of the reader's */
  sizeOf(slug) {
    return this.#rooms.get(slug)?.size;
  }

  /** Says whether somebody sits before this tab, and which topic it shows them. */
  async tell(state, viewing) {
    await this.#topic.keep("state", { state, viewing });
  }

  /** Lets the reader appear offline, or as they are. */
  async hide(hidden) {
    await this.#topic.request("visibility", { hidden });
    this.#becomeHidden(hidden);
  }

  /** Asks for certain people: when they were last seen, and how they are in rooms too large to be known whole. */
  async ask(ids) {
    for (let start = 0; start < ids.length; start += ASKED_PEOPLE) {
      const asked = ids.slice(start, start + ASKED_PEOPLE);
      const { people } = await this.#topic.request("people", { ids: asked });
      for (const { id, state, last_seen } of people) {
        if (state !== "offline") this.#told.set(id, state);
        if (last_seen) this.#lastSeen.set(id, new Date(last_seen));
      }
      this.#changed(people.map(({ id }) => id));
    }
  }

  #welcomed({ you, rooms }) {
    this.#told.clear();
    this.#take(rooms);
    this.#becomeHidden(you.hidden);
    this.dispatchEvent(new CustomEvent("start"));
  }

  async #refresh() {
    if (!this.#socket.isStateful) return this.#topic.rejoin();
    try {
      this.#take((await this.#topic.request("rooms")).rooms);
    } catch {
      // The connection is lost: the next welcome tells.
    }
  }

  #take(rooms) {
    const slugs = new Set(rooms.map(({ room }) => room));
    for (const [slug, room] of this.#rooms) {
      if (slugs.has(slug)) continue;
      this.#rooms.delete(slug);
      room.pause();
      this.#changed(room.ids);
    }
    for (const here of rooms) this.#room(here.room).start(here);
  }

  #room(slug) {
    if (!this.#rooms.has(slug)) {
      const ask = () => this.#askRoster(slug);
      this.#rooms.set(slug, new Room({ changed: (ids) => this.#changed(ids), ask }));
    }
    return this.#rooms.get(slug);
  }

  async #askRoster(slug) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * REPAIR_MS));
    return this.#topic.request("roster", { room: slug, limit: ROSTER_PEOPLE });
  }

  #heard(frame) {
    if (!frame.topic?.startsWith(ROOM_PREFIX)) return;
    const room = this.#rooms.get(frame.topic.slice(ROOM_PREFIX.length));
    if (!room) return;
    if (frame.type === "presence.changed") this.#note(frame.data);
    room.take(frame);
  }

  /** What holds whether or not the event's turn has come. */
  #note({ joined, away, left }) {
    for (const { id } of [...joined, ...away, ...left]) this.#told.delete(id);
    for (const { id, last_seen } of left) this.#lastSeen.set(id, new Date(last_seen));
  }

  #pause() {
    for (const room of this.#rooms.values()) room.pause();
  }

  #becomeHidden(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new CustomEvent("visibility"));
  }

  #changed(ids) {
    this.dispatchEvent(new CustomEvent("change", { detail: new Set(ids) }));
  }
}
