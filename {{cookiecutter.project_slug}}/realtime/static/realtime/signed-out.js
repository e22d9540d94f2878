// What takes the place of a page whose reader has been signed out, here or elsewhere.

import { gettext } from "./texts.js";

/** Removes everything that the page shows, and offers to sign in. */
export function wipe() {
  const main = document.createElement("main");
  main.className = "page page--narrow page--window";
  const card = document.createElement("div");
  card.className = "card stack";
  const title = document.createElement("h1");
  title.textContent = gettext("You are signed out.");
  const link = document.createElement("a");
  link.className = "button button--primary";
  link.href = location.pathname + location.search; // with a fragment it would not load the page
  link.textContent = gettext("Sign in");
  card.append(title, link);
  main.append(card);
  document.title = gettext("Signed out");
  document.body.replaceChildren(main);
  link.focus(); // whatever had it is gone
  addEventListener("keydown", (event) => event.stopImmediatePropagation(), { capture: true }); // so is what keys lead to
}
