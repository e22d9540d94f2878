// Texts in the site's language: gettext("Copied"), interpolate(gettext("Replying to %(name)s"), { name: "Ada" }).

export { gettext, interpolate, locale, ngettext } from "../realtime/texts.js";
