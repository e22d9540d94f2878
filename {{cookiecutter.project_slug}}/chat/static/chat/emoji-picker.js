// The window in which one chooses an emoji: by searching, or by its group.

import { clone, part, show } from "../js/dom.js";
import { gettext } from "../js/texts.js";
import { Choices } from "./choices.js";
import { emojiGroups, inTone, noteEmoji, searchEmoji, tone } from "./emoji.js";
import { openBeside } from "./popups.js";

const FOUND = 96;
const ROW = 8; // As many as this of those used last are worth being shown first.
const NOTHING = gettext("There is no emoji of that name.");
const LOST = gettext("The emoji could not be loaded. Look whether you are online, close this, and open it again.");
const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");

class EmojiPicker {
  #element = document.getElementById("emoji-picker");
  #field = part(this.#element, "query");
  #groups = part(this.#element, "groups");
  #choices = new Choices(this.#field, part(this.#element, "emoji"));
  #chosen = null;
  #done;

  constructor() {
    this.#choices.addEventListener("choose", ({ detail: { item } }) => {
      this.#chosen = item;
      this.#element.hidePopover();
    });
    this.#element.addEventListener("toggle", ({ newState }) => newState === "closed" && this.#closed());
    this.#field.addEventListener("input", () => this.#show());
    this.#element.addEventListener("change", ({ target }) => {
      if (target.name === "emoji-tone") tone.set(target.value);
      if (target.name === "emoji-group") this.#field.value = "";
      this.#show();
    });
  }

  /** Opens beside `anchor`. @returns {Promise<string | null>} an emoji; null where none was chosen */
  pick(anchor) {
    this.#chosen = null;
    this.#field.value = "";
    for (const choice of this.#element.querySelectorAll("[name=emoji-tone]")) choice.checked = choice.value === tone.get();
    openBeside(this.#element, anchor);
    if (!TOUCH.matches) this.#field.focus(); // On a phone its keyboard would cover the emoji.
    this.#offerGroups();
    return new Promise((resolve) => (this.#done = resolve));
  }

  #closed() {
    if (this.#chosen) noteEmoji(this.#chosen);
    this.#done(this.#chosen && inTone(this.#chosen));
  }

  async #offerGroups() {
    const groups = await emojiGroups().catch(() => []);
    const items = groups.map(({ name, emoji: [first] }, index) => {
      const item = clone("emoji-group");
      const choice = item.querySelector("input");
      choice.value = index;
      choice.ariaLabel = item.title = name;
      part(item, "sign").textContent = index ? first.emoji : "🕘";
      return item;
    });
    this.#groups.replaceChildren(...items);
    if (groups.length === 0) return this.#show();
    const used = groups[0].emoji.length;
    items[0].hidden = used === 0;
    items[used < ROW ? 1 : 0].querySelector("input").checked = true;
    this.#show();
  }

  async #show() {
    const query = this.#field.value.trim();
    let items = [];
    let problem = NOTHING;
    try {
      const groups = await emojiGroups();
      const group = groups[this.#groups.querySelector(":checked")?.value ?? 1];
      items = query ? (await searchEmoji(query)).slice(0, FOUND) : group.emoji;
    } catch {
      problem = LOST;
    }
    if (query !== this.#field.value.trim()) return;
    this.#choices.show(items.map((item) => ({ item, name: item.name, content: [inTone(item)] })));
    show(part(this.#element, "problem"), items.length ? "" : problem);
  }
}

const picker = new EmojiPicker();

export function pickEmoji(anchor) {
  return picker.pick(anchor);
}
