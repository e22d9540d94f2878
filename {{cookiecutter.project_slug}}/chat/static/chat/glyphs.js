// Which emoji the system's fonts have: in place of others they draw a box, or several pictures.

const SIZE = 32;
const COLOR = "#f0f"; // Of text and boxes. It has no green, and every emoji that is checked here has some.
const KNOWN = "😀";

/** @returns {(emoji: string) => boolean} whether it is one picture, in colours; true where no emoji has colours */
export function glyphs() {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return () => true;
  const family = getComputedStyle(document.documentElement).getPropertyValue("--font-emoji");
  Object.assign(context, { font: `${SIZE / 2}px ${family}`, fillStyle: COLOR, textBaseline: "top" });

  const width = (emoji) => context.measureText(emoji).width;
  const isColored = (emoji) => {
    context.clearRect(0, 0, SIZE, SIZE);
    context.fillText(emoji, 0, 0);
    const { data } = context.getImageData(0, 0, SIZE, SIZE);
    return data.some((value, index) => index % 4 === 1 && value > 64);
  };
  const hasColors = isColored(KNOWN);
  return (emoji) => !hasColors || (isColored(emoji) && width(emoji) < 1.5 * width(KNOWN));
}
