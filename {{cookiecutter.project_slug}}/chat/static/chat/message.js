// One message as an element.

import { clone, part, plain, show } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { gettext, interpolate } from "../js/texts.js";
import { clock, moment } from "../js/times.js";
import { showAttachments } from "./attachments.js";
import { nameOf } from "./people.js";
import { room } from "./room.js";

const DELETED = gettext("This message was deleted.");
const ROW_CHARACTERS = 60;
const FOLDED_ROWS = 24; // A message that takes more is folded until the reader asks for all of it.

/** @param {object} message as on the wire @returns {HTMLElement} a line for it, without what may change */
export function createMessage({ seq, author }) {
  const line = clone("message");
  line.id = `message-${seq}`;
  line.dataset.seq = seq;
  line.classList.toggle("message--own", author.id === room.you.id);
  return line;
}

/** Shows a message as it is now. */
export function showMessage(line, message) {
  const deleted = message.deleted_at !== null;
  const created = new Date(message.created_at);
  const time = part(line, "time");
  time.dateTime = message.created_at;
  time.title = moment(created);
  time.textContent = clock(created);
  link(part(line, "link"), message.seq);
  part(line, "avatar").replaceChildren(avatar(message.author));
  part(line, "author").textContent = message.author.name;
  part(line, "bot").hidden = !message.author.bot;
  line.classList.toggle("message--writing", Boolean(message.writing));
  line.ariaBusy = String(Boolean(message.writing)); // Read out once it is finished.
  part(line, "stop").hidden = !message.writing || !mayStop(message);
  line.classList.toggle("message--deleted", deleted);
  line.classList.toggle("message--mentions-you", message.mentions.includes(room.you.username));
  const body = part(line, "body");
  showBody(body, deleted ? `<p>${DELETED}</p>` : message.html);
  const folded = !deleted && rows(message.body) > FOLDED_ROWS && !body.classList.contains("message__body--unfolded");
  body.classList.toggle("message__body--folded", folded);
  part(line, "unfold").hidden = !folded;
  part(line, "edited").hidden = deleted || message.edited_at === null;
  showAttachments(part(line, "attachments"), message.attachments);
  showPreview(part(line, "preview"), message.preview);
  showReactions(part(line, "reactions"), message);
}

/** Shows what the page says of itself to which the message links: as text, and nothing is loaded from there. */
function showPreview(card, preview) {
  card.hidden = !preview;
  if (!preview) return;
  card.href = preview.url;
  for (const name of ["site", "title", "description"]) show(part(card, `preview-${name}`), preview[name]);
}

/** Shows all of a long message, which takes the focus from the button that goes. */
export function unfold(element) {
  const body = part(element, "body");
  body.classList.remove("message__body--folded");
  body.classList.add("message__body--unfolded");
  part(element, "unfold").hidden = true;
  element.focus({ preventScroll: true });
}

/** What a message says, on one line; of one without words, the names of its files. */
export function words({ html, attachments }) {
  return plain(html) || attachments.map(({ name }) => name).join(", ");
}

/** The HTML is the server's (chat/markdown.py), and safe: what a message brings of its own in it is text. */
function showBody(body, html) {
  body.hidden = !html;
  if (body.dataset.html === html) return; // What the reader has selected stays.
  body.dataset.html = html;
  body.innerHTML = html;
  for (const mark of body.querySelectorAll(`.mention[data-mention="${room.you.username}"]`)) mark.classList.add("mention--you");
}

/** About how many rows a text takes. */
function rows(text) {
  return text.split("\n").reduce((count, line) => count + Math.ceil((line.length || 1) / ROW_CHARACTERS), 0);
}

/**
 * Shows the author and the first words of the message that this one replies to.
 *
 * @param {HTMLElement} element
 * @param {number} seq of that message
 * @param {{author: object, text: string}} quote without text once it is deleted
 */
export function showQuote(element, seq, { author, text }) {
  const quote = part(element, "quote");
  quote.hidden = false;
  link(quote, seq);
  part(quote, "quote-author").textContent = author.name;
  part(quote, "quote-text").textContent = text || DELETED;
}

/** Leads to a message of this room, from elsewhere too. */
function link(anchor, seq) {
  anchor.href = `?at=${seq}`;
  anchor.dataset.jump = seq;
}

function mayStop({ reply_to: asked }) {
  return room.you.role !== "member" || room.messages.get(asked)?.author.id === room.you.id;
}

/** A message as another one quotes it. */
export function quoteOf(message) {
  return { author: message.author, text: message.deleted_at ? "" : words(message) };
}

/** One stop for the tab key; the arrow keys go on from there. What had the focus has it again. */
function showReactions(list, message) {
  const focused = list.contains(document.activeElement) && document.activeElement.dataset.emoji;
  const items = message.reactions.map(({ emoji, users }) => {
    const item = clone("reaction");
    const button = item.querySelector("button");
    button.dataset.emoji = emoji;
    button.ariaPressed = String(users.includes(room.you.id));
    const names = users.map(nameOf).join(", ");
    button.title = names;
    button.ariaLabel = interpolate(gettext("%(emoji)s %(count)s from %(names)s"), { emoji, count: users.length, names });
    part(item, "emoji").textContent = emoji;
    part(item, "given").textContent = users.length;
    return item;
  });
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
  const buttons = Array.from(list.querySelectorAll("button"));
  const stop = buttons.find(({ dataset }) => dataset.emoji === focused) ?? buttons[0];
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
  if (focused) (stop ?? list.closest("[data-seq]")).focus({ preventScroll: true });
}
