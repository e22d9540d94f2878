// Whether to try again, and when: after a loss, a refusal, a close code.

const BASE_SECONDS = 1;
const CAP_SECONDS = 30;

/** Close codes after which connecting again would fail again, each with the reason that a page may show. */
const STOPS = new Map([
  [1009, "too-big"],
  [4401, "signed-out"],
  [4403, "forbidden"],
  [4404, "not-found"],
  [4409, "outdated"],
]);

/** Close codes that ask for a pause first, in seconds. */
const PAUSES = new Map([[4029, 10]]);

/** Added by a server that cannot send codes below 3000: 4009 stands for 1009. */
const PRIVATE_CODES = 3000;

/**
 * Exponential backoff with full jitter: anything from nothing to `min(cap, base * 2 ** tries)` seconds, so that
 * clients do not all come back to a restarted server at once.
 */
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

/**
 * @param {number} code
 * @returns {{stop: string | null, pause: number}} the reason to stop, or null; the least number of seconds to wait
 */
export function afterClose(code) {
  return { stop: STOPS.get(code) ?? STOPS.get(code - PRIVATE_CODES) ?? null, pause: PAUSES.get(code) ?? 0 };
}
