// What was typed and not sent, by person and room, kept until it is.

import { forgetOthers, storage } from "../realtime/storage.js";

const PREFIX = "draft:";

export class Draft {
  #key;

  /** @param {{user: number, room: string}} whose */
  constructor({ user, room }) {
    this.#key = `${PREFIX}${user}:${room}`;
    forgetOthers(PREFIX, `${PREFIX}${user}:`);
  }

  get text() {
    return storage.get(this.#key) ?? "";
  }

  set text(value) {
    if (value) storage.set(this.#key, value);
    else storage.remove(this.#key);
  }
}
