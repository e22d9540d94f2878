// The requests that wait for their reply, by the id that pairs the two.

const TIMEOUT_MS = 15_000;

/** A request that was not done. `code` is one of the wire's error codes, or "lost" or "timeout". */
export class RequestError extends Error {
  /** @param {{code: string, detail?: string, retry_after?: number | null}} refusal retry_after in seconds */
  constructor({ code, detail = "", retry_after = null }) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retry_after = retry_after;
  }
}

export class Requests {
  #waiting = new Map();
  #last = 0;

  /** @returns {{id: string, reply: Promise<object>}} */
  open() {
    const id = String(++this.#last);
    const reply = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new RequestError({ code: "timeout", detail: "The server did not answer in time." }));
      }, TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
    });
    return { id, reply };
  }

  /** Gives a reply to the request that waits for it. */
  settle(frame) {
    const request = this.#waiting.get(frame.id);
    if (!request) return;
    this.#waiting.delete(frame.id);
    clearTimeout(request.timer);
    if (frame.type === "error") request.reject(new RequestError(frame.data));
    else request.resolve(frame.data);
  }

  /** Ends every wait: the connection that the replies would have come over is gone. */
  abandon() {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new RequestError({ code: "lost", detail: "The connection was lost." }));
    }
    this.#waiting.clear();
  }
}
