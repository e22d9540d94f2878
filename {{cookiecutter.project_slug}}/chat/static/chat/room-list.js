// The reader's rooms as the server knows them: what was said last in each, and how much is unread.

const ROOM_PREFIX = "chat:";
const REFRESH_MS = 300;
const REPAIR_MS = 5_000; // At most; random, so that clients do not all ask at once after a failure.

/**
 * Dispatches `change` when the list or a room in it has changed.
 *
 * A room is the summary from the welcome of the topic `chat`:
 * `{slug, name, kind, person, rev, unread, mentioned, last_message}`.
 */
export class RoomList extends EventTarget {
  all = [];
  #topic;
  #you;
  #refreshes = null;
  #repairs = null;

  /** @param {{socket: EventTarget, you: {id: number, username: string}}} parts */
  constructor({ socket, you }) {
    super();
    this.#you = you;
    this.#topic = socket.topic("chat");
    this.#topic.addEventListener("welcome", ({ detail }) => this.#start(detail.data.rooms));
    this.#topic.addEventListener("rooms.changed", () => this.#refreshSoon());
    // The socket carries the events of every room in the list, whether this page has joined it or not.
    socket.addEventListener("frame", ({ detail }) => this.#heard(detail));
    document.addEventListener("chat:read", ({ detail: { slug, seq } }) => {
      const room = this.#get(slug);
      if (room && seq >= room.known) this.#read(room, seq); // Before that the server counts.
    });
    this.#topic.join();
  }

  #get(slug) {
    return this.all.find((room) => room.slug === slug);
  }

  #start(rooms) {
    clearTimeout(this.#refreshes);
    clearTimeout(this.#repairs);
    this.#refreshes = this.#repairs = null;
    // `known`: the server's count goes up to this `rev`; `news`: the messages of others since then.
    this.all = rooms.map((room) => ({ ...room, known: room.rev, news: [] }));
    this.#changed();
  }

  #heard({ topic, type, rev, data }) {
    const room = topic.startsWith(ROOM_PREFIX) ? this.#get(topic.slice(ROOM_PREFIX.length)) : null;
    if (!room) return;
    if (type === "heartbeat") this.#missed(room, rev);
    else if (type === "read" && data.user_id === this.#you.id) this.#read(room, data.seq);
    else if (type === "room.updated") this.#renamed(room, data.room);
    else if (type === "member.updated") this.#met(room, data.member);
    else if (type.startsWith("message.") && rev > room.rev) this.#take(room, type, rev, data);
  }

  #take(room, type, rev, message) {
    this.#missed(room, rev - 1);
    room.rev = rev;
    if (type === "message.created") this.#said(room, message);
    else if (isSame(room.last_message, message)) room.last_message = message;
    if (type === "message.deleted") this.#forget(room, message.seq);
    this.#changed();
  }

  #said(room, message) {
    room.last_message = message;
    this.all = [room, ...this.all.filter((other) => other !== room)];
    if (message.author.id === this.#you.id) return;
    room.news.push(message.seq);
    room.unread += 1;
    room.mentioned ||= message.mentions.includes(this.#you.username);
  }

  /** A deleted message is unread no more; of those that the server counted, its next count leaves it out. */
  #forget(room, seq) {
    if (!room.news.includes(seq)) return;
    room.news = room.news.filter((unread) => unread !== seq);
    room.unread -= 1;
    room.mentioned &&= room.unread > 0;
  }

  #read(room, seq) {
    if (!room.unread) return;
    if (seq < room.known) return this.#refreshSoon(); // Within the server's count: only the server can count again.
    room.news = room.news.filter((unread) => unread > seq);
    room.unread = room.news.length;
    room.mentioned &&= room.unread > 0;
    this.#changed();
  }

  #renamed(room, { name, kind }) {
    if (kind !== "direct") room.name = name;
    this.#changed();
  }

  #met(room, person) {
    if (room.last_message?.author.id === person.id) room.last_message = { ...room.last_message, author: person };
    if (room.person?.id === person.id) Object.assign(room, { person, name: person.name });
    this.#changed();
  }

  /** An event up to `rev` has not arrived; it may only be late. */
  #missed(room, rev) {
    if (rev <= room.rev) return;
    this.#repairs ??= setTimeout(() => this.#topic.rejoin(), Math.random() * REPAIR_MS);
  }

  #refreshSoon() {
    this.#refreshes ??= setTimeout(() => this.#topic.rejoin(), REFRESH_MS);
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** The last message in a welcome has no `seq`; its author and time identify it. */
function isSame(last, message) {
  return last?.created_at === message.created_at && last.author.id === message.author.id;
}
