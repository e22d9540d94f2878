// The page of the running processes: a row for each, as long as it shows itself.

import { Banner } from "../js/banner.js";
import { clone, part, show } from "../js/dom.js";
import { gettext, interpolate, locale } from "../js/texts.js";
import { socket } from "../realtime/connection.js";

/** A process shows itself each second; one that has not for so long is gone. */
const GONE_MS = 5_000;
const TOO_SLOW = "4008";
const OK = gettext("ok");
const AWAY = gettext("away");

const main = document.querySelector("main");
const rows = part(main, "processes");
const nothing = part(main, "codes").firstElementChild;
const topic = socket.topic("live");
const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const bytes = new Intl.NumberFormat(locale, {
  notation: "compact",
  style: "unit",
  unit: "byte",
  unitDisplay: "narrow",
});

/** The latest snapshot of each process, the latest of all last, and the timer by which it goes. */
const processes = new Map();

topic.addEventListener("snapshot", ({ detail: { data } }) => {
  clearTimeout(processes.get(data.process)?.timer);
  processes.delete(data.process);
  processes.set(data.process, { data, timer: setTimeout(() => gone(data.process), GONE_MS) });
  showAll();
});

function gone(process) {
  processes.delete(process);
  showAll();
}

function showAll() {
  const all = Array.from(processes.values(), ({ data }) => data);
  showTasks(all.findLast(({ tasks }) => tasks)?.tasks);
  all.sort((a, b) => (a.process < b.process ? -1 : 1));
  rows.replaceChildren(...all.map(row));
  for (const element of main.querySelectorAll("[data-sum]")) {
    const sum = all.reduce((sum, each) => sum + each[element.dataset.sum], 0);
    element.textContent = all.length ? number.format(sum) : "–";
  }
  showCodes(all);
}

function row(data) {
  const element = clone("process");
  const texts = {
    process: data.draining ? interpolate(gettext("%(process)s, stopping"), data) : data.process,
    layer: data.layer ? OK : AWAY,
    presence: data.presence ? OK : AWAY,
    half: data.lag ? `${number.format(data.lag.half)} ms` : "–",
    most: data.lag ? `${number.format(data.lag.most)} ms` : "–",
    outbox_bytes: bytes.format(data.outbox_bytes),
    outbox_most_bytes: bytes.format(data.outbox_most_bytes),
    slow: number.format(data.closes[TOO_SLOW] ?? 0),
  };
  for (const cell of element.querySelectorAll("[data-part]")) {
    const name = cell.dataset.part;
    cell.textContent = texts[name] ?? number.format(data[name]);
    cell.classList.toggle("live__away", cell.textContent === AWAY);
  }
  return element;
}

function showCodes(all) {
  const counts = new Map();
  for (const { refusals, closes } of all) {
    for (const [code, count] of Object.entries({ ...refusals, ...closes })) {
      counts.set(code, (counts.get(code) ?? 0) + count);
    }
  }
  const items = [...counts].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  part(main, "codes").replaceChildren(...(items.length ? items.map(code) : [nothing]));
}

function code([name, count]) {
  const element = clone("code");
  part(element, "code").textContent = name;
  part(element, "count").textContent = number.format(count);
  return element;
}

/** @param {object} [tasks] of the latest snapshot that has them */
function showTasks(tasks) {
  const counted = tasks?.state === "ok";
  for (const element of main.querySelectorAll("[data-task]")) {
    element.textContent = counted ? number.format(tasks[element.dataset.task]) : "–";
  }
  const trouble = gettext("The database does not count the tasks: %(state)s.");
  show(part(main, "trouble"), !tasks || counted ? "" : interpolate(trouble, tasks));
}

new Banner(main, socket);
topic.join();
