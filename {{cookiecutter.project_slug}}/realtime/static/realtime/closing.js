// What a close code asks of the client: stop, or come back, and when.

/** Codes after which coming back would be turned away again, each with the reason a page may show. */
const STOPS = new Map([
  [1009, "too-big"],
  [4401, "signed-out"],
  [4403, "forbidden"],
  [4404, "not-found"],
  [4409, "outdated"],
]);

/** Codes that ask for some quiet first, in seconds. */
const PAUSES = new Map([[4029, 10]]);

/** Added by a server that cannot send the codes below 3000: 4009 stands for 1009. */
const PRIVATE_CODES = 3000;

/**
 * @param {number} code
 * @returns {{stop: string | null, pause: number}} the reason to stop, or null; the least number of seconds to wait
 */
export function afterClose(code) {
  return { stop: STOPS.get(code) ?? STOPS.get(code - PRIVATE_CODES) ?? null, pause: PAUSES.get(code) ?? 0 };
}
