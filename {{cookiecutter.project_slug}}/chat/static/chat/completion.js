// What is offered while one writes: people after an @, rooms after a #, emoji after a colon.

import { show } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { interpolate, ngettext } from "../js/texts.js";
import { Choices, matching, words } from "./choices.js";
import { inTone, noteEmoji, searchEmoji } from "./emoji.js";
import { everybody } from "./people.js";
import { room } from "./room.js";
import { listedRooms } from "./sidebar.js";

const OFFERED = 5;
/** A sign that begins a word, as a mention does (chat/text.py), and what is typed of the word; ":p" is a face. */
const BEGUN = /(?<![\p{L}\p{N}_.@/:#&-])([@#]|:(?=[\p{L}+-][\p{L}\p{N}+-]))([\p{L}\p{N}_.+-]*)(?<!\.)$/u;
const SHORTCODE = /(?<![\p{L}\p{N}_.@/:#&-]):([\p{L}\p{N}_+-]{2,}):$/u;
const FENCES = /^(```|~~~)[^]*?^\1/gm;
const CODE = /(?<!`)(`+)(?!`)[^]*?(?<!`)\1(?!`)/g;
const MARKS = /[\\`*_~[\]<>@:&]/g;

/** Tells the room `insert` ({text, from}): the text takes the place of what is typed from there on. */
class Completion {
  #input = room.part("composer").querySelector("textarea");
  #choices = new Choices(this.#input, room.part("completion"), ["Enter", "Tab"]);
  #count = room.part("completion-count");
  #looks = 0;
  #from = null;

  constructor() {
    this.#input.addEventListener("input", ({ isComposing }) => this.#look(isComposing)); // Phones compose each word.
    this.#input.addEventListener("compositionend", () => this.#look(false));
    this.#input.addEventListener("blur", () => this.#offer([]));
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#choices.open) return;
      event.preventDefault();
      this.#offer([]);
    });
    document.addEventListener("selectionchange", () => {
      if (this.#choices.open && this.#begun()?.from !== this.#from) this.#offer([]);
    });
    this.#choices.addEventListener("choose", ({ detail }) => this.#insert(detail));
  }

  async #look(isComposing) {
    const look = (this.#looks += 1);
    const begun = this.#begun();
    const found = begun ? await find(begun).catch(() => []) : []; // Emoji have to be fetched first.
    const now = this.#begun();
    if (look !== this.#looks || now?.from !== begun?.from || now?.typed !== begun?.typed) return;
    this.#from = begun?.from;
    if (begun?.sign === "::") {
      if (found.length && !isComposing) this.#insert(found[0]);
      return;
    }
    const isWhole = found.some(({ text }) => text === `${begun.sign}${begun.typed}`.toLowerCase());
    this.#offer(isWhole ? [] : found.slice(0, OFFERED));
  }

  #offer(items) {
    this.#looks += 1;
    this.#choices.show(items);
    const { length: count } = items;
    const offered = ngettext(
      "%(count)s to choose from with the arrow keys",
      "%(count)s to choose from with the arrow keys",
      count,
    );
    show(this.#count, count ? interpolate(offered, { count }) : "");
  }

  #insert({ text, item }) {
    this.#offer([]);
    if (item) noteEmoji(item);
    room.tell("insert", { text: `${text} `, from: this.#from });
  }

  /** @returns {{from: number, sign: string, typed: string} | null} the word at the caret; "::" is a whole shortcode */
  #begun() {
    const { value, selectionStart, selectionEnd } = this.#input;
    const before = value.slice(0, selectionStart);
    if (selectionStart !== selectionEnd || isCode(before)) return null;
    const whole = SHORTCODE.exec(before);
    if (whole) return { from: whole.index, sign: "::", typed: whole[1] };
    const begun = BEGUN.exec(before);
    return begun && { from: begun.index, sign: begun[1], typed: begun[2] };
  }
}

/** Whether what comes after `before` is code. */
function isCode(before) {
  const rest = before.replace(FENCES, "");
  const paragraph = rest.split(/\n\s*\n/).at(-1);
  return /^(```|~~~)/m.test(rest) || paragraph.replace(CODE, "").includes("`");
}

/** @returns {Promise<object[]>} what is offered for a word, each with the `text` that it stands for */
async function find({ sign, typed }) {
  if (sign === "@") return people(typed);
  if (sign === "#") return rooms(typed);
  const found = await searchEmoji(typed);
  return found.filter(({ shortcode }) => sign === ":" || shortcode === typed.toLowerCase()).map((item) => ({
    item,
    text: inTone(item),
    content: [words(inTone(item), "emoji"), words(`:${item.shortcode}:`)],
  }));
}

function people(typed) {
  const others = everybody().filter(({ id }) => id !== room.you.id);
  return matching(others, typed, ({ username, name }) => [username, name]).map((person) => ({
    text: `@${person.username}`,
    content: [avatar(person, "tiny"), words(person.name), words(`@${person.username}`, "muted")],
  }));
}

function rooms(typed) {
  const named = listedRooms().filter(({ personId }) => !personId);
  return matching(named, typed, ({ slug, name }) => [name, slug]).map(({ name, path, picture }) => ({
    text: `[#${name.replace(MARKS, "\\$&")}](${path})`,
    content: [picture, words(name)],
  }));
}

new Completion();
