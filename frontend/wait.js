/** Waiting: when the door opens, asking to come in, and the truth about one's place. */

import { announce, announceNow } from './announce.js';
import { serverNow } from './clock.js';
import { button, find, part, view, write } from './find.js';
import { clearNotes, note, problemNote } from './notes.js';
import { setTitle } from './views.js';
import { dateAndTime, fromNow, named, t, time } from './words.js';

/** @import {Visit} from './shapes' */
/** @typedef {'before' | 'open' | 'waiting' | 'admitted' | 'refused' | 'shut' | 'cancelled' | 'missed' | 'unserved'} Standing */

const FRESH = 15_000;
const CALLED_OUT = [600, 300, 60];

/** @type {Record<Standing, () => string>} */
const TITLES = {
  before: () => t('wait.title.before'),
  open: () => t('wait.title.open'),
  waiting: () => t('wait.title.waiting'),
  admitted: () => t('wait.title.admitted'),
  refused: () => t('wait.title.refused'),
  shut: () => t('wait.title.shut'),
  cancelled: () => t('wait.title.cancelled'),
  missed: () => t('wait.title.missed'),
  unserved: () => t('wait.title.unserved'),
};

/** @type {Record<string, () => string>} */
const REASONS = {
  wrong_time: () => t('told.wrong_time'),
  wrong_unit: () => t('told.wrong_unit'),
  not_ready: () => t('told.not_ready'),
  technical: () => t('told.technical'),
  other: () => t('told.other'),
};

/** @type {Record<string, () => string>} */
const AHEAD = {
  next: () => t('ahead.next'),
  few: () => t('ahead.few'),
  many: () => t('ahead.many'),
};

/**
 * Where somebody stands. The door opens by the server's clock, whatever this device's own says.
 * @param {Visit} visit
 * @param {number} now by the server
 * @returns {Standing}
 */
export function standingOf({ appointment, place, can_ask: canAsk, opens_at: opensAt }, now) {
  if (appointment.status === 'cancelled') return 'cancelled';
  if (place.state === 'waiting') return 'waiting';
  if (place.state === 'admitted') return 'admitted';
  if (appointment.status === 'missed' && !canAsk) return 'missed';
  if (appointment.status === 'unserved' && !canAsk && place.state !== 'refused') return 'unserved';
  if (now < Date.parse(opensAt)) return 'before';
  const open = canAsk || (appointment.status === 'booked' && now - Date.parse(opensAt) < FRESH);
  if (place.state === 'refused') return open ? 'refused' : 'shut';
  return open ? 'open' : 'shut';
}

export class Wait {
  /** @type {Standing | null} */
  #standing = null;
  /** @type {string | null} */
  #ahead = null;
  #minutesTold = Infinity;
  /** @type {number | null} minutes */
  #late = null;
  /** @type {boolean | null} */
  #confirmed = null;
  /** What the note and the title were last written for. */
  #written = '';

  constructor() {
    this.section = view('wait');
    this.ask = button('ask');
    this.when = find('#ask-when', HTMLElement);
  }

  /**
   * @param {Visit} visit
   * @param {number} confirmedAt when the server last answered, by this device's clock
   * @param {string} devices how the check went, in words
   */
  show(visit, confirmedAt, devices) {
    const standing = standingOf(visit, serverNow());
    const written = `${standing} ${visit.place.state} ${visit.place.reason ?? ''} ${visit.place.version}`;
    const changed = written !== this.#written;
    this.#written = written;
    const before = this.#standing;
    this.#standing = standing;
    this.section.dataset.standing = standing;
    this.#showFacts(visit, devices);
    this.#showDoor(visit, standing);
    this.#showPlace(visit, standing);
    this.#showDelay(visit, standing);
    this.#showConfirmed(standing, confirmedAt);
    if (!changed) return;
    this.#showTitle(standing);
    this.#showNote(visit, standing);
    if (before !== null) this.#tell(before, standing, visit);
  }

  /**
   * @param {Visit} visit
   * @param {string} devices
   */
  #showFacts({ appointment }, devices) {
    const facts = { time: dateAndTime(appointment.starts_at), unit: named(appointment.unit.name), professional: appointment.professional.name, devices };
    for (const [fact, text] of Object.entries(facts)) write(find(`[data-fact="${fact}"]`, HTMLElement, this.section), text);
  }

  /** @param {Standing} standing */
  #showTitle(standing) {
    write(find('h1', HTMLElement, this.section), TITLES[standing]());
    setTitle(TITLES[standing]());
  }

  /**
   * The button is grey with a time on it, then green. It never disappears between the two.
   * @param {Visit} visit
   * @param {Standing} standing
   */
  #showDoor(visit, standing) {
    const open = standing === 'open' || standing === 'refused';
    part('door', this.section).hidden = !open && standing !== 'before';
    this.ask.setAttribute('aria-disabled', String(!open));
    this.ask.classList.toggle('go', open);
    if (standing === 'before') this.#countDown(visit.opens_at);
    else write(this.when, t('wait.open'));
  }

  /** @param {string} opensAt */
  #countDown(opensAt) {
    const left = Date.parse(opensAt) - serverNow();
    const far = left > 12 * 3600 * 1000;
    write(this.when, t('wait.opens', { when: far ? dateAndTime(opensAt) : t('time.at', { time: time(opensAt) }), distance: fromNow(left) }));
    const passed = CALLED_OUT.find((seconds) => left / 1000 <= seconds && this.#minutesTold > seconds && left / 1000 > seconds - 5);
    if (!passed) return;
    this.#minutesTold = passed;
    announce(this.when.textContent ?? '');
  }

  /**
   * @param {Visit} visit
   * @param {Standing} standing
   */
  #showPlace(visit, standing) {
    const waiting = standing === 'waiting';
    part('place', this.section).hidden = !waiting;
    part('withdraw', this.section).hidden = !waiting;
    if (!waiting) return;
    const ahead = AHEAD[visit.ahead ?? '']?.() ?? t('ahead.unknown');
    write(part('ahead', this.section), ahead);
    if (this.#ahead !== null && this.#ahead !== ahead) announce(ahead);
    this.#ahead = ahead;
  }

  /**
   * @param {Visit} visit
   * @param {Standing} standing
   */
  #showDelay({ delay, opens_at: opensAt }, standing) {
    const box = part('delay', this.section);
    const late = delay !== null && delay.minutes > 0 && ['before', 'open', 'waiting'].includes(standing);
    box.hidden = !late;
    const minutes = late ? delay.minutes : 0;
    if (late) {
      write(part('delay-title', box), t('delay.title', { minutes }));
      const values = { time: time(opensAt) };
      write(part('delay-text', box), delay.inferred ? t('delay.inferred', values) : t('delay.said', values));
    }
    if (this.#late !== null && this.#late !== minutes) announce(late ? box.textContent ?? '' : t('delay.over'));
    this.#late = minutes;
  }

  /**
   * Says only what is known: when the place was last confirmed, or that it is not confirmed just now.
   * @param {Standing} standing
   * @param {number} confirmedAt
   */
  #showConfirmed(standing, confirmedAt) {
    const box = part('confirmed', this.section);
    box.hidden = standing !== 'waiting';
    if (box.hidden) return;
    const age = Math.max(0, Date.now() - confirmedAt);
    const confirmed = age < FRESH;
    box.className = confirmed ? 'note good' : 'note warn';
    write(part('confirmed-title', box), confirmed ? t('wait.kept') : t('wait.unconfirmed'));
    write(part('confirmed-text', box), confirmed ? t('wait.confirmed', { ago: fromNow(-age) }) : t('wait.trying', { ago: fromNow(-age) }));
    if (this.#confirmed !== null && this.#confirmed !== confirmed) announce(confirmed ? t('wait.kept') : t('wait.unconfirmed'));
    this.#confirmed = confirmed;
  }

  /**
   * @param {Visit} visit
   * @param {Standing} standing
   */
  #showNote({ place, appointment }, standing) {
    const box = part('note', this.section);
    clearNotes(box);
    const reason = REASONS[place.reason ?? '']?.();
    if (standing === 'waiting' && reason) box.append(note('calm', t('wait.returned'), reason));
    if (place.state === 'refused') box.append(note('warn', t('wait.refused'), reason ?? t('told.other')));
    if (standing === 'cancelled') box.append(problemNote('appointment_cancelled'));
    if (standing === 'unserved') box.append(problemNote('not_served'));
    if (standing === 'missed' || (standing === 'shut' && appointment.status !== 'cancelled')) box.append(problemNote('appointment_over'));
  }

  /**
   * @param {Standing} before
   * @param {Standing} standing
   * @param {Visit} visit
   */
  #tell(before, standing, visit) {
    if (before === 'before' && standing === 'open') announceNow(t('wait.now_open'));
    else if (standing === 'waiting') announce(`${TITLES.waiting()}. ${AHEAD[visit.ahead ?? '']?.() ?? ''}`);
    else announceNow(`${TITLES[standing]()}. ${part('note', this.section).textContent ?? ''}`);
  }
}
