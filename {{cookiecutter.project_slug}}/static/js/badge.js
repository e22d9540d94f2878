// A count in the page's title and on its icon: setBadge("notifications", 3).
// Nothing else writes the title.

const COUNTED = 99;
const SIZE = 64;

const title = document.title;
const link = document.querySelector("link[rel=icon]");
const plain = link?.href;
const counts = new Map();
let shown = 0;
let image = null;

/** Parts of a page may count the same thing, such as an unread mention, so the highest count is shown. */
export function setBadge(part, count) {
  counts.set(part, count);
  const highest = Math.max(...counts.values());
  if (highest === shown) return;
  shown = highest;
  const label = shown > COUNTED ? `${COUNTED}+` : String(shown);
  document.title = shown ? `(${label}) ${title}` : title;
  if (link) mark(shown ? label : "");
}

function mark(label) {
  if (!label) {
    link.href = plain;
    return;
  }
  image ??= load(plain);
  image.then((icon) => {
    if (shown) link.href = drawn(icon, label);
  });
}

function load(source) {
  return new Promise((resolve) => {
    const icon = new Image(SIZE, SIZE);
    icon.onload = () => resolve(icon);
    icon.src = source;
  });
}

function drawn(icon, label) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d");
  context.drawImage(icon, 0, 0, SIZE, SIZE);
  context.font = `700 ${SIZE * 0.5}px system-ui, sans-serif`;
  const width = Math.min(SIZE, Math.max(SIZE * 0.6, context.measureText(label).width + SIZE * 0.25));
  context.fillStyle = "#e03131";
  context.beginPath();
  context.roundRect(SIZE - width, 0, width, SIZE * 0.6, SIZE * 0.3);
  context.fill();
  context.fillStyle = "#fff";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(label, SIZE - width / 2, SIZE * 0.32, width);
  return canvas.toDataURL();
}
