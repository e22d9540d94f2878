// The page's one WebSocket, shared by every topic and opened again after each loss; where none opens, HTTP.

import { HttpSocket, OVER_HTTP } from "./http-socket.js";
import { afterClose, Backoff } from "./retry.js";
import { storage } from "./storage.js";
import { gettext } from "./texts.js";
import { Topic } from "./topic.js";

const PROTOCOL = "realtime.v1";
const HANDSHAKE_MS = 10_000;
const HANDSHAKES = 2; // that fail one after the other before HTTP is tried
const PROBE_MS = 5_000; // While the server answers over HTTP, a WebSocket opens at once or not at all.
const PROBE_AGAIN_MS = 60_000;
const SILENCE_MS = 50_000; // A joined topic's heartbeat comes every 20 s; this allows for two lost ones.
const SETTLED_MS = 5_000;
const REPLY_MS = 15_000;
const LOST = 1006;
const OPEN = 1; // The `readyState` of a WebSocket that takes frames.
/** The server's default; it ends a socket that sends more. */
const FRAME_BYTES = 65_536;

/**
 * Dispatches `state` when `state` changes and `frame` for every frame of a topic, joined or not; besides, `sent` and
 * `received` with the text of each frame.
 *
 * `state.name` is "idle", "connecting", "open", "waiting" (`seconds` until the next try) or "stopped" (`reason`:
 * "signed-out", "forbidden", "not-found", "too-big" or "outdated").
 */
export class Socket extends EventTarget {
  state = { name: "idle" };
  /** When the server was last heard, in milliseconds of the wall clock, which goes on while a machine sleeps. */
  heardAt = 0;
  #url;
  #ticket;
  #WebSocket;
  #backoff;
  #connection = null;
  #failures = storage.get(OVER_HTTP) ? HANDSHAKES : 0; // handshakes of WebSockets, in a row
  #probe = null;
  #probing = null;
  #openedAt = 0;
  #retry = null;
  #silence = null;
  #requests = new Requests();
  #topics = new Map();

  /**
   * @param {string} path of the server's socket, such as "/ws/"; on a page of another site its address, with wss:
   * @param {{ticket?: () => Promise<string>, WebSocket?: typeof WebSocket, backoff?: Backoff}} [parts] ticket gives a
   *   new ticket for each connection, where no cookie says who comes; there is no HTTP then. The others are stand-ins
   *   for a test
   */
  constructor(path, { ticket = null, WebSocket = globalThis.WebSocket, backoff = new Backoff() } = {}) {
    super();
    this.#url = new URL(path, location.href.replace(/^http/, "ws")).href;
    this.#ticket = ticket;
    this.#WebSocket = WebSocket;
    this.#backoff = backoff;
  }

  get isOpen() {
    return this.state.name === "open";
  }

  /** Whether what a command changes about the connection lasts as long as the connection. */
  get isStateful() {
    return this.#connection?.isStateful ?? true;
  }

  /** @returns {Topic} the one topic of that name */
  topic(name) {
    if (!this.#topics.has(name)) this.#topics.set(name, new Topic(this, name));
    return this.#topics.get(name);
  }

  /** Connects now, unless there is a connection or the server has told the page to stop. */
  connect() {
    if (this.#connection || this.state.name === "stopped") return;
    clearTimeout(this.#retry);
    if (this.#ticket) return void this.#connectByTicket();
    const overHttp = this.#failures >= HANDSHAKES || !this.#WebSocket;
    if (overHttp) {
      const placeOf = (name) => this.#topics.get(name)?.place ?? {};
      this.#use(new HttpSocket(this.#url, PROTOCOL, placeOf), () => this.#openedOverHttp());
    } else {
      this.#use(new this.#WebSocket(this.#url, PROTOCOL), () => this.#opened());
    }
    this.#become({ name: "connecting" });
    this.#listen(HANDSHAKE_MS);
  }

  async #connectByTicket() {
    const asked = (this.#connection = { close() {} }); // so that `connect` and `close` know of it
    this.#become({ name: "connecting" });
    this.#listen(HANDSHAKE_MS);
    try {
      const ticket = await this.#ticket();
      if (asked !== this.#connection) return;
      this.#use(new this.#WebSocket(this.#url, [PROTOCOL, `ticket.${ticket}`]), () => this.#opened());
    } catch {
      if (asked === this.#connection) this.#lost(LOST);
    }
  }

  /** Drops the connection, if there is one, and opens another. */
  reconnect() {
    if (this.#connection) this.#lost(LOST);
    this.connect();
  }

  /** Closes until `connect` is called again. */
  close() {
    this.#drop();
    if (this.state.name !== "stopped") this.#become({ name: "idle" });
  }

  /** @returns {Promise<object>} the data of the reply; rejects with a RequestError */
  request(topic, type, data) {
    const closing = this.#connection?.readyState > OPEN; // Its end is yet to be told.
    if (!this.isOpen || closing) {
      return Promise.reject(new RequestError({ code: "lost", detail: gettext("There is no connection.") }));
    }
    return this.#requests.open((id) => this.#send(JSON.stringify({ id, topic, type, data })));
  }

  #send(frame) {
    if (new Blob([frame]).size > FRAME_BYTES) {
      throw new RequestError({ code: "too_large", detail: gettext("This is too long to be sent.") });
    }
    this.#connection.send(frame);
    this.dispatchEvent(new CustomEvent("sent", { detail: frame }));
  }

  #use(connection, opened) {
    this.#connection = connection;
    connection.onopen = opened;
    connection.onmessage = ({ data }) => this.#received(data);
    connection.onclose = ({ code }) => this.#lost(code);
  }

  /** The server is there; unless that is known of this network, WebSockets may be again too. */
  #openedOverHttp() {
    if (storage.get(OVER_HTTP) || !this.#WebSocket) this.#opened();
    this.#tryWebSocket();
  }

  /** Goes over to a WebSocket if one opens; tries again later if none does. */
  #tryWebSocket() {
    if (!this.#WebSocket) return;
    const probe = new this.#WebSocket(this.#url, PROTOCOL);
    this.#probe = probe;
    this.#probing = setTimeout(() => probe.close(), PROBE_MS);
    probe.onopen = () => {
      this.#probe = null;
      this.#drop();
      this.#use(probe);
      this.#opened();
    };
    probe.onclose = () => {
      clearTimeout(this.#probing);
      this.#probing = setTimeout(() => this.#tryWebSocket(), PROBE_AGAIN_MS);
      storage.set(OVER_HTTP, storage.get(OVER_HTTP) ?? "stream");
      if (!this.isOpen) this.#opened();
    };
  }

  #opened() {
    if (this.isStateful) {
      this.#failures = 0;
      storage.remove(OVER_HTTP);
    }
    this.#openedAt = performance.now();
    this.#listen(SILENCE_MS);
    this.#become({ name: "open" });
    for (const topic of this.#topics.values()) topic.opened();
  }

  #received(text) {
    this.#listen(SILENCE_MS);
    this.dispatchEvent(new CustomEvent("received", { detail: text }));
    const frame = JSON.parse(text);
    if (frame.id != null) this.#requests.settle(frame);
    if (frame.type === "ok" || frame.type === "error") return;
    this.#topics.get(frame.topic)?.receive(frame);
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  #lost(code) {
    const settled = this.isOpen && performance.now() - this.#openedAt > SETTLED_MS;
    if (settled) this.#backoff.reset();
    if (this.state.name === "connecting") this.#failures = this.isStateful ? this.#failures + 1 : 0;
    this.#drop();
    const { stop, pause } = afterClose(code);
    if (stop) return this.#become({ name: "stopped", reason: stop });
    const seconds = pause + this.#backoff.next();
    this.#retry = setTimeout(() => this.connect(), seconds * 1000);
    this.#become({ name: "waiting", seconds });
  }

  /** Drops the connection without waiting for the closing handshake. */
  #drop() {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    clearTimeout(this.#probing);
    const connection = this.#connection;
    if (!connection) return;
    for (const each of [connection, this.#probe]) {
      if (!each) continue;
      each.onopen = each.onmessage = each.onclose = null;
      each.close();
    }
    this.#connection = this.#probe = null;
    this.#requests.abandon();
    for (const topic of this.#topics.values()) topic.lost();
  }

  #listen(milliseconds) {
    this.heardAt = Date.now();
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(LOST), milliseconds);
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

/** A request that failed. `code` is one of the wire's error codes, or "lost" or "timeout". */
export class RequestError extends Error {
  /** @param {{code: string, detail?: string, retry_after?: number | null}} refusal retry_after in seconds */
  constructor({ code, detail = "", retry_after = null }) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retry_after = retry_after;
  }
}

/** The requests that wait for their reply, by the id that pairs the two. */
class Requests {
  #waiting = new Map();
  #last = 0;

  /**
   * @param {(id: string) => void} send sends the request; what it throws rejects it
   * @returns {Promise<object>} the data of the reply
   */
  open(send) {
    const id = String(++this.#last);
    return new Promise((resolve, reject) => {
      send(id);
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new RequestError({ code: "timeout", detail: gettext("The server did not answer in time.") }));
      }, REPLY_MS);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  /** Resolves the request that a reply belongs to. */
  settle(frame) {
    const request = this.#waiting.get(frame.id);
    if (!request) return;
    this.#waiting.delete(frame.id);
    clearTimeout(request.timer);
    if (frame.type === "error") request.reject(new RequestError(frame.data));
    else request.resolve(frame.data);
  }

  /** Rejects every request: the connection that their replies would use is gone. */
  abandon() {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new RequestError({ code: "lost", detail: gettext("The connection was lost.") }));
    }
    this.#waiting.clear();
  }
}
