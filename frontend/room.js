/** Who is in the call, and a connection to each of them. */

import { Answerer, Offerer } from './peer.js';
import { Signalling } from './signalling.js';

/** @import {EndedBy, Frame, Kind, Member, Signal} from './shapes' */
/** @import {Media} from './media.js' */
/** @typedef {'joining' | 'alone' | 'connecting' | 'together' | 'healing' | 'cut'} Line */

const SERVERS_WITHIN = 5000;
/** A picture may go on in these: one that stands still for a moment says `disconnected`. */
const FLOWING = ['connected', 'disconnected'];

/** Says `change` when members, their media or the line change, `ended` (detail: who) and `stopped` (detail: code). */
export class Room extends EventTarget {
  /**
   * @param {object} given
   * @param {string} given.appointment
   * @param {'visit' | 'staff'} given.as
   * @param {Media} given.media
   * @param {() => Promise<string | null>} given.admission
   * @param {() => Promise<boolean>} given.renewed
   * @param {() => Promise<unknown>} [given.openMedia] done when camera and microphone are open, or will not be soon
   */
  constructor({ appointment, as, media, admission, renewed, openMedia = () => Promise.resolve() }) {
    super();
    this.media = media;
    this.openMedia = openMedia;
    /** @type {Promise<unknown>} */
    this.opened = Promise.resolve();
    /** @type {Map<string, Member>} */
    this.members = new Map();
    /** @type {Map<string, Offerer | Answerer>} */
    this.peers = new Map();
    /** @type {Map<string, 'lost' | 'expired'>} whose wire is gone; their picture may go on */
    this.away = new Map();
    /** @type {RTCIceServer[]} */
    this.iceServers = [];
    /** @type {{ id: string, polite: boolean } | null} */
    this.me = null;
    this.wired = false;
    /** @type {((servers: RTCIceServer[]) => void)[]} */
    this.wantServers = [];
    this.signalling = new Signalling({
      appointment,
      as,
      admission,
      renewed,
      heard: (frame) => this.#heard(frame),
      wire: (on) => this.#wire(on),
      stopped: (code) => this.#finish('stopped', code),
    });
    this.mediaChanged = (/** @type {Event} */ event) => this.#useMedia(event);
  }

  enter() {
    this.media.addEventListener('change', this.mediaChanged);
    const entered = this.signalling.open();
    this.opened = this.openMedia();
    return entered;
  }

  /** @param {boolean} forEveryone only a professional may */
  leave(forEveryone) {
    this.signalling.leave(forEveryone);
    this.#clear();
  }

  close() {
    this.signalling.close();
    this.#clear();
  }

  #clear() {
    this.media.removeEventListener('change', this.mediaChanged);
    for (const peer of this.peers.values()) peer.close();
    this.peers.clear();
    this.members.clear();
  }

  /**
   * @param {'ended' | 'stopped'} name
   * @param {string} detail
   */
  #finish(name, detail) {
    this.close();
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** @param {boolean} on */
  #wire(on) {
    this.wired = on;
    this.#changed();
  }

  /** @returns {Line} the worst that is true */
  get line() {
    const peers = [...this.peers.values()];
    if (peers.length === 0) return this.me ? (this.wired ? 'alone' : 'cut') : 'joining';
    if (peers.some((peer) => peer.connected)) return peers.some((peer) => peer.healing) ? 'healing' : 'together';
    if (!this.wired) return 'cut';
    return peers.some((peer) => peer.healing || peer.connection?.connectionState === 'disconnected') ? 'healing' : 'connecting';
  }

  /** @param {Frame} frame */
  #heard(frame) {
    switch (frame.type) {
      case 'welcome': this.#welcome(frame); break;
      case 'joined': this.#join(frame.member); break;
      case 'gone': this.#gone(frame.member, frame.reason); break;
      case 'signal': this.#signal(frame.from, frame); break;
      case 'media': this.#mediaOf(frame.member, frame.microphone, frame.camera); break;
      case 'ice': this.#servers(frame.ice_servers); break;
      case 'ended': this.#finish('ended', /** @type {EndedBy} */ (frame.by)); return;
      default: break;
    }
    this.#changed();
  }

  /** @param {Extract<Frame, { type: 'welcome' }>} frame */
  #welcome(frame) {
    const me = frame.members.find((member) => member.member === frame.you);
    this.me = { id: frame.you, polite: me?.polite ?? this.me?.polite ?? true };
    this.#servers(frame.ice_servers);
    const others = frame.members.filter((member) => member.member !== frame.you);
    for (const gone of [...this.members.keys()]) {
      if (!others.some((member) => member.member === gone)) this.#gone(gone, 'expired');
    }
    for (const member of others) this.#join(member);
    void this.opened.then(() => this.#sayMedia());
  }

  #sayMedia() {
    this.signalling.say({ type: 'media', ...this.media.on });
  }

  /** @param {Member} member */
  #join(member) {
    this.away.delete(member.member);
    this.members.set(member.member, member);
    (this.peers.get(member.member) ?? this.#meet(member.member)).meet();
  }

  /**
   * A lost wire is not a lost call: the picture may go on, or heal, while the other comes back.
   * @param {string} id
   * @param {'left' | 'lost' | 'expired'} reason
   */
  #gone(id, reason) {
    const peer = this.peers.get(id);
    const mayFlow = FLOWING.includes(peer?.connection?.connectionState ?? '');
    if (reason === 'lost' || (reason === 'expired' && mayFlow)) {
      // Whose time has run out is not merely lost.
      if (this.away.get(id) !== 'expired') this.away.set(id, reason);
      return;
    }
    this.away.delete(id);
    this.members.delete(id);
    this.peers.delete(id);
    peer?.close();
  }

  /** @param {string} id */
  #meet(id) {
    const Side = this.#asks(id) ? Answerer : Offerer;
    const peer = new Side({
      iceServers: () => this.iceServers,
      mine: this.media.stream,
      send: (signal) => this.signalling.say({ type: 'signal', to: id, ...signal }),
      freshServers: () => this.#freshServers(),
      changed: () => this.#changed(),
      reachable: () => this.#isReachable(id),
    });
    this.peers.set(id, peer);
    return peer;
  }

  /**
   * Whose time has run out stays only for as long as their connection is up.
   * @param {string} id
   */
  #isReachable(id) {
    if (this.away.get(id) === 'expired') {
      this.#gone(id, 'left');
      this.#changed();
    }
    return this.wired && this.members.has(id) && !this.away.has(id);
  }

  /**
   * Whether this side asks for offers. Two of the same manners (a patient and a guardian) decide by their ids.
   * @param {string} id
   */
  #asks(id) {
    const mine = this.me?.polite ?? true;
    const theirs = this.members.get(id)?.polite ?? !mine;
    return mine === theirs ? (this.me?.id ?? '') < id : mine;
  }

  /**
   * @param {string} from
   * @param {Signal} signal
   */
  #signal(from, signal) {
    void this.peers.get(from)?.receive(signal);
  }

  /**
   * @param {string} id
   * @param {boolean} microphone
   * @param {boolean} camera
   */
  #mediaOf(id, microphone, camera) {
    const member = this.members.get(id);
    if (member) this.members.set(id, { ...member, media: { microphone, camera } });
  }

  /** @param {RTCIceServer[]} servers */
  #servers(servers) {
    this.iceServers = servers;
    for (const take of this.wantServers.splice(0)) take(servers);
  }

  /** @returns {Promise<RTCIceServer[]>} */
  #freshServers() {
    const patience = setTimeout(() => { if (this.wired) this.signalling.distrust(); }, SERVERS_WITHIN);
    this.signalling.say({ type: 'ice' });
    return new Promise((resolve) => {
      this.wantServers.push((servers) => {
        clearTimeout(patience);
        resolve(servers);
      });
    });
  }

  /** @param {Event} event */
  #useMedia(event) {
    if (!(event instanceof CustomEvent)) return;
    const kind = /** @type {Kind} */ (event.detail);
    for (const peer of this.peers.values()) void peer.use(kind, this.media.track(kind));
    this.#sayMedia();
  }
}
