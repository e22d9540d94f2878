// Keeps the start page up to date: invitations and rooms change while it is open.

import { socket } from "../realtime/connection.js";

socket.topic("chat").addEventListener("rooms.changed", async () => {
  const response = await fetch(location.href);
  if (response.redirected || !response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  document.querySelector(".home").replaceWith(fresh.querySelector(".home"));
});
