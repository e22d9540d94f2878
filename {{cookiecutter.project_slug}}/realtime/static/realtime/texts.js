// Texts in the site's language. Where that is not English, base.html loads a catalogue before the modules run; where
// there is none, the texts are what they are in the source.

const catalogue = globalThis.django?.gettext ? globalThis.django : null;
const site = document.documentElement.lang;

/** The site's language for Intl, as the reader's region writes it: "en-GB" if that is what the browser prefers. */
export const locale = navigator.languages.find((each) => each.split("-")[0] === site) ?? (site ? inOwnHours(site) : undefined);

/** @returns {string} gettext("Copied") */
export function gettext(text) {
  return catalogue?.gettext(text) ?? text;
}

/** @returns {string} the form for so many, in which `interpolate` puts the number */
export function ngettext(one, many, count) {
  return catalogue?.ngettext(one, many, count) ?? (count === 1 ? one : many);
}

/** @returns {string} interpolate(gettext("Replying to %(name)s"), { name: "Ada" }) */
export function interpolate(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

/** The language, with the hours of the reader's browser, which is in another: 16:00 and not 4:00 PM. */
function inOwnHours(language) {
  const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
  return new Intl.Locale(language, { hourCycle });
}
