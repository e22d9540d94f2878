// Sends that the server has not acknowledged: kept over losses and reloads, and sent in order under their first id.

import { Backoff } from "./retry.js";
import { forgetOthers, storage, watch } from "./storage.js";
import { gettext } from "./texts.js";

const PREFIX = "outbox:";
/** Errors that sending again would repeat; the author decides what to do. */
const PERMANENT = new Set(["invalid", "too_large", "forbidden", "not_found", "conflict", "unknown_type"]);
/** Errors that pass, and that all entries meet alike. */
const BUSY = new Set(["unavailable", "rate_limited"]);
/** Any other error, also one that is not known yet, may pass; an entry that meets it so often is not sent again. */
const TRIES = 3;
const UNKNOWN = gettext("Something went wrong. Try again, or write it differently.");
const LOST_TRIES = 5; // A bad network loses many connections; a server that fails at an entry loses each.

/**
 * The unacknowledged sends of one person in one room; every tab of the browser shares them. Whatever the answer to one
 * of them, or if none comes, those behind it are sent: it then waits as "failed" for its author to decide.
 *
 * Dispatches `change` whenever `entries` may have changed.
 */
export class Outbox extends EventTarget {
  #store;
  #send;
  #backoff;
  #open = false;
  #sending = false;
  #errors = new Map(); // client id → how often it was tried in vain
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
   *   `{client_id, order, state: "pending" | "failed", detail, body, reply_to, attachments}`
   */
  get entries() {
    return this.#store.all();
  }

  /** Stores a message and sends it after the ones before it. */
  add({ body, reply_to = null, attachments = [] }) {
    const last = this.entries.at(-1)?.order ?? 0;
    const order = Math.max(Date.now(), last + 1);
    const entry = { client_id: newId(), order, state: "pending", detail: "", body, reply_to, attachments };
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
    this.#errors.delete(clientId);
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
    const work = () => this.#deliverAll();
    const seconds = await oneTabAtATime(this.#store.name, work).catch(() => this.#backoff.next());
    this.#sending = false;
    if (seconds !== null && this.#open) this.#wait(seconds);
    else if (this.#next()) this.#drain(); // Written while the last reply was on its way.
  }

  /** @returns {Promise<number | null>} seconds to wait before going on, or null when nothing is left to send */
  async #deliverAll() {
    const passed = new Map(); // client id → the error for which it lets the ones behind it try
    for (let entry; this.#open && (entry = this.#next(passed)); ) {
      const error = await this.#attempt(entry);
      if (error && !this.#isFinal(entry, error)) {
        passed.set(entry.client_id, error);
        if (this.#errors.get(entry.client_id) >= TRIES && BUSY.has(error.code)) continue;
        break;
      }
      if (error) this.#fail(entry.client_id, error);
      else this.settle(entry.client_id);
      if (error && !PERMANENT.has(error.code)) continue;
      this.#backoff.reset();
      // The server is there for others: it is these that it does not take.
      for (const [clientId, reason] of passed) this.#fail(clientId, reason);
      passed.clear();
    }
    const [error] = passed.values();
    return error ? (error.retry_after ?? this.#backoff.next()) : null;
  }

  #next(passed = new Map()) {
    return this.entries.find(({ state, client_id }) => state !== "failed" && !passed.has(client_id));
  }

  /** @returns {Promise<Error | null>} why the entry is not taken */
  async #attempt(entry) {
    try {
      await this.#send(entry);
      return null;
    } catch (error) {
      return error ?? new Error();
    }
  }

  #isFinal({ client_id }, { code }) {
    if (PERMANENT.has(code)) return true;
    const errors = (this.#errors.get(client_id) ?? 0) + 1;
    this.#errors.set(client_id, errors);
    return !BUSY.has(code) && errors >= (code === "lost" ? LOST_TRIES : TRIES);
  }

  #fail(clientId, error) {
    this.#errors.delete(clientId);
    const entry = this.#store.get(clientId);
    if (!entry) return; // It was settled meanwhile.
    this.#store.put({ ...entry, state: "failed", detail: error.detail || UNKNOWN });
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
    const entries = storage.keys(this.name).map((key) => this.get(key.slice(this.name.length)));
    // Another tab may have removed one since its key was read.
    return entries.filter((entry) => entry !== null).sort((a, b) => a.order - b.order);
  }

  /** @returns {object | null} the entry; null for what is none, as where the storage was damaged */
  get(clientId) {
    const text = storage.get(this.name + clientId);
    try {
      const entry = JSON.parse(text);
      const { client_id, order, body, attachments = [] } = entry;
      const isWhole = Number.isFinite(order) && typeof body === "string" && attachments.every(({ id }) => id);
      return client_id === clientId && isWhole ? entry : null;
    } catch {
      return null;
    }
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
