// Whether somebody sits before this tab: it can be seen, and something was touched in the last five minutes.

const IDLE_MS = 5 * 60_000;
const HIDDEN_MS = 3_000; // A page that is left for the next one is hidden for a moment, too.
const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"];

/** Dispatches `change` when `state` changes between "online" and "away". */
export class Activity extends EventTarget {
  state = document.visibilityState === "visible" ? "online" : "away";
  #touchedAt = performance.now();
  #timer = null;

  constructor() {
    super();
    const options = { capture: true, passive: true };
    for (const type of TOUCHES) addEventListener(type, () => this.#touched(), options);
    document.addEventListener("visibilitychange", () => this.#touched());
    this.#touched();
  }

  #touched() {
    this.#touchedAt = performance.now();
    if (document.visibilityState === "visible") this.#become("online");
    // While it is online, a timer looks after it; touching it again costs no new one.
    if (document.visibilityState === "hidden") this.#lookIn(HIDDEN_MS);
    else if (this.#timer === null) this.#lookIn(IDLE_MS);
  }

  #look() {
    this.#timer = null;
    const rest = IDLE_MS - (performance.now() - this.#touchedAt);
    if (document.visibilityState === "hidden" || rest <= 0) this.#become("away");
    else this.#lookIn(rest);
  }

  #lookIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), milliseconds);
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("change"));
  }
}
