// The frames of this page's connection, the latest first: on pages whose address has `?frames`.

import { clone, part } from "../js/dom.js";
import { socket } from "./connection.js";

const KEPT = 500;

const panel = document.getElementById("frames");
const list = part(panel, "list");
const { filter, held } = panel.querySelector("form");

const shownFor = (element) => element.textContent.includes(filter.value);

function add(way, text) {
  if (held.checked) return;
  const frame = JSON.parse(text);
  const { id, type, topic } = frame;
  const element = clone("frame");
  const texts = {
    time: new Date().toISOString().slice(11, 23),
    way,
    type,
    topic: [topic, id && `#${id}`].filter(Boolean).join(" "),
    size: `${new Blob([text]).size} B`,
    text: JSON.stringify(frame, null, 2),
  };
  for (const [name, value] of Object.entries(texts)) part(element, name).textContent = value;
  element.hidden = !shownFor(element);
  list.prepend(element);
  if (list.children.length > KEPT) list.lastElementChild.remove();
}

const showState = () => (part(panel, "state").textContent = `${socket.state.name} ${socket.state.reason ?? ""}`);

socket.addEventListener("sent", ({ detail }) => add("↑", detail));
socket.addEventListener("received", ({ detail }) => add("↓", detail));
socket.addEventListener("state", showState);
showState();
panel.addEventListener("submit", (event) => event.preventDefault());
panel.addEventListener("reset", () => list.replaceChildren());
filter.addEventListener("input", () => {
  for (const element of list.children) element.hidden = !shownFor(element);
});
