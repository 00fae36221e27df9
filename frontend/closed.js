/** After the call: thanks, what happens next, one question, and a way back while it is allowed. */

import { find, part, pressed, view, write } from './find.js';
import { ask } from './server.js';
import { t } from './words.js';

/** @type {Record<string, () => string>} */
const HOW = {
  left: () => t('closed.how.left'),
  professional: () => t('closed.how.professional'),
  patient: () => t('closed.how.left'),
  guardian: () => t('closed.how.left'),
  silence: () => t('closed.how.silence'),
};

export class Closed {
  /** @param {{ rejoin: () => void }} given */
  constructor({ rejoin }) {
    this.section = view('closed');
    for (const choice of this.section.querySelectorAll('[data-action="answer"]')) {
      choice.addEventListener('click', () => void this.#answer(choice.getAttribute('data-answer') ?? ''));
    }
    pressed('rejoin', rejoin, this.section);
  }

  /**
   * @param {string} by who ended it, or how
   * @param {boolean} mayRejoin
   */
  show(by, mayRejoin) {
    write(part('how', this.section), HOW[by]?.() ?? t('closed.how.over'));
    part('rejoin', this.section).hidden = !mayRejoin;
  }

  /** @param {string} went */
  async #answer(went) {
    part('question', this.section).hidden = true;
    part('thanks', this.section).hidden = false;
    find('h1', HTMLElement, this.section).focus({ preventScroll: true });
    // An answer that does not arrive is not worth troubling anybody with.
    await ask('POST', '/lobby/api/visit/answer', { body: { went } }).catch(() => {});
  }
}
