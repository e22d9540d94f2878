// A message's text as DOM nodes: addresses become links, mentions stand out, the rest is plain text.

const NAME_ENDS = new Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
const NAME = new Set([...NAME_ENDS, ".", "-"]);
const SCHEMES = ["https://", "http://"];
const SPACES =
  " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff";
const ENDS_LINK = new Set(`${SPACES}<>"、。，！？；：`);
const AFTER_LINK = new Set(".,:;!?'’”»");
const BRACKETS = new Map(Array.from(")]}）】」』》", (closing, index) => [closing, "([{（【「『《"[index]]));
const OPENING = new Set(BRACKETS.values());

/**
 * @param {string} body
 * @param {{mentions: string[], you: string}} names usernames: the people whom the message names, and the reader
 * @returns {DocumentFragment}
 */
export function renderText(body, { mentions, you }) {
  const fragment = document.createDocumentFragment();
  const names = new Set(mentions);
  let end = 0;
  for (const found of finds(body)) {
    if (found.name !== null && !names.has(found.name)) continue;
    const text = body.slice(found.start, found.end);
    fragment.append(body.slice(end, found.start), found.name === null ? link(text) : mention(text, found.name === you));
    end = found.end;
  }
  fragment.append(body.slice(end));
  return fragment;
}

/**
 * The addresses and the mentions in a text, in its order; chat/text.py has the same rule, and tests/mentions.json
 * examples for both. Each character is looked at a few times at most, whatever the text.
 *
 * @param {string} text
 * @returns {Generator<{start: number, end: number, name: string | null}>} name is the username of a mention in lower
 *   case, null for an address
 */
export function* finds(text) {
  let lastEnd = -1;
  for (let at = 0; at < text.length; ) {
    const character = text[at];
    let end = 0;
    if (character === "@") end = endOfMention(text, at, lastEnd);
    else if (character === "h" || character === "H") end = endOfLink(text, at);
    if (!end) {
      at += 1;
      continue;
    }
    const isMention = character === "@";
    yield { start: at, end, name: isMention ? text.slice(at + 1, end).toLowerCase() : null };
    if (isMention) lastEnd = end;
    at = end;
  }
}

/** The end of the mention whose @ is at `at`, or 0. `lastEnd` is where the last one ended: "@ada/@grace" names two. */
function endOfMention(text, at, lastEnd) {
  const before = at > 0 ? text[at - 1] : " ";
  const listed = at - 1 === lastEnd && "/.-".includes(before);
  if (!listed && (NAME.has(before) || before === "@" || before === "/" || isOfAWord(before))) return 0;
  let end = at + 1;
  while (end < text.length && NAME.has(text[end])) end += 1;
  while (end > at + 1 && !NAME_ENDS.has(text[end - 1])) end -= 1;
  const after = end < text.length ? text[end] : " ";
  const isName = end > at + 1 && NAME_ENDS.has(text[at + 1]);
  return isName && after !== "@" && !isOfAWord(after) ? end : 0;
}

/**
 * The end of the address that begins at `at`, or 0. The punctuation of the sentence around it is not part of it:
 * "(see https://example.com/a)."
 */
function endOfLink(text, at) {
  if (at > 0 && NAME_ENDS.has(text[at - 1])) return 0;
  const beginning = text.slice(at, at + SCHEMES[0].length).toLowerCase();
  const scheme = SCHEMES.find((each) => beginning.startsWith(each));
  if (!scheme) return 0;
  const start = at + scheme.length;
  const unopened = new Map(Array.from(OPENING, (opening) => [opening, 0]));
  const count = (opening, by) => unopened.set(opening, unopened.get(opening) + by);
  let end = start;
  for (; end < text.length && !ENDS_LINK.has(text[end]); end += 1) {
    const character = text[end];
    if (OPENING.has(character)) count(character, -1);
    else if (BRACKETS.has(character)) count(BRACKETS.get(character), 1);
  }
  for (; end > start; end -= 1) {
    const opening = BRACKETS.get(text[end - 1]);
    if (unopened.get(opening) > 0) count(opening, -1);
    else if (!AFTER_LINK.has(text[end - 1])) return end;
  }
  return 0;
}

/** Whether a character belongs to a word that a name beside it would run into, as é and к do. */
function isOfAWord(character) {
  if (character < "\u0080") return false;
  return (character >= "\u0300" && character <= "\u036f") || character.toLowerCase() !== character.toUpperCase();
}

function link(address) {
  const a = document.createElement("a");
  a.href = address;
  a.rel = "noopener noreferrer nofollow ugc";
  a.target = "_blank";
  a.textContent = address;
  return a;
}

function mention(text, isYou) {
  const mark = document.createElement("strong");
  mark.className = "mention";
  if (isYou) mark.classList.add("mention--you");
  mark.textContent = text;
  return mark;
}
