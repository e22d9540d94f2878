// A person's state in words, in the reader's own language where it has numbers in it.

import { ago } from "../js/times.js";

const WORDS = { online: "Online", away: "Away", offline: "Offline" };
const JUST_NOW_MS = 60_000;

/** "Online", "Away", "Last seen 5 minutes ago", "Offline" */
export function inWords(state, lastSeen, now = new Date()) {
  if (state !== "offline" || !lastSeen) return WORDS[state];
  return now - lastSeen < JUST_NOW_MS ? "Last seen just now" : `Last seen ${ago(lastSeen, now)}`;
}
