// Frames over HTTP, for a page whose WebSockets do not open: a stand-in for `WebSocket`.

import { storage } from "./storage.js";
import { gettext } from "./texts.js";

/** What is known of this browser's network: "stream" or "poll" where no WebSocket opens. */
export const OVER_HTTP = "realtime:over-http";

const FRAMES = "/api/realtime/frames";
const WAIT_SECONDS = 25;
const FIRST_LINE_MS = 5_000;
const BATCH_FRAMES = 8;
const LOST = 1006;
const OVERLOAD = 1013;
/** What the refusal of a join means, as a code to leave the topic with; others mean that joining again may help. */
const LEFT = { forbidden: 4403, not_found: 4404 };

/**
 * One request hears the joined topics; each batch of commands is a request of its own, which joins their topics first.
 * So no request relies on another, nor on the process that answered it, and what a page tells of itself has to be in
 * its joins.
 *
 * What is heard comes as a stream. If its first line does not come through, something on the way holds responses back:
 * from then on each request ends when something happens, and the next one follows.
 */
export class HttpSocket {
  /** Whether what a command changes about the connection lasts as long as the connection. */
  isStateful = false;
  onopen = null;
  onmessage = null;
  onclose = null;
  #placeOf;
  #topics = new Set();
  #commands = [];
  #isSending = false;
  #streams = storage.get(OVER_HTTP) !== "poll";
  #digest = "";
  #hearing = new AbortController();
  #ended = new AbortController();

  /** @param {(topic: string) => object} placeOf the data of a topic's join: what the page has of it, and how it is */
  constructor(url, protocol, placeOf) {
    this.#placeOf = placeOf;
    this.#attempt(async () => {
      await this.#post([], { wait: 1 }, this.#ended.signal);
      this.onopen?.();
    });
  }

  /** @param {string} text a frame */
  send(text) {
    const { id, topic, type } = JSON.parse(text);
    if (type !== "join" && type !== "leave") {
      this.#commands.push({ id, topic, text });
      if (!this.#isSending) this.#attempt(() => this.#sendCommands());
      return;
    }
    if (type === "join") this.#topics.add(topic);
    else this.#topics.delete(topic);
    this.#listen();
    queueMicrotask(() => this.#deliver({ id, topic, type: "ok", data: {} })); // What is refused is told as `left`.
  }

  close() {
    this.#hearing.abort();
    this.#ended.abort();
  }

  #listen() {
    this.#hearing.abort();
    this.#hearing = new AbortController();
    this.#attempt(() => this.#hear(this.#hearing.signal));
  }

  async #hear(signal) {
    await null; // Topics that are joined at once share a request.
    while (!signal.aborted && this.#topics.size > 0) {
      if (this.#streams) await this.#hearStream(signal);
      else await this.#hearOnce(signal);
    }
  }

  async #hearStream(signal) {
    let hasBegun = false;
    const timer = setTimeout(() => {
      this.#streams = false;
      storage.set(OVER_HTTP, "poll");
      this.#listen();
    }, FIRST_LINE_MS);
    try {
      await this.#post(this.#joins(this.#topics), {}, signal, (frame) => {
        hasBegun = true;
        clearTimeout(timer);
        this.#heard(frame);
      });
    } catch (error) {
      if (!hasBegun || error.closeCode) throw error; // A proxy may end a stream after a while.
    } finally {
      clearTimeout(timer);
    }
  }

  async #hearOnce(signal) {
    const query = { wait: WAIT_SECONDS, known: this.#digest };
    const headers = await this.#post(this.#joins(this.#topics), query, signal, (frame) => this.#heard(frame));
    this.#digest = headers.get("x-frames-digest") ?? "";
  }

  #heard(frame) {
    if (!("id" in frame)) return this.#deliver(frame);
    if (frame.type !== "error") return;
    this.#topics.delete(frame.topic);
    const data = { code: LEFT[frame.data.code] ?? OVERLOAD, reason: frame.data.detail };
    this.#deliver({ topic: frame.topic, type: "left", data });
  }

  async #sendCommands() {
    this.#isSending = true;
    while (this.#commands.length > 0) await this.#sendBatch(this.#commands.splice(0, BATCH_FRAMES));
    this.#isSending = false;
  }

  /** Sends commands; those whose topic cannot be joined are answered as the join is. */
  async #sendBatch(batch) {
    const waiting = new Map(batch.map(({ id, topic }) => [id, topic]));
    const refusals = new Map(); // By topic.
    const frames = [...this.#joins(new Set(waiting.values())), ...batch.map(({ text }) => text)];
    await this.#post(frames, { wait: WAIT_SECONDS }, this.#ended.signal, (frame) => {
      if (!waiting.has(frame.id)) {
        if (frame.type === "error") refusals.set(frame.topic, frame.data);
        if (frame.type === "changes" || frame.type === "reset") this.#deliver(frame);
      } else if (!refusals.has(frame.topic)) {
        waiting.delete(frame.id);
        this.#deliver(frame);
      }
    });
    const late = { code: "unavailable", detail: gettext("The server did not answer in time.") };
    for (const [id, topic] of waiting) {
      this.#deliver({ id, topic, type: "error", data: refusals.get(topic) ?? late });
    }
  }

  #joins(topics) {
    return Array.from(topics, (topic, number) =>
      JSON.stringify({ id: `join ${number}`, topic, type: "join", data: this.#placeOf(topic) }),
    );
  }

  /**
   * Sends frames, and has each frame of the response taken.
   *
   * @returns {Promise<Headers>} rejects with an error that has the `closeCode`, if the server gave one
   */
  async #post(frames, query, signal, take) {
    const url = `${FRAMES}?${new URLSearchParams(query)}`;
    const response = await fetch(url, { method: "POST", body: frames.join("\n"), cache: "no-store", signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part; !(part = await reader.read()).done; ) {
      const lines = (text + part.value).split("\n");
      text = lines.pop();
      for (const line of lines.filter(Boolean)) {
        const frame = JSON.parse(line);
        if (frame.topic !== null) take(frame);
        else throw Object.assign(new Error(line), { closeCode: frame.data.code });
      }
    }
    if (!response.ok) throw new Error(`${url} answers ${response.status}.`);
    return response.headers;
  }

  /** Ends with the code of what `work` throws. */
  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      if (this.#ended.signal.aborted || error.name === "AbortError") return;
      this.close();
      this.onclose?.({ code: Number.isInteger(error.closeCode) ? error.closeCode : LOST });
    }
  }

  #deliver(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}
