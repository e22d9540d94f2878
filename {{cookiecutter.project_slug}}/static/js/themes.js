// The choice of light, dark, or what the system says, kept in this browser; theme.js applies it.

const choice = document.querySelector("[data-theme-choice]");

function choose(theme) {
  try {
    if (theme) localStorage.setItem("theme", theme);
    else localStorage.removeItem("theme");
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
  show(theme);
}

function show(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  for (const radio of choice?.querySelectorAll("input") ?? []) radio.checked = radio.value === theme;
}

if (choice) {
  choice.hidden = false;
  choice.addEventListener("change", (event) => choose(event.target.value));
  show(document.documentElement.dataset.theme ?? "");
}

addEventListener("storage", (event) => {
  // The admin's own choice is kept under the same name, as "auto" where it is none.
  if (event.key === "theme") show(["light", "dark"].includes(event.newValue) ? event.newValue : "");
});
