/** The call beside the queue: going in, back in after a reload, and out. */

import { announce } from './announce.js';
import { stayAwake } from './awake.js';
import { Call, ROLES } from './call.js';
import { answerTo } from './confirm.js';
import { find, pressed, view } from './find.js';
import { clearNotes, note, showProblem } from './notes.js';
import { ask } from './server.js';
import { t } from './words.js';

/** @import {Media} from './media' */
/** @import {Member, Row} from './shapes' */

/** The appointment whose call is open in this tab, so that a reload finds back to it. */
const TALKING = 'talking';

export class Beside {
  /** @type {string | null} the appointment whose call is open */
  talking = null;

  /**
   * @param {object} given
   * @param {Media} given.media
   * @param {HTMLElement} given.notes
   * @param {() => Row[]} given.rows
   * @param {(begun: boolean) => void} given.changed a call has begun here, or is over
   * @param {() => Promise<boolean>} given.renewed whether it is known what has become of the session
   */
  constructor({ media, notes, rows, changed, renewed }) {
    this.notes = notes;
    this.rows = rows;
    this.changed = changed;
    this.call = new Call({ media, as: 'staff', nameOf: (member) => this.#nameOf(member), renewed });
    this.call.addEventListener('over', (event) => {
      if (event instanceof CustomEvent) this.#over(event.detail.why);
    });
    pressed('end', () => void this.#end());
  }

  /** Whether the way is free; where it is not, that is said. */
  isFreeFor(/** @type {string} */ appointment) {
    if (this.talking === null || this.talking === appointment) return true;
    showProblem(this.notes, 'in_another_call');
    return false;
  }

  /** After a reload: back into the call that was open in this tab, if it still is. */
  async rejoin() {
    const appointment = sessionStorage.getItem(TALKING);
    if (!appointment) return;
    const admission = await admissionTo(appointment).catch(() => null);
    if (this.talking !== null) return;
    if (admission) this.enter(appointment, admission);
    else sessionStorage.removeItem(TALKING);
  }

  /**
   * @param {string} appointment
   * @param {string | null} admission the one in hand
   */
  enter(appointment, admission) {
    if (!this.isFreeFor(appointment)) return;
    this.talking = appointment;
    sessionStorage.setItem(TALKING, appointment);
    stayAwake(true);
    this.changed(true);
    find('h1', HTMLElement, view('call')).focus();
    void this.call.enter(appointment, () => admissionTo(appointment), admission);
  }

  /** The row of whoever is in the call that is open here. */
  row() {
    return this.rows().find((row) => row.appointment.appointment_id === this.talking && row.group === 'in_call');
  }

  /**
   * Somebody has gone back to the lobby; with nobody else in it the call is over for us too.
   * @param {Row} gone
   */
  without({ appointment, key }) {
    const others = this.rows().some((each) => each.appointment === appointment && each.group === 'in_call' && each.key !== key);
    if (this.talking === appointment.appointment_id && !others) this.call.leave(false);
  }

  async #end() {
    const answer = await answerTo(find('#end', HTMLDialogElement));
    if (answer === 'yes') this.call.leave(true);
    if (answer === 'leave') this.call.leave(false);
  }

  /** @param {string} why */
  #over(why) {
    this.talking = null;
    sessionStorage.removeItem(TALKING);
    stayAwake(false);
    clearNotes(this.notes);
    if (why === 'ended' || why === 'left' || why === 'call_over') this.notes.append(note('calm', t('staff.call_over')));
    else if (why !== 'abandoned') showProblem(this.notes, why);
    announce(t('staff.call_over'));
    this.changed(false);
  }

  /** @param {Member} member */
  #nameOf(member) {
    const people = this.rows().filter((row) => row.appointment.appointment_id === this.talking).map((row) => row.person);
    const person = people.find((each) => each?.person_id === member.member);
    return person ? person.name : ROLES[member.role]();
  }
}

/**
 * @param {string} appointment
 * @returns {Promise<string>}
 */
async function admissionTo(appointment) {
  return (await ask('GET', `/lobby/api/appointments/${encodeURIComponent(appointment)}/admission`)).admission;
}
