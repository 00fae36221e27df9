/** The professional's console: who waits, admit the right one, the call beside the queue. */

import { announce } from './announce.js';
import { Arrivals } from './arrivals.js';
import { Bells } from './bells.js';
import { Beside } from './beside.js';
import { setClock } from './clock.js';
import { answerTo } from './confirm.js';
import { Detail, showFacts } from './detail.js';
import { chooseDevices } from './devices.js';
import { button, find, part, pressed, view, write } from './find.js';
import { Follow } from './follow.js';
import { Invited } from './invited.js';
import { Media } from './media.js';
import { clearNotes, showProblem, showRefusal } from './notes.js';
import { Notify } from './notify.js';
import { QueueList, rowsOf } from './queue.js';
import { Reply } from './reply.js';
import { ask, Refused } from './server.js';
import { Session } from './session.js';
import { canSound, readySound, ring } from './sound.js';
import { mayGoOn } from './supported.js';
import { setTitle } from './views.js';
import { fromNow, learnWords, t } from './words.js';

/** @import {Person, Queue, Row} from './shapes' */

const OFTEN = 5000;
const FRESH = 15_000;
/** One act is told in several notices. */
const GAP = 1000;
const API = '/lobby/api';

class StaffPage {
  /** @type {Queue | null} */
  queue = null;
  /** @type {Row[]} */
  rows = [];
  /** @type {string | null} */
  chosen = null;
  confirmedAt = 0;
  holdOff = 0;
  console = part('console', document);
  queueNotes = part('notes', view('queue'));
  detailNotes = part('notes', view('detail'));
  media = new Media();
  arrivals = new Arrivals();
  bells = new Bells();
  notify = new Notify(this.queueNotes);
  detail = new Detail();
  reply = new Reply(this.detail.section, () => void this.follow.now());
  invited = new Invited(this.detail.section);
  list = new QueueList((key) => this.#choose(key));
  beside = new Beside({
    media: this.media,
    notes: this.detailNotes,
    rows: () => this.rows,
    changed: (begun) => this.#callChanged(begun),
    renewed: () => this.session.settled(),
  });
  session = new Session({
    path: '/identity/staff',
    home: '/staff',
    inCall: () => this.beside.call.room !== null,
    ended: () => this.#showLogin(),
    failed: (error) => showRefusal(this.queueNotes, error),
  });
  follow = new Follow({ ask: () => this.#askLobby(), stream: '/notifier/stream/staff', pause: () => this.#pause(), gap: GAP });

  open() {
    readySound();
    chooseDevices(this.media, () => this.beside.call.chosenSpeaker());
    this.#connectButtons();
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
    pressed('acknowledge', () => void this.#acknowledge());
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
      void this.bells.listen().then(() => this.#showDetail());
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
    if (first) void this.beside.rejoin();
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
    if (this.beside.call.room) return;
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
    const { talking } = this.beside;
    this.list.show(this.rows, this.chosen);
    view('call').hidden = talking === null;
    this.console.classList.toggle('talking', talking !== null);
    this.#showDetail();
    this.#showTimes();
  }

  #showDetail() {
    const { row } = this;
    const me = this.queue?.professional.id;
    this.detail.show(row, this.beside.talking, me, row && this.bells.of(row));
    if (!row) return;
    this.reply.show(row);
    this.invited.show(row);
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
    if (!this.beside.isFreeFor(row.appointment.appointment_id)) return;
    const dialog = find('#admit', HTMLDialogElement);
    showFacts(row, dialog);
    if (await answerTo(dialog) !== 'yes') return;
    // The dialog showed this version of the place; if it has changed since, the server says so.
    const answer = await this.#tell(row, 'admission', undefined);
    if (answer) this.beside.enter(row.appointment.appointment_id, answer.admission);
  }

  async #acknowledge() {
    if (!this.row) return;
    await this.bells.acknowledge(this.row, this.detailNotes);
    this.#showDetail();
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
    const row = this.beside.row();
    if (row) await this.#sendBack(row);
  }

  /** @param {Row} row */
  async #sendBack(row) {
    if (!row.person || await answerTo(find('#return', HTMLDialogElement)) !== 'yes') return;
    if (!await this.#tell(row, 'return', { reason: reasonIn('return') })) return;
    announce(t('return.done'));
    this.beside.without(row);
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
    if (row && this.beside.isFreeFor(row.appointment.appointment_id)) this.beside.enter(row.appointment.appointment_id, null);
  }

  /** @param {boolean} begun */
  #callChanged(begun) {
    if (begun) this.chosen = this.beside.row()?.key ?? this.chosen;
    this.#show();
    if (begun) return;
    (this.row ? this.detail : button('try-sound')).focus();
    void this.follow.now();
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
