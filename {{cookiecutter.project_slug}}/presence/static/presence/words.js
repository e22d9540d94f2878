// A person's state in words.

import { gettext, interpolate } from "../js/texts.js";
import { ago } from "../js/times.js";

const WORDS = { online: gettext("Online"), away: gettext("Away"), offline: gettext("Offline") };
const JUST_NOW_MS = 60_000;

/** "Online", "Away", "Last seen 5 minutes ago", "Offline" */
export function inWords(state, lastSeen, now = new Date()) {
  if (state !== "offline" || !lastSeen) return WORDS[state];
  if (now - lastSeen < JUST_NOW_MS) return gettext("Last seen just now");
  return interpolate(gettext("Last seen %(when)s"), { when: ago(lastSeen, now) });
}
