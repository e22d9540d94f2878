// The box to write in: new messages, replies, and edits of the reader's own messages.

import { part, show } from "../js/dom.js";
import { forgetOthers, storage } from "../realtime/storage.js";
import { gettext, interpolate, locale, ngettext } from "../js/texts.js";
import { toast } from "../js/toasts.js";
import { composes } from "./choices.js";
// It listens to keys before this one: what chooses does not send.
import "./completion.js";
import { pickEmoji } from "./emoji-picker.js";
import { words } from "./message.js";
import "./pending.js";
import { attempt } from "./popups.js";
import { room } from "./room.js";
import "./typing.js";
import { Uploads } from "./uploads.js";

const DRAFTS = "draft:";
/** Half of a surrogate pair, as a cut emoji leaves it, is not text. */
const HALF_PAIR = /\p{Surrogate}/gu;
const NEARLY = 0.9; // From so much of the longest message on, its writer sees how much may follow.
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

  /** Calls back with the text as it was and as it is when another tab has changed it. */
  watch(changed) {
    addEventListener("storage", ({ key, oldValue, newValue }) => {
      if (key === this.#key) changed(oldValue ?? "", newValue ?? "");
    });
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
    if ("sent" in this.#form.dataset) this.#form.inert = true; // Before this script was there; the page goes with it.
    else this.#begin();
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("keydown", (event) => this.#pressed(event));
    this.#form.addEventListener("submit", (event) => this.#submitted(event));
    part(this.#form, "cancel").addEventListener("click", () => this.#cancel());
    part(this.#form, "emoji").addEventListener("click", (event) => this.#pickEmoji(event.currentTarget));
    this.#uploads.addEventListener("change", () => this.#uploaded());
    room.addEventListener("insert", ({ detail }) => this.#insert(detail));
    room.addEventListener("reply", ({ detail }) => this.#reply(detail));
    room.addEventListener("edit", ({ detail }) => this.#edit(detail));
    room.addEventListener("takeback", ({ detail }) => this.#takeBack(detail));
    room.addEventListener("archived", () => this.#mode.name === "new" || this.#cancel());
    room.addEventListener("closed", ({ detail }) => this.#close(detail));
    this.#draft.watch((before, text) => this.#mode.name !== "edit" && this.#input.value === before && this.#write(text));
    this.#fit();
    if (!matchMedia("(hover: none)").matches) this.#input.focus();
  }

  /** Goes on with the draft, and with what was typed before this script was there. */
  #begin() {
    const { text } = this.#draft;
    const typed = this.#input.value;
    this.#input.value = typed === text ? text : [text, typed].filter(Boolean).join("\n");
    this.#draft.text = this.#input.value;
  }

  /** Starts a reply to `message`. */
  #reply(message) {
    if (this.#mode.name === "edit") this.#cancel();
    const title = interpolate(gettext("Replying to %(name)s"), { name: message.author.name });
    this.#enter({ name: "reply", message }, title, words(message));
  }

  /** Starts to edit `message`; the draft of a new message is kept meanwhile. */
  #edit(message) {
    this.#enter({ name: "edit", message }, gettext("Editing your message"), "");
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
    this.#sendWhenUploaded = false; // What waits for its files is neither this edit nor this reply.
    this.#mode = mode;
    part(this.#context, "title").textContent = title;
    part(this.#context, "quote").textContent = quote;
    this.#context.hidden = false;
    this.#input.focus();
  }

  #submitted(event) {
    event.preventDefault();
    const body = this.#body;
    const { name, message } = this.#mode;
    const { characters } = room.limits;
    if (this.#length > characters) {
      const most = gettext(
        "A message has at most %(most)s characters, and this has %(number)s. Shorten it, or send it in parts.",
      );
      toast(interpolate(most, { most: number(characters), number: number(this.#length) }), "error");
      return;
    }
    if (name === "edit") {
      if (!body) {
        toast(gettext("A message cannot be empty. Write something, or delete it in its menu."), "error");
        return;
      }
      this.#cancel();
      if (body !== message.body) this.#save(message, body);
      return;
    }
    if (this.#uploads.failed) {
      toast(gettext("A file could not be uploaded. Try it again, or remove it."), "error");
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

  /** Changes a message; if that is refused, its new text comes back: what else is being written is kept as the draft. */
  async #save(message, body) {
    const saved = await attempt(room.messages.command("message.edit", { seq: message.seq, body }));
    if (saved || this.#mode.name === "edit") return;
    this.#edit(message);
    this.#write(body);
  }

  #pressed(event) {
    if (composes(event) || event.defaultPrevented) return;
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

  async #pickEmoji(button) {
    const emoji = await pickEmoji(button);
    if (emoji) this.#insert({ text: emoji, from: this.#input.selectionStart });
  }

  /** Puts text in place of what stands between `from` and the caret; a key takes it back. */
  #insert({ text, from }) {
    this.#input.focus();
    this.#input.setSelectionRange(from, this.#input.selectionEnd);
    document.execCommand("insertText", false, text); // Nothing else leaves the undoing of typing as it is.
  }

  /** The text as it is sent. */
  get #body() {
    return this.#input.value.replace(HALF_PAIR, "").trim();
  }

  /** In code points, as the server counts. */
  get #length() {
    return Array.from(this.#body).length;
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

  /** Grows with its text, as far as the style sheet lets it, and says when that nears its limit. */
  #fit() {
    const { characters } = room.limits;
    const left = characters - this.#length;
    const count = Math.abs(left);
    const words =
      left < 0
        ? ngettext("%(count)s too many", "%(count)s too many", count)
        : ngettext("%(count)s left", "%(count)s left", count);
    const said = interpolate(words, { count: number(count) });
    show(part(this.#form, "left"), this.#length < characters * NEARLY ? "" : said);
    this.#input.ariaInvalid = String(left < 0);
    this.#input.style.blockSize = "auto";
    this.#input.style.blockSize = `${this.#input.scrollHeight}px`;
  }
}

function number(count) {
  return count.toLocaleString(locale);
}

new Composer();
