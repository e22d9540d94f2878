// A person's state in words, in the reader's own language where it has numbers in it.

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const WORDS = { online: "Online", away: "Away", offline: "Offline" };

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** "Online", "Away", "Last seen 5 minutes ago", "Offline" */
export function inWords(state, lastSeen, now = new Date()) {
  if (state !== "offline" || !lastSeen) return WORDS[state];
  const seconds = Math.max(0, (now - lastSeen) / 1000);
  const unit = UNITS.find(([, length]) => seconds >= length);
  if (!unit) return "Last seen just now";
  return `Last seen ${relative.format(-Math.floor(seconds / unit[1]), unit[0])}`;
}
