// A message's text as DOM nodes: addresses become links, mentions stand out, the rest is plain text.

const LINK = /\bhttps?:\/\/[^\s<>"]+/giu;
const MENTION = /(?<![\w.@-])@([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)/gu;
const AFTER_LINK = /[.,:;!?'’”»]+$/u;
const BRACKETS = new Map([[")", "("], ["]", "["], ["}", "{"]]);

/**
 * @param {string} body
 * @param {{mentions: string[], you: string}} names usernames: the people whom the message names, and the reader
 * @returns {DocumentFragment}
 */
export function renderText(body, { mentions, you }) {
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (const { index, length, node } of finds(body, mentions, you)) {
    if (index < end) continue;
    fragment.append(body.slice(end, index), node);
    end = index + length;
  }
  fragment.append(body.slice(end));
  return fragment;
}

function finds(body, mentions, you) {
  const links = Array.from(body.matchAll(LINK), ({ index, 0: text }) => {
    const address = trimmed(text);
    return { index, length: address.length, node: link(address) };
  });
  const names = new Set(mentions.map((name) => name.toLowerCase()));
  const people = Array.from(body.matchAll(MENTION))
    .filter(([, name]) => names.has(name.toLowerCase()))
    .map(({ index, 0: text, 1: name }) => ({ index, length: text.length, node: mention(text, name, you) }));
  return [...links, ...people].sort((a, b) => a.index - b.index);
}

/** The address without the punctuation of the sentence around it: "(see https://example.com/a)." */
function trimmed(text) {
  const address = text.replace(AFTER_LINK, "");
  const opening = BRACKETS.get(address.at(-1));
  if (!opening) return address;
  const closed = address.split(address.at(-1)).length <= address.split(opening).length;
  return closed ? address : trimmed(address.slice(0, -1));
}

function link(address) {
  const a = document.createElement("a");
  a.href = address;
  a.rel = "noopener noreferrer nofollow ugc";
  a.target = "_blank";
  a.textContent = address;
  return a;
}

function mention(text, name, you) {
  const mark = document.createElement("strong");
  mark.className = "mention";
  if (name.toLowerCase() === you.toLowerCase()) mark.classList.add("mention--you");
  mark.textContent = text;
  return mark;
}
