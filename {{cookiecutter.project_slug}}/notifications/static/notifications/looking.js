// Tells the server which target this page shows, while it can be seen: what happens there needs no notification.
// A page says what it shows by an element with data-looking-at="chat:general".

const RENEW_MS = 30_000; // The server believes it for 45 s.

/** @returns {string | null} the target that this page shows to somebody right now */
export function lookedAt() {
  const seen = document.visibilityState === "visible";
  return (seen && document.querySelector("[data-looking-at]")?.dataset.lookingAt) || null;
}

/** @param {EventTarget} topic the person's notifications */
export function tellWhereOneLooks(topic) {
  let told = null;

  const tell = (again) => {
    if (topic.state !== "joined") return;
    const target = lookedAt();
    if (target === told && !(again && target)) return;
    told = target;
    topic.request("looking", { target }).catch(() => {});
  };

  topic.addEventListener("state", () => {
    told = null;
    tell();
  });
  document.addEventListener("visibilitychange", () => tell());
  setInterval(() => tell(true), RENEW_MS);
}
