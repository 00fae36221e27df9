/** Putting the phone away while waiting, and being called back when it is one's turn. */

import { announceNow } from './announce.js';
import { serverNow } from './clock.js';
import { button, find, part, pressed, write } from './find.js';
import { showRefusal } from './notes.js';
import { pushState, turnOnPush } from './push.js';
import { ask } from './server.js';
import { ring } from './sound.js';
import { markTitle } from './views.js';
import { t } from './words.js';

/** @import {Channels, Place, Visit} from './shapes' */
/** @import {PushState} from './push' */

const PATH = '/notifier/api/visit';
const CALLED = [500, 200, 500, 200, 500];

/** @type {Record<PushState, () => string>} */
const NOTIFICATIONS = {
  on: () => t('away.push.on'),
  off: () => t('away.push.off'),
  denied: () => t('away.push.denied'),
  impossible: () => t('away.push.impossible'),
};

export class Away {
  dialog = find('#away', HTMLDialogElement);
  notes = part('notes', this.dialog);
  push = button('push-on', this.dialog);
  texts = find('#away-texts', HTMLInputElement);
  /** @type {PushState} */
  #push = 'off';
  /** @type {Channels['text_messages']} */
  #texts = { possible: false, agreed: false, ends_with: null };
  #summoned = '';

  /**
   * @param {HTMLElement} within
   * @param {(act: 'away' | 'back') => Promise<void>} act
   */
  constructor(within, act) {
    this.note = part('away', within);
    this.summons = part('summons', within);
    this.act = act;
    pressed('put-away', () => void this.#open());
    pressed('come-back', () => void this.act('back'));
    pressed('push-on', () => void this.#try(turnOnPush('visit')), this.dialog);
    pressed('confirm-away', () => void this.#go(), this.dialog);
    pressed('cancel', () => this.dialog.close(), this.dialog);
    this.texts.addEventListener('change', () => void this.#agree());
  }

  /** @param {Visit} visit */
  show({ place, appointment, summons: called }) {
    const waiting = place.state === 'waiting';
    const summons = waiting ? called : null;
    this.summons.hidden = summons === null;
    this.note.hidden = !waiting || place.away_since === null || summons !== null;
    if (summons) this.#showSummons(summons.until, appointment.professional.name);
    if (waiting) this.#call(summons?.until ?? '');
  }

  /**
   * @param {string} until
   * @param {string} name
   */
  #showSummons(until, name) {
    const left = Math.max(0, Math.ceil((Date.parse(until) - serverNow()) / 1000));
    write(part('summons-title', this.summons), t('summons.title', { name }));
    write(part('summons-text', this.summons), left > 0 ? t('summons.left', { left: clock(left) }) : t('summons.over'));
  }

  /**
   * Once for each summons.
   * @param {string} until
   */
  #call(until) {
    if (until === this.#summoned) return;
    this.#summoned = until;
    markTitle(until ? '●' : '');
    if (!until) return;
    announceNow(this.summons.textContent ?? '');
    void ring();
    navigator.vibrate?.(CALLED);
  }

  async #open() {
    this.notes.replaceChildren();
    this.dialog.showModal();
    this.#push = await pushState();
    this.#show();
    try {
      this.#texts = /** @type {Channels} */ (await ask('GET', `${PATH}/channels`)).text_messages;
      this.#show();
    } catch (error) {
      showRefusal(this.notes, error);
    }
  }

  #show() {
    write(part('push', this.dialog), NOTIFICATIONS[this.#push]());
    this.push.hidden = this.#push !== 'off';
    part('texts', this.dialog).hidden = !this.#texts.possible;
    write(part('number', this.dialog), t('away.texts', { end: this.#texts.ends_with ?? '' }));
    this.texts.checked = this.#texts.agreed;
    part('silent', this.dialog).hidden = this.#push === 'on' || this.#texts.agreed;
  }

  /** @param {Promise<PushState>} turning */
  async #try(turning) {
    try {
      this.#push = await turning;
    } catch (error) {
      showRefusal(this.notes, error);
    }
    this.#show();
  }

  async #agree() {
    const agreed = this.texts.checked;
    try {
      await ask('PUT', `${PATH}/consent`, { body: { text_messages: agreed } });
      this.#texts = { ...this.#texts, agreed };
    } catch (error) {
      showRefusal(this.notes, error);
    }
    this.#show();
  }

  async #go() {
    this.dialog.close();
    await this.act('away');
  }
}

/** @param {number} seconds */
function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/**
 * Whether the page may sleep: who has put the device away looks at it no longer.
 * @param {Place} place
 */
export function isAway({ away_since: since }) {
  return since !== null;
}
