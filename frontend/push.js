/** Being called although nobody looks at the page: this device's own notifications, by web push. */

import { ask } from './server.js';
import { language } from './words.js';

/** @typedef {'on' | 'off' | 'denied' | 'impossible'} PushState */

const WORKER = '/push-worker.js';
const PATH = '/notifier/api/push';

/** Some browsers have it only for pages that were put on the home screen. */
function isPossible() {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
}

/** @returns {Promise<PushState>} how it stands on this device */
export async function pushState() {
  if (!isPossible()) return 'impossible';
  if (Notification.permission === 'denied') return 'denied';
  const subscription = Notification.permission === 'granted' ? await subscribed() : null;
  return subscription ? 'on' : 'off';
}

/**
 * Asks the browser's question if it has not been answered; call it when a person has pressed something.
 * @param {'visit' | 'staff'} audience as whom: one browser may have both sessions
 * @returns {Promise<PushState>}
 * @throws {import('./server.js').Refused}
 */
export async function turnOnPush(audience) {
  if (!isPossible()) return 'impossible';
  if (await Notification.requestPermission() !== 'granted') return 'denied';
  const subscription = await subscribe();
  if (!subscription) return 'impossible';
  await ask('POST', `${PATH}/subscription`, { body: { ...subscription.toJSON(), language, audience } });
  return 'on';
}

/**
 * @returns {Promise<PushState>}
 * @throws {import('./server.js').Refused}
 */
export async function turnOffPush() {
  const subscription = await subscribed();
  if (subscription) {
    await ask('DELETE', `${PATH}/subscription`, { body: { endpoint: subscription.endpoint } });
    await subscription.unsubscribe();
  }
  return pushState();
}

async function subscribed() {
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  return await registration?.pushManager.getSubscription() ?? null;
}

/** A key of ours that has changed makes the old subscription worthless. */
async function subscribe() {
  await navigator.serviceWorker.register(WORKER, { scope: '/' });
  const { pushManager } = await navigator.serviceWorker.ready;
  const { key } = await ask('GET', `${PATH}/key`);
  const wanted = { userVisibleOnly: true, applicationServerKey: key };
  try {
    return await pushManager.subscribe(wanted);
  } catch {
    await (await pushManager.getSubscription())?.unsubscribe();
    return pushManager.subscribe(wanted).catch(() => null);
  }
}
