// Web push: shows notifications while no tab of the site is visible, and opens their links.

self.addEventListener("push", (event) => event.waitUntil(show(event.data.json())));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(follow(event.notification.data.url));
});

async function show({ title, body, url, tag }) {
  const tabs = await self.clients.matchAll({ type: "window" });
  if (tabs.some((tab) => tab.visibilityState === "visible")) return;
  await self.registration.showNotification(title, { body, tag, renotify: true, data: { url } });
}

async function follow(path) {
  const url = new URL(path, self.location.origin).href;
  const [tab] = await self.clients.matchAll({ type: "window" });
  if (!tab) return self.clients.openWindow(url);
  await tab.focus();
  return tab.navigate(url);
}
