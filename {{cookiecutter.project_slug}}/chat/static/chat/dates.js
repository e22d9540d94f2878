// How times are put into words, in the reader's own language and time zone.

const DAY_MS = 86_400_000;
const WEEK_DAYS = 7;

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const thisYear = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const otherYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** "10:32" */
export function clock(date) {
  return time.format(date);
}

/** "Tuesday, 3 June 2025 at 10:32" */
export function moment(date) {
  return full.format(date);
}

/** "Today", "Yesterday", "Tuesday, 3 June", "3 June 2019" */
export function day(date, now = new Date()) {
  const ago = daysAgo(date, now);
  if (ago === 0 || ago === 1) return capital(relative.format(-ago, "day"));
  return (date.getFullYear() === now.getFullYear() ? thisYear : otherYear).format(date);
}

/** "10:32" today, "Tue" this week, "3 Jun" before: for the narrow end of a line */
export function brief(date, now = new Date()) {
  const ago = daysAgo(date, now);
  if (ago <= 0) return clock(date);
  return ago < WEEK_DAYS ? weekday.format(date) : short.format(date);
}

export function sameDay(a, b) {
  return a.toDateString() === b.toDateString();
}

function daysAgo(date, now) {
  return Math.round((midnight(now) - midnight(date)) / DAY_MS);
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
