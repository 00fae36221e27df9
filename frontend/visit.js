/** The patient's page: check, wait, call, closed. The server says where one stands, the page shows it. */

import { announceNow } from './announce.js';
import { Away, isAway } from './away.js';
import { stayAwake } from './awake.js';
import { Call, ROLES } from './call.js';
import { Check, devicesResult, untested } from './check.js';
import { serverNow, setClock } from './clock.js';
import { Closed } from './closed.js';
import { answerTo } from './confirm.js';
import { chooseDevices } from './devices.js';
import { find, part, pressed, view, write } from './find.js';
import { Follow } from './follow.js';
import { sendBack } from './link.js';
import { Handover } from './handover.js';
import { Media } from './media.js';
import { Messages } from './messages.js';
import { clearNotes, showProblem, showRefusal } from './notes.js';
import { ask, Refused } from './server.js';
import { Session } from './session.js';
import { readySound, ring } from './sound.js';
import { mayGoOn } from './supported.js';
import { markTitle, setTitle, show, showStep } from './views.js';
import { learnWords, t } from './words.js';
import { standingOf, Wait } from './wait.js';

/** @import {Checks, Member, Result, Visit} from './shapes' */
/** @typedef {'opening' | 'check' | 'wait' | 'call' | 'closed'} View */

/** @type {View[]} */
const VIEWS = ['opening', 'check', 'wait', 'call', 'closed'];
const API = '/lobby/api/visit';
const OFTEN = 5000;
const SELDOM = 15_000;
const TRY_AGAIN = 1000;
const CALL_AGAIN = 5000;
/** So long an admission that was just heard needs no asking again. */
const FRESH = 2000;
const PASSING = '[data-problem="unreachable"], [data-problem="unavailable"], [data-problem="too_many"]';

/** What this tab remembers through a reload. */
const CHECKED = 'checked';
const FINISHED = 'finished';

/** Where camera and microphone have something to do; everywhere else they are let go. */
const SEEN_AND_HEARD = ['check', 'call'];

class VisitPage {
  /** @type {Visit | null} */
  visit = null;
  confirmedAt = 0;
  /** @type {{ appointment: string, version: number } | null} the place whose call is over for this page */
  finished = JSON.parse(sessionStorage.getItem(FINISHED) ?? 'null');
  endedBy = '';
  /** @type {'first' | 'again' | 'no'} */
  checking = sessionStorage.getItem(CHECKED) === null ? 'first' : 'no';
  /** @type {View | null} */
  view = null;
  holdOff = 0;
  /** @type {HTMLElement | null} says that a logout did not arrive, whatever the lobby answers */
  stillIn = null;
  /** Until then a call that was refused is not tried again. */
  callAfter = 0;
  notes = find('#notes', HTMLElement);
  media = new Media();
  wait = new Wait();
  away = new Away(this.wait.section, (act) => this.#act(act));
  messages = new Messages(this.wait.section, (id) => void this.#read(id));
  call = new Call({ media: this.media, as: 'visit', nameOf: (member) => this.#nameOf(member), renewed: () => this.session.settled() });
  check = new Check({ media: this.media, ask: () => ask('GET', API), done: (results) => void this.#checked(results) });
  closed = new Closed({ rejoin: () => void this.#ask() });
  handover = new Handover();
  session = new Session({
    path: '/identity',
    home: '/',
    inCall: () => this.call.room !== null,
    ended: () => this.#identifyAgain(),
    failed: (error) => { this.stillIn = showRefusal(this.notes, error); },
  });
  follow = new Follow({ ask: () => this.#askLobby(), stream: '/notifier/stream/visit', pause: () => this.#pause() });

  open() {
    readySound();
    chooseDevices(this.media, () => this.call.chosenSpeaker());
    pressed('ask', () => void this.#ask());
    pressed('leave', () => void this.#act('leave'));
    pressed('check-again', () => this.#checkAgain());
    pressed('hang-up', () => void this.#hangUp());
    this.call.addEventListener('over', (event) => {
      if (event instanceof CustomEvent) void this.#callOver(event.detail);
    });
    document.addEventListener('visibilitychange', () => this.#show());
    setInterval(() => this.#show(), 1000);
    void this.session.renew();
    return this.follow.start();
  }

  #pause() {
    const pause = this.holdOff || (this.view === 'wait' || this.view === 'opening' ? OFTEN : SELDOM);
    this.holdOff = 0;
    return pause;
  }

  async #askLobby() {
    const asked = Date.now();
    try {
      this.#heard(await ask('GET', API), asked);
    } catch (error) {
      this.#refused(error);
    }
  }

  /**
   * @param {Visit} visit
   * @param {number} asked
   */
  #heard(visit, asked) {
    setClock(visit.server_time, asked);
    const before = this.visit?.place;
    // An answer that was overtaken by a newer one on the way.
    if (before && visit.place.version < before.version) return;
    this.confirmedAt = Date.now();
    this.visit = visit;
    if (before && visit.place.version > before.version) this.#movedOn();
    if (!this.stillIn?.isConnected && this.notes.querySelector(PASSING)) clearNotes(this.notes);
    this.#show();
    if (before && before.state !== 'admitted' && visit.place.state === 'admitted') this.#ringDoor();
  }

  /** What was refused, or taken to another window, was another admission. */
  #movedOn() {
    this.callAfter = 0;
    if (!this.call.room) this.call.abandon();
  }

  /** @param {unknown} error */
  #refused(error) {
    if (!(error instanceof Refused)) throw error;
    this.holdOff = error.wait;
    if (error.code === 'no_session') return this.#identifyAgain();
    if (error.code === 'no_visit') return this.#notYetKnown();
    // While one waits, the line about the place says it; elsewhere a note does.
    if (this.view !== 'wait' && this.view !== 'call') showProblem(this.notes, error.code);
    return undefined;
  }

  /** A call that runs is not torn down, and who has finished needs nothing more. */
  #identifyAgain() {
    if (this.call.room) return;
    this.follow.stop();
    if (this.view !== 'closed') sendBack();
  }

  #notYetKnown() {
    write(part('text', view('opening')), t('opening.not_yet'));
    this.#go('opening');
  }

  /** @returns {View} */
  #where() {
    const { visit } = this;
    if (!visit) return 'opening';
    const { appointment, place } = visit;
    if (appointment.status === 'cancelled') return 'wait';
    if (place.state === 'admitted') return this.#whereAdmitted(visit);
    if (this.checking === 'again') return 'check';
    if (place.state === 'waiting' || place.state === 'refused') return 'wait';
    if (appointment.status === 'ended' || (place.state === 'left' && this.finished?.appointment === appointment.appointment_id)) return 'closed';
    return this.checking === 'first' ? 'check' : 'wait';
  }

  /**
   * The camera is not opened behind somebody's back: a page that is not seen rings, and joins when it is looked at.
   * @param {Visit} visit
   */
  #whereAdmitted({ appointment, place }) {
    const { finished } = this;
    if (finished?.appointment === appointment.appointment_id && place.version <= finished.version) return 'closed';
    return document.hidden && this.view !== 'call' ? 'wait' : 'call';
  }

  #show() {
    const { visit } = this;
    if (!visit) return;
    const where = this.#where();
    if (where !== 'call') this.call.abandon();
    // The call is on its way while its view is drawn.
    if (where === 'call') this.#enterCall(visit);
    this.#go(where);
    if (where === 'wait') this.#showWait(visit);
    if (where === 'closed') this.closed.show(this.endedBy, visit.can_ask);
  }

  /** @param {View} where */
  #go(where) {
    if (this.view === where) return;
    this.view = where;
    if (where === 'check') this.check.explain();
    else this.check.stop();
    if (!SEEN_AND_HEARD.includes(where)) this.media.close();
    if (where === 'wait' && this.visit) this.#showWait(this.visit);
    if (where !== 'wait') setTitle(find('h1', HTMLElement, view(where)).textContent ?? '');
    if (where === 'call' || where === 'closed') markTitle('');
    show(where, VIEWS);
    this.follow.newPause();
    if (where !== 'opening') showStep(where);
    this.#sleepOrWake();
  }

  /** @param {Visit} visit */
  #showWait(visit) {
    this.wait.show(visit, this.confirmedAt, checkWords());
    this.away.show(visit);
    this.messages.show(visit.messages);
  }

  /** The screen of whoever waits stays on, unless they have put the device away. */
  #sleepOrWake() {
    const place = this.visit?.place;
    stayAwake(this.view === 'call' || (this.view === 'wait' && place?.state === 'waiting' && !isAway(place)));
  }

  /** @param {Visit} visit */
  #enterCall(visit) {
    if (this.call.room || this.call.takeAgain || Date.now() < this.callAfter) return;
    const { appointment, admission } = visit;
    const isFresh = Date.now() - this.confirmedAt < FRESH;
    void this.call.enter(appointment.appointment_id, () => this.#admission(), isFresh ? admission : null);
  }

  /** Without one signalling waits for the event instead. */
  async #admission() {
    const asked = Date.now();
    const visit = /** @type {Visit} */ (await ask('GET', API));
    setClock(visit.server_time, asked);
    return visit.admission;
  }

  #ringDoor() {
    if (this.view !== 'call') markTitle('●');
    announceNow(t('wait.title.admitted'));
    void ring();
    navigator.vibrate?.([300, 150, 300]);
  }

  async #ask() {
    if (this.visit && standingOf(this.visit, serverNow()) === 'before') return;
    await this.#act('ask');
  }

  /** @param {string} id */
  async #read(id) {
    try {
      await ask('POST', `${API}/messages/${encodeURIComponent(id)}/read`);
    } catch (error) {
      showRefusal(this.notes, error);
    }
    await this.follow.now();
  }

  /** @param {'ask' | 'leave' | 'away' | 'back'} act */
  async #act(act) {
    clearNotes(this.notes);
    const asked = Date.now();
    try {
      this.#heard(await ask('POST', `${API}/${act}`), asked);
      this.#sleepOrWake();
    } catch (error) {
      await this.#actRefused(error);
    }
  }

  /** @param {unknown} error */
  async #actRefused(error) {
    if (error instanceof Refused && error.code === 'no_session') return this.#identifyAgain();
    showRefusal(this.notes, error);
    // The two clocks may differ by a breath just when the door opens.
    if (error instanceof Refused && error.code === 'not_open_yet') await new Promise((resolve) => { setTimeout(resolve, TRY_AGAIN); });
    await this.follow.now();
    return undefined;
  }

  /** @param {Checks} results */
  async #checked(results) {
    sessionStorage.setItem(CHECKED, JSON.stringify(results));
    this.checking = 'no';
    this.#show();
    // The professional sees them; the visit does not depend on them.
    await ask('PUT', `${API}/checks`, { body: results }).catch(() => {});
  }

  #checkAgain() {
    this.checking = 'again';
    this.#show();
  }

  async #hangUp() {
    if (await answerTo(find('#hang-up', HTMLDialogElement)) !== 'yes') return;
    this.call.leave(false);
    // The lobby hears of the end from signalling too; this is only quicker.
    await ask('POST', `${API}/leave`).catch(() => {});
    await this.follow.now();
  }

  /** @param {{ why: string, by: string }} how */
  async #callOver({ why, by }) {
    // Who hangs up after the end of their session has finished all the same.
    if (why === 'no_session' && !await this.session.renew() && this.session.over) return this.#identifyAgain();
    if (why === 'left' || why === 'ended' || why === 'call_over') this.#finish(by || why);
    else if (why !== 'abandoned') this.callAfter = Date.now() + CALL_AGAIN;
    void this.follow.now();
    return this.#show();
  }

  /** @param {string} by */
  #finish(by) {
    if (this.visit?.place.state !== 'admitted') return;
    const { appointment, place } = this.visit;
    this.endedBy = by;
    this.finished = { appointment: appointment.appointment_id, version: place.version };
    sessionStorage.setItem(FINISHED, JSON.stringify(this.finished));
  }

  /** @param {Member} member */
  #nameOf(member) {
    const professional = this.visit?.appointment.professional;
    return professional && member.member === professional.id ? professional.name : ROLES[member.role]();
  }
}

/** @type {Record<Result, () => string>} */
const DEVICES = {
  pass: () => t('wait.devices.pass'),
  fail: () => t('wait.devices.fail'),
  skipped: () => t('wait.devices.skipped'),
};

/** How the check in this tab went. */
function checkWords() {
  const kept = sessionStorage.getItem(CHECKED);
  return DEVICES[devicesResult(kept ? JSON.parse(kept) : untested())]();
}

async function open() {
  await learnWords();
  if (!mayGoOn()) return;
  await new VisitPage().open();
}

void open();
