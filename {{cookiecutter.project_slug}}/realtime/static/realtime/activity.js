// Whether somebody sits before this tab, and which topic the page shows them.
//
//   <div data-viewing="chat:general"> says that the page shows the topic

const IDLE_MS = 5 * 60_000;
const HIDDEN_MS = 3_000; // A page is hidden for a moment too while the next one loads.
const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"];

/**
 * Dispatches `change` when `state` changes between "online" and "away", or when `viewing` changes.
 *
 * A tab is online while it can be seen and something in it was touched in the last five minutes.
 */
class Activity extends EventTarget {
  state = isVisible() ? "online" : "away";
  #viewed = null;
  #touchedAt = performance.now();
  #timer = null;

  constructor() {
    super();
    const options = { capture: true, passive: true };
    for (const type of TOUCHES) addEventListener(type, () => this.#touched(), options);
    document.addEventListener("visibilitychange", () => this.#touched());
    this.#viewed = this.viewing;
    this.#touched();
  }

  /** @returns {string | null} the topic that this page shows to somebody right now */
  get viewing() {
    if (this.state === "away" || !isVisible()) return null;
    return document.querySelector("[data-viewing]")?.dataset.viewing ?? null;
  }

  #touched() {
    this.#touchedAt = performance.now();
    this.#become(isVisible() ? "online" : this.state);
    // While it is online, one timer watches it; touching it again starts no new one.
    if (!isVisible()) this.#lookIn(HIDDEN_MS);
    else if (this.#timer === null) this.#lookIn(IDLE_MS);
  }

  #look() {
    this.#timer = null;
    const rest = IDLE_MS - (performance.now() - this.#touchedAt);
    if (!isVisible() || rest <= 0) this.#become("away");
    else this.#lookIn(rest);
  }

  #lookIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), milliseconds);
  }

  #become(state) {
    const before = this.state;
    this.state = state;
    const viewed = this.#viewed;
    this.#viewed = this.viewing;
    if (state !== before || this.#viewed !== viewed) this.dispatchEvent(new CustomEvent("change"));
  }
}

function isVisible() {
  return document.visibilityState === "visible";
}

/** That of this page. */
export const activity = new Activity();
