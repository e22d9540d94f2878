// Search: "/" leads to it from every page of chat, and its results have the reader's own times.

import { clock, day } from "../js/times.js";

const TYPED_INTO = "input, textarea, select, [contenteditable]";

document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, isComposing, target } = event;
  if (key !== "/" || ctrlKey || metaKey || altKey || isComposing) return;
  if (target.closest(TYPED_INTO) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  const field = document.getElementById("search-query");
  if (field) field.select();
  else document.querySelector("[data-search]").click();
});

for (const time of document.querySelectorAll(".result time")) {
  const date = new Date(time.dateTime);
  time.textContent = `${day(date)}, ${clock(date)}`;
}

const field = document.getElementById("search-query");
if (document.activeElement === field) field.setSelectionRange(field.value.length, field.value.length);
