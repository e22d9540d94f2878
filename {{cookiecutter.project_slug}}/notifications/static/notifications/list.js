// A list of notifications, drawn from their feed: in the bell's panel, and on the page of all notifications.

import { clone, part } from "../js/dom.js";
import { avatar, icon } from "../js/pictures.js";
import { gettext, interpolate, ngettext } from "../js/texts.js";
import { ago } from "../js/times.js";
import { toast } from "../js/toasts.js";

const PAGE = 20;
const COUNTED = 99;
const NONE = gettext("Nothing yet. When somebody needs you, it shows here.");

/** The page that reads a notification and opens what it is about. */
export function linkTo(id) {
  return document.getElementById("bell").dataset.follow.replace(/0\/$/, `${id}/`);
}

export class NotificationList {
  #feed;
  #root;
  #list = document.createElement("ul");
  #more = document.createElement("p");

  constructor(root, feed) {
    this.#root = root;
    this.#feed = feed;
    this.#list.className = "notifications";
    this.#more.className = "notifications__more";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = gettext("Older");
    button.addEventListener("click", () => this.#try(feed.loadOlder(PAGE)));
    this.#more.append(button);
    this.#list.addEventListener("click", (event) => this.#clicked(event));
    this.#list.addEventListener("auxclick", ({ target, button }) => button === 1 && this.#follows(target));
    feed.addEventListener("change", () => this.#draw());
  }

  #draw() {
    const focused = this.#focus();
    const rows = this.#feed.items.reverse();
    this.#list.replaceChildren(...(rows.length ? rows.map((row) => this.#item(row)) : [this.#none()]));
    this.#more.hidden = !this.#feed.more;
    if (this.#list.parentElement !== this.#root) this.#root.replaceChildren(this.#list, this.#more);
    focused?.();
  }

  #item(row) {
    const item = clone("notification");
    const isRead = this.#feed.isRead(row);
    item.dataset.id = row.id;
    item.classList.toggle("notification--unread", !isRead);
    part(item, "link").href = linkTo(row.id);
    part(item, "mark").replaceChildren(row.actor ? avatar(row.actor, "small") : icon(row.icon));
    part(item, "text").textContent = row.text;
    part(item, "excerpt").textContent = row.excerpt;
    part(item, "time").dateTime = row.created_at;
    part(item, "time").textContent = ago(new Date(row.created_at));
    part(item, "count").textContent = row.count > 1 ? `· ${manyNew(row.count)}` : "";
    part(item, "unread").hidden = isRead;
    part(item, "read").hidden = isRead;
    return item;
  }

  #none() {
    const none = document.createElement("li");
    none.className = "notifications__empty muted";
    none.textContent = NONE;
    return none;
  }

  #clicked({ target }) {
    this.#follows(target);
    const button = target.closest("button[data-part]");
    if (!button) return;
    const id = idOf(button);
    this.#try(button.dataset.part === "read" ? this.#feed.read(id) : this.#feed.delete(id));
  }

  /** Reads the notification whose link is followed, also into another tab; the link opens whatever comes of this. */
  #follows(target) {
    const link = target.closest("a");
    if (link) this.#feed.read(idOf(link)).catch(() => {});
  }

  async #try(request) {
    try {
      await request;
    } catch (error) {
      if (error.code !== "not_found") toast(error.detail, "error"); // Not found: done on another device.
    }
  }

  /** Remembers where the focus is in the list, and returns what puts it there again. */
  #focus() {
    const active = this.#list.contains(document.activeElement) ? document.activeElement : null;
    if (!active) return null;
    const at = Array.from(this.#list.children).indexOf(active.closest("li"));
    const { id } = active.closest("li").dataset;
    const { part: name } = active.dataset;
    return () => {
      const { children } = this.#list;
      const item = this.#list.querySelector(`[data-id="${id}"]`) ?? children[Math.min(at, children.length - 1)];
      (item.querySelector(`[data-part="${name}"]:not([hidden])`) ?? item.querySelector("a"))?.focus();
    };
  }
}

function manyNew(number) {
  const count = number > COUNTED ? `${COUNTED}+` : number;
  return interpolate(ngettext("%(count)s new", "%(count)s new", number), { count });
}

function idOf(element) {
  return Number(element.closest("[data-id]").dataset.id);
}
