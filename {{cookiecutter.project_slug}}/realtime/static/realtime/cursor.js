// A topic's cursor: the revision up to which no event is missing.

const WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;
const HELD_EVENTS = 500;

/**
 * Applies numbered events exactly once and in order. The next one is applied, a lower one is dropped, a higher one is
 * held: the events between may only be late, and are asked for after a moment.
 */
export class Cursor {
  #apply;
  #ask;
  #rev = null;
  #epoch = null;
  #head = 0;
  #held = new Map();
  #timer = null;
  #wait = WAIT_MS;
  #asking = false;

  /**
   * @param {{apply: (event: object) => void, ask: (position: object | null) => Promise<unknown>}} to apply takes each
   *   event once, in order; ask has the server send what is newer than `position`
   */
  constructor({ apply, ask }) {
    this.#apply = apply;
    this.#ask = ask;
  }

  /** @returns {{since: number, epoch: string} | null} where to resume from, or null for a topic without history */
  get position() {
    return this.#epoch === null ? null : { since: this.#rev, epoch: this.#epoch };
  }

  /**
   * Begins at `rev`, whatever came before.
   *
   * @param {number | null} rev null where the topic has no revisions to follow
   * @param {string | null} [epoch] of the topic's history, if it has one
   */
  start(rev, epoch = null) {
    this.#rev = rev;
    this.#epoch = epoch;
    this.#forget();
  }

  /** Takes one numbered event as it arrives. */
  take(event) {
    if (this.#rev === null) return this.#apply(event);
    if (event.rev <= this.#rev) return;
    this.#head = Math.max(this.#head, event.rev);
    if (this.#held.size < HELD_EVENTS) this.#held.set(event.rev, event);
    this.#drain();
  }

  /** Learns the topic's head from a heartbeat or a welcome. */
  see(head) {
    if (this.#rev === null) return;
    this.#head = Math.max(this.#head, head);
    this.#watch();
  }

  /** Moves to `rev`: everything up to it was just applied from a `changes` frame. */
  advance(rev) {
    if (this.#rev === null || rev < this.#rev) return;
    this.#moveTo(rev);
    this.#head = Math.max(this.#head, rev);
    for (const held of this.#held.keys()) if (held <= rev) this.#held.delete(held);
    this.#drain();
  }

  /** Drops held events and asks for nothing until an event or a head shows a gap. */
  pause() {
    this.#forget();
    this.#wait = WAIT_MS;
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#head = this.#rev;
    this.#held.clear();
  }

  #drain() {
    for (let event; (event = this.#held.get(this.#rev + 1)); ) {
      this.#held.delete(event.rev);
      this.#moveTo(event.rev);
      this.#apply(event);
    }
    if (this.#head <= this.#rev) this.#wait = WAIT_MS;
    this.#watch();
  }

  /** A gap above the new `rev` gets its own time to close. */
  #moveTo(rev) {
    this.#rev = rev;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #watch() {
    if (this.#head <= this.#rev) return;
    if (this.#timer !== null || this.#asking) return;
    this.#timer = setTimeout(() => this.#repair(), this.#wait);
  }

  async #repair() {
    this.#timer = null;
    this.#asking = true;
    this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 2);
    try {
      await this.#ask(this.position);
    } catch {
      // Refused or lost: the next watch, or the next join, asks again.
    } finally {
      this.#asking = false;
    }
    this.#watch();
  }
}
