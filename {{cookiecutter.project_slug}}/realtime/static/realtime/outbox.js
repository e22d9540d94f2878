// Sends that the server has not acknowledged: kept over losses and reloads, and sent in order under their first id.

import { Backoff } from "./backoff.js";

/** Refusals that sending again would not change; the person decides. */
const PERMANENT = new Set(["invalid", "too_large", "forbidden", "not_found", "conflict", "unknown_type"]);
const PATIENCE = 3;

/** Dispatches `change` whenever `entries` may have changed. */
export class Outbox extends EventTarget {
  #store;
  #send;
  #backoff;
  #open = false;
  #sending = false;
  #faults = new Map();
  #timer = null;

  /**
   * @param {{store: object, send: (entry: object) => Promise<object>, backoff?: Backoff}} parts store is an
   *   OutboxStore; send has the server take an entry and rejects with a RequestError
   */
  constructor({ store, send, backoff = new Backoff() }) {
    super();
    this.#store = store;
    this.#send = send;
    this.#backoff = backoff;
    store.watch(() => {
      this.#changed();
      this.#drain();
    });
  }

  /** @returns {object[]} what waits, in the order in which it is sent */
  get entries() {
    return this.#store.all();
  }

  /** Writes a message down and sends it as soon as the ones before it are through. */
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

  /** Lets go of an entry: it is in the room, or its author gave it up. */
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
        if (!this.#open || !this.#isFinal(entry, error)) return error.retry_after ?? this.#backoff.next();
        this.#fail(entry, error);
      }
    }
    return null;
  }

  #next() {
    return this.entries.find((entry) => entry.state === "pending");
  }

  /** A fault of the server's may pass; one that the same message meets again and again must not hold up the rest. */
  #isFinal(entry, error) {
    if (error.code !== "internal") return PERMANENT.has(error.code);
    const faults = (this.#faults.get(entry.client_id) ?? 0) + 1;
    this.#faults.set(entry.client_id, faults);
    return faults >= PATIENCE;
  }

  #fail(entry, error) {
    this.#faults.delete(entry.client_id);
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

/** Tabs that share the entries take turns; where a browser has no locks, the id makes a second send harmless. */
function oneTabAtATime(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
