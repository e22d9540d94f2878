// How long to wait before the next try, spread so that a restarted server is not met by everybody at once.

const BASE_SECONDS = 1;
const CAP_SECONDS = 30;

/** Exponential backoff with full jitter: anything from nothing to `min(cap, base * 2 ** tries)`. */
export class Backoff {
  #tries = 0;
  #base;
  #cap;
  #random;

  /** @param {{base?: number, cap?: number, random?: () => number}} [options] base and cap in seconds */
  constructor({ base = BASE_SECONDS, cap = CAP_SECONDS, random = Math.random } = {}) {
    this.#base = base;
    this.#cap = cap;
    this.#random = random;
  }

  /** @returns {number} seconds to wait this time */
  next() {
    const ceiling = Math.min(this.#cap, this.#base * 2 ** this.#tries);
    this.#tries += 1;
    return this.#random() * ceiling;
  }

  reset() {
    this.#tries = 0;
  }
}
