// Keeps the start page up to date: invitations and rooms change while it is open.

import { socket } from "../realtime/connection.js";

socket.topic("chat").addEventListener("rooms.changed", async () => {
  const response = await fetch(location.href);
  if (response.redirected || !response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const home = document.querySelector(".home");
  const focused = home.contains(document.activeElement) ? document.activeElement.closest("[href], [action]") : null;
  home.replaceWith(fresh.querySelector(".home"));
  const place = focused?.getAttribute("href") ?? focused?.getAttribute("action");
  document.querySelector(`.home [href="${place}"], .home [action="${place}"] button`)?.focus({ preventScroll: true });
});
