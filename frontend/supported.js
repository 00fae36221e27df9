/** Whether this browser can hold a video call: judged by what it can do, never by its name. */

import { find } from './find.js';

/** @returns {boolean} */
export function canCall() {
  return 'RTCPeerConnection' in window
    && 'getUserMedia' in (navigator.mediaDevices ?? {})
    && 'EventSource' in window
    && 'showModal' in HTMLDialogElement.prototype
    && 'timeout' in AbortSignal;
}

/**
 * Says what to do instead when the browser cannot.
 * @returns {boolean} whether the page may go on
 */
export function mayGoOn() {
  if (canCall()) return true;
  const notice = find('#unsupported', HTMLElement);
  notice.hidden = false;
  for (const view of document.querySelectorAll('[data-view], #entry')) view.setAttribute('hidden', '');
  notice.querySelector('h1')?.focus();
  return false;
}
