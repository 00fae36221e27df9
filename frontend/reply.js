/** What a professional says to someone who is not let in yet: a message, a delay, "come, it is your turn". */

import { announce } from './announce.js';
import { serverNow } from './clock.js';
import { find, part, pressed, write } from './find.js';
import { textOf } from './messages.js';
import { showRefusal } from './notes.js';
import { ask } from './server.js';
import { t, time } from './words.js';

/** @import {Message, Row} from './shapes' */

const STEP = 10;
const OWN = 'own';

export class Reply {
  /** @type {Row | null} */
  #row = null;
  #sent = '';

  /**
   * @param {HTMLElement} section the detail
   * @param {() => void} done something was said: ask the lobby how it stands now
   */
  constructor(section, done) {
    this.notes = part('notes', section);
    this.late = part('late', section);
    this.form = find('[data-part="write"] form', HTMLFormElement, section);
    this.section = part('write', section);
    this.sent = part('sent', this.section);
    this.choice = find('select', HTMLSelectElement, this.form);
    this.text = find('textarea', HTMLTextAreaElement, this.form);
    this.summon = find('[data-action="summon"]', HTMLButtonElement, section);
    this.called = part('summoned', section);
    this.done = done;
    this.choice.addEventListener('change', () => this.#chosen());
    this.form.addEventListener('submit', (event) => { event.preventDefault(); void this.#send(); });
    pressed('later', () => void this.#delay((this.#row?.appointment.delay?.minutes ?? 0) + STEP), section);
    pressed('on-time', () => void this.#delay(0), section);
    pressed('summon', () => void this.#summon(), section);
  }

  /** @param {Row} row */
  show(row) {
    if (this.#row?.key !== row.key) this.#chosen();
    this.#row = row;
    const { group, person, appointment } = row;
    const expected = group === 'waiting' || group === 'coming';
    this.late.hidden = !expected || appointment.status !== 'booked';
    this.#showDelay(row);
    this.section.hidden = !expected || person === null;
    this.#showSent(person?.messages ?? []);
    this.#showSummons(row);
  }

  /** @param {Row} row */
  #showDelay({ appointment: { delay } }) {
    const minutes = delay?.minutes ?? 0;
    const said = delay?.inferred ? t('late.inferred', { minutes }) : t('late.said', { minutes });
    write(part('late-now', this.late), minutes > 0 ? said : t('late.none'));
    find('[data-action="on-time"]', HTMLElement, this.late).hidden = minutes === 0;
  }

  /** @param {Row} row */
  #showSummons({ group, person }) {
    const away = group === 'waiting' && person !== null && (person.away_since !== null || !person.present);
    const left = person?.summons ? Math.ceil((Date.parse(person.summons.until) - serverNow()) / 1000) : 0;
    this.summon.hidden = !away || left > 0;
    this.called.hidden = !(group === 'waiting' && person?.summons);
    write(this.called, left > 0 ? t('summon.left', { minutes: Math.floor(left / 60), seconds: left % 60 }) : t('summon.over'));
  }

  /** @param {Message[]} messages */
  #showSent(messages) {
    const sent = JSON.stringify(messages);
    if (sent === this.#sent) return;
    this.#sent = sent;
    this.sent.replaceChildren(...messages.map(lineOf));
  }

  #chosen() {
    const own = this.choice.value === OWN;
    part('own', this.form).hidden = !own;
    this.text.required = own;
    if (own) this.text.focus();
  }

  async #send() {
    const own = this.choice.value === OWN;
    const body = own ? { text: this.text.value.trim() } : { code: this.choice.value };
    if (!await this.#say(this.#path('messages'), { body })) return;
    this.text.value = '';
    announce(t('write.done'));
  }

  /** @param {number} minutes */
  async #delay(minutes) {
    if (await this.#say(this.#path('delay', false), { body: { minutes } })) announce(minutes > 0 ? t('late.said', { minutes }) : t('late.none'));
  }

  async #summon() {
    const version = this.#row?.person?.version;
    if (version !== undefined && await this.#say(this.#path('summons'), { version })) announce(t('summon.done'));
  }

  /**
   * @param {string} what
   * @param {boolean} [toPerson] or about the whole appointment
   */
  #path(what, toPerson = true) {
    const { appointment, person } = /** @type {Row} */ (this.#row);
    const who = toPerson && person ? `/people/${encodeURIComponent(person.person_id)}` : '';
    return `/lobby/api/appointments/${encodeURIComponent(appointment.appointment_id)}${who}/${what}`;
  }

  /**
   * @param {string} path
   * @param {{ body?: unknown, version?: number }} given
   * @returns {Promise<boolean>}
   */
  async #say(path, given) {
    try {
      await ask('POST', path, given);
      return true;
    } catch (error) {
      showRefusal(this.notes, error);
      return false;
    } finally {
      this.done();
    }
  }
}

/** @param {Message} message */
function lineOf(message) {
  const item = document.createElement('li');
  item.dataset.message = message.message_id;
  const said = document.createElement('span');
  said.textContent = textOf(message);
  const state = document.createElement('span');
  state.className = message.read_at ? 'tag good' : 'tag';
  state.textContent = message.read_at ? t('write.read', { time: time(message.read_at) }) : t('write.unread', { time: time(message.at) });
  item.append(said, ' ', state);
  return item;
}
