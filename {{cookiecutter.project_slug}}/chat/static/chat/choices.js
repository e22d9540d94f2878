// A field and the list of what it offers, as ARIA has it for a combobox: the focus stays in the field.

const COMPOSING = 229;

let made = 0;

/** Whether a key is one of an input method; of the last one Safari says so only by its code. */
export function composes({ isComposing, keyCode }) {
  return isComposing || keyCode === COMPOSING;
}

/** Without capitals and accents. */
export function fold(text) {
  return text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
}

/** Those with a text in which a word begins with what is typed; before the others those whose first text does. */
export function matching(items, typed, textsOf) {
  const begins = (text) => text.startsWith(fold(typed));
  const fits = (text) => begins(fold(text)) || fold(text).split(/[^\p{L}\p{N}]+/u).some(begins);
  const isFirst = (item) => begins(fold(textsOf(item)[0]));
  return items.filter((item) => textsOf(item).some(fits)).sort((a, b) => isFirst(b) - isFirst(a));
}

/** Words of a choice. */
export function words(text, look = "") {
  const element = document.createElement("span");
  element.className = look;
  element.textContent = text;
  return element;
}

/** Dispatches `choose`, with the item as `detail`. In a list with columns the arrow keys go sideways too. */
export class Choices extends EventTarget {
  #field;
  #list;
  #keys;
  #items = [];
  #active = 0;

  /** @param {HTMLElement} field @param {HTMLElement} list with the role listbox @param {string[]} keys that choose */
  constructor(field, list, keys = ["Enter"]) {
    super();
    this.#field = field;
    this.#list = list;
    this.#keys = keys;
    field.setAttribute("aria-controls", list.id);
    field.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("mousedown", (event) => event.preventDefault()); // The focus stays, on touch too.
    list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#choose(this.#options.indexOf(option));
    });
  }

  get open() {
    return this.#items.length > 0;
  }

  /** @param {{content: (Node | string)[], name?: string}[]} items `name` is said for what is not words */
  show(items) {
    this.#items = items;
    this.#list.replaceChildren(...items.map(option));
    this.#list.scrollTop = 0;
    this.#list.hidden = !this.open;
    if (this.#field.role === "combobox") this.#field.ariaExpanded = String(this.open);
    this.#mark(0);
  }

  get #options() {
    return Array.from(this.#list.children);
  }

  #mark(index) {
    this.#active = index;
    this.#options.forEach((each, place) => (each.ariaSelected = String(place === index)));
    const active = this.#list.children[index];
    active?.scrollIntoView({ block: "nearest" });
    if (active) this.#field.setAttribute("aria-activedescendant", active.id);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  #pressed(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (!this.open || composes(event) || shiftKey || ctrlKey || metaKey || altKey) return;
    const columns = getComputedStyle(this.#list).gridTemplateColumns.split(" ").length;
    const sideways = columns > 1 && { ArrowLeft: -1, ArrowRight: 1 }[key];
    const step = { ArrowUp: -columns, ArrowDown: columns }[key] || sideways;
    if (step) this.#mark(this.#beside(step, columns));
    else if (this.#keys.includes(key)) this.#choose(this.#active);
    else return;
    event.preventDefault();
  }

  #beside(step, columns) {
    const { length } = this.#items;
    const place = this.#active + step;
    return columns > 1 ? Math.min(Math.max(place, 0), length - 1) : (place + length) % length;
  }

  #choose(index) {
    this.dispatchEvent(new CustomEvent("choose", { detail: this.#items[index] }));
  }
}

function option({ content, name }) {
  const element = document.createElement("li");
  element.className = "choices__choice";
  element.id = `choice-${(made += 1)}`;
  element.role = "option";
  if (name) element.ariaLabel = element.title = name;
  element.append(...content);
  return element;
}
