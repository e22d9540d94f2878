// Shows the text as it is written, and writes without loading the page again.

import { socket } from "../realtime/connection.js";

const shown = document.querySelector("[data-topic]");
const form = document.querySelector("main form");
const topic = socket.topic(shown.dataset.topic);

function show({ detail }) {
  shown.textContent = detail.data.text;
}

topic.addEventListener("welcome", show);
topic.addEventListener("written", show);
topic.join();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  topic.request("write", { text: form.elements.text.value }).catch(() => form.submit());
});
