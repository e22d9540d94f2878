// Presence on every page: this tab counts as here, and what names people shows how they are.
//
//   <input type="checkbox" data-presence-hidden>  lets the reader appear offline

import { activity } from "../realtime/activity.js";
import { socket } from "../realtime/connection.js";
import { Dots } from "./dots.js";
import { People } from "./people.js";

export const people = new People(socket);

// When the connection is lost, the next join tells it again.
const tell = () => people.tell(activity.state, activity.viewing).catch(() => {});

people.addEventListener("visibility", () => {
  for (const box of document.querySelectorAll("[data-presence-hidden]")) box.checked = people.hidden;
});
activity.addEventListener("change", tell);
document.addEventListener("change", async ({ target }) => {
  if (!target.matches("[data-presence-hidden]")) return;
  try {
    await people.hide(target.checked);
  } catch {
    target.checked = people.hidden;
  }
});

new Dots(people);
tell();
people.join();
