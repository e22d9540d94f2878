// This person's notifications, as far as they are loaded, kept in step with the server.

const LONGEST_PAGE = 100;

/**
 * Dispatches `change` whenever what it has may have changed, and `news` with a notification as `detail` when
 * something has just happened.
 */
export class Inbox extends EventTarget {
  unread = 0;
  /** Whether there are older ones than those that are loaded. */
  more = false;
  #topic;
  #rows = new Map(); // id → notification
  #started = false;

  constructor(topic) {
    super();
    this.#topic = topic;
    topic.addEventListener("welcome", ({ detail: { data } }) => (this.#started ? this.#merge(data) : this.#start(data)));
    topic.addEventListener("reset", ({ detail: { data } }) => this.#start(data));
    topic.addEventListener("changes", ({ detail: { data } }) => this.#merge(data));
    topic.addEventListener("notification.created", ({ detail: { data } }) => this.#told(data));
    topic.addEventListener("notification.updated", ({ detail: { data } }) => this.#told(data));
    topic.addEventListener("notification.deleted", ({ detail: { data } }) => this.#deleted(data));
    topic.addEventListener("unread", ({ detail: { data } }) => this.#allRead(data));
    topic.join();
  }

  /** @returns {object[]} the latest first */
  get rows() {
    return Array.from(this.#rows.values()).sort((a, b) => b.seq - a.seq);
  }

  /** Loads older ones. */
  async loadMore(limit) {
    const before = this.rows.at(-1)?.seq;
    const page = await this.#topic.request("list", { before, limit: Math.min(limit, LONGEST_PAGE) });
    this.more = page.more;
    for (const row of page.notifications) this.#rows.set(row.id, row);
    this.#changed();
  }

  read(id) {
    return this.#topic.request("read", { id });
  }

  /** Reads all that happened in one target. */
  async readTarget(target) {
    if (this.#topic.state === "joined") await this.#topic.request("read", { target });
  }

  readAll() {
    return this.#topic.request("read_all");
  }

  delete(id) {
    return this.#topic.request("delete", { id });
  }

  #start({ notifications, unread, more }) {
    this.#started = true;
    this.#rows = new Map(notifications.map((row) => [row.id, row]));
    this.unread = unread;
    this.more = more;
    this.#changed();
  }

  #merge({ notifications, unread, read_rev: readRev }) {
    for (const row of notifications) this.#keep(row);
    this.#readBefore(readRev);
    this.unread = unread;
    this.#changed();
  }

  #told({ notification, unread }) {
    const before = this.#rows.get(notification.id);
    this.#keep(notification);
    this.unread = unread;
    this.#changed();
    const happened = !notification.read_at && notification.seq > (before?.seq ?? 0) && notification.seq === notification.rev;
    if (happened) this.dispatchEvent(new CustomEvent("news", { detail: notification }));
  }

  #deleted({ id, unread }) {
    this.#rows.delete(id);
    this.unread = unread;
    this.#changed();
  }

  #allRead({ count, read_rev: readRev }) {
    this.#readBefore(readRev);
    this.unread = count;
    this.#changed();
  }

  #keep(row) {
    const known = this.#rows.get(row.id);
    if (known && known.rev >= row.rev) return;
    const oldest = this.rows.at(-1)?.seq ?? 0;
    if (row.deleted_at) this.#rows.delete(row.id);
    else if (known || !this.more || row.seq > oldest) this.#rows.set(row.id, row); // Else loadMore will bring it.
  }

  #readBefore(rev) {
    for (const row of this.#rows.values()) if (row.rev < rev) row.read_at ??= new Date().toISOString();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
