// Allowing notifications on the desktop: a browser asks only when a person has pressed something.

const section = document.querySelector("[data-desktop]");

const WORDS = {
  granted: "Notifications show on your desktop while no tab of this site can be seen.",
  denied: "Your browser does not let this site show notifications. Its own settings can allow it again.",
  default: "Notifications can show on your desktop while this site is in the background.",
};

function show() {
  section.hidden = false;
  section.querySelector("[data-part=text]").textContent = WORDS[Notification.permission];
  section.querySelector("[data-part=allow]").hidden = Notification.permission !== "default";
}

if (section && "Notification" in window) {
  section.querySelector("[data-part=allow]").addEventListener("click", async () => {
    await Notification.requestPermission();
    show();
  });
  show();
}
