// The connection of this page, shared by every module that imports it, and kept for as long as the page lives.

import { wipe } from "./signed-out.js";
import { Socket } from "./socket.js";

/** Timers sleep with the machine: after this long without a frame, a connection that looks open is opened anew. */
const TRUSTED_MS = 50_000;

export const socket = new Socket("/ws/");

socket.addEventListener("state", () => socket.state.reason === "signed-out" && wipe());
addEventListener("online", () => socket.reconnect());
addEventListener("offline", () => socket.isOpen && socket.reconnect());
addEventListener("pagehide", () => socket.close());
addEventListener("pageshow", (event) => event.persisted && socket.connect());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") return;
  if (socket.isOpen && Date.now() - socket.heardAt < TRUSTED_MS) return;
  socket.reconnect();
});
socket.connect();
