// The line that says that the connection is lost, what happens next, and what the reader can do.

import { focusBefore, hide, part, show } from "./dom.js";
import { gettext, interpolate } from "./texts.js";

const GRACE_MS = 1_500; // A loss shorter than this is not shown.

const STOPPED = {
  "signed-out": { text: gettext("You are signed out."), link: gettext("Sign in") },
  outdated: { text: gettext("This page is older than the server."), link: gettext("Reload") },
  "too-big": { text: gettext("The server refused what this page sent."), link: gettext("Reload") },
  forbidden: { text: gettext("You may not connect here."), link: gettext("Reload") },
  "not-found": { text: gettext("This is not here any more."), link: gettext("Reload") },
};

export class Banner {
  #element;
  #before;
  #socket;
  #grace = null;
  #ticking = null;

  /** @param {HTMLElement} page @param {EventTarget} socket */
  constructor(page, socket) {
    this.#element = part(page, "connection");
    this.#before = focusBefore(this.#element);
    this.#socket = socket;
    part(this.#element, "now").addEventListener("click", () => socket.connect());
    socket.addEventListener("state", () => this.#changed());
    this.#changed();
  }

  #changed() {
    const { name } = this.#socket.state;
    if (name === "open" || name === "idle") this.#hide();
    else if (name === "stopped") this.#show();
    else if (this.#element.hidden) this.#grace ??= setTimeout(() => this.#show(), GRACE_MS);
    else this.#show();
  }

  #hide() {
    this.#rest();
    hide(this.#element, true, this.#before());
  }

  #show() {
    this.#rest();
    const { name, seconds, reason } = this.#socket.state;
    const end = STOPPED[reason];
    this.#element.hidden = false;
    this.#element.classList.toggle("banner--danger", name === "stopped");
    const link = part(this.#element, "link");
    link.hidden = name !== "stopped";
    hide(part(this.#element, "now"), name === "stopped", link);
    if (name === "stopped") {
      this.#say(end.text);
      link.textContent = end.link;
    } else this.#countDown(seconds ?? 0);
  }

  #countDown(seconds) {
    const until = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      const text = left > 0 ? gettext("Trying again in %(left)s s.") : gettext("Trying again…");
      part(this.#element, "countdown").textContent = interpolate(text, { left });
    };
    this.#say(gettext("Connection lost."));
    tick();
    this.#ticking = setInterval(tick, 1000);
  }

  /** Sets what screen readers read out; the countdown beside it is not read. */
  #say(text) {
    show(part(this.#element, "text"), text);
    part(this.#element, "countdown").textContent = "";
  }

  #rest() {
    clearTimeout(this.#grace);
    clearInterval(this.#ticking);
    this.#grace = this.#ticking = null;
  }
}
