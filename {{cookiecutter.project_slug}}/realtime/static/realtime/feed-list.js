// Feeds without a script of the page's own: each element with `data-feed` shows the items of that feed, as the server
// renders them.

import { socket } from "./connection.js";
import { Feed } from "./feed.js";

const followed = new WeakSet();

/**
 * Keeps the items in `list` in step with the feed that its `data-feed` names, the latest `data-shown` of them (50).
 * Children without `data-pk` are left alone. After each change it dispatches `feed`, which bubbles, with the Feed as
 * `detail`.
 */
export function follow(list) {
  if (followed.has(list)) return;
  followed.add(list);
  const feed = new Feed(socket.topic(list.dataset.feed), { key: "pk" });
  const most = Number(list.dataset.shown ?? 50);
  feed.addEventListener("change", () => {
    if (feed.items.length > most) return feed.trim(most); // Which is a change, too.
    draw(list, feed.items);
    list.dispatchEvent(new CustomEvent("feed", { bubbles: true, detail: feed }));
  });
  feed.join();
}

/** Removes first and goes from the end, so that only what is moved or new is put into the page: focus stays. */
function draw(list, items) {
  const shown = new Map(Array.from(list.querySelectorAll(":scope > [data-pk]"), (each) => [each.dataset.pk, each]));
  const wanted = new Set(items.map(({ pk }) => String(pk)));
  let place = Array.from(shown.values()).at(-1)?.nextElementSibling ?? null;
  for (const [pk, each] of shown) if (!wanted.has(pk)) each.remove();
  for (const { pk, rev, html } of items.reverse()) {
    const known = shown.get(String(pk));
    const element = known ?? elementOf(html);
    if (known && Number(known.dataset.rev) < rev) morph(known, elementOf(html));
    if (element.nextElementSibling !== place || !element.isConnected) list.insertBefore(element, place);
    place = element;
  }
}

/**
 * Makes an element like another, part by part, so that what is focused or pressed in it stays so. What a person opened
 * or closed stays so, too.
 */
function morph(element, wanted) {
  for (const name of element.getAttributeNames())
    if (name !== "open" && !wanted.hasAttribute(name)) element.removeAttribute(name);
  for (const { name, value } of wanted.attributes)
    if (name !== "open" && element.getAttribute(name) !== value) element.setAttribute(name, value);
  const parts = Array.from(element.childNodes);
  const wantedParts = Array.from(wanted.childNodes);
  const names = (each) => each.map(({ nodeName }) => nodeName).join();
  if (names(parts) !== names(wantedParts)) element.replaceChildren(...wantedParts);
  else
    for (const [index, part] of parts.entries()) {
      if (part.nodeType === Node.ELEMENT_NODE) morph(part, wantedParts[index]);
      else part.nodeValue = wantedParts[index].nodeValue;
    }
}

function elementOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

for (const list of document.querySelectorAll("[data-feed]")) follow(list);
