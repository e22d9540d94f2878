// One message as an element.

import { clone, part, show } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { clock, moment } from "../js/times.js";
import { showAttachments } from "./attachments.js";
import { renderText } from "./text.js";

const DELETED = "This message was deleted.";
const ROW_CHARACTERS = 60;
const FOLDED_ROWS = 24; // A message that takes more is folded until the reader asks for all of it.

/**
 * @param {object} message as on the wire
 * @param {{you: object, nameOf: (id: number) => string, mayStop: (message: object) => boolean}} reader
 * @returns {HTMLElement}
 */
export function createMessage(message, reader) {
  const element = clone("message");
  element.id = `message-${message.seq}`;
  element.dataset.seq = message.seq;
  element.classList.toggle("message--own", message.author.id === reader.you.id);
  const created = new Date(message.created_at);
  const time = part(element, "time");
  time.dateTime = message.created_at;
  time.title = moment(created);
  time.textContent = clock(created);
  updateMessage(element, message, reader);
  return element;
}

/** Shows what may change after the message is made. */
export function updateMessage(element, message, reader) {
  const deleted = message.deleted_at !== null;
  part(element, "avatar").replaceChildren(avatar(message.author));
  part(element, "author").textContent = message.author.name;
  part(element, "bot").hidden = !message.author.bot;
  element.classList.toggle("message--writing", Boolean(message.writing));
  element.ariaBusy = String(Boolean(message.writing)); // Read out once it is finished.
  part(element, "stop").hidden = !message.writing || !reader.mayStop(message);
  element.classList.toggle("message--deleted", deleted);
  element.classList.toggle("message--mentions-you", message.mentions.includes(reader.you.username));
  const names = { mentions: message.mentions, you: reader.you.username };
  const body = part(element, "body");
  body.replaceChildren(deleted ? DELETED : renderText(message.body, names));
  body.hidden = !deleted && !message.body;
  const folded = !deleted && rows(message.body) > FOLDED_ROWS && !body.classList.contains("message__body--unfolded");
  body.classList.toggle("message__body--folded", folded);
  part(element, "unfold").hidden = !folded;
  part(element, "edited").hidden = deleted || message.edited_at === null;
  showAttachments(part(element, "attachments"), message.attachments);
  showReactions(part(element, "reactions"), message, reader);
}

/** Shows all of a long message, which takes the focus from the button that goes. */
export function unfold(element) {
  const body = part(element, "body");
  body.classList.remove("message__body--folded");
  body.classList.add("message__body--unfolded");
  part(element, "unfold").hidden = true;
  element.focus({ preventScroll: true });
}

/** What a message says; of one without words, the names of its files. */
export function words({ body, attachments = [] }) {
  return body || attachments.map(({ name }) => name).join(", ");
}

/** About how many rows a text takes. */
function rows(text) {
  return text.split("\n").reduce((count, line) => count + Math.ceil((line.length || 1) / ROW_CHARACTERS), 0);
}

/** Shows the author and the first words of the message that this one replies to. */
export function showQuote(element, quoted) {
  const quote = part(element, "quote");
  quote.hidden = false;
  quote.dataset.jump = quoted.seq;
  show(part(quote, "quote-author"), quoted.author?.name ?? "");
  part(quote, "quote-text").textContent = quoted.deleted_at ? DELETED : words(quoted);
}

function showReactions(list, message, { you, nameOf }) {
  const items = message.reactions.map(({ emoji, users }) => {
    const item = clone("reaction");
    const button = item.querySelector("button");
    button.dataset.emoji = emoji;
    button.ariaPressed = String(users.includes(you.id));
    button.title = users.map(nameOf).join(", ");
    button.ariaLabel = `${emoji} from ${users.map(nameOf).join(", ")}`;
    part(item, "emoji").textContent = emoji;
    part(item, "count").textContent = users.length;
    return item;
  });
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
}
