// The box to write in: new messages, replies, and edits of the reader's own messages.

import { part } from "../js/dom.js";
import { forgetOthers, storage } from "../realtime/storage.js";
import { toast } from "../js/toasts.js";
import { words } from "./message.js";
import "./pending.js";
import { attempt } from "./popups.js";
import { room } from "./room.js";
import "./typing.js";
import { Uploads } from "./uploads.js";

const DRAFTS = "draft:";
/** Half of a surrogate pair, as a cut emoji leaves it, is not text. */
const HALF_PAIR = /\p{Surrogate}/gu;
const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");

/** What this person has typed in this room and not sent, kept over reloads. */
class Draft {
  #key;

  constructor(user, room) {
    this.#key = `${DRAFTS}${user}:${room}`;
    forgetOthers(DRAFTS, `${DRAFTS}${user}:`);
  }

  get text() {
    return storage.get(this.#key) ?? "";
  }

  set text(value) {
    if (value) storage.set(this.#key, value);
    else storage.remove(this.#key);
  }
}

/** Tells the room `send` ({body, reply_to, attachments}) and `type` (a key was pressed). */
class Composer {
  #form = room.part("composer");
  #input = this.#form.querySelector("textarea");
  #context = part(this.#form, "context");
  #draft = new Draft(room.you.id, room.slug);
  #mode = { name: "new" };
  #uploads = new Uploads();
  #sendWhenUploaded = false;

  constructor() {
    if (this.#input.value) this.#draft.text = this.#input.value; // Typed before this script was there.
    else this.#input.value = this.#draft.text;
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("keydown", (event) => this.#pressed(event));
    this.#form.addEventListener("submit", (event) => this.#submitted(event));
    part(this.#form, "cancel").addEventListener("click", () => this.#cancel());
    this.#uploads.addEventListener("change", () => this.#uploaded());
    room.addEventListener("reply", ({ detail }) => this.#reply(detail));
    room.addEventListener("edit", ({ detail }) => this.#edit(detail));
    room.addEventListener("takeback", ({ detail }) => this.#takeBack(detail));
    room.addEventListener("closed", ({ detail }) => this.#close(detail));
    this.#fit();
    if (!matchMedia("(hover: none)").matches) this.#input.focus();
  }

  /** Starts a reply to `message`. */
  #reply(message) {
    if (this.#mode.name === "edit") this.#cancel();
    this.#enter({ name: "reply", message }, `Replying to ${message.author.name}`, words(message));
  }

  /** Starts to edit `message`; the draft of a new message is kept meanwhile. */
  #edit(message) {
    this.#enter({ name: "edit", message }, "Editing your message", "");
    this.#write(message.body);
  }

  /** Takes back what could not be sent, in front of what is being written. */
  #takeBack({ body, reply_to: seq, attachments = [] }) {
    const answered = room.messages.get(seq);
    if (this.#mode.name === "edit") this.#cancel();
    if (answered) this.#reply(answered);
    this.#write([body, this.#input.value].filter(Boolean).join("\n"));
    this.#draft.text = this.#input.value;
    this.#uploads.putBack(attachments);
    this.#input.focus();
  }

  /** Back to writing a new message. */
  #cancel() {
    if (this.#mode.name === "edit") this.#write(this.#draft.text);
    this.#mode = { name: "new" };
    this.#context.hidden = true;
    this.#input.focus();
  }

  /** Closes the box for good and shows why. */
  #close(reason) {
    this.#form.inert = true;
    this.#input.placeholder = reason;
  }

  #enter(mode, title, quote) {
    this.#mode = mode;
    part(this.#context, "title").textContent = title;
    part(this.#context, "quote").textContent = quote;
    this.#context.hidden = false;
    this.#input.focus();
  }

  #submitted(event) {
    event.preventDefault();
    const body = this.#input.value.replace(HALF_PAIR, "").trim();
    const { name, message } = this.#mode;
    if (name === "edit") {
      if (!body) return;
      this.#cancel();
      if (body !== message.body) this.#save(message, body);
      return;
    }
    if (this.#uploads.failed) {
      toast("A file could not be uploaded. Try it again, or remove it.", "error");
      return;
    }
    this.#sendWhenUploaded = this.#uploads.waiting;
    if (this.#sendWhenUploaded) return;
    const attachments = this.#uploads.take();
    if (!body && attachments.length === 0) return;
    this.#draft.text = "";
    this.#write("");
    this.#cancel();
    room.tell("send", { body, reply_to: message?.seq ?? null, attachments });
  }

  /** Sends what was to be sent before its files were uploaded. */
  #uploaded() {
    if (!this.#sendWhenUploaded || this.#uploads.waiting) return;
    this.#sendWhenUploaded = false;
    if (!this.#uploads.failed) this.#form.requestSubmit();
  }

  /** Changes a message; if that is refused, its new text comes back, unless something else is being written. */
  async #save(message, body) {
    const saved = await attempt(room.messages.command("message.edit", { seq: message.seq, body }));
    if (saved || this.#mode.name !== "new" || this.#input.value) return;
    this.#edit(message);
    this.#write(body);
  }

  #pressed(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !TOUCH.matches) {
      event.preventDefault();
      this.#form.requestSubmit();
    } else if (event.key === "Escape" && this.#mode.name !== "new") {
      this.#cancel();
    } else if (event.key === "ArrowUp" && !this.#input.value && this.#mode.name === "new") {
      event.preventDefault();
      this.#editLast();
    }
  }

  #editLast() {
    const own = ({ author, deleted_at }) => author.id === room.you.id && deleted_at === null;
    const last = room.messages.items.findLast(own);
    if (last) this.#edit(last);
  }

  #typed() {
    this.#fit();
    if (this.#mode.name === "edit") return;
    this.#draft.text = this.#input.value;
    if (this.#input.value.trim()) room.tell("type");
  }

  #write(text) {
    this.#input.value = text;
    this.#fit();
  }

  /** Grows with its text, as far as the style sheet lets it. */
  #fit() {
    this.#input.style.blockSize = "auto";
    this.#input.style.blockSize = `${this.#input.scrollHeight}px`;
  }
}

new Composer();
