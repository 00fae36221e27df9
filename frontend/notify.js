/** The professional's own device: it tells of arrivals, also while another window is in front or none is open. */

import { button, pressed, write } from './find.js';
import { showRefusal } from './notes.js';
import { pushState, turnOffPush, turnOnPush } from './push.js';
import { t } from './words.js';

/** @import {PushState} from './push' */

/** @type {Record<PushState, () => string>} */
const STATES = {
  on: () => t('notify.on'),
  off: () => t('notify.off'),
  denied: () => t('notify.denied'),
  impossible: () => t('notify.impossible'),
};

export class Notify {
  #button = button('notify');
  /** @type {PushState} */
  #state = 'impossible';

  /** @param {HTMLElement} notes */
  constructor(notes) {
    this.notes = notes;
    pressed('notify', () => void this.#turn());
    void pushState().then((state) => this.#show(state));
  }

  async #turn() {
    try {
      this.#show(await (this.#state === 'on' ? turnOffPush() : turnOnPush('staff')));
    } catch (error) {
      showRefusal(this.notes, error);
    }
  }

  /** @param {PushState} state */
  #show(state) {
    this.#state = state;
    write(this.#button.querySelector('span') ?? this.#button, STATES[state]());
    this.#button.setAttribute('aria-pressed', String(state === 'on'));
    this.#button.setAttribute('aria-disabled', String(state === 'denied' || state === 'impossible'));
  }
}

/**
 * Somebody has come, and another window is in front. No name: others may see the screen.
 * @param {string} tag
 */
export function notifyOfArrival(tag) {
  if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return;
  const shown = new Notification(t('notify.title'), { body: t('notify.body'), tag });
  shown.addEventListener('click', () => { window.focus(); shown.close(); });
}
