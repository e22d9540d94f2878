// Times in words, in the site's language and the reader's time zone.

import { locale } from "./texts.js";

const DAY_MS = 86_400_000;
const DAY_CHECK_MS = 60_000;
const WEEK_DAYS = 7;
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
const thisYear = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const otherYear = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
const short = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** "now", "5 minutes ago", "yesterday" */
export function ago(date, now = new Date()) {
  const seconds = Math.max(0, (now - date) / 1000);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? ["second", Infinity];
  return relative.format(-Math.floor(seconds / length), unit);
}

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
  const days = daysAgo(date, now);
  if (days === 0 || days === 1) return capital(relative.format(-days, "day"));
  return (date.getFullYear() === now.getFullYear() ? thisYear : otherYear).format(date);
}

/** "10:32" today, "Tue" this week, "3 Jun" before: for the narrow end of a line */
export function brief(date, now = new Date()) {
  const days = daysAgo(date, now);
  if (days <= 0) return clock(date);
  return days < WEEK_DAYS ? weekday.format(date) : short.format(date);
}

/** Calls back when a new day has begun, since words such as "Today" are then out of date. */
export function eachDay(changed) {
  let last = new Date();
  setInterval(() => {
    const now = new Date();
    if (sameDay(last, now)) return;
    last = now;
    changed();
  }, DAY_CHECK_MS);
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
