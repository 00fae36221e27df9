/** One person at the door, with everything needed to admit the right one. */

import { find, part, view, write } from './find.js';
import { REASONS } from './invited.js';
import { attendingOf, minutesSince, nameOf } from './queue.js';
import { ROLES } from './call.js';
import { dateAndTime, named, t, time } from './words.js';

/** @import {Checks, Doorbell, Result, Row} from './shapes' */

/** @type {Record<string, () => string>} */
const CARE = {
  general: () => t('care.general'),
  oral_health: () => t('care.oral_health'),
  other: () => t('care.other'),
};

/** @type {Record<keyof Checks, () => string>} */
const CHECKED = {
  camera: () => t('check.camera'),
  microphone: () => t('check.microphone'),
  speaker: () => t('check.speaker'),
  network: () => t('check.network'),
};

/** @type {Record<Result, { tone: string, mark: string, word: () => string }>} */
const RESULTS = {
  pass: { tone: 'good', mark: '✓', word: () => t('result.pass') },
  fail: { tone: 'bad', mark: '✕', word: () => t('result.fail') },
  skipped: { tone: '', mark: '–', word: () => t('result.skipped') },
};

/** @type {Record<Row['group'], (row: Row) => string>} */
const STATES = {
  waiting: (row) => row.person ? t('state.waiting', { minutes: minutesSince(row.person.since), time: time(row.person.since) }) : '',
  in_call: () => t('state.in_call'),
  coming: (row) => COMING[row.person?.state ?? 'nobody']?.() ?? '',
  over: (row) => OVER[row.appointment.status]?.() ?? t('state.left'),
};

/** @type {Record<string, () => string>} */
const COMING = {
  nobody: () => t('state.nobody'),
  identified: () => t('state.identified'),
  refused: () => t('state.refused'),
};

/** @type {Record<string, () => string>} */
const OVER = {
  cancelled: () => t('state.cancelled'),
  missed: () => t('state.missed'),
  unserved: () => t('state.unserved'),
  ended: () => t('state.ended'),
};

/**
 * The facts of a row, into whatever on the page asks for them.
 * @param {Row} row
 * @param {HTMLElement} place
 */
export function showFacts(row, place) {
  const { appointment, person } = row;
  const facts = {
    name: nameOf(row),
    role: person ? roleOf(row) : '',
    born: String(person?.birth_year ?? ''),
    method: person ? t('detail.strongly') : '',
    time: dateAndTime(appointment.starts_at),
  };
  for (const [fact, text] of Object.entries(facts)) {
    const wanted = place.querySelector(`[data-fact="${fact}"]`);
    if (wanted) write(wanted, text);
  }
  showChecks(find('[data-fact="checks"]', HTMLElement, place), person?.checks ?? null);
}

/** @param {Row} row */
function roleOf({ appointment, person }) {
  return attendingOf({ appointment, person }) || ROLES.patient();
}

/**
 * @param {HTMLElement} place
 * @param {Checks | null} checks
 */
function showChecks(place, checks) {
  if (!checks) return write(place, t('detail.unchecked'));
  const now = JSON.stringify(checks);
  if (place.dataset.shown === now && place.children.length > 0) return undefined;
  place.dataset.shown = now;
  place.replaceChildren(.../** @type {(keyof Checks)[]} */ (Object.keys(CHECKED)).map((test) => checkTag(test, checks[test])));
  return undefined;
}

/**
 * @param {keyof Checks} test
 * @param {Result} result
 */
function checkTag(test, result) {
  const { tone, mark, word } = RESULTS[result];
  const tag = document.createElement('span');
  tag.className = `tag ${tone}`;
  const said = document.createElement('span');
  said.className = 'unseen';
  said.textContent = `: ${word()}`;
  const sign = document.createElement('span');
  sign.setAttribute('aria-hidden', 'true');
  sign.textContent = ` ${mark}`;
  tag.append(CHECKED[test](), sign, said);
  return tag;
}

/** @param {Row} row */
function failureOf({ appointment: { invitation_reason: reason } }) {
  return [t('state.mail_failed'), REASONS[reason ?? '']?.()].filter(Boolean).join(' ');
}

export class Detail {
  constructor() {
    this.section = view('detail');
  }

  /**
   * @param {Row | null} row
   * @param {string | null} talking the appointment whose call is open here
   * @param {string | undefined} me the professional at this page
   * @param {Doorbell | null} bell theirs, while it rings or was answered
   */
  show(row, talking, me, bell) {
    this.section.hidden = row === null;
    part('nobody', /** @type {HTMLElement} */ (this.section.parentElement)).hidden = row !== null || talking !== null;
    if (!row) return;
    const { appointment, person, group } = row;
    write(part('name', this.section), nameOf(row));
    write(part('booking', this.section), [dateAndTime(appointment.starts_at), CARE[appointment.service]?.() ?? '', named(appointment.unit.name), appointment.professional.name].filter(Boolean).join(' · '));
    this.#showState(row);
    part('person', this.section).hidden = person === null;
    showFacts(row, this.section);
    const here = talking === appointment.appointment_id && group === 'in_call';
    this.section.classList.toggle('here', here);
    this.#offer('admit', group === 'waiting');
    this.#offer('refuse', group === 'waiting');
    this.#offer('join', group === 'in_call' && !here && person?.by?.id === me);
    this.#offer('return', group === 'in_call');
    this.#showNoticed(group === 'waiting' ? bell : null, me);
  }

  /**
   * Somebody who waits should be noticed by one professional, and not by three or by none.
   * @param {Doorbell | null} bell
   * @param {string | undefined} me
   */
  #showNoticed(bell, me) {
    const noticed = bell?.acknowledged ?? null;
    this.#offer('acknowledge', bell !== null && noticed === null);
    const line = part('noticed', this.section);
    line.hidden = noticed === null;
    if (noticed) write(line, noticed.by === me ? t('bell.by_you', { time: time(noticed.at) }) : t('bell.by_colleague', { time: time(noticed.at) }));
  }

  /** @param {Row} row */
  #showState(row) {
    const place = part('state', this.section);
    const failed = !row.person && row.group === 'coming' && row.appointment.invitation === 'failed';
    const put = row.group === 'waiting' && Boolean(row.person?.away_since);
    const away = put || (row.group === 'waiting' && !row.person?.present);
    place.className = `note ${failed ? 'bad' : away ? 'warn' : row.group === 'waiting' || row.group === 'in_call' ? 'good' : ''}`;
    const said = failed ? failureOf(row) : put ? t('state.put_away') : away ? t('state.away') : STATES[row.group](row);
    write(place, said);
  }

  /**
   * @param {string} action
   * @param {boolean} possible
   */
  #offer(action, possible) {
    find(`[data-action="${action}"]`, HTMLElement, this.section).hidden = !possible;
  }

  focus() {
    part('name', this.section).focus();
  }
}
