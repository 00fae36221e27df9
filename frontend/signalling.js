/** The wire to signalling: says hello, comes back after every break, loses nothing that can be resumed. */

/** @import {Frame, Said} from './shapes' */
/** @typedef {{ session: string, seen: number }} Resume */

const PROTOCOL = 'videomottagning.v1';
const LONGEST_PAUSE = 8000;
const ANSWER_WITHIN = 10_000;
const ADMISSION_WITHIN = 3000;
const ACKNOWLEDGE_AFTER = 1000;
const KEPT_FRAMES = 200;
/** The close code that says: the token is over. */
const SESSION_OVER = 4402;

/** What a closed socket means when no error frame came first. */
/** @type {Record<number, string>} */
const STOPS = { 4401: 'no_session', 4403: 'not_admitted', 4409: 'replaced', 4410: 'appointment_cancelled', 4411: 'call_over' };

export class Signalling {
  /**
   * @param {object} how
   * @param {string} how.appointment
   * @param {'visit' | 'staff'} how.as which cookie speaks
   * @param {() => Promise<string | null>} how.admission a fresh one for each hello
   * @param {() => Promise<boolean>} how.renewed after the end of a token: whether it is known what has become of the session
   * @param {(frame: Frame) => void} how.heard every frame, in order
   * @param {(on: boolean) => void} how.wire whether the wire is there
   * @param {(code: string) => void} how.stopped it will not come back
   */
  constructor({ appointment, as, admission, renewed, heard, wire, stopped }) {
    this.address = `${location.origin.replace(/^http/, 'ws')}/signalling/${encodeURIComponent(appointment)}?as=${as}`;
    this.admission = admission;
    this.renewed = renewed;
    this.heard = heard;
    this.wire = wire;
    this.stopped = stopped;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {Resume | null} */
    this.resume = null;
    /** @type {Said[]} */
    this.unsent = [];
    this.welcomed = false;
    this.lapsed = false;
    /** Whether the session was renewed just before this socket. */
    this.assured = false;
    this.opening = false;
    this.over = false;
    this.failures = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.seenTimer = undefined;
    this.online = () => this.#hurry();
    addEventListener('online', this.online);
  }

  /** One at a time: the network may come back while this is on its way. */
  async open() {
    if (this.opening) return;
    clearTimeout(this.timer);
    this.opening = true;
    await this.#open().finally(() => { this.opening = false; });
  }

  async #open() {
    const { lapsed } = this;
    if (lapsed && !await this.renewed().catch(() => false)) return this.#openLater();
    this.lapsed = false;
    this.assured = lapsed;
    if (this.over) return undefined;
    // The way to the server is made while the admission comes; signalling waits for a hello, but not for long.
    const admission = Promise.race([this.admission().catch(() => null), nothingAfter(ADMISSION_WITHIN)]);
    const socket = new WebSocket(this.address, PROTOCOL);
    this.socket = socket;
    this.welcomed = false;
    const impatience = setTimeout(() => { if (!this.welcomed) this.#lost(socket, 0); }, ANSWER_WITHIN * 2);
    socket.addEventListener('open', () => void this.#greet(socket, admission));
    socket.addEventListener('message', ({ data }) => this.#hear(socket, JSON.parse(data)));
    socket.addEventListener('close', ({ code }) => {
      clearTimeout(impatience);
      this.#lost(socket, code);
    });
    return undefined;
  }

  /**
   * @param {WebSocket} socket
   * @param {Promise<string | null>} given
   */
  async #greet(socket, given) {
    const admission = await given;
    if (socket === this.socket) this.#write({ type: 'hello', admission, resume: this.resume });
  }

  /** @param {Said} said kept until the wire is back, unless the session is a new one by then */
  say(said) {
    if (this.welcomed) return this.#write(said);
    this.unsent.push(said);
    if (this.unsent.length > KEPT_FRAMES) this.unsent.shift();
    return undefined;
  }

  /** Leaves on purpose. @param {boolean} forEveryone */
  leave(forEveryone) {
    if (this.welcomed) this.#write({ type: 'leave', for_everyone: forEveryone });
    this.close();
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    clearTimeout(this.seenTimer);
    removeEventListener('online', this.online);
    this.socket?.close(1000);
  }

  /** The wire is silent though it should have answered: take a new one. */
  distrust() {
    if (this.socket) this.#lost(this.socket, 0);
  }

  /** @param {object} frame */
  #write(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  /**
   * @param {WebSocket} socket
   * @param {Frame} frame
   */
  #hear(socket, frame) {
    if (socket !== this.socket || this.over) return;
    if (frame.type === 'error') return this.#told(frame);
    if (frame.type === 'welcome') this.#welcome(frame);
    this.#acknowledge(frame.seq);
    this.heard(frame);
    return undefined;
  }

  /** @param {Extract<Frame, { type: 'welcome' }>} frame */
  #welcome(frame) {
    if (!frame.resumed) this.unsent = this.unsent.filter((said) => said.type !== 'signal');
    this.resume = { session: frame.session, seen: frame.resumed ? this.resume?.seen ?? 0 : 0 };
    this.failures = 0;
    this.welcomed = true;
    for (const said of this.unsent.splice(0)) this.#write(said);
    this.wire(true);
  }

  /** @param {number} seq */
  #acknowledge(seq) {
    if (!this.resume || !(seq > this.resume.seen)) return;
    this.resume.seen = seq;
    this.seenTimer ??= setTimeout(() => {
      this.seenTimer = undefined;
      if (this.welcomed) this.#write({ type: 'seen', seq: this.resume?.seen });
    }, ACKNOWLEDGE_AFTER);
  }

  /** @param {Extract<Frame, { type: 'error' }>} frame */
  #told({ code, action }) {
    if (action === 'stop') return this.#refused(code);
    if (action === 'reconnect') this.resume = null;
    return undefined;
  }

  /**
   * A token that ran out while the wire was away is told as no session at all: that is believed only of one that was just renewed.
   * @param {string} code
   */
  #refused(code) {
    if (code === 'no_session' && !this.assured) this.lapsed = true;
    else this.#stop(code);
  }

  /** @param {string} code */
  #stop(code) {
    if (this.over) return;
    this.close();
    this.stopped(code);
  }

  /**
   * @param {WebSocket} socket
   * @param {number} closeCode
   */
  #lost(socket, closeCode) {
    if (socket !== this.socket || this.over) return;
    this.socket = null;
    this.welcomed = false;
    socket.close();
    const stop = STOPS[closeCode];
    if (stop) this.#refused(stop);
    if (this.over) return undefined;
    this.lapsed ||= closeCode === SESSION_OVER;
    this.wire(false);
    return this.#openLater();
  }

  #openLater() {
    if (!this.over) this.timer = setTimeout(() => void this.open(), this.#pause());
  }

  /** Longer after each failure, and never the same for everybody: a restarted server is not stormed. */
  #pause() {
    const longest = Math.min(LONGEST_PAUSE, 400 * 2 ** this.failures);
    this.failures += 1;
    return longest * (0.25 + 0.75 * Math.random());
  }

  /** The network is back: there is no reason to wait any longer. */
  #hurry() {
    if (this.over || this.welcomed || this.socket) return;
    this.failures = 0;
    void this.open();
  }
}

/**
 * @param {number} milliseconds
 * @returns {Promise<null>}
 */
function nothingAfter(milliseconds) {
  return new Promise((resolve) => { setTimeout(() => resolve(null), milliseconds); });
}
