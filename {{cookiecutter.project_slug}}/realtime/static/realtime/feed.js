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
 * Dispatches `change` after every frame and every page. Its `detail` says what is different, for a view that does not
 * draw everything again: `added`, `updated` and `removed` are lists of items; `page` is "older", "newer" or "other" (in
 * place of all that was there) for a page that was loaded, otherwise null; `started` is the `welcome` or `reset` frame
 * with which the list began anew (`removed` then has all that was there before), otherwise null.
 *
 * Where frames have another form, the constructor takes their names and a subclass overrides `itemOf`.
 */
export class Feed extends EventTarget {
  /** Whether the server has older items than those loaded. */
  more = false;
  /** Whether it has newer ones: those that come in are not shown until the pages before them are loaded. */
  newer = false;
  /** Items with a lower `seq` are not loaded. */
  floor = 0;
  /** Items with a higher `seq` are not loaded. */
  ceiling = Infinity;
  #wire;
  #items = new Map(); // By key. Deleted items stay in it, so that a late copy cannot bring one back.
  #started = false;
  #page = null; // The promise of the page that is being loaded.
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

  /**
   * Begins with items that came with the page; the topic goes on from there. To be called before `join`.
   *
   * @param {{rev: number, epoch: string}} place where the topic was before these items were read
   * @param {object} page as the list command answers
   */
  begin({ rev, epoch }, page) {
    this.topic.resume({ rev, epoch });
    this.#start({ rev, data: page });
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
    return this.#load("older", { before: this.floor, limit });
  }

  /** Loads the page after `ceiling`, likewise, from a list command that takes `after`. */
  loadNewer(limit = PAGE_ITEMS) {
    if (!this.newer) return Promise.resolve();
    return this.#load("newer", { after: this.ceiling, limit });
  }

  /** Loads the items around this `seq` in place of those that are loaded, from a list command that takes `around`. */
  loadAround(seq, limit = PAGE_ITEMS) {
    this.#page = null;
    return this.#load("other", { around: seq, limit });
  }

  /** Loads the latest items in place of those that are loaded. */
  loadLatest(limit = PAGE_ITEMS) {
    this.#page = null;
    return this.#load("other", { limit });
  }

  /** Drops all but the newest `count` items; the older ones can be loaded again. */
  trim(count) {
    const removed = this.items.slice(0, -count);
    if (removed.length === 0) return;
    this.floor = removed.at(-1).seq + 1;
    this.more = true;
    this.#drop(removed);
  }

  /** Drops all but the oldest `count` items; `loadNewer` brings the others again. */
  trimNewer(count) {
    const removed = this.items.slice(count);
    if (removed.length === 0) return;
    this.ceiling = removed[0].seq - 1;
    this.newer = true;
    this.#drop(removed);
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
    const { [this.#wire.items]: items = null, more = false } = frame.data;
    this.#started = true;
    const removed = this.#clear(frame.rev);
    this.#lowerFloor(items ?? [], items === null || more);
    if (frame.data.newer) this.#raiseCeiling(items, true);
    this.#apply(items ?? [], { started: frame, removed });
  }

  /** Empties the list, as it is where nothing after `rev` is loaded and nothing before; returns what was in it. */
  #clear(rev) {
    const removed = this.items;
    this.#items.clear();
    this.#page = this.#early = null;
    this.floor = rev + 1;
    this.ceiling = Infinity;
    this.newer = false;
    return removed;
  }

  #drop(removed) {
    this.#page = this.#early = null;
    for (const [key, { seq }] of this.#items) if (seq < this.floor || seq > this.ceiling) this.#items.delete(key);
    this.#changed({ removed });
  }

  #load(page, place) {
    this.#page ??= this.#loadPage(page, place);
    return this.#page;
  }

  async #loadPage(name, place) {
    const early = (this.#early = new Map());
    try {
      const page = await this.topic.request(this.#wire.list, place);
      if (early !== this.#early) return; // Begun anew or trimmed meanwhile: the page does not adjoin what is loaded.
      const items = page[this.#wire.items];
      const kept = [...early.values()];
      this.#page = this.#early = null;
      let removed = [];
      if (name === "other") {
        kept.push(...this.#items.values()); // What is known of the page's items may be newer.
        removed = this.#clear(Infinity);
      }
      if (name !== "newer") this.#lowerFloor(items, page.more);
      if (name !== "older") this.#raiseCeiling(items, page.newer ?? false);
      this.#apply([...items, ...kept], { page: name, removed });
    } finally {
      if (early === this.#early) this.#page = this.#early = null;
    }
  }

  #lowerFloor(items, more) {
    this.more = more;
    this.floor = more ? Math.min(this.floor, ...items.map(({ seq }) => seq)) : 0;
  }

  #raiseCeiling(items, newer) {
    const last = this.ceiling === Infinity ? 0 : this.ceiling;
    this.newer = newer;
    this.ceiling = newer ? Math.max(last, ...items.map(({ seq }) => seq)) : Infinity;
  }

  #apply(items, { removed = [], ...rest } = {}) {
    const added = [];
    const updated = [];
    for (const item of this.#newestOf(items)) {
      const key = item[this.#wire.key];
      const known = this.#items.get(key);
      if (known ? known.rev >= item.rev : item.seq < this.floor || item.seq > this.ceiling) {
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
    const detail = { started: null, page: null, added: [], updated: [], removed: [], ...difference };
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }
}
