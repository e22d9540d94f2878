// A feed in the page: the numbered items of a topic, kept in step with the server over losses and restarts.

const ITEM_EVENT = /\.(created|updated|deleted)$/;
const PAGE_ITEMS = 50;

/**
 * The items of a topic that has history, each once and in its newest form.
 *
 *   const board = new Feed(socket.topic("board:plan"));
 *   board.addEventListener("change", () => draw(board.items));
 *   board.join();
 *
 * Dispatches `change` after every frame and every page of older items. Its `detail` says what is different, for a view
 * that does not draw everything again: `added`, `updated` and `removed` are lists of items; `older` is true for a page
 * of older items; `started` is the `welcome` or `reset` frame with which the list began anew (`removed` then has all
 * that was there before), otherwise null.
 *
 * Where frames have another form, the constructor takes their names and a subclass overrides `itemOf`.
 */
export class Feed extends EventTarget {
  /** Whether the server has older items than those loaded. */
  more = false;
  /** Items with a lower `seq` are not loaded. */
  floor = 0;
  #wire;
  #items = new Map(); // By key. Deleted items stay in it, so that a late copy cannot bring one back.
  #started = false;
  #page = null; // The promise of the page of older items that is being loaded.
  #early = null; // Changes of items that this page may bring in an older form, by key.

  /**
   * @param {import("./topic.js").Topic} topic
   * @param {{items?: string, list?: string, key?: string, keepDeleted?: boolean}} [wire] items is the name of the list
   *   of items in frames, list the command that answers with older ones, key the name by which an item is known;
   *   keepDeleted leaves deleted items in `items`, with their `deleted_at`
   */
  constructor(topic, { items = "items", list = "list", key = "seq", keepDeleted = false } = {}) {
    super();
    this.topic = topic;
    this.#wire = { items, list, key, keepDeleted };
    topic.addEventListener("frame", ({ detail }) => this.receive(detail));
  }

  join() {
    this.topic.join();
  }

  /** @returns {object[]} the items by ascending `seq` */
  get items() {
    return Array.from(this.#items.values())
      .filter((item) => this.#isShown(item))
      .sort((a, b) => a.seq - b.seq);
  }

  /** @returns {object | null} the item with this key, if it is loaded */
  get(key) {
    const item = this.#items.get(key);
    return item && this.#isShown(item) ? item : null;
  }

  get newest() {
    return this.items.at(-1) ?? null;
  }

  /**
   * Sends a command that answers with the item it has changed, and shows that without waiting for the event.
   *
   * @returns {Promise<object>} the item; rejects with a RequestError
   */
  async command(type, data) {
    const item = await this.topic.request(type, data);
    this.put([item]);
    return item;
  }

  /** Takes items in any order and any number of times; an older form never replaces a newer one. */
  put(items) {
    this.#apply(items);
  }

  /** Loads the page before `floor`, one at a time. Rejects with a RequestError. */
  loadOlder(limit = PAGE_ITEMS) {
    if (!this.more) return Promise.resolve();
    this.#page ??= this.#load(limit);
    return this.#page;
  }

  /** Drops all but the newest `count` items; the older ones can be loaded again. */
  trim(count) {
    const removed = this.items.slice(0, -count);
    if (removed.length === 0) return;
    this.floor = removed.at(-1).seq + 1;
    this.more = true;
    this.#page = this.#early = null;
    for (const [key, { seq }] of this.#items) if (seq < this.floor) this.#items.delete(key);
    this.#changed({ removed });
  }

  /** Takes a frame of the topic; overridden by a feed whose frames bring more than items. */
  receive(frame) {
    const { type, rev, data } = frame;
    if (type === "reset" || (type === "welcome" && !this.#started)) this.#start(frame);
    else if (type === "welcome" || type === "changes") this.put(data[this.#wire.items] ?? []);
    else if (rev != null) {
      const item = this.itemOf(frame);
      this.put(item ? [item] : []);
    }
  }

  /** @returns {object | null} the item in a numbered event, with `seq`, `rev` and `deleted_at` */
  itemOf({ type, data }) {
    return ITEM_EVENT.test(type) ? data : null;
  }

  /** Without items in the frame nothing is loaded yet: `loadOlder` brings the latest page. */
  #start(frame) {
    const removed = this.items;
    const items = frame.data[this.#wire.items];
    this.#started = true;
    this.#items.clear();
    this.#page = this.#early = null;
    this.floor = frame.rev + 1;
    this.#lowerFloor(items ?? [], items ? frame.data.more : true);
    this.#apply(items ?? [], { started: frame, removed });
  }

  async #load(limit) {
    const early = (this.#early = new Map());
    try {
      const page = await this.topic.request(this.#wire.list, { before: this.floor, limit });
      if (early !== this.#early) return; // Begun anew or trimmed meanwhile: the page does not adjoin what is loaded.
      const items = page[this.#wire.items];
      this.#page = this.#early = null;
      this.#lowerFloor(items, page.more);
      this.#apply([...items, ...early.values()], { older: true });
    } finally {
      if (early === this.#early) this.#page = this.#early = null;
    }
  }

  #lowerFloor(items, more) {
    this.more = more;
    this.floor = more ? Math.min(this.floor, ...items.map(({ seq }) => seq)) : 0;
  }

  #apply(items, { removed = [], ...rest } = {}) {
    const added = [];
    const updated = [];
    for (const item of this.#newestOf(items)) {
      const key = item[this.#wire.key];
      const known = this.#items.get(key);
      if (known ? known.rev >= item.rev : item.seq < this.floor) {
        if (!known) this.#early?.set(key, item);
        continue;
      }
      this.#items.set(key, item);
      const wasShown = known !== undefined && this.#isShown(known);
      if (this.#isShown(item)) (wasShown ? updated : added).push(item);
      else if (wasShown) removed.push(known);
    }
    this.#changed({ ...rest, added, updated, removed });
  }

  #newestOf(items) {
    const newest = new Map();
    for (const item of items) {
      const key = item[this.#wire.key];
      if (!(newest.get(key)?.rev > item.rev)) newest.set(key, item);
    }
    return newest.values();
  }

  #isShown(item) {
    return this.#wire.keepDeleted || !item.deleted_at;
  }

  #changed(difference) {
    const detail = { started: null, older: false, added: [], updated: [], removed: [], ...difference };
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }
}
