// Ties a socket to the life of its page: offline and online, hidden and shown, put away and brought back.

/** Timers sleep with the machine: after this long without a word, a connection that looks open is not believed. */
const BELIEVED_MS = 50_000;

/**
 * Keeps a socket connected for as long as the page lives.
 *
 * @param {EventTarget} socket a Socket
 */
export function keepConnected(socket) {
  addEventListener("online", () => socket.reconnect());
  addEventListener("offline", () => socket.isOpen && socket.reconnect());
  addEventListener("pagehide", () => socket.close());
  addEventListener("pageshow", (event) => event.persisted && socket.connect());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") return;
    if (socket.isOpen && Date.now() - socket.heardAt < BELIEVED_MS) return;
    socket.reconnect();
  });
  socket.connect();
}
