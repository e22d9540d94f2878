// Adds and deletes without loading the page again. Without this script the form works too.

import { socket } from "../realtime/connection.js";

const list = document.querySelector("[data-feed]");
const form = document.querySelector("main form");
const topic = socket.topic(list.dataset.feed);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { title, client_id } = form.elements;
  try {
    await topic.request("card.add", { title: title.value, client_id: client_id.value });
    title.value = "";
    client_id.value = crypto.getRandomValues(new Uint32Array(4)).join("-");
  } catch {
    form.submit(); // With the same client_id: what arrived already is not added again.
  }
});

list.addEventListener("click", ({ target }) => {
  const button = target.closest("[name='card.delete']");
  if (button) topic.request("card.delete", { seq: Number(button.value) }).catch(() => {});
});
