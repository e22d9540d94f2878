// The button that counts what has come in below, while the reader is further up.

export class NewMessages {
  #button;
  #scroller;
  #count = 0;

  /** @param {{button: HTMLButtonElement, scroller: EventTarget}} parts */
  constructor({ button, scroller }) {
    this.#button = button;
    this.#scroller = scroller;
    button.addEventListener("click", () => scroller.toEnd());
    scroller.addEventListener("end", () => this.#show());
  }

  add(count) {
    if (this.#scroller.atEnd) return;
    this.#count += count;
    this.#show();
  }

  #show() {
    if (this.#scroller.atEnd) this.#count = 0;
    const words = this.#count === 1 ? "1 new message" : `${this.#count} new messages`;
    this.#button.hidden = this.#scroller.atEnd;
    this.#button.querySelector("span").textContent = this.#count ? words : "Latest messages";
  }
}
