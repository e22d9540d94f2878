// The messages that wait in the outbox, below those that are in the room.

import { avatar } from "../js/avatar.js";
import { clone, part } from "./dom.js";
import { renderText } from "./text.js";

export class Pending {
  #list;
  #outbox;
  #scroller;
  #timeline;
  #you;

  /** @param {{list: HTMLElement, outbox: EventTarget, scroller: object, timeline: object, you: object}} parts */
  constructor({ list, outbox, scroller, timeline, you }) {
    this.#list = list;
    this.#outbox = outbox;
    this.#scroller = scroller;
    this.#timeline = timeline;
    this.#you = you;
    outbox.addEventListener("change", () => this.show());
    list.addEventListener("click", ({ target }) => this.#clicked(target.closest("[data-action]")));
  }

  show() {
    this.#scroller.keep(() => {
      const elements = this.#outbox.entries.map((entry) => this.#line(entry));
      const goesOn = this.#timeline.newest?.author.id === this.#you.id;
      elements.forEach((element, index) => element.classList.toggle("message--together", goesOn || index > 0));
      this.#list.replaceChildren(...elements);
      this.#list.hidden = elements.length === 0;
    });
  }

  #line(entry) {
    const element = this.#existing(entry.client_id) ?? this.#create(entry);
    const failed = entry.state === "failed";
    element.classList.toggle("message--failed", failed);
    part(element, "waiting").hidden = failed;
    part(element, "failure").hidden = !failed;
    part(element, "reason").textContent = entry.detail;
    return element;
  }

  #existing(clientId) {
    return Array.from(this.#list.children).find(({ dataset }) => dataset.clientId === clientId);
  }

  #create({ client_id, body }) {
    const element = clone("pending");
    element.dataset.clientId = client_id;
    part(element, "avatar").append(avatar(this.#you));
    part(element, "author").textContent = this.#you.name;
    part(element, "body").replaceChildren(renderText(body, { mentions: [], you: this.#you.username }));
    return element;
  }

  #clicked(button) {
    if (!button) return;
    const { clientId } = button.closest("[data-client-id]").dataset;
    if (button.dataset.action === "retry") this.#outbox.retry(clientId);
    else this.#outbox.settle(clientId);
  }
}
