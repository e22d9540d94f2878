// Icons and avatars as elements, the same as icon.html and {% avatar person %} in a template.

const SVG = "http://www.w3.org/2000/svg";

/** An icon of static/icons.svg: icon("send") */
export function icon(name) {
  const svg = element("svg", { class: "icon", "aria-hidden": "true" });
  svg.append(element("use"));
  showIcon(svg, name);
  return svg;
}

export function showIcon(svg, name) {
  svg.firstElementChild.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
}

export function avatar(person, size = "medium") {
  const svg = element("svg", { class: `avatar avatar--${size}`, viewBox: "0 0 40 40", "aria-hidden": "true" });
  const text = element("text", {
    x: 20,
    y: 20,
    fill: "#fff",
    "font-size": 16,
    "text-anchor": "middle",
    "dominant-baseline": "central",
  });
  text.textContent = person.initials;
  svg.append(element("circle", { cx: 20, cy: 20, r: 20, fill: person.color }), text);
  if (person.picture) svg.append(element("image", { href: person.picture, width: 40, height: 40 }));
  return svg;
}

function element(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
