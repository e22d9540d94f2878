// The files of a message: pictures in a grid, other files in rows. Their sizes are fixed before anything is loaded.

import { clone, part } from "../js/dom.js";
import { locale } from "../js/texts.js";

const WIDEST_PX = 320;
const HIGHEST_PX = 240;

/** @param {HTMLElement} list @param {object[]} attachments as on the wire */
export function showAttachments(list, attachments) {
  const shown = JSON.stringify(attachments);
  if (list.dataset.shown === shown) return; // What is loaded stays.
  list.dataset.shown = shown;
  list.hidden = attachments.length === 0;
  const pictures = attachments.filter(isPicture);
  list.classList.toggle("attachments--several", pictures.length > 1);
  list.replaceChildren(...attachments.map((each) => (isPicture(each) ? picture(each) : file(each))));
}

/** "1.4 MB" */
export function sizeOf(bytes) {
  const small = bytes < 1_000_000;
  const format = { style: "unit", unit: small ? "kilobyte" : "megabyte", maximumFractionDigits: small ? 0 : 1 };
  return new Intl.NumberFormat(locale, format).format(small ? Math.ceil(bytes / 1_000) : bytes / 1_000_000);
}

function isPicture({ width }) {
  return width !== null;
}

function picture({ name, url, width, height, thumbnail }) {
  const item = clone("picture");
  item.querySelector("a").href = url;
  const image = item.querySelector("img");
  const scale = Math.min(1, WIDEST_PX / width, HIGHEST_PX / height);
  image.width = Math.max(1, Math.round(width * scale));
  image.height = Math.max(1, Math.round(height * scale));
  image.style.aspectRatio = `${width} / ${height}`; // Also before there is something to load.
  image.alt = name;
  image.title = name;
  if (thumbnail) image.src = thumbnail; // Until it is made, the place for it is kept.
  return item;
}

function file({ name, url, size }) {
  const item = clone("file");
  const link = item.querySelector("a");
  link.href = url;
  link.download = name;
  part(item, "name").textContent = name;
  part(item, "size").textContent = sizeOf(size);
  return item;
}
