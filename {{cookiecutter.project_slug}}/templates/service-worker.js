{% load optional %}// The site's one service worker. It keeps no pages: it has one, for when the site cannot be reached.

const PAGE = {{ page|safe }};
const POLICY = {{ policy|safe }};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

// A form that is sent without an answer is left to the browser, which can send it again.
self.addEventListener("fetch", (event) => {
  const { mode, method } = event.request;
  if (mode === "navigate" && method === "GET") event.respondWith(open(event));
});

async function takeOver() {
  await self.registration.navigationPreload?.enable(); // No page waits until this script has started.
  await self.clients.claim();
}

async function open({ request, preloadResponse }) {
  try {
    const response = (await preloadResponse) ?? (await fetch(request));
    if (!isOfProxy(response)) return response;
  } catch {
    // No connection, or no server.
  }
  const headers = { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY };
  return new Response(PAGE, { status: 503, headers });
}

/** Whether a proxy answers because the site does not: the site's own errors have its policy. */
function isOfProxy({ status, headers }) {
  return [502, 503, 504].includes(status) && !headers.has("Content-Security-Policy");
}
{% include_if_installed "webpush/worker.js" %}
