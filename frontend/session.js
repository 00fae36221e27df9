/** The session: renewed while the page lives, and never ended without a warning. */

import { answerTo } from './confirm.js';
import { find, part, pressed, write } from './find.js';
import { ask, askOnce, Refused, renewBy } from './server.js';
import { language, t, time } from './words.js';

/** @import {SessionTimes} from './shapes' */

const TRY_AGAIN = 10_000;
const ACTS = ['pointerdown', 'keydown'];

export class Session {
  warning = find('#session', HTMLDialogElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** @type {Promise<boolean> | null} */
  renewing = null;
  renewAt = 0;
  over = false;
  /** @type {string | null} the end that has been warned of; each is warned of once */
  warned = null;
  acted = true;

  /**
   * @param {object} given
   * @param {'/identity' | '/identity/staff'} given.path
   * @param {string} given.home where one goes who has logged out
   * @param {() => boolean} given.inCall who is in a call is there, though nothing is touched
   * @param {() => void} given.ended
   * @param {(error: unknown) => void} given.failed a logout that did not arrive
   */
  constructor({ path, home, inCall, ended, failed }) {
    this.path = path;
    this.home = home;
    this.inCall = inCall;
    this.ended = ended;
    this.failed = failed;
    renewBy(() => this.renew(), () => this.over);
    pressed('log-out', () => void this.#askToLeave());
    for (const act of ACTS) addEventListener(act, () => { this.acted = true; }, { passive: true });
    for (const back of ['visibilitychange', 'online']) addEventListener(back, () => this.#awake());
  }

  /**
   * @param {boolean} [stay] somebody wants to go on: they tapped, typed, or talk
   * @returns {Promise<boolean>} whether the session holds
   */
  renew(stay = this.inCall() || (this.path === '/identity/staff' && this.acted)) {
    this.renewing ??= this.#renew(stay).finally(() => { this.renewing = null; });
    return this.renewing;
  }

  /** Whether it is known what has become of it: renewed, or over. */
  async settled() {
    return await this.renew() || this.over;
  }

  /** @param {boolean} stay */
  async #renew(stay) {
    this.acted = false;
    try {
      const times = await askOnce('POST', `${this.path}/session`, { body: { stay } });
      const isKnown = Number.isFinite(Date.parse(times?.renew_at));
      // What stands between, as a network that wants a login, may answer in the server's stead.
      if (isKnown) this.#plan(times);
      else this.#next(TRY_AGAIN);
      return isKnown;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code === 'no_session') this.#finish();
      else this.#next(error.wait || TRY_AGAIN);
      return false;
    }
  }

  /** @param {SessionTimes} times by the server's clock */
  #plan(times) {
    const now = Date.parse(times.server_time);
    const left = (/** @type {string} */ moment) => Date.parse(moment) - now;
    const warns = left(times.warn_at);
    this.#next(Math.min(left(times.renew_at), warns > 0 ? warns : left(times.ends_at)));
    if (warns > 0) this.warning.close('no');
    else if (this.warned !== times.ends_at) void this.#warn(times);
  }

  /** @param {number} pause */
  #next(pause) {
    clearTimeout(this.timer);
    this.renewAt = Date.now() + pause;
    this.timer = setTimeout(() => void this.renew(), Math.max(pause, 1000));
  }

  /** Timers sleep with the device. */
  #awake() {
    if (!document.hidden && this.renewAt && Date.now() >= this.renewAt) void this.renew();
  }

  /** @param {SessionTimes} times */
  async #warn({ ends_at: ends, may_stay: may }) {
    this.warned = ends;
    write(part('text', this.warning), may ? t('session.text', { time: time(ends) }) : t('session.last', { time: time(ends) }));
    part('stay', this.warning).hidden = !may;
    const answer = await answerTo(this.warning);
    if (answer === 'stay') await this.#stay();
    if (answer === 'leave') await this.#leave(false);
  }

  async #stay() {
    await this.renewing;
    await this.renew(true);
  }

  #finish() {
    clearTimeout(this.timer);
    this.renewAt = 0;
    this.over = true;
    this.warning.close('no');
    this.ended();
  }

  async #askToLeave() {
    const answer = await answerTo(find('#log-out', HTMLDialogElement));
    if (answer === 'here' || answer === 'everywhere') await this.#leave(answer === 'everywhere');
  }

  /** @param {boolean} everywhere */
  async #leave(everywhere) {
    try {
      const said = await ask('POST', `${this.path}/logout`, { body: { everywhere, language } });
      sessionStorage.clear();
      location.assign(said?.location ?? this.home);
    } catch (error) {
      this.failed(error);
    }
  }
}
