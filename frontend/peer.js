/** One other person. One side alone makes offers, as long as the two are in the call; the other asks it to. */

import { Connection } from './connection.js';

/** @import {Kind, Signal} from './shapes' */

/** How long a step may take; twice as long after each that leads nowhere. */
const PATIENCE = 2500;
const LONGEST_PATIENCE = 20_000;
/** So many steps are tried with one connection, then a new one is made. */
const STEPS = 3;
/** The side that asks goes first. */
const OFFERER_WAITS = 1000;

/**
 * @typedef {object} How
 * @property {() => RTCIceServer[]} iceServers
 * @property {MediaStream} mine
 * @property {(signal: Signal) => void} send
 * @property {() => Promise<RTCIceServer[]>} freshServers asked before every step: credentials are short-lived, and the answer shows
 *   that the wire is there, or is given by the next one
 * @property {() => void} changed the state or the other's tracks
 * @property {() => boolean} reachable whether there is somebody to heal with; asked when a connection is not up
 */

/** What both sides do. */
class Peer {
  /** @type {Connection | null} */
  current = null;
  healing = false;
  wasConnected = false;
  #inOrder = Promise.resolve();
  #closed = false;
  /** How often it has been seen to since it was last up. */
  tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;

  /** @param {How} how */
  constructor(how) {
    this.how = how;
  }

  get connection() {
    return this.current?.rtc ?? null;
  }

  get connected() {
    return this.current?.connected ?? false;
  }

  get theirs() {
    return this.current?.theirs ?? null;
  }

  /** One thing after the other: nothing meets a connection that is amid a description. */
  inOrder(/** @type {() => Promise<void>} */ act) {
    this.#inOrder = this.#inOrder.then(async () => { if (!this.#closed) await act(); }).catch(() => {
      // Descriptions that do not fit each other: what is not up by now leads nowhere.
      if (!this.connected) this.#drop();
    });
    return this.#inOrder;
  }

  /** A new connection in place of the one before. */
  begin() {
    if (this.#closed) throw new Error('Closed while this was on its way.');
    this.#drop();
    const connection = new Connection({
      iceServers: this.how.iceServers(),
      mine: this.how.mine,
      found: (candidate) => this.say(connection, { candidate }),
      changed: () => { if (connection === this.current) this.#stateChanged(connection); },
    });
    this.current = connection;
    this.how.changed();
    return connection;
  }

  #drop() {
    this.current?.close();
    this.current = null;
    this.waits();
  }

  /**
   * @param {Connection} connection
   * @param {Partial<Signal>} what
   */
  say({ id, other, round, closed }, what) {
    if (closed) return;
    this.how.send({ connection: id, meant_for: other, round, description: null, candidate: null, ask: null, ...what });
  }

  /** @param {Connection} connection */
  #stateChanged(connection) {
    const { connectionState } = connection.rtc;
    if (connectionState === 'connected') this.#connected();
    if (connectionState === 'failed' && this.tries === 0) this.#tend();
    else if (connectionState === 'disconnected' || connectionState === 'failed') this.waits();
    this.how.changed();
  }

  #connected() {
    clearTimeout(this.#timer);
    this.tries = 0;
    this.healing = false;
    this.wasConnected = true;
    if (this.current) this.current.wasConnected = true;
  }

  /** Something has been said or has failed: if nothing comes of it, it is seen to again. */
  waits() {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const patience = Math.min(PATIENCE * 2 ** this.tries, LONGEST_PATIENCE);
    this.#timer = setTimeout(() => this.#tend(), patience + this.lag);
  }

  /** How much longer this side waits than the other. */
  get lag() {
    return 0;
  }

  #tend() {
    if (this.#closed || this.connected) return;
    const reachable = this.how.reachable();
    if (reachable) this.tries += 1;
    this.waits();
    // A slow device or network is not helped by beginning again.
    if (!reachable || (this.tries === 1 && this.current?.promising)) return;
    this.healing = this.wasConnected;
    this.how.changed();
    void this.inOrder(() => this.#step());
  }

  async #step() {
    const { tries } = this;
    if (tries === 0) return;
    const iceServers = await this.how.freshServers();
    // Fewer by now: it has been up, or the other was met anew, which leads on by itself.
    if (this.tries >= tries && !this.connected) await this.tend(tries, iceServers);
  }

  /**
   * What is done about a connection that is not up.
   * @param {number} _tries
   * @param {RTCIceServer[]} _iceServers
   */
  async tend(_tries, _iceServers) {}

  /** The other is here, or here again, or one's own wire is back. */
  meet() {
    this.tries = 0;
  }

  /** @param {Signal} signal */
  receive(signal) {
    return this.inOrder(() => this.apply(signal));
  }

  /** @param {Signal} _ */
  async apply(_) {}

  /**
   * Meant for another connection than this one, and not said by the one that it talks to.
   * @param {Signal} signal
   */
  isForAnother({ meant_for: whom, connection }) {
    return Boolean(whom) && whom !== this.current?.id && connection !== this.current?.other;
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  use(kind, track) {
    return this.current?.use(kind, track);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.current?.close();
  }
}

/** The side that makes the offers. The first is made when the two meet, and said when it is asked for. */
export class Offerer extends Peer {
  /** @type {Set<string>} names that were talked to once, and whose connection then died: what they still say comes from a page that is gone */
  #left = new Set();

  /** @override */
  get lag() {
    return OFFERER_WAITS;
  }

  /** @override */
  meet() {
    super.meet();
    if (this.connected) return;
    this.waits();
    void this.inOrder(async () => { if (!this.current) await this.begin().offer(); });
  }

  /** @override @param {Signal} signal */
  async apply(signal) {
    const { description, candidate } = signal;
    // A client that offers where it should ask is understood as asking.
    if (signal.ask || description?.type === 'offer') await this.#asked(signal);
    else if (this.isForAnother(signal)) return;
    else if (description) await this.#answered(signal, description);
    else if (candidate) await this.current?.add(candidate, signal.round ?? this.current.round, senderOf(signal));
  }

  /** @param {Signal} signal */
  async #asked(signal) {
    const { current } = this;
    const asking = senderOf(signal);
    if (asking && this.#left.has(asking)) return undefined;
    if (current?.pending && !current.other) current.other = asking;
    if (!current || current.closed || (current.other !== asking && !await current.lives())) return this.#offerTo(asking);
    if (current.other !== asking) return undefined;
    if (current.pending) return this.#sayOffer(current);
    if (signal.ask === 'restart' && signal.round === current.round) return this.#restart(current, await this.how.freshServers());
    return undefined;
  }

  /** @param {string | null} asking */
  async #offerTo(asking) {
    const { current } = this;
    if (current?.other && current.wasConnected && current.other !== asking) this.#left.add(current.other);
    const connection = this.begin();
    connection.other = asking;
    await connection.offer();
    this.#sayOffer(connection);
  }

  /**
   * @param {Signal} signal
   * @param {RTCSessionDescriptionInit} answer
   */
  async #answered(signal, answer) {
    const { current } = this;
    if (!current?.pending || (signal.round ?? current.round) !== current.round) return;
    current.other = senderOf(signal);
    await current.accept(answer);
    this.waits();
  }

  /**
   * @param {Connection} connection
   * @param {RTCIceServer[]} iceServers
   */
  async #restart(connection, iceServers) {
    await connection.offer(iceServers);
    this.#sayOffer(connection);
  }

  /** @override @param {number} _ @param {RTCIceServer[]} iceServers */
  async tend(_, iceServers) {
    const { current } = this;
    if (current?.pending) this.#sayOffer(current);
    else if (current) await this.#restart(current, iceServers);
  }

  /** @param {Connection} connection */
  #sayOffer(connection) {
    this.say(connection, { description: connection.description });
    this.waits();
  }
}

/** The side that asks for offers and answers them. */
export class Answerer extends Peer {
  /** @override */
  meet() {
    super.meet();
    void this.inOrder(async () => this.#ask(this.wasConnected && !this.connected && this.current ? 'restart' : 'offer'));
  }

  /** @param {'offer' | 'restart'} what */
  #ask(what) {
    this.say(this.current ?? this.begin(), { ask: what });
    if (!this.connected) this.waits();
  }

  /** @override @param {number} tries */
  async tend(tries) {
    if (tries % STEPS === 0) this.begin();
    this.#ask(this.current?.round ? 'restart' : 'offer');
  }

  /** @override @param {Signal} signal */
  async apply(signal) {
    const { description, candidate } = signal;
    if (this.isForAnother(signal)) return;
    if (description?.type === 'offer') await this.#offered(signal, description);
    else if (candidate) await this.current?.add(candidate, signal.round ?? this.current.round, senderOf(signal));
  }

  /**
   * @param {Signal} signal
   * @param {RTCSessionDescriptionInit} offer
   */
  async #offered(signal, offer) {
    const offering = senderOf(signal);
    const connection = await this.#fitFor(offering);
    const round = signal.round ?? connection.round + 1;
    if (connection.other !== offering && connection.round || round < connection.round) return;
    connection.other = offering;
    if (round > connection.round) await connection.answer(offer, round, connection.round ? await this.how.freshServers() : null);
    this.say(connection, { description: connection.description });
    if (!this.connected) this.waits();
  }

  /**
   * One that is new, or talks to the one who offers; one that lives does not give way to another.
   * @param {string | null} offering
   */
  async #fitFor(offering) {
    const connection = this.current ?? this.begin();
    if (connection.round === 0 || connection.other === offering || await connection.lives()) return connection;
    return this.begin();
  }
}

/**
 * Who names no connections is told apart by the number of the session in the o= line (RFC 8866, 5.2).
 * @param {Signal} signal
 * @returns {string | null}
 */
function senderOf({ connection, description }) {
  return connection ?? /^o=\S+ (\S+)/m.exec(description?.sdp ?? '')?.[1] ?? null;
}
