// This person's notifications: a feed, with the count of unread ones.

import { Feed } from "../realtime/feed.js";

const LONGEST_PAGE = 100;

/** Dispatches also `news`, with a notification as `detail`, when something has just happened. */
export class NotificationFeed extends Feed {
  /** How many are unread in all, loaded or not. */
  unread = 0;
  #readRev = 0;

  constructor(topic) {
    super(topic, { items: "notifications", key: "id" });
  }

  isRead(notification) {
    return notification.read_at !== null || notification.rev < this.#readRev; // `read_all` gives none a new `rev`.
  }

  loadOlder(limit) {
    return super.loadOlder(Math.min(limit, LONGEST_PAGE));
  }

  read(id) {
    return this.topic.request("read", { id });
  }

  /** Reads all that happened in one target. */
  async readTarget(target) {
    if (this.topic.state === "joined") await this.topic.request("read", { target });
  }

  readAll() {
    return this.topic.request("read_all");
  }

  delete(id) {
    return this.topic.request("delete", { id });
  }

  receive(frame) {
    const { type, data } = frame;
    const told = type === "notification.created" || type === "notification.updated" ? data.notification : null;
    const before = told && this.get(told.id);
    this.unread = (type === "unread" ? data.count : data.unread) ?? this.unread;
    this.#readRev = data.read_rev ?? this.#readRev;
    super.receive(frame);
    if (told && isNews(told, before)) this.dispatchEvent(new CustomEvent("news", { detail: told }));
  }

  itemOf({ type, rev, data }) {
    return type === "notification.deleted" ? { id: data.id, rev, deleted_at: true } : (data.notification ?? null);
  }
}

/** Whether something new has happened; other changes, such as reading, keep the `seq`. */
function isNews(notification, before) {
  const { seq, rev, read_at } = notification;
  return read_at === null && seq > (before?.seq ?? 0) && seq === rev;
}
