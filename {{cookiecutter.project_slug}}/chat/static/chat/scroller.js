// Keeps the scroll position of a long list: at the end while the reader is there, else at the line they read.

const NEAR_END_PX = 48;

/** Dispatches `end` when the reader reaches or leaves the end. */
export class Scroller extends EventTarget {
  atEnd = true;
  #top = 0;
  #viewport;
  #content;

  /** @param {HTMLElement} viewport what scrolls @param {HTMLElement} content whose children are the lines */
  constructor(viewport, content) {
    super();
    this.#viewport = viewport;
    this.#content = content;
    viewport.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => this.atEnd && this.toEnd());
    sizes.observe(viewport);
    for (const child of viewport.children) sizes.observe(child);
  }

  /** Changes the content without moving what is being read. */
  keep(change) {
    if (this.atEnd) {
      change();
      this.toEnd();
      return;
    }
    const line = this.#firstVisible();
    const before = line?.getBoundingClientRect().top;
    change();
    if (line?.isConnected) this.#viewport.scrollTop += line.getBoundingClientRect().top - before;
  }

  toEnd() {
    this.#viewport.scrollTop = this.#viewport.scrollHeight;
    this.#top = this.#viewport.scrollTop;
    this.#become(true);
  }

  // Only scrolling up leaves the end; content that grows meanwhile does not.
  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#viewport;
    const nearEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    const up = scrollTop < this.#top;
    this.#top = scrollTop;
    if (nearEnd || up) this.#become(nearEnd);
  }

  #become(atEnd) {
    if (atEnd === this.atEnd) return;
    this.atEnd = atEnd;
    this.dispatchEvent(new CustomEvent("end"));
  }

  #firstVisible() {
    const top = this.#viewport.getBoundingClientRect().top;
    return Array.from(this.#content.children).find((line) => line.getBoundingClientRect().bottom > top);
  }
}
