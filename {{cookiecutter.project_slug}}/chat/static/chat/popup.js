// A popover shown beside the button that opened it; on a phone the style sheet makes it a sheet at the bottom.

const GAP_PX = 4;

/** Shows `popover` by `anchor`, wholly inside the window, with the focus on its first button. */
export function openBeside(popover, anchor) {
  popover.showPopover();
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const above = box.top - height - GAP_PX;
  const below = box.bottom + GAP_PX;
  const top = below + height < innerHeight ? below : Math.max(above, GAP_PX);
  const left = Math.max(GAP_PX, Math.min(box.right - width, innerWidth - width - GAP_PX));
  popover.style.top = `${top}px`;
  popover.style.left = `${left}px`;
  popover.querySelector("button:not([hidden])")?.focus();
}

/** Lets the arrow keys move between the buttons of `popover`. */
export function moveWithArrows(popover) {
  popover.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = Array.from(popover.querySelectorAll("button:not([hidden])"));
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    buttons[next].focus();
  });
}
