// The list of rooms beside every page of chat: the latest first, with what was said and what is unread.

import { setBadge } from "../js/badge.js";
import { arrange, clone, part, plain, show } from "../js/dom.js";
import { avatar, icon } from "../js/pictures.js";
import { gettext, interpolate, ngettext } from "../js/texts.js";
import { brief, eachDay, moment } from "../js/times.js";
import { socket } from "../realtime/connection.js";
import { RoomList } from "./room-list.js";

const COUNTED = 99;
const DELETED = gettext("This message was deleted.");
const NOTHING_YET = gettext("Nothing said yet");

class Sidebar {
  #element;
  #list;
  #you;
  #current;
  #rooms;

  constructor(element) {
    const { userId, username, current } = element.dataset;
    this.#element = element;
    this.#list = part(element, "rooms");
    this.#you = { id: Number(userId), username };
    this.#current = current;
    this.#rooms = new RoomList({ socket, you: this.#you });
    this.#rooms.addEventListener("change", () => this.#show());
    eachDay(() => this.#show());
  }

  #show() {
    const items = this.#rooms.all.map((room) => this.#item(room));
    const { children } = this.#list;
    const moved = items.length !== children.length || items.some((item, index) => item !== children[index]);
    if (moved) arrange(this.#list, items);
    part(this.#element, "empty").hidden = items.length > 0;
    setBadge("chat", this.#rooms.all.reduce((sum, room) => sum + room.unread, 0));
  }

  /** @returns {HTMLElement} the room's line, up to date */
  #item(room) {
    const item = this.#list.querySelector(`[data-room="${room.slug}"]`)?.parentElement ?? this.#create(room);
    const { unread, person } = room;
    if (person) part(item, "picture").replaceChildren(avatar(person, "small"));
    show(part(item, "name"), room.name);
    show(part(item, "preview"), this.#preview(room));
    showTime(part(item, "time"), room.last_message?.created_at);
    show(part(item, "unread"), count(unread));
    const words = ngettext("%(count)s unread", "%(count)s unread", unread);
    part(item, "unread").ariaLabel = interpolate(words, { count: unread });
    item.classList.toggle("room-item--unread", unread > 0 && !room.mentioned);
    item.classList.toggle("room-item--mentioned", unread > 0 && room.mentioned);
    return item;
  }

  #create({ slug, kind, person }) {
    const item = clone("room-item");
    const link = item.querySelector("a");
    link.href = link.getAttribute("href").replace("room-slug", slug);
    link.dataset.room = slug;
    if (slug === this.#current) link.ariaCurrent = "page";
    if (!person) part(item, "picture").replaceChildren(icon(kind === "private" ? "lock" : "hash"));
    else part(item, "picture").dataset.presenceUser = person.id;
    return item;
  }

  #preview({ kind, last_message: last }) {
    if (!last) return NOTHING_YET;
    if (last.deleted_at) return DELETED;
    const body = last.html === undefined ? last.body : plain(last.html); // A summary has its words only.
    const said = body || (last.writing ? "…" : gettext("Sent a file."));
    if (last.author.id === this.#you.id) return interpolate(gettext("You: %(said)s"), { said });
    return kind === "direct" ? said : `${last.author.name}: ${said}`;
  }
}

/** The reader's rooms, in the order in which this page lists them; a direct room is with a person. */
export function listedRooms() {
  return Array.from(document.querySelectorAll("[data-sidebar] a[data-room]"), (link) => ({
    slug: link.dataset.room,
    path: link.getAttribute("href"),
    name: part(link, "name").textContent,
    picture: part(link, "picture").querySelector("svg").cloneNode(true),
    personId: part(link, "picture").dataset.presenceUser,
  }));
}

function count(unread) {
  if (unread > COUNTED) return `${COUNTED}+`;
  return unread ? String(unread) : "";
}

function showTime(time, createdAt) {
  if (!createdAt) return show(time, "");
  const created = new Date(createdAt);
  time.dateTime = createdAt;
  time.title = moment(created);
  show(time, brief(created));
}

const element = document.querySelector("[data-sidebar]");
if (element) new Sidebar(element);
