/** The connection to one other person: perfect negotiation, and healing by an ICE restart. */

/** @import {Kind, Signal} from './shapes' */

const HEAL_AFTER = 2500;
const GIVE_UP_AFTER = 15_000;
const POLITE_PATIENCE = 10_000;
/** @type {Kind[]} */
const KINDS = ['audio', 'video'];

export class Peer {
  /**
   * @param {object} how
   * @param {boolean} how.polite gives way when both offer at once
   * @param {RTCIceServer[]} how.iceServers
   * @param {MediaStream} how.mine
   * @param {(signal: Signal) => void} how.send
   * @param {() => Promise<RTCIceServer[]>} how.freshServers asked before every ICE restart: credentials are short-lived
   * @param {() => void} how.changed the state or the other's tracks
   * @param {() => void} how.hopeless it must be built anew
   */
  constructor({ polite, iceServers, mine, send, freshServers, changed, hopeless }) {
    this.polite = polite;
    this.mine = mine;
    this.send = send;
    this.freshServers = freshServers;
    this.changed = changed;
    this.hopeless = hopeless;
    this.theirs = new MediaStream();
    this.connection = new RTCPeerConnection({ iceServers });
    this.offering = false;
    this.ignoring = false;
    this.answering = false;
    this.healing = false;
    /** @type {string | null} which of the other's connections this one talks to */
    this.origin = null;
    this.inOrder = Promise.resolve();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.healTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.hopeTimer = undefined;
    this.#connect();
    this.#hope();
  }

  #connect() {
    const { connection } = this;
    connection.addEventListener('negotiationneeded', () => void this.#offer());
    connection.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate) this.send({ description: null, candidate: candidate.toJSON() });
    });
    connection.addEventListener('track', ({ track }) => {
      this.theirs.addTrack(track);
      track.addEventListener('unmute', this.changed);
      this.changed();
    });
    connection.addEventListener('connectionstatechange', () => this.#stateChanged());
    // Both sides have this channel, so both have something to negotiate even without camera and microphone.
    connection.createDataChannel('line', { negotiated: true, id: 0 });
    for (const track of this.mine.getTracks()) connection.addTrack(track, this.mine);
    if (!this.polite) this.#receiveAtLeast();
  }

  /** One who has no camera still wants to see. Only the impolite asks for it, so that it is asked once. */
  #receiveAtLeast() {
    const sent = this.mine.getTracks().map((track) => track.kind);
    for (const kind of KINDS) {
      if (!sent.includes(kind)) this.connection.addTransceiver(kind, { direction: 'recvonly' });
    }
  }

  get #closed() {
    return this.connection.signalingState === 'closed';
  }

  get connected() {
    return this.connection.connectionState === 'connected';
  }

  async #offer() {
    try {
      this.offering = true;
      await this.connection.setLocalDescription();
      this.#sendDescription();
    } catch (error) {
      if (!this.#closed) throw error;
    } finally {
      this.offering = false;
    }
  }

  #sendDescription() {
    const { localDescription } = this.connection;
    if (localDescription && !this.#closed) this.send({ description: { type: localDescription.type, sdp: localDescription.sdp }, candidate: null });
  }

  /** An offer that nobody may have heard is said again. */
  repeat() {
    if (this.connection.signalingState === 'have-local-offer') this.#sendDescription();
  }

  /**
   * A page that was reloaded talks from a new connection, which an old one cannot follow.
   * @param {Signal} signal
   */
  isFromAnother({ description }) {
    const origin = originOf(description);
    return origin !== null && this.origin !== null && origin !== this.origin;
  }

  /** @param {Signal} signal applied after those that came before it */
  receive(signal) {
    this.inOrder = this.inOrder.then(() => this.#apply(signal)).catch(() => {
      // Descriptions that do not fit each other any more: both sides begin anew.
      if (!this.#closed) this.hopeless();
    });
  }

  /** @param {Signal} signal */
  async #apply({ description, candidate }) {
    if (description) return this.#describe(description);
    if (!candidate) return undefined;
    // Candidates of an ignored or an outdated offer belong to nothing.
    return this.connection.addIceCandidate(candidate).catch(() => {});
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #describe(description) {
    const { connection } = this;
    const ready = !this.offering && (connection.signalingState === 'stable' || this.answering);
    this.ignoring = description.type === 'offer' && !ready && !this.polite;
    if (this.ignoring) return;
    this.answering = description.type === 'answer';
    try {
      await connection.setRemoteDescription(description);
    } finally {
      this.answering = false;
    }
    this.origin = originOf(description);
    if (description.type !== 'offer') return;
    await connection.setLocalDescription();
    this.#sendDescription();
  }

  #stateChanged() {
    const { connectionState } = this.connection;
    if (connectionState === 'connected') this.#healed();
    if (connectionState === 'disconnected') this.healTimer = setTimeout(() => void this.heal(), HEAL_AFTER);
    if (connectionState === 'failed') void this.heal();
    this.changed();
  }

  #healed() {
    clearTimeout(this.healTimer);
    clearTimeout(this.hopeTimer);
    this.healing = false;
  }

  /** Finds a new way through the network; picture and sound go on where they were. */
  async heal() {
    clearTimeout(this.healTimer);
    if (this.connected || this.healing) return;
    this.healing = true;
    this.changed();
    const iceServers = await this.freshServers();
    if (this.#closed || this.connected) return;
    this.connection.setConfiguration({ iceServers });
    this.connection.restartIce();
    this.#hope();
  }

  /** The impolite side loses hope first, so that not both begin anew at once. */
  #hope() {
    clearTimeout(this.hopeTimer);
    this.hopeTimer = setTimeout(() => { if (!this.connected) this.hopeless(); }, GIVE_UP_AFTER + (this.polite ? POLITE_PATIENCE : 0));
  }

  /**
   * Sends another track of this kind, or none.
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async use(kind, track) {
    const carrier = this.connection.getTransceivers().find((each) => each.receiver.track.kind === kind && each.direction !== 'stopped');
    if (!carrier) {
      if (track) this.connection.addTrack(track, this.mine);
      return;
    }
    await carrier.sender.replaceTrack(track);
    if (track && carrier.direction === 'recvonly') carrier.direction = 'sendrecv';
  }

  close() {
    clearTimeout(this.healTimer);
    clearTimeout(this.hopeTimer);
    this.connection.close();
  }
}

/**
 * Each connection numbers its session once, in the o= line of all its descriptions (RFC 8866, 5.2).
 * @param {RTCSessionDescriptionInit | null} description
 * @returns {string | null}
 */
function originOf(description) {
  return /^o=\S+ (\S+)/m.exec(description?.sdp ?? '')?.[1] ?? null;
}
