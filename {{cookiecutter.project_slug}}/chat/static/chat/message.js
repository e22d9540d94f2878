// One message as an element.

import { clone, part, show } from "../js/dom.js";
import { avatar } from "../js/pictures.js";
import { clock, moment } from "../js/times.js";
import { renderText } from "./text.js";

const DELETED = "This message was deleted.";

/**
 * @param {object} message as on the wire
 * @param {{you: object, nameOf: (id: number) => string}} reader
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
  element.classList.toggle("message--deleted", deleted);
  element.classList.toggle("message--mentions-you", message.mentions.includes(reader.you.username));
  const names = { mentions: message.mentions, you: reader.you.username };
  part(element, "body").replaceChildren(deleted ? DELETED : renderText(message.body, names));
  part(element, "edited").hidden = deleted || message.edited_at === null;
  showReactions(part(element, "reactions"), message, reader);
}

/** Shows the author and the first words of the message that this one replies to. */
export function showQuote(element, quoted) {
  const quote = part(element, "quote");
  quote.hidden = false;
  quote.dataset.jump = quoted.seq;
  show(part(quote, "quote-author"), quoted.author?.name ?? "");
  part(quote, "quote-text").textContent = quoted.deleted_at ? DELETED : quoted.body;
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
