// What takes the place of a page whose reader has been signed out, here or elsewhere.

/** Removes everything that the page shows, and offers to sign in. */
export function wipe() {
  const main = document.createElement("main");
  main.className = "page page--narrow page--window stack";
  const text = document.createElement("p");
  text.role = "status";
  text.textContent = "You are signed out.";
  const link = document.createElement("a");
  link.className = "button button--primary";
  link.href = location.href;
  link.textContent = "Sign in";
  main.append(text, link);
  document.title = "Signed out";
  document.body.replaceChildren(main);
}
