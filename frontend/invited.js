/** What the patient has been sent about the appointment, sending it again, and mending the address. */

import { announce } from './announce.js';
import { answerTo } from './confirm.js';
import { find, part, pressed, write } from './find.js';
import { showRefusal } from './notes.js';
import { ask } from './server.js';
import { dateAndTime, t } from './words.js';

/** @import {Delivery, Invitation, Row} from './shapes' */

/** @type {Record<Delivery['kind'], () => string>} */
const KINDS = {
  invitation: () => t('mail.invitation'),
  update: () => t('mail.update'),
  cancellation: () => t('mail.cancellation'),
  reminder: () => t('mail.reminder'),
  delay: () => t('mail.delay'),
};

/** @type {Record<Delivery['state'], { tone: string, word: () => string }>} */
const STATES = {
  queued: { tone: '', word: () => t('mail.queued') },
  sending: { tone: '', word: () => t('mail.sending') },
  accepted: { tone: 'good', word: () => t('mail.accepted') },
  failed: { tone: 'bad', word: () => t('mail.failed') },
  obsolete: { tone: '', word: () => t('mail.obsolete') },
};

/** @type {Record<string, () => string>} */
export const REASONS = {
  address_refused: () => t('mail.address_refused'),
  mailbox_full: () => t('mail.mailbox_full'),
  message_refused: () => t('mail.message_refused'),
  no_answer: () => t('mail.no_answer'),
};

export class Invited {
  /** @type {string | null} the appointment that is shown */
  #appointment = null;
  #dialog = find('#address', HTMLDialogElement);
  #email = find('#address input', HTMLInputElement);

  /** @param {HTMLElement} section the detail */
  constructor(section) {
    this.panel = find('[data-part="invited"]', HTMLDetailsElement, section);
    this.list = part('deliveries', this.panel);
    this.notes = part('notes', this.panel);
    this.panel.addEventListener('toggle', () => { if (this.panel.open) void this.#ask('GET', ''); });
    pressed('resend', () => void this.#resend(), this.panel);
    pressed('address', () => void this.#correct(), this.panel);
  }

  /** @param {Row} row */
  show({ appointment: { appointment_id: id, invitation } }) {
    if (id === this.#appointment) return;
    this.#appointment = id;
    this.notes.replaceChildren();
    this.list.replaceChildren();
    for (const each of this.panel.querySelectorAll('a')) each.href = `${this.#path()}/preview?language=${each.dataset.languageOfLetter}`;
    this.panel.open = invitation === 'failed';
    if (this.panel.open) void this.#ask('GET', '');
  }

  #path() {
    return `/invitation/api/appointments/${encodeURIComponent(this.#appointment ?? '')}`;
  }

  async #resend() {
    if (await this.#ask('POST', '/resend')) announce(t('mail.resent'));
  }

  async #correct() {
    this.#email.value = '';
    if (await answerTo(this.#dialog) !== 'yes' || !this.#email.value) return;
    if (await this.#ask('PUT', '/address', { email: this.#email.value })) announce(t('mail.address.done'));
  }

  /**
   * @param {'GET' | 'POST' | 'PUT'} method
   * @param {string} what
   * @param {{ email: string }} [body]
   * @returns {Promise<boolean>}
   */
  async #ask(method, what, body) {
    const asked = this.#appointment;
    this.notes.replaceChildren();
    try {
      const answer = /** @type {Invitation} */ (await ask(method, `${this.#path()}${what}`, body && { body }));
      if (asked === this.#appointment) this.#list(answer);
      return true;
    } catch (error) {
      showRefusal(this.notes, error);
      return false;
    }
  }

  /** @param {Invitation} invitation */
  #list({ deliveries, address }) {
    write(part('sent-to', this.panel), t('mail.sent_to', { address }));
    this.list.replaceChildren(...deliveries.filter(({ role }) => role === null).map(itemOf).reverse());
  }
}

/** @param {Delivery} delivery */
function itemOf({ kind, state, reason, wanted_at: wanted, settled_at: settled }) {
  const item = document.createElement('li');
  const tag = document.createElement('span');
  tag.className = `tag ${STATES[state].tone}`;
  tag.textContent = STATES[state].word();
  const why = REASONS[reason ?? '']?.();
  item.append(KINDS[kind](), ' ', tag, ` ${dateAndTime(settled ?? wanted)}`, why ? ` · ${why}` : '');
  return item;
}
