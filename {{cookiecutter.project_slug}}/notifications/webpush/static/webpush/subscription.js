// This browser's subscription to web push, in the browser and on the server.

import { registered } from "../js/worker.js";

export const isPossible = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** @returns {Promise<PushSubscription | null>} */
export async function current() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** Asks the person, subscribes, and tells the server. @param {string} key the site's, in base64url */
export async function subscribe(key) {
  if ((await Notification.requestPermission()) !== "granted") return null;
  await registered;
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  let subscription;
  try {
    subscription = await pushManager.subscribe(options);
  } catch (error) {
    if (error.name !== "InvalidStateError") throw error;
    await (await pushManager.getSubscription())?.unsubscribe(); // Made with a key that the site no longer has.
    subscription = await pushManager.subscribe(options);
  }
  await tell(subscription);
  return subscription;
}

export async function unsubscribe(subscription) {
  await post("unsubscribe", { endpoint: subscription.endpoint });
  await subscription.unsubscribe();
}

/** Sends the subscription to the server, for the person who is signed in now. */
export async function tell(subscription) {
  await post("subscribe", subscription);
}

async function post(action, data) {
  const path = document.getElementById("push").dataset[action];
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(data) });
  if (!response.ok) throw new Error((await response.json()).detail);
}
