// What the reader does to messages that are there: asked of the server, and shown when it agrees.

import { toast } from "../js/toasts.js";
import { ask } from "./confirm.js";

const DELETE = {
  title: "Delete this message?",
  text: "It goes for everybody in the room, and cannot be brought back.",
  action: "Delete",
};

export class Actions {
  #topic;
  #timeline;

  /** @param {{topic: object, timeline: object}} parts */
  constructor({ topic, timeline }) {
    this.#topic = topic;
    this.#timeline = timeline;
  }

  edit({ seq, body }) {
    return this.#request("message.edit", { seq, body });
  }

  react({ seq }, emoji) {
    return this.#request("reaction.toggle", { seq, emoji });
  }

  async delete({ seq }) {
    if (await ask(DELETE)) await this.#request("message.delete", { seq });
  }

  async copy({ body }) {
    await navigator.clipboard.writeText(body);
    toast("Copied.", "success");
  }

  async #request(command, data) {
    try {
      this.#timeline.put([await this.#topic.request(command, data)]);
    } catch (error) {
      const noConnection = "That did not go through: there is no connection. Try again when it is back.";
      toast(error.code === "lost" ? noConnection : error.detail, "error");
    }
  }
}
