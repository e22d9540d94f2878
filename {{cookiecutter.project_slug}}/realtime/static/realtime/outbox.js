// Sends that the server has not acknowledged: kept over losses and reloads, and sent in order under their first id.

import { Backoff } from "./retry.js";
import { forgetOthers, storage, watch } from "./storage.js";

const PREFIX = "outbox:";
/** Errors that sending again would repeat; the author decides what to do. */
const PERMANENT = new Set(["invalid", "too_large", "forbidden", "not_found", "conflict", "unknown_type"]);
/** Errors that may pass, each with how often one entry may meet it. "lost" means that the connection broke during the send. */
const PATIENCE = new Map([
  ["internal", 3],
  ["lost", 5],
]);

/**
 * The unacknowledged sends of one person in one room; every tab of the browser shares them.
 *
 * Dispatches `change` whenever `entries` may have changed.
 */
export class Outbox extends EventTarget {
  #store;
  #send;
  #backoff;
  #open = false;
  #sending = false;
  #failures = new Map(); // client id → how often it has met an error that may pass
  #timer = null;

  /**
   * @param {{user: number, room: string, send: (entry: object) => Promise<object>, backoff?: Backoff}} parts send has
   *   the server take an entry and rejects with a RequestError
   */
  constructor({ user, room, send, backoff = new Backoff() }) {
    super();
    this.#store = new Store(user, room);
    this.#send = send;
    this.#backoff = backoff;
    this.#store.watch(() => {
      this.#changed();
      this.#drain();
    });
  }

  /**
   * @returns {object[]} what waits, in the order in which it is sent; each entry is
   *   `{client_id, order, state: "pending" | "failed", detail, body, reply_to}`
   */
  get entries() {
    return this.#store.all();
  }

  /** Stores a message and sends it after the ones before it. */
  add({ body, reply_to = null }) {
    const last = this.entries.at(-1)?.order ?? 0;
    const order = Math.max(Date.now(), last + 1);
    const entry = { client_id: newId(), order, state: "pending", detail: "", body, reply_to };
    this.#store.put(entry);
    this.#changed();
    this.#drain();
    return entry;
  }

  retry(clientId) {
    const entry = this.#store.get(clientId);
    if (!entry) return;
    this.#store.put({ ...entry, state: "pending", detail: "" });
    this.#changed();
    this.#drain();
  }

  /** Removes an entry: it is in the room, or its author gave it up. */
  settle(clientId) {
    if (!this.#store.get(clientId)) return;
    this.#store.remove(clientId);
    this.#changed();
  }

  /** The room can be written to. */
  resume() {
    this.#open = true;
    this.#wait(null);
    this.#backoff.reset();
    this.#drain();
  }

  /** The room cannot be written to for now. */
  pause() {
    this.#open = false;
    this.#wait(null);
  }

  async #drain() {
    if (!this.#open || this.#sending || this.#timer !== null) return;
    this.#sending = true;
    const seconds = await oneTabAtATime(this.#store.name, () => this.#deliverAll());
    this.#sending = false;
    if (seconds !== null && this.#open) this.#wait(seconds);
    else if (this.#next()) this.#drain(); // Written while the last reply was on its way.
  }

  /** @returns {Promise<number | null>} seconds to wait before going on, or null when nothing is left to send */
  async #deliverAll() {
    for (let entry; this.#open && (entry = this.#next()); ) {
      try {
        await this.#send(entry);
        this.#backoff.reset();
        this.settle(entry.client_id);
      } catch (error) {
        if (!this.#isFinal(entry, error)) return error.retry_after ?? this.#backoff.next();
        this.#fail(entry, error);
      }
    }
    return null;
  }

  #next() {
    return this.entries.find((entry) => entry.state === "pending");
  }

  /** A message that meets an error again and again, such as one too big for the server, must not hold up the rest. */
  #isFinal(entry, error) {
    if (!PATIENCE.has(error.code)) return PERMANENT.has(error.code);
    const failures = (this.#failures.get(entry.client_id) ?? 0) + 1;
    this.#failures.set(entry.client_id, failures);
    return failures >= PATIENCE.get(error.code);
  }

  #fail(entry, error) {
    this.#failures.delete(entry.client_id);
    this.#store.put({ ...entry, state: "failed", detail: error.detail });
    this.#changed();
  }

  #wait(seconds) {
    clearTimeout(this.#timer);
    this.#timer = seconds === null ? null : setTimeout(() => this.#waited(), seconds * 1000);
  }

  #waited() {
    this.#timer = null;
    this.#drain();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** The entries in the browser's storage, a key each, so that several tabs can write at once without losing one. */
class Store {
  constructor(user, room) {
    this.name = `${PREFIX}${user}:${room}:`;
    forgetOthers(PREFIX, `${PREFIX}${user}:`);
  }

  /** @returns {object[]} the entries, first written first */
  all() {
    const entries = storage.keys(this.name).map((key) => JSON.parse(storage.get(key)));
    // Another tab may have removed one since its key was read.
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

/** Tabs that share the entries take turns; where a browser has no locks, the id makes a second send harmless. */
function oneTabAtATime(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
