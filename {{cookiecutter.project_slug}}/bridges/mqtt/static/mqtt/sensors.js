// The page of sensors: what each has reported last and, where that is true or false, a switch for it.

import { clone, part } from "../js/dom.js";
import { gettext } from "../js/texts.js";
import { ago } from "../js/times.js";
import { toast } from "../js/toasts.js";
import { socket } from "../realtime/connection.js";
import { Feed } from "../realtime/feed.js";

const list = document.querySelector("[data-topic]");
const board = new Feed(socket.topic(list.dataset.topic));

function row({ seq, name, value, wanted, reported_at: at }) {
  const element = list.querySelector(`[data-seq="${seq}"]`) ?? clone("sensor");
  element.dataset.seq = seq;
  part(element, "name").textContent = name;
  part(element, "time").textContent = at ? ago(new Date(at)) : "";
  const isSwitch = typeof value === "boolean";
  part(element, "value").textContent = isSwitch ? (value ? gettext("on") : gettext("off")) : value;
  const control = part(element, "switch");
  control.hidden = !isSwitch;
  control.checked = wanted ?? value;
  control.ariaLabel = name;
  return element;
}

list.addEventListener("change", async ({ target }) => {
  const { seq } = target.closest("[data-seq]").dataset;
  try {
    await board.command("sensor.want", { seq: Number(seq), value: target.checked });
  } catch (error) {
    target.checked = !target.checked;
    toast(error.message);
  }
});

board.addEventListener("change", () => board.items.length && list.replaceChildren(...board.items.map(row)));
board.join();
