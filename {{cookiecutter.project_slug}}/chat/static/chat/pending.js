// The messages that are on their way, below those that are in the room.

import { clone, part } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { Outbox } from "../realtime/outbox.js";
import { showAttachments } from "./attachments.js";
import { room } from "./room.js";
import { view } from "./view.js";

/** Tells the room `takeback`, with a message that was refused and that its author wants to change. */
class Pending {
  #list = room.part("pending");
  #outbox = new Outbox({ user: room.you.id, room: room.slug, send: (entry) => this.#send(entry) });

  constructor() {
    const { topic, messages, you } = room;
    this.#outbox.addEventListener("change", () => this.#show());
    this.#list.addEventListener("click", ({ target }) => this.#clicked(target.closest("[data-action]")));
    topic.addEventListener("welcome", () => this.#outbox.resume());
    topic.addEventListener("state", () => topic.state === "joined" || this.#outbox.pause());
    messages.addEventListener("change", ({ detail: { added, updated } }) => {
      const own = [...added, ...updated].filter(({ author }) => author.id === you.id);
      for (const { client_id } of own) this.#outbox.settle(client_id);
    });
    room.addEventListener("send", ({ detail }) => {
      this.#outbox.add(detail);
      view.latest();
    });
    this.#show();
  }

  #send({ client_id, body, reply_to, attachments = [] }) {
    const ids = attachments.map(({ id }) => id);
    return room.messages.command("message.send", { client_id, body, reply_to, attachments: ids });
  }

  #show() {
    view.keep(() => {
      const elements = this.#outbox.entries.map((entry) => this.#line(entry));
      const goesOn = room.messages.newest?.author.id === room.you.id;
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
    part(element, "avatar").append(avatar(room.you));
    part(element, "author").textContent = room.you.name;
    part(element, "body").textContent = body; // Its marks are shown once the server has read them.
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
    if (action === "edit" && entry) room.tell("takeback", entry);
  }
}

new Pending();
