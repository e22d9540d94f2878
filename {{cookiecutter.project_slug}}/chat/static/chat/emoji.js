// The emoji that one can choose: fetched when they are first needed, searched, and in the reader's tone of skin.

import { gettext } from "../js/texts.js";
import { forgetOthers, storage } from "../realtime/storage.js";
import { fold } from "./choices.js";
import { glyphs } from "./glyphs.js";
import { room } from "./room.js";

const MINE = `emoji:${room.you.id}:`;
const RECENT = `${MINE}recent`;
const TONE = `${MINE}tone`;
const RECENT_KEPT = 24;
/** Each person in an emoji; hands that join two of them are nobody's. */
const PERSON = /(?!🤝\u200d)(\p{Emoji_Modifier_Base})\ufe0f?/gu;
const AROUND_WORDS = /[\s_:,&()“”]+/;

forgetOthers("emoji:", MINE);

let fetched = null;

/** @returns {Promise<{name: string, emoji: object[]}[]>} the groups: first what the reader chose last */
export async function emojiGroups() {
  fetched ??= load();
  try {
    const groups = await fetched;
    const all = groups.flatMap(({ emoji }) => emoji);
    const recent = recentEmoji().map((emoji) => all.find((item) => item.emoji === emoji));
    return [{ name: gettext("Recently used"), emoji: recent.filter(Boolean) }, ...groups];
  } catch (error) {
    fetched = null; // The next one who asks tries again.
    throw error;
  }
}

/** @returns {Promise<object[]>} those whose shortcode, name or keywords have words that begin so, the best first */
export async function searchEmoji(query) {
  const [, ...groups] = await emojiGroups();
  const typed = fold(query);
  const terms = typed.split(AROUND_WORDS).filter(Boolean);
  const rank = ({ shortcode, name, words }) => {
    if (shortcode === typed) return 0;
    if (shortcode.startsWith(typed)) return 1;
    if (fold(name).replaceAll(" ", "").startsWith(typed)) return 2;
    return terms.every((term) => words.some((word) => word.startsWith(term))) ? 3 : Infinity;
  };
  const found = groups.flatMap(({ emoji }) => emoji).map((item) => [rank(item), item]);
  const shorter = (a, b) => a.shortcode.length - b.shortcode.length;
  const best = found.filter(([place]) => place < Infinity).sort(([a, one], [b, other]) => a - b || shorter(one, other));
  return best.map(([, item]) => item);
}

/** An emoji as the reader sends it. */
export function inTone({ emoji, hasTones }) {
  return hasTones && tone.get() ? emoji.replace(PERSON, `$1${tone.get()}`) : emoji;
}

export const tone = {
  get: () => /^\p{Emoji_Modifier}$/u.exec(storage.get(TONE))?.[0] ?? "",
  set: (value) => storage.set(TONE, value),
};

/** Remembers that the reader has chosen this one. */
export function noteEmoji({ emoji }) {
  const others = recentEmoji().filter((other) => other !== emoji);
  storage.set(RECENT, JSON.stringify([emoji, ...others].slice(0, RECENT_KEPT)));
}

/** None where the storage was damaged. */
function recentEmoji() {
  try {
    return Array.from(JSON.parse(storage.get(RECENT)) ?? []);
  } catch {
    return [];
  }
}

async function load() {
  const response = await fetch(document.getElementById("emoji-picker").dataset.set);
  if (!response.ok) throw new Error(`The emoji could not be loaded: ${response.status}`);
  const groups = Object.entries(await response.json());
  const isDrawn = glyphs();
  const known = new Map([[undefined, true]]); // Where the first of a version is drawn, all of it are.
  const isKnown = ({ emoji, version }) => {
    if (!known.has(version)) known.set(version, isDrawn(emoji));
    return known.get(version);
  };
  return groups.map(([name, rows]) => ({ name, emoji: rows.map((row) => read(row, name)).filter(isKnown) }));
}

function read(row, group) {
  const [emoji, name, code, keywords = "", tones, version] = row.split("|");
  const shortcode = code || fold(name).replace(/[^\p{L}\p{N}]+/gu, "_");
  const words = fold(`${name} ${shortcode} ${keywords} ${group}`).split(AROUND_WORDS);
  return { emoji, name, shortcode, words, hasTones: tones === "t", version };
}
