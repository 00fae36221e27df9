/** The queue: who is at the door, who is in, who is still to come. */

import { part, view, write } from './find.js';
import { serverNow } from './clock.js';
import { t, time } from './words.js';
import { ROLES } from './call.js';

/** @import {Appointment, Checks, Person, Queue, Row} from './shapes' */
/** @typedef {{ tone: '' | 'good' | 'warn' | 'bad', text: string }} Tag */

const LATE = 10 * 60 * 1000;
const GROUPS = /** @type {const} */ (['waiting', 'in_call', 'coming', 'over']);

/**
 * One row for each person who came, or one for an appointment to which nobody has come.
 * @param {Queue} queue
 * @returns {Row[]} those who wait first by the time of their appointment, then by arrival
 */
export function rowsOf(queue) {
  const rows = queue.appointments.flatMap((appointment) => {
    const people = appointment.people.length > 0 ? appointment.people : [null];
    return people.map((person) => rowOf(appointment, person));
  });
  return rows.sort((one, other) => orderOf(one).localeCompare(orderOf(other)));
}

/**
 * @param {Appointment} appointment
 * @param {Person | null} person
 * @returns {Row}
 */
function rowOf(appointment, person) {
  return { key: `${appointment.appointment_id}/${person?.person_id ?? ''}`, group: groupOf(appointment, person), appointment, person };
}

/**
 * @param {Appointment} appointment
 * @param {Person | null} person
 * @returns {Row['group']}
 */
function groupOf(appointment, person) {
  if (appointment.status === 'cancelled') return 'over';
  if (person?.state === 'waiting') return 'waiting';
  if (person?.state === 'admitted') return 'in_call';
  return appointment.status === 'booked' && person?.state !== 'left' ? 'coming' : 'over';
}

/** @param {Row} row */
function orderOf({ appointment, person }) {
  return `${new Date(appointment.starts_at).toISOString()} ${person?.asked_at ?? person?.since ?? ''} ${appointment.appointment_id}`;
}

/**
 * The name of whoever stands at the door; before that, of whoever is awaited.
 * @param {Row} row
 */
export function nameOf({ appointment, person }) {
  return person?.name ?? appointment.patient.name;
}

/**
 * One word on readiness.
 * @param {Row} row
 * @returns {Tag}
 */
export function tagOf({ group, appointment, person }) {
  if (appointment.status === 'cancelled') return { tone: '', text: t('tag.cancelled') };
  if (appointment.status === 'missed' && group === 'over') return { tone: 'warn', text: t('tag.missed') };
  if (appointment.status === 'unserved' && group === 'over') return { tone: 'bad', text: t('tag.unserved') };
  if (person?.state === 'left') return { tone: '', text: t('tag.left') };
  if (group === 'over') return { tone: '', text: t('tag.ended') };
  if (!person) return appointment.invitation === 'failed' ? { tone: 'bad', text: t('tag.mail_failed') } : { tone: '', text: t('tag.not_here') };
  if (person.state === 'refused') return { tone: '', text: t('tag.refused') };
  if (person.state === 'admitted') return { tone: 'good', text: t('tag.admitted') };
  if (person.away_since) return { tone: 'warn', text: t('tag.put_away') };
  if (!person.present) return { tone: 'warn', text: t('tag.away') };
  if (person.state === 'identified') return { tone: '', text: t('tag.identified') };
  return readinessOf(person.checks);
}

/**
 * @param {Checks | null} checks
 * @returns {Tag}
 */
function readinessOf(checks) {
  const results = Object.values(checks ?? {});
  if (results.includes('fail')) return { tone: 'warn', text: t('tag.trouble') };
  if (results.length === 0 || results.includes('skipped')) return { tone: '', text: t('tag.untested') };
  return { tone: 'good', text: t('tag.ready') };
}

/**
 * As what someone attends, and with whom; nothing for the patient.
 * @param {Pick<Row, 'appointment' | 'person'>} row
 */
export function attendingOf({ appointment, person }) {
  if (!person || person.role === 'patient') return '';
  const values = { role: ROLES[person.role](), name: appointment.patient.name };
  return person.role === 'guardian' ? t('queue.guardian_of', values) : t('queue.companion_of', values);
}

/** @param {Row} row */
function lineOf({ group, appointment, person }) {
  const who = attendingOf({ appointment, person });
  const since = person && group === 'waiting' ? t('queue.since', { minutes: minutesSince(person.since), time: time(person.since) }) : '';
  return [who, since || appointment.professional.name].filter(Boolean).join(' · ');
}

/** @param {string} moment */
export function minutesSince(moment) {
  return Math.max(0, Math.floor((serverNow() - Date.parse(moment)) / 60_000));
}

/** @param {Row} row */
function isLate({ group, appointment }) {
  return group === 'waiting' && serverNow() - Date.parse(appointment.starts_at) > LATE;
}

/** The list on the page. Rows keep their elements, so that the keyboard stays where it is. */
export class QueueList {
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();

  /** @param {(key: string) => void} choose */
  constructor(choose) {
    this.section = view('queue');
    this.choose = choose;
  }

  /**
   * @param {Row[]} rows
   * @param {string | null} chosen
   */
  show(rows, chosen) {
    for (const [key, item] of this.#items) {
      if (rows.some((row) => row.key === key)) continue;
      item.remove();
      this.#items.delete(key);
    }
    for (const group of GROUPS) this.#showGroup(group, rows.filter((row) => row.group === group), chosen);
    part('empty', this.section).hidden = rows.length > 0;
  }

  /**
   * @param {Row['group']} group
   * @param {Row[]} rows
   * @param {string | null} chosen
   */
  #showGroup(group, rows, chosen) {
    const section = /** @type {HTMLElement} */ (this.section.querySelector(`[data-group="${group}"]`));
    const list = /** @type {HTMLElement} */ (section.querySelector('ol'));
    section.hidden = rows.length === 0 && group !== 'waiting';
    write(part('count', section), `· ${rows.length}`);
    rows.forEach((row, place) => {
      const item = this.#item(row);
      this.#fill(item, row, row.key === chosen);
      if (list.children[place] !== item) this.#put(list, item, place);
    });
  }

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} item
   * @param {number} place
   */
  #put(list, item, place) {
    const focused = item.contains(document.activeElement);
    list.insertBefore(item, list.children[place] ?? null);
    if (focused) item.querySelector('button')?.focus();
  }

  /** @param {Row} row */
  #item(row) {
    const kept = this.#items.get(row.key);
    if (kept) return kept;
    const item = document.createElement('li');
    item.dataset.appointment = row.appointment.appointment_id;
    if (row.person) item.dataset.person = row.person.person_id;
    const press = document.createElement('button');
    press.type = 'button';
    press.className = 'row';
    press.dataset.action = 'choose';
    for (const name of ['time', 'name', 'tag', 'sub']) {
      const piece = document.createElement('span');
      piece.dataset.part = name;
      press.append(piece, ' ');
    }
    press.addEventListener('click', () => this.choose(row.key));
    item.append(press);
    this.#items.set(row.key, item);
    return item;
  }

  /**
   * @param {HTMLElement} item
   * @param {Row} row
   * @param {boolean} chosen
   */
  #fill(item, row, chosen) {
    const tag = tagOf(row);
    item.dataset.state = row.person?.state ?? 'nobody';
    item.querySelector('button')?.setAttribute('aria-current', String(chosen));
    write(part('time', item), time(row.appointment.starts_at));
    write(part('name', item), nameOf(row));
    write(part('tag', item), tag.text);
    part('tag', item).className = `tag ${tag.tone}`;
    write(part('sub', item), lineOf(row));
    part('sub', item).classList.toggle('late', isLate(row));
  }
}
