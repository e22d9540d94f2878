// The site's service worker, on every page: it shows the offline page, and what is pushed.

/** @type {Promise<ServiceWorkerRegistration> | undefined} */
export const registered = navigator.serviceWorker?.register("/service-worker.js");
registered?.catch(console.warn);
