/** Shows what was pushed to this device, also when no page of ours is open. It keeps nothing. */

/** @import {PushWorker, Pushed} from './shapes' */

const worker = /** @type {PushWorker} */ (/** @type {unknown} */ (self));

// Whoever turned this on wants the newest of it now, not after every page has been closed.
worker.addEventListener('install', () => void worker.skipWaiting());
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener('push', (event) => {
  if (event.data) event.waitUntil(shown(event.data.json()));
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(opened(event.notification.data.opens));
});

/** @param {Pushed} pushed */
function shown({ title, body, tag, opens, language }) {
  return worker.registration.showNotification(title, { body, tag, lang: language, data: { opens }, requireInteraction: true });
}

/**
 * The page that is open already knows more than a new one would.
 * @param {string} path
 */
async function opened(path) {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const open = pages.find((page) => new URL(page.url).pathname === path);
  return open ? open.focus() : worker.clients.openWindow(path);
}
