// The messages that are on their way, below those that are in the room.

import { clone, part } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { Outbox } from "../realtime/outbox.js";
import { showAttachments } from "./attachments.js";
import { renderText } from "./text.js";

/** Dispatches `edit` ({body, reply_to, attachments}) for a message that was refused and that its author takes back to change it. */
export class Pending extends EventTarget {
  #list;
  #messages;
  #outbox;
  #scroller;
  #you;

  /** @param {{page: HTMLElement, slug: string, you: object, topic: EventTarget, messages: object}} room */
  constructor({ page, slug, you, topic, messages }, scroller) {
    super();
    this.#list = part(page, "pending");
    this.#messages = messages;
    this.#outbox = new Outbox({ user: you.id, room: slug, send: (entry) => this.#send(entry) });
    this.#scroller = scroller;
    this.#you = you;
    this.#outbox.addEventListener("change", () => this.#show());
    this.#list.addEventListener("click", ({ target }) => this.#clicked(target.closest("[data-action]")));
    topic.addEventListener("welcome", () => this.#outbox.resume());
    topic.addEventListener("state", () => topic.state === "joined" || this.#outbox.pause());
    messages.addEventListener("change", ({ detail: { added, updated } }) => {
      const own = [...added, ...updated].filter(({ author }) => author.id === you.id);
      for (const { client_id } of own) this.#outbox.settle(client_id);
    });
    this.#show();
  }

  /**
   * Sends a message after the ones before it.
   *
   * @param {{body: string, reply_to: number | null, attachments: object[]}} draft
   */
  add(draft) {
    this.#outbox.add(draft);
  }

  #send({ client_id, body, reply_to, attachments = [] }) {
    const ids = attachments.map(({ id }) => id);
    return this.#messages.command("message.send", { client_id, body, reply_to, attachments: ids });
  }

  #show() {
    this.#scroller.keep(() => {
      const elements = this.#outbox.entries.map((entry) => this.#line(entry));
      const goesOn = this.#messages.newest?.author.id === this.#you.id;
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

  #create({ client_id, body, attachments = [] }) {
    const element = clone("pending");
    element.dataset.clientId = client_id;
    part(element, "avatar").append(avatar(this.#you));
    part(element, "author").textContent = this.#you.name;
    part(element, "body").replaceChildren(renderText(body, { mentions: [], you: this.#you.username }));
    part(element, "body").hidden = !body;
    showAttachments(part(element, "attachments"), attachments);
    return element;
  }

  #clicked(button) {
    if (!button) return;
    const { clientId } = button.closest("[data-client-id]").dataset;
    const { action } = button.dataset;
    if (action === "retry") return this.#outbox.retry(clientId);
    const entry = this.#outbox.entries.find(({ client_id }) => client_id === clientId);
    this.#outbox.settle(clientId);
    if (action === "edit" && entry) this.dispatchEvent(new CustomEvent("edit", { detail: entry }));
  }
}
