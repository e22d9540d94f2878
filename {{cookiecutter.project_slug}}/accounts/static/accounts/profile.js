// The avatar above the form takes the colour that is chosen below it.

const disc = document.querySelector(".profile-head circle");

for (const swatch of document.querySelectorAll(".swatch input")) {
  swatch.addEventListener("change", () => disc.setAttribute("fill", swatch.value));
}
