// Where unacknowledged sends rest, a key each, so that several tabs can write at once without losing one.

import { forgetOthers, storage, watch } from "./storage.js";

const PREFIX = "outbox:";

/**
 * The waiting sends of one person in one room. Every tab of the browser sees the same entries.
 *
 * An entry is `{client_id, order, state: "pending" | "failed", detail, body, reply_to}`.
 */
export class OutboxStore {
  /** @param {{user: number, room: string}} whose */
  constructor({ user, room }) {
    this.name = `${PREFIX}${user}:${room}:`;
    forgetOthers(PREFIX, `${PREFIX}${user}:`);
  }

  /** @returns {object[]} the entries, first written first */
  all() {
    const entries = storage.keys(this.name).map((key) => JSON.parse(storage.get(key)));
    // Another tab may have taken one away since its key was read.
    return entries.filter((entry) => entry !== null).sort((a, b) => a.order - b.order);
  }

  get(clientId) {
    return JSON.parse(storage.get(this.name + clientId));
  }

  put(entry) {
    storage.set(this.name + entry.client_id, JSON.stringify(entry));
  }

  remove(clientId) {
    storage.remove(this.name + clientId);
  }

  /** Calls back when another tab has changed the entries. */
  watch(changed) {
    watch(this.name, changed);
  }
}
