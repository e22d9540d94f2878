// How far the reader has read: what was on screen, at the end, in a page that is being looked at.

const DELAY_MS = 400;

export class Reads {
  #topic;
  #timeline;
  #scroller;
  #sent;
  #timer = null;

  /** @param {{topic: object, timeline: object, scroller: EventTarget}} parts */
  constructor({ topic, timeline, scroller }) {
    this.#topic = topic;
    this.#timeline = timeline;
    this.#scroller = scroller;
    scroller.addEventListener("end", () => this.check());
    document.addEventListener("visibilitychange", () => this.check());
  }

  /** Begins from the position that the server knows. */
  start(seq) {
    this.#sent = seq;
    this.check();
  }

  /** Says so, in a moment, if there is something new that the reader sees. */
  check() {
    if (this.#timer === null && this.#isBehind()) this.#timer = setTimeout(() => this.#tell(), DELAY_MS);
  }

  #tell() {
    this.#timer = null;
    if (!this.#isBehind()) return;
    const { seq } = this.#timeline.newest;
    this.#sent = seq;
    this.#topic.request("read", { seq }).catch(() => {}); // The next join begins from the server's position again.
  }

  #isBehind() {
    return (
      this.#topic.state === "joined" &&
      document.visibilityState === "visible" &&
      this.#scroller.atEnd &&
      this.#timeline.newest?.seq > this.#sent
    );
  }
}
