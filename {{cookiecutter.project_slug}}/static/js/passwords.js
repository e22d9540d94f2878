// A button in each password field that shows what was typed.

import { icon, showIcon } from "./pictures.js";
import { gettext } from "./texts.js";

for (const input of document.querySelectorAll(".field input[type=password]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button--quiet button--icon";
  button.append(icon("eye"));
  button.addEventListener("click", () => reveal(input, button, input.type === "password"));
  const frame = document.createElement("div");
  frame.className = "field__password";
  input.replaceWith(frame);
  frame.append(input, button);
  input.form?.addEventListener("submit", () => reveal(input, button, false));
  reveal(input, button, false);
}

function reveal(input, button, shown) {
  input.type = shown ? "text" : "password";
  button.ariaLabel = shown ? gettext("Hide the password") : gettext("Show the password");
  showIcon(button.firstElementChild, shown ? "eye-off" : "eye");
}
