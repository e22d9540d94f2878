// Where unacknowledged sends rest, a key each, so that several tabs can write at once without losing one.

const PREFIX = "outbox";

/**
 * The waiting sends of one person in one room. Every tab of the browser sees the same entries.
 *
 * An entry is `{client_id, order, state: "pending" | "failed", detail, body, reply_to}`.
 */
export class OutboxStore {
  #prefix;
  #storage;
  #unsaved = new Map(); // What the browser had no room for, or was told not to keep.

  /** @param {{user: number | string, room: string, storage?: Storage}} whose */
  constructor({ user, room, storage = localStorage }) {
    this.#prefix = `${PREFIX}:${user}:${room}:`;
    this.#storage = storage;
    this.name = this.#prefix;
    forgetOthers(user, storage);
  }

  /** @returns {object[]} the entries, first written first */
  all() {
    const saved = keys(this.#storage)
      .filter((key) => key.startsWith(this.#prefix))
      .map((key) => JSON.parse(this.#storage.getItem(key)));
    return [...saved, ...this.#unsaved.values()].sort((a, b) => a.order - b.order);
  }

  get(clientId) {
    return this.all().find((entry) => entry.client_id === clientId) ?? null;
  }

  put(entry) {
    this.#unsaved.delete(entry.client_id);
    try {
      this.#storage.setItem(this.#prefix + entry.client_id, JSON.stringify(entry));
    } catch {
      this.#unsaved.set(entry.client_id, entry);
    }
  }

  /** @returns {boolean} whether it was there */
  remove(clientId) {
    const key = this.#prefix + clientId;
    const there = this.#storage.getItem(key) !== null;
    this.#storage.removeItem(key);
    return this.#unsaved.delete(clientId) || there;
  }

  /** Calls back when another tab has changed the entries. */
  watch(changed) {
    addEventListener("storage", ({ key }) => {
      if (key === null || key.startsWith(this.#prefix)) changed();
    });
  }
}

/** A browser that somebody else now uses does not keep the last person's words. */
function forgetOthers(user, storage) {
  const mine = `${PREFIX}:${user}:`;
  for (const key of keys(storage)) {
    if (key.startsWith(`${PREFIX}:`) && !key.startsWith(mine)) storage.removeItem(key);
  }
}

function keys(storage) {
  return Array.from({ length: storage.length }, (_, index) => storage.key(index));
}
