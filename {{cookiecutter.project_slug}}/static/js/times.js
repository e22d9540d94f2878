// How long ago something was, in the reader's own language.

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** "now", "5 minutes ago", "yesterday" */
export function ago(date, now = new Date()) {
  const seconds = Math.max(0, (now - date) / 1000);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? ["second", Infinity];
  return relative.format(-Math.floor(seconds / length), unit);
}
