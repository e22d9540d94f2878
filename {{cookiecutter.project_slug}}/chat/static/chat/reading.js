// How far the reader has read: only what they have seen, one message after another, or what they say they have.

import { hide, show } from "../js/dom.js";
import { gettext, interpolate, ngettext } from "../js/texts.js";
import { attempt } from "./popups.js";
import { room } from "./room.js";
import { newSince, timeline } from "./timeline.js";
import { view } from "./view.js";

const TELL_MS = 400;
const EVERYTHING = Number.MAX_SAFE_INTEGER; // The server takes it as its latest message.

class Reading {
  #bar = room.part("unread-bar");
  #button = room.part("latest");
  #read = room.you.last_read; // Everything up to here was seen.
  #sent = room.you.last_read; // The server knows it up to here.
  #timer = null;
  #frame = null; // The next one looks, once all have heard of a change.

  constructor() {
    const { topic, messages, you } = room;
    this.#button.addEventListener("click", () => view.latest());
    room.part("unread-jump").addEventListener("click", () => view.jump(room.unread.first));
    room.part("unread-done").addEventListener("click", () => this.#takeAll());
    view.addEventListener("move", () => (this.#frame ??= requestAnimationFrame(() => this.#look())));
    topic.addEventListener("welcome", ({ detail: { data } }) => {
      this.#sent = data.you.last_read;
      this.#take(data.you.last_read);
      this.#tellSoon();
    });
    topic.addEventListener("read", ({ detail: { data } }) => data.user_id === you.id && this.#take(data.seq));
    messages.addEventListener("change", ({ detail: { started } }) => {
      if (started) timeline.markUnread(this.#read, started.rev);
      this.#look();
    });
    addEventListener("pagehide", () => this.#tell());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") timeline.endUnread();
      else if (view.atEnd && messages.newest) timeline.markUnread(messages.newest.seq);
      this.#look();
    });
  }

  /** Takes what is in view as read, if nothing unread was left out before it. */
  #look() {
    this.#frame = null;
    const { messages, you } = room;
    const shown = document.visibilityState === "visible" ? view.shown : null;
    if (shown) {
      const next = messages.items.find(({ seq }) => seq > this.#read);
      const adjoins = !messages.more || messages.floor <= this.#read + 1;
      if (next && adjoins && next.seq >= shown.first) this.#take(shown.last);
    }
    const count = messages.items.filter(({ seq, author }) => author.id !== you.id && seq > this.#read).length;
    const words = interpolate(ngettext("%(count)s new message", "%(count)s new messages", count), { count });
    hide(this.#button, view.atEnd, room.part("messages").lastElementChild);
    show(this.#button.querySelector("span"), count && !messages.newer ? words : gettext("Latest messages"));
    this.#showBar(shown);
  }

  /** The way back to the first unread message, as long as it is not in view and something is unread. */
  #showBar(shown) {
    const { unread } = room;
    const isAbove = unread && shown && unread.first < shown.first;
    hide(this.#bar, !isAbove || this.#read >= unread.last, shown && document.getElementById(`message-${shown.first}`));
    if (!this.#bar.hidden) show(room.part("unread-words"), newSince(unread));
  }

  #take(seq) {
    if (seq <= this.#read) return;
    this.#read = seq;
    document.dispatchEvent(new CustomEvent("chat:read", { detail: { slug: room.slug, seq } }));
    this.#tellSoon();
    this.#showBar(view.shown);
  }

  async #takeAll() {
    const { topic } = room;
    const told = topic.request("read", { seq: EVERYTHING }).then(({ seq }) => this.#take((this.#sent = seq)));
    await attempt(told);
  }

  #tellSoon() {
    if (this.#read > this.#sent) this.#timer ??= setTimeout(() => this.#tell(), TELL_MS);
  }

  #tell() {
    this.#timer = null;
    if (room.topic.state !== "joined" || this.#read <= this.#sent) return; // The next welcome tells again.
    this.#sent = this.#read;
    room.topic.request("read", { seq: this.#read }).catch(() => {}); // As above.
  }
}

new Reading();
