// An icon of static/icons.svg as an element: icon("send").

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  showIcon(svg, name);
  return svg;
}

export function showIcon(svg, name) {
  svg.firstElementChild.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
}
