// Feeds without a script of the page's own: each element with `data-feed` shows the items of that feed, as the server
// renders them.

import { socket } from "./connection.js";
import { Feed } from "./feed.js";

const followed = new WeakSet();

/**
 * Keeps the items in `list` in step with the feed that its `data-feed` names. Children without `data-pk` are left
 * alone. After each change it dispatches `feed`, which bubbles, with the Feed as `detail`.
 */
export function follow(list) {
  if (followed.has(list)) return;
  followed.add(list);
  const feed = new Feed(socket.topic(list.dataset.feed), { key: "pk" });
  feed.addEventListener("change", () => {
    draw(list, feed.items);
    list.dispatchEvent(new CustomEvent("feed", { bubbles: true, detail: feed }));
  });
  feed.join();
}

function draw(list, items) {
  const shown = new Map(Array.from(list.querySelectorAll(":scope > [data-pk]"), (each) => [each.dataset.pk, each]));
  let place = shown.values().next().value ?? null;
  for (const { pk, rev, html } of items) {
    const known = shown.get(String(pk));
    shown.delete(String(pk));
    if (known && known === place) place = place.nextElementSibling;
    const element = known ?? elementOf(html);
    if (known && Number(known.dataset.rev) < rev) morph(known, elementOf(html));
    if (element.nextElementSibling !== place || !element.isConnected) list.insertBefore(element, place);
  }
  for (const gone of shown.values()) gone.remove();
}

/** Makes an element like another, part by part, so that what is focused or pressed in it stays so. */
function morph(element, wanted) {
  for (const name of element.getAttributeNames()) if (!wanted.hasAttribute(name)) element.removeAttribute(name);
  for (const { name, value } of wanted.attributes)
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
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
