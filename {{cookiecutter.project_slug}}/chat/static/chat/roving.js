// Moving through the messages with the keyboard: one stop for the tab key, and the arrows from there.

/** @param {HTMLElement} list whose children can have the focus */
export function moveThrough(list) {
  list.addEventListener("keydown", (event) => {
    if (event.target.parentElement !== list) return;
    const next = target(list, event.target, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
  list.addEventListener("focusin", ({ target }) => stopAt(list, target.closest("[data-seq]")));
  new MutationObserver(() => {
    if (!list.contains(document.activeElement)) stopAt(list, list.lastElementChild);
  }).observe(list, { childList: true });
}

function target(list, line, key) {
  if (key === "ArrowUp") return line.previousElementSibling;
  if (key === "ArrowDown") return line.nextElementSibling;
  if (key === "Home") return list.firstElementChild;
  if (key === "End") return list.lastElementChild;
  return null;
}

function stopAt(list, line) {
  for (const other of list.querySelectorAll(":scope > [tabindex='0']")) other.tabIndex = -1;
  if (line) line.tabIndex = 0;
}
