// Elements of the page and of its <template>s: the markup stays in HTML, scripts only fill it.

/** @returns {HTMLElement} a copy of the element in `<template id="...-template">` */
export function clone(name) {
  return document.getElementById(`${name}-template`).content.firstElementChild.cloneNode(true);
}

/** @returns {HTMLElement} the element marked `data-part="..."` inside `root` */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

/** Replaces the children of `list`; moving takes the focus from one that has it, so it is given back. */
export function arrange(list, items) {
  const { activeElement } = document;
  list.replaceChildren(...items);
  if (list.contains(activeElement)) activeElement.focus({ preventScroll: true });
}

/** Hides or shows an element. If it has the keyboard's focus when it is hidden, `heir` gets the focus. */
export function hide(element, hidden, heir) {
  const { activeElement } = document;
  const leaves = hidden && element.contains(activeElement) && activeElement.matches(":focus-visible");
  element.hidden = hidden;
  if (leaves) heir?.focus({ preventScroll: true });
}

/** @returns {() => HTMLElement} where the focus was before it came into `root`, or else the content of the page */
export function focusBefore(root) {
  let before = null;
  root.addEventListener("focusin", ({ relatedTarget }) => {
    if (!root.contains(relatedTarget)) before = relatedTarget;
  });
  return () => (before?.checkVisibility() ? before : document.getElementById("main"));
}

/** @returns {object} what the server put into the page under that id with `json_script` */
export function pageData(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** @returns {string} what HTML says, on one line */
export function plain(html) {
  const { body } = new DOMParser().parseFromString(html, "text/html"); // Nothing in it is loaded or run.
  return body.textContent.replace(/\s+/g, " ").trim();
}

/** Shows `text` in an element, or hides the element when there is none. */
export function show(element, text) {
  element.hidden = !text;
  if (element.textContent !== text) element.textContent = text;
}
