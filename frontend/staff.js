/** The professional's console: who waits, admit the right one, the call beside the queue. */

import { announce } from './announce.js';
import { Arrivals } from './arrivals.js';
import { stayAwake } from './awake.js';
import { Call, ROLES } from './call.js';
import { setClock } from './clock.js';
import { answerTo } from './confirm.js';
import { Detail, showFacts } from './detail.js';
import { chooseDevices } from './devices.js';
import { button, find, part, pressed, view, write } from './find.js';
import { Follow } from './follow.js';
import { Media } from './media.js';
import { clearNotes, note, showProblem, showRefusal } from './notes.js';
import { QueueList, rowsOf } from './queue.js';
import { ask, Refused } from './server.js';
import { Session } from './session.js';
import { canSound, readySound, ring } from './sound.js';
import { mayGoOn } from './supported.js';
import { setTitle } from './views.js';
import { fromNow, learnWords, t } from './words.js';

/** @import {Member, Person, Queue, Row} from './shapes' */

const OFTEN = 5000;
const FRESH = 15_000;
const API = '/lobby/api';
/** The appointment whose call is open in this tab, so that a reload finds back to it. */
const TALKING = 'talking';

class StaffPage {
  /** @type {Queue | null} */
  queue = null;
  /** @type {Row[]} */
  rows = [];
  /** @type {string | null} */
  chosen = null;
  /** @type {string | null} */
  talking = null;
  confirmedAt = 0;
  holdOff = 0;
  console = part('console', document);
  queueNotes = part('notes', view('queue'));
  detailNotes = part('notes', view('detail'));
  media = new Media();
  arrivals = new Arrivals();
  detail = new Detail();
  list = new QueueList((key) => this.#choose(key));
  call = new Call({ media: this.media, as: 'staff', nameOf: (member) => this.#nameOf(member) });
  session = new Session({
    path: '/identity/staff',
    home: '/staff',
    inCall: () => this.call.room !== null,
    ended: () => this.#showLogin(),
    failed: (error) => showRefusal(this.queueNotes, error),
  });
  follow = new Follow({ ask: () => this.#askLobby(), stream: '/notifier/stream/staff', pause: () => this.#pause() });

  open() {
    readySound();
    chooseDevices(this.media, () => this.call.chosenSpeaker());
    this.#connectButtons();
    this.call.addEventListener('over', (event) => {
      if (event instanceof CustomEvent) this.#callOver(event.detail.why);
    });
    setInterval(() => this.#showTimes(), 1000);
    void this.session.renew();
    return this.follow.start();
  }

  #connectButtons() {
    pressed('log-in', () => void this.#logIn());
    pressed('try-sound', () => void ring().then(() => this.#showTimes()));
    pressed('admit', () => void this.#admit());
    pressed('refuse', () => void this.#refuse());
    pressed('join', () => this.#join());
    pressed('return', () => void this.#return(), view('detail'));
    pressed('return', () => void this.#returnFromCall(), view('call'));
    pressed('end', () => void this.#end());
  }

  #pause() {
    const pause = this.holdOff || OFTEN;
    this.holdOff = 0;
    return pause;
  }

  async #askLobby() {
    const asked = Date.now();
    try {
      this.#heard(await ask('GET', `${API}/queue`), asked);
    } catch (error) {
      this.#unanswered(error);
    }
  }

  /**
   * @param {Queue} queue
   * @param {number} asked
   */
  #heard(queue, asked) {
    setClock(queue.server_time, asked);
    const first = this.queue === null;
    this.confirmedAt = Date.now();
    this.queue = queue;
    this.rows = rowsOf(queue);
    clearNotes(this.queueNotes);
    this.#showConsole(queue);
    this.arrivals.notice(this.rows);
    this.#show();
    if (first) void this.#rejoin();
  }

  /** @param {unknown} error */
  #unanswered(error) {
    if (!(error instanceof Refused)) throw error;
    this.holdOff = error.wait;
    if (error.code === 'no_session') this.#showLogin();
    else if (this.queue) showProblem(this.queueNotes, error.code);
    else write(part('text', view('opening')), t(`problem.${error.code === 'unreachable' ? 'unreachable' : 'unavailable'}`));
  }

  /** @param {Queue} queue */
  #showConsole(queue) {
    view('opening').hidden = true;
    view('login').hidden = true;
    this.console.hidden = false;
    const tools = part('tools', document);
    tools.hidden = false;
    write(part('me', tools), queue.professional.name);
    setTitle(t('staff.title'));
  }

  /** A call that runs is not torn down. */
  #showLogin() {
    if (this.call.room) return;
    this.follow.stop();
    view('opening').hidden = true;
    this.console.hidden = true;
    part('tools', document).hidden = true;
    view('login').hidden = false;
    find('h1', HTMLElement, view('login')).focus();
  }

  async #logIn() {
    try {
      const { location: provider } = await ask('POST', '/identity/staff/login', { body: { language: document.documentElement.lang } });
      location.assign(provider);
    } catch (error) {
      showRefusal(part('notes', view('login')), error);
    }
  }

  /** @returns {Row | null} */
  get row() {
    return this.rows.find((row) => row.key === this.chosen) ?? null;
  }

  #show() {
    this.list.show(this.rows, this.chosen);
    this.detail.show(this.row, this.talking, this.queue?.professional.id);
    view('call').hidden = this.talking === null;
    this.console.classList.toggle('talking', this.talking !== null);
    this.#showTimes();
  }

  #showTimes() {
    if (!this.queue) return;
    const age = Math.max(0, Date.now() - this.confirmedAt);
    const line = part('confirmed', view('queue'));
    line.classList.toggle('late', age > FRESH);
    write(line, age > FRESH ? t('queue.unconfirmed', { ago: fromNow(-age) }) : t('queue.confirmed', { ago: fromNow(-age) }));
    write(part('sound', document), canSound() ? t('staff.try_sound') : t('staff.sound_off'));
  }

  /** @param {string} key */
  #choose(key) {
    this.chosen = key;
    clearNotes(this.detailNotes);
    this.#show();
    this.detail.focus();
  }

  async #admit() {
    const { row } = this;
    if (!row?.person) return;
    if (this.talking && this.talking !== row.appointment.appointment_id) return showProblem(this.detailNotes, 'in_another_call');
    const dialog = find('#admit', HTMLDialogElement);
    showFacts(row, dialog);
    if (await answerTo(dialog) !== 'yes') return;
    // The dialog showed this version of the place; if it has changed since, the server says so.
    const answer = await this.#tell(row, 'admission', undefined);
    if (answer) this.#enter(row.appointment.appointment_id, answer.admission);
  }

  async #refuse() {
    const { row } = this;
    if (!row?.person || await answerTo(find('#refuse', HTMLDialogElement)) !== 'yes') return;
    if (await this.#tell(row, 'refusal', { reason: reasonIn('refuse') })) announce(t('refuse.done'));
  }

  async #return() {
    const { row } = this;
    if (row) await this.#sendBack(row);
  }

  async #returnFromCall() {
    const row = this.#inCall();
    if (row) await this.#sendBack(row);
  }

  #inCall() {
    return this.rows.find((row) => row.appointment.appointment_id === this.talking && row.group === 'in_call');
  }

  /** @param {Row} row */
  async #sendBack(row) {
    if (!row.person || await answerTo(find('#return', HTMLDialogElement)) !== 'yes') return;
    if (!await this.#tell(row, 'return', { reason: reasonIn('return') })) return;
    announce(t('return.done'));
    const others = this.rows.some((each) => each.appointment === row.appointment && each.group === 'in_call' && each.key !== row.key);
    if (this.talking === row.appointment.appointment_id && !others) this.call.leave(false);
  }

  /**
   * @param {Row} row as it was when the person decided
   * @param {'admission' | 'refusal' | 'return'} deed
   * @param {{ reason: string } | undefined} body
   * @returns {Promise<{ admission: string, person: Person } | null>}
   */
  async #tell({ appointment, person }, deed, body) {
    if (!person) return null;
    clearNotes(this.detailNotes);
    const path = `${API}/appointments/${encodeURIComponent(appointment.appointment_id)}/people/${encodeURIComponent(person.person_id)}/${deed}`;
    try {
      return (await ask('POST', path, { version: person.version, ...(body && { body }) })) ?? {};
    } catch (error) {
      showRefusal(this.detailNotes, error);
      return null;
    } finally {
      void this.follow.now();
    }
  }

  #join() {
    const { row } = this;
    if (!row) return;
    if (this.talking) showProblem(this.detailNotes, 'in_another_call');
    else this.#enter(row.appointment.appointment_id, null);
  }

  /** After a reload: back into the call that was open in this tab, if it still is. */
  async #rejoin() {
    const appointment = sessionStorage.getItem(TALKING);
    if (!appointment) return;
    const admission = await this.#admission(appointment).catch(() => null);
    if (admission) this.#enter(appointment, admission);
    else sessionStorage.removeItem(TALKING);
  }

  /**
   * @param {string} appointment
   * @param {string | null} given the admission in hand; it serves the first hello only
   */
  #enter(appointment, given) {
    let inHand = given;
    this.talking = appointment;
    this.chosen = this.#inCall()?.key ?? this.chosen;
    sessionStorage.setItem(TALKING, appointment);
    stayAwake(true);
    this.#show();
    find('h1', HTMLElement, view('call')).focus();
    void this.call.enter(appointment, () => {
      const now = inHand;
      inHand = null;
      return now ? Promise.resolve(now) : this.#admission(appointment);
    });
  }

  /**
   * @param {string} appointment
   * @returns {Promise<string>}
   */
  async #admission(appointment) {
    return (await ask('GET', `${API}/appointments/${encodeURIComponent(appointment)}/admission`)).admission;
  }

  async #end() {
    const answer = await answerTo(find('#end', HTMLDialogElement));
    if (answer === 'yes') this.call.leave(true);
    if (answer === 'leave') this.call.leave(false);
  }

  /** @param {string} why */
  #callOver(why) {
    this.talking = null;
    sessionStorage.removeItem(TALKING);
    stayAwake(false);
    clearNotes(this.detailNotes);
    if (why === 'ended' || why === 'left' || why === 'call_over') this.detailNotes.append(note('calm', t('staff.call_over')));
    else if (why !== 'abandoned') showProblem(this.detailNotes, why);
    announce(t('staff.call_over'));
    this.#show();
    (this.row ? this.detail : button('try-sound')).focus();
    void this.follow.now();
  }

  /** @param {Member} member */
  #nameOf(member) {
    const people = this.rows.filter((row) => row.appointment.appointment_id === this.talking).map((row) => row.person);
    const person = people.find((each) => each?.person_id === member.member);
    return person ? person.name : ROLES[member.role]();
  }
}

/** @param {'refuse' | 'return'} dialog */
function reasonIn(dialog) {
  return find(`#${dialog} input:checked`, HTMLInputElement).value;
}

async function open() {
  await learnWords();
  if (!mayGoOn()) return;
  await new StaffPage().open();
}

void open();
