// Who is in one room, as far as this page was told, and up to which of the room's events that is right.

import { Cursor } from "../realtime/cursor.js";

/**
 * Calls `changed` with the ids of people whose state may be another now, and `ask` for the room's roster when events
 * are missing.
 */
export class Room {
  /** How many people are here. */
  size = 0;
  /** Whether all of them are known by id. */
  complete = false;
  #states = new Map(); // person id → "online" or "away"
  #changed;
  #cursor;

  /** @param {{changed: (ids: Iterable<number>) => void, ask: () => Promise<object>}} parts */
  constructor({ changed, ask }) {
    this.#changed = changed;
    this.#cursor = new Cursor({
      apply: (frame) => this.#apply(frame.data),
      ask: async () => this.#replace(await ask()),
    });
  }

  /** @param {{rev: number, size: number, online: number[], away: number[], more: boolean}} here as in the welcome */
  start({ rev, size, online, away, more }) {
    const states = new Map([...online.map((id) => [id, "online"]), ...away.map((id) => [id, "away"])]);
    this.#become(rev, { size, complete: !more, states });
  }

  /** Takes an event or a heartbeat of the room's topic. */
  take(frame) {
    if (frame.type === "heartbeat") this.#cursor.see(frame.rev);
    else if (frame.type === "presence.changed") this.#cursor.take(frame);
  }

  /** The connection is lost, or the room is left: nothing is missing until it is heard of again. */
  pause() {
    this.#cursor.pause();
  }

  /** @returns {"online" | "away" | undefined} */
  stateOf(id) {
    return this.#states.get(id);
  }

  get ids() {
    return this.#states.keys();
  }

  #replace({ rev, size, people, after }) {
    const states = new Map(people.map(({ id, state }) => [id, state]));
    this.#become(rev, { size, complete: after === null, states });
  }

  #become(rev, { size, complete, states }) {
    const ids = new Set([...this.#states.keys(), ...states.keys()]);
    this.size = size;
    this.complete = complete;
    this.#states = states;
    this.#cursor.start(rev);
    this.#changed(ids);
  }

  #apply({ size, joined, away, left }) {
    this.size = size;
    for (const { id } of joined) this.#states.set(id, "online");
    for (const { id } of away) this.#states.set(id, "away");
    for (const { id } of left) this.#states.delete(id);
    this.#changed([...joined, ...away, ...left].map(({ id }) => id));
  }
}
