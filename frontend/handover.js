/** Going on on another device: this one shows a code, the other scans it. */

import { announce } from './announce.js';
import { find, part, pressed, write } from './find.js';
import { showRefusal } from './notes.js';
import { ask, Refused } from './server.js';
import { t } from './words.js';

const LOOK_AGAIN = 2000;
const PATH = '/identity/handover';

export class Handover {
  dialog = find('#hand-over', HTMLDialogElement);
  notes = part('notes', this.dialog);
  code = part('code', this.dialog);
  said = part('said', this.dialog);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** When the shown code is over, by this device's clock. */
  until = 0;

  constructor() {
    pressed('hand-over', () => void this.#open());
    pressed('new-code', () => void this.#show(), this.dialog);
    pressed('close-hand-over', () => this.dialog.close(), this.dialog);
    this.dialog.addEventListener('close', () => this.#end());
  }

  async #open() {
    this.dialog.showModal();
    await this.#show();
  }

  async #show() {
    clearTimeout(this.timer);
    this.notes.replaceChildren();
    try {
      const { picture, seconds } = await ask('POST', PATH);
      if (!this.dialog.open) return;
      find('img', HTMLImageElement, this.code).src = picture;
      this.until = Date.now() + seconds * 1000;
      this.#say(t('hand_over.waits'), true);
      this.#later();
    } catch (error) {
      this.#hide();
      showRefusal(this.notes, error);
    }
  }

  #later() {
    this.timer = setTimeout(() => void this.#look(), LOOK_AGAIN);
  }

  async #look() {
    try {
      const { taken } = await ask('GET', PATH);
      if (taken) return this.#say(t('hand_over.taken'), false);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    if (!this.dialog.open) return undefined;
    if (Date.now() >= this.until) return this.#say(t('hand_over.over'), false);
    return this.#later();
  }

  /**
   * @param {string} text
   * @param {boolean} waits
   */
  #say(text, waits) {
    this.code.hidden = !waits;
    part('again', this.dialog).hidden = waits;
    write(this.said, text);
    announce(text);
  }

  #hide() {
    this.code.hidden = true;
    part('again', this.dialog).hidden = false;
    write(this.said, '');
  }

  /** A code that nobody sees any more should not stay in the page. */
  #end() {
    clearTimeout(this.timer);
    this.until = 0;
    find('img', HTMLImageElement, this.code).removeAttribute('src');
  }
}
