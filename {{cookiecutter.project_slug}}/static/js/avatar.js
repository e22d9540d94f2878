// A person's avatar as an element, the same as {% avatar person %} in a template.

const SVG = "http://www.w3.org/2000/svg";

export function avatar(person, size = "medium") {
  const svg = element("svg", { viewBox: "0 0 40 40", "aria-hidden": "true" });
  svg.setAttribute("class", `avatar avatar--${size}`);
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
  return svg;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
