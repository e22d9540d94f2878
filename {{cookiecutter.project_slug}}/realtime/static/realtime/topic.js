// One topic on the page's socket: joined, joined again after every loss, and read without gaps.

import { Cursor } from "./cursor.js";
import { afterClose, Backoff } from "./retry.js";

/** Refusals that joining again would only repeat. */
const FINAL = new Set(["forbidden", "not_found", "invalid", "unknown_type"]);

/**
 * Every frame of the topic is dispatched as an event of the frame's type and then as `frame`, with the frame as
 * `detail`; numbered ones once and in order. `state` is dispatched when `state` changes: "left", "joining", "joined" or
 * "refused" (`reason` then says why).
 *
 * A topic has history if its welcome has an `epoch`: what was missed then comes as `changes`, or a `reset` begins the
 * topic afresh. Without history every welcome does, and one comes after each loss and each gap.
 */
export class Topic extends EventTarget {
  state = "left";
  reason = null;
  #socket;
  #wanted = false;
  #kept = {};
  #backoff = new Backoff();
  #retry = null;
  #cursor = new Cursor({
    apply: (frame) => this.#dispatch(frame),
    ask: (position) => (position ? this.request("changes", position) : this.rejoin()),
  });

  /** Made by `Socket.topic`. */
  constructor(socket, name) {
    super();
    this.#socket = socket;
    this.name = name;
  }

  /** Joins now, or as soon as there is a connection, and again after each loss. */
  join() {
    this.#wanted = true;
    if (this.#socket.isOpen && this.state !== "joining" && this.state !== "joined") this.#enter();
  }

  /**
   * What was up to `rev` is known already: the first join brings what came since.
   *
   * @param {{rev: number, epoch: string}} place
   */
  resume({ rev, epoch }) {
    this.#cursor.start(rev, epoch);
  }

  /** Joins again without a loss: for a topic whose welcome has changed. */
  async rejoin() {
    if (this.state === "joined") await this.#enter();
  }

  leave() {
    this.#wanted = false;
    this.#become("left");
    if (this.#socket.isOpen) this.request("leave").catch(() => {});
  }

  /**
   * @param {string} type the command
   * @param {object} [data]
   * @returns {Promise<object>} the data of the reply; rejects with a RequestError
   */
  async request(type, data = {}) {
    const wasBetween = this.#isBetween;
    try {
      return await this.#socket.request(this.name, type, data);
    } catch (error) {
      if ((wasBetween || this.#isBetween) && error.code === "not_found") error.code = "lost";
      throw error;
    }
  }

  /** Between two joins, where the server does not know what a command is for: that passes. */
  get #isBetween() {
    return this.#wanted && this.state !== "joined" && this.state !== "refused";
  }

  /**
   * Tells the topic how this page is: by a command now, if it is joined, and with each join.
   *
   * @param {string} type the command
   * @param {object} data null values are left out of joins
   */
  async keep(type, data) {
    this.#kept = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
    if (this.state !== "joined" && this.state !== "joining") return;
    if (this.#socket.isStateful) await this.request(type, data);
    else await this.#enter();
  }

  /** @returns {object} the data of a join: how this page is, and what it has of the topic */
  get place() {
    return { ...this.#kept, ...this.#cursor.position };
  }

  /** The socket has a connection. */
  opened() {
    if (this.#wanted && this.state !== "refused") this.#enter();
  }

  /** The socket has lost its connection. */
  lost() {
    clearTimeout(this.#retry);
    if (this.state !== "refused") this.#become("left");
  }

  /** Takes a frame of this topic from the socket. */
  receive(frame) {
    if (!this.#wanted) return;
    if (frame.type === "welcome") this.#welcomed(frame);
    else if (frame.type === "left") this.#dismissed(frame.data);
    else if (this.state !== "joined") return; // Another consumer's copy of an event that the join will bring.
    else if (frame.type === "changes") this.#caughtUp(frame);
    else if (frame.type === "reset") this.#startOver(frame);
    else if (frame.type === "heartbeat") this.#cursor.see(frame.rev);
    else if (frame.rev == null) this.#dispatch(frame);
    else this.#cursor.take(frame);
  }

  async #enter() {
    clearTimeout(this.#retry);
    this.#become("joining");
    try {
      await this.#socket.request(this.name, "join", this.place);
    } catch (error) {
      if (error.code === "lost" || !this.#wanted) return;
      if (FINAL.has(error.code)) this.#become("refused", error.code.replace("_", "-"));
      else this.#enterLater(error.retry_after);
    }
  }

  #enterLater(least = 0) {
    this.#become("left");
    const seconds = (least ?? 0) + this.#backoff.next();
    this.#retry = setTimeout(() => this.#socket.isOpen && this.#enter(), seconds * 1000);
  }

  #welcomed(frame) {
    clearTimeout(this.#retry);
    this.#backoff.reset();
    const epoch = frame.data?.epoch ?? null;
    const resuming = epoch !== null && this.#cursor.position !== null;
    if (!resuming) this.#cursor.start(frame.rev ?? null, epoch);
    this.#become("joined");
    this.#dispatch(frame);
    if (resuming) this.#cursor.see(frame.rev);
  }

  #caughtUp(frame) {
    this.#dispatch(frame);
    this.#cursor.advance(frame.rev);
  }

  #startOver(frame) {
    this.#cursor.start(frame.rev, frame.data.epoch);
    this.#dispatch(frame);
  }

  #dismissed({ code }) {
    const { stop, pause } = afterClose(code);
    if (stop) this.#become("refused", stop);
    else this.#enterLater(pause);
  }

  #become(state, reason = null) {
    if (state === this.state) return;
    this.state = state;
    this.reason = reason;
    if (state === "left" || state === "refused") this.#cursor.pause();
    this.dispatchEvent(new CustomEvent("state"));
  }

  #dispatch(frame) {
    this.dispatchEvent(new CustomEvent(frame.type, { detail: frame }));
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }
}
