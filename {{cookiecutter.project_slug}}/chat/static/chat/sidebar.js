// The list of rooms, live: what was said last, what is unread, the latest first.

import { avatar } from "../js/avatar.js";
import { setBadge } from "../js/badge.js";
import { icon } from "../js/icon.js";
import { socket } from "../realtime/connection.js";
import { brief, moment } from "./dates.js";
import { clone, part, show } from "./dom.js";

const ROOM_PREFIX = "chat:";
const REFRESH_MS = 500;
const COUNTED = 99;
const NOTHING_YET = "Nothing said yet";

class Sidebar {
  #element;
  #list;
  #you;
  #current;
  #rooms = new Map(); // slug → summary, as in the inbox's welcome
  #inbox = socket.topic("chat");
  #refresh = null;

  constructor(element) {
    const { userId, username, current } = element.dataset;
    this.#element = element;
    this.#list = part(element, "rooms");
    this.#you = { id: Number(userId), username };
    this.#current = current;
    this.#inbox.addEventListener("welcome", ({ detail }) => this.#start(detail.data.rooms));
    this.#inbox.addEventListener("rooms.changed", () => this.#refreshSoon());
    socket.addEventListener("frame", ({ detail }) => this.#heard(detail));
    document.addEventListener("visibilitychange", () => this.#showCurrent());
    this.#inbox.join();
  }

  #start(rooms) {
    this.#rooms = new Map(rooms.map((room) => [room.slug, room]));
    this.#list.replaceChildren(...rooms.map((room) => this.#item(room)));
    part(this.#element, "empty").hidden = rooms.length > 0;
    this.#showTitle();
  }

  /** Takes any event of any room: the inbox's socket hears them all. */
  #heard({ topic, type, rev, data }) {
    const room = topic.startsWith(ROOM_PREFIX) ? this.#rooms.get(topic.slice(ROOM_PREFIX.length)) : null;
    if (!room) return;
    if (type === "heartbeat" && rev > room.rev) this.#refreshSoon();
    else if (type === "read" && data.user_id === this.#you.id) this.#read(room, data.seq);
    else if (type === "room.updated") this.#renamed(room, data.room);
    else if (type.startsWith("message.") && rev > room.rev) this.#changed(room, type, rev, data);
  }

  #changed(room, type, rev, message) {
    if (rev > room.rev + 1 || type !== "message.created") this.#refreshSoon();
    room.rev = rev;
    if (type !== "message.created") return;
    room.last_message = message;
    if (message.author.id !== this.#you.id) {
      room.unread += 1;
      room.mentioned ||= message.mentions.includes(this.#you.username);
    }
    this.#list.prepend(this.#item(room));
    this.#showTitle();
  }

  #read(room, seq) {
    if (room.unread && seq < room.rev) this.#refreshSoon();
    room.unread = 0;
    room.mentioned = false;
    this.#item(room);
    this.#showTitle();
  }

  #renamed(room, { name, kind }) {
    if (kind !== "direct") room.name = name;
    this.#item(room);
  }

  #refreshSoon() {
    this.#refresh ??= setTimeout(() => {
      this.#refresh = null;
      this.#inbox.rejoin();
    }, REFRESH_MS);
  }

  /** @returns {HTMLElement} the room's line, up to date */
  #item(room) {
    const item = this.#list.querySelector(`[data-room="${room.slug}"]`)?.parentElement ?? this.#create(room);
    const unread = this.#isRead(room) ? 0 : room.unread;
    const last = room.last_message;
    show(part(item, "name"), room.name);
    show(part(item, "preview"), last ? this.#preview(room, last) : NOTHING_YET);
    showTime(part(item, "time"), last?.created_at);
    show(part(item, "unread"), unread > COUNTED ? `${COUNTED}+` : unread ? String(unread) : "");
    part(item, "unread").ariaLabel = `${unread} unread`;
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
    const picture = person ? avatar(person, "small") : icon(kind === "private" ? "lock" : "hash");
    part(item, "picture").replaceChildren(picture);
    return item;
  }

  #preview({ kind }, { author, body }) {
    if (author.id === this.#you.id) return `You: ${body}`;
    return kind === "direct" ? body : `${author.name}: ${body}`;
  }

  /** The room that is being looked at is read as it comes in. */
  #isRead(room) {
    return room.slug === this.#current && document.visibilityState === "visible";
  }

  #showCurrent() {
    const room = this.#rooms.get(this.#current);
    if (room) this.#item(room);
    this.#showTitle();
  }

  #showTitle() {
    let unread = 0;
    for (const room of this.#rooms.values()) if (!this.#isRead(room)) unread += room.unread;
    setBadge("rooms", unread);
  }
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
