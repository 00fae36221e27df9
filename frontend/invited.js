/** What the patient has been sent about the appointment, sending it again, and mending the address. */

import { announce } from './announce.js';
import { ROLES } from './call.js';
import { answerTo } from './confirm.js';
import { find, part, pressed } from './find.js';
import { showRefusal } from './notes.js';
import { ask } from './server.js';
import { dateAndTime, t } from './words.js';

/** @import {Delivery, Invitation, Recipient, Row} from './shapes' */

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

/** @type {Record<NonNullable<Recipient['role']> | 'patient', () => string>} */
const WHO = { patient: ROLES.patient, interpreter: ROLES.interpreter, relative: ROLES.relative, professional: ROLES.visiting_professional };

/** @type {Record<string, () => string>} */
const NOT_AGAIN = {
  appointment_cancelled: () => t('problem.appointment_cancelled'),
  appointment_over: () => t('problem.appointment_over'),
  already_on_its_way: () => t('problem.already_on_its_way'),
  not_asked: () => t('problem.not_asked'),
};

/** @type {Record<string, () => string>} */
export const REASONS = {
  address_refused: () => t('mail.address_refused'),
  mailbox_full: () => t('mail.mailbox_full'),
  message_refused: () => t('mail.message_refused'),
  no_answer: () => t('mail.no_answer'),
  unwritable: () => t('mail.unwritable'),
};

export class Invited {
  /** @type {string | null} the appointment that is shown */
  #appointment = null;
  #dialog = find('#address', HTMLDialogElement);
  #email = find('#address input', HTMLInputElement);

  /** @param {HTMLElement} section the detail */
  constructor(section) {
    this.panel = find('[data-part="invited"]', HTMLDetailsElement, section);
    this.list = part('recipients', this.panel);
    this.notes = part('notes', this.panel);
    this.kind = find('select', HTMLSelectElement, this.panel);
    this.panel.addEventListener('toggle', () => { if (this.panel.open) void this.#ask('GET', ''); });
    this.kind.addEventListener('change', () => this.#offerPreviews());
    pressed('address', () => void this.#correct(), this.panel);
  }

  /** @param {Row} row */
  show({ appointment: { appointment_id: id, invitation } }) {
    if (id === this.#appointment) return;
    this.#appointment = id;
    this.notes.replaceChildren();
    this.list.replaceChildren();
    this.#offerPreviews();
    this.panel.open = invitation === 'failed';
    if (this.panel.open) void this.#ask('GET', '');
  }

  #offerPreviews() {
    for (const each of this.panel.querySelectorAll('a')) each.href = `${this.#path()}/preview?language=${each.dataset.languageOfLetter}&kind=${this.kind.value}`;
  }

  #path() {
    return `/invitation/api/appointments/${encodeURIComponent(this.#appointment ?? '')}`;
  }

  /** @param {string} recipient */
  async #resend(recipient) {
    if (await this.#ask('POST', '/resend', { recipient })) announce(t('mail.resent'));
  }

  async #correct() {
    this.#email.value = '';
    if (await answerTo(this.#dialog) !== 'yes' || !this.#email.value) return;
    if (await this.#ask('PUT', '/address', { email: this.#email.value })) announce(t('mail.address.done'));
  }

  /**
   * @param {'GET' | 'POST' | 'PUT'} method
   * @param {string} what
   * @param {{ email: string } | { recipient: string }} [body]
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
  #list({ recipients, deliveries }) {
    this.list.replaceChildren(...recipients.flatMap((each) => this.#about(each, deliveries.filter(({ recipient }) => recipient === each.recipient))));
  }

  /**
   * @param {Recipient} recipient
   * @param {Delivery[]} deliveries oldest first
   */
  #about({ recipient, role, address, not_again: no }, deliveries) {
    const who = document.createElement('h4');
    who.textContent = t('mail.sent_to', { who: WHO[role ?? 'patient'](), address });
    const list = document.createElement('ol');
    list.className = 'sent';
    list.dataset.recipient = recipient;
    list.append(...deliveries.map(itemOf).reverse());
    return [who, list, no === null ? this.#again(recipient) : whyNot(no)];
  }

  /** @param {string} recipient */
  #again(recipient) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'button quiet';
    button.dataset.action = 'resend';
    button.textContent = t('mail.resend');
    button.addEventListener('click', () => void this.#resend(recipient));
    return button;
  }
}

/** @param {string} code */
function whyNot(code) {
  const line = document.createElement('p');
  line.className = 'small soft';
  line.textContent = NOT_AGAIN[code]?.() ?? t('mail.not_again');
  return line;
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
