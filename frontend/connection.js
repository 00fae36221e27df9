/** One RTCPeerConnection. It always has a section for sound, one for the picture and a channel, so that tracks come and go without a word. */

/** @import {Kind} from './shapes' */

const ANSWERS_WITHIN = 700;
const MOST_EARLY = 200;
/** So many times smaller a picture begins: a small one is there at once, while nobody knows yet how much the way can take. */
const SMALL = 4;
const SMALL_FOR = 1000;
const THERE = 'there?';
const HERE = 'here';
/** @type {Kind[]} */
const KINDS = ['audio', 'video'];

export class Connection {
  /** Its name among all connections of all pages. */
  id = crypto.randomUUID();
  /** @type {string | null} the other end's */
  other = null;
  /** The last offer made or answered here. */
  round = 0;
  /** Whether it has been up, if only once. */
  wasConnected = false;
  theirs = new MediaStream();
  /** @type {{ from: string | null, round: number, candidate: RTCIceCandidateInit }[]} those that came before their description */
  #early = [];
  /** The last round whose description from the other side is known. */
  #described = 0;
  /** @type {(() => void)[]} */
  #asking = [];
  /** Candidates of this round, one's own and theirs. */
  #found = 0;
  #heard = 0;

  /**
   * @param {object} how
   * @param {RTCIceServer[]} how.iceServers
   * @param {MediaStream} how.mine whatever is in it is sent
   * @param {(candidate: RTCIceCandidateInit) => void} how.found
   * @param {() => void} how.changed the state or the other's tracks
   */
  constructor({ iceServers, mine, found, changed }) {
    this.mine = mine;
    this.changed = changed;
    // All sections go one way, so only one is looked for.
    this.rtc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.rtc.addEventListener('icecandidate', ({ candidate }) => {
      if (!candidate) return;
      this.#found += 1;
      found(candidate.toJSON());
    });
    this.rtc.addEventListener('connectionstatechange', () => {
      if (this.connected) setTimeout(() => void this.#scale(1), SMALL_FOR);
      changed();
    });
    this.rtc.addEventListener('track', ({ track }) => this.#take(track));
    this.channel = this.rtc.createDataChannel('line', { negotiated: true, id: 0 });
    this.channel.addEventListener('message', ({ data }) => this.#hear(data));
  }

  get connected() {
    return this.rtc.connectionState === 'connected';
  }

  get closed() {
    return this.rtc.signalingState === 'closed';
  }

  /** Whether an offer waits for its answer. */
  get pending() {
    return this.rtc.signalingState === 'have-local-offer';
  }

  /** Whether it may well come up by itself: both sides have found ways, and try them. */
  get promising() {
    return this.#found > 0 && this.#heard > 0 && ['new', 'connecting'].includes(this.rtc.connectionState);
  }

  /** @returns {RTCSessionDescriptionInit} with all candidates found so far */
  get description() {
    const { type, sdp } = /** @type {RTCSessionDescription} */ (this.rtc.localDescription);
    return { type, sdp };
  }

  /** @param {RTCIceServer[] | null} freshServers given for a new way through the network */
  async offer(freshServers = null) {
    if (this.round === 0) this.#addSections();
    if (freshServers) {
      this.#useServers(freshServers);
      this.rtc.restartIce();
    }
    this.#beginRound(this.round + 1);
    await this.rtc.setLocalDescription();
  }

  /** @param {number} round */
  #beginRound(round) {
    this.round = round;
    this.#found = 0;
    this.#heard = 0;
  }

  /** @param {RTCIceServer[]} iceServers */
  #useServers(iceServers) {
    this.rtc.setConfiguration({ ...this.rtc.getConfiguration(), iceServers });
  }

  #addSections() {
    for (const kind of KINDS) {
      const sendEncodings = kind === 'video' ? [{ scaleResolutionDownBy: SMALL }] : [];
      this.rtc.addTransceiver(this.#track(kind) ?? kind, { direction: 'sendrecv', streams: [this.mine], sendEncodings });
    }
  }

  /**
   * @param {RTCSessionDescriptionInit} offer
   * @param {number} round
   * @param {RTCIceServer[] | null} freshServers
   */
  async answer(offer, round, freshServers = null) {
    if (freshServers) this.#useServers(freshServers);
    await this.rtc.setRemoteDescription(offer);
    this.#beginRound(round);
    const sending = this.rtc.getTransceivers().map((each) => {
      if (each.direction === 'recvonly') each.sender.setStreams?.(this.mine);
      each.direction = 'sendrecv';
      return each.sender.replaceTrack(this.#track(each.receiver.track.kind));
    });
    if (!this.wasConnected) sending.push(this.#scale(SMALL));
    await Promise.all(sending);
    await this.rtc.setLocalDescription();
    await this.#describedAt(round);
  }

  /** @param {number} by how many times smaller than the camera's the picture is sent */
  async #scale(by) {
    const { sender } = this.#carrier('video') ?? {};
    if (!sender) return;
    const parameters = sender.getParameters();
    // Older Firefox names none.
    for (const each of parameters.encodings ?? []) each.scaleResolutionDownBy = by;
    // One that is closed meanwhile sends nothing, and a browser that cannot sends it as it is.
    await sender.setParameters(parameters).catch(() => {});
  }

  /** @param {RTCSessionDescriptionInit} answer to the offer that waits for it */
  async accept(answer) {
    await this.rtc.setRemoteDescription(answer);
    await this.#describedAt(this.round);
  }

  /** @param {number} round */
  async #describedAt(round) {
    this.#described = round;
    for (const each of this.#early.splice(0)) await this.add(each.candidate, each.round, each.from);
  }

  /**
   * @param {RTCIceCandidateInit} candidate
   * @param {number} round of the description that it belongs to
   * @param {string | null} from
   */
  async add(candidate, round, from) {
    if (round > this.#described) {
      if (this.#early.length < MOST_EARLY) this.#early.push({ from, round, candidate });
    } else if (round === this.#described && (from === null || from === this.other)) {
      this.#heard += 1;
      await this.rtc.addIceCandidate(candidate).catch(() => {});
    }
  }

  /**
   * Sends another track of this kind, or none. Before the first offer there is nothing to send it by; the offer takes what there is by then.
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async use(kind, track) {
    // One that is closed meanwhile sends nothing.
    await this.#carrier(kind)?.sender.replaceTrack(track).catch(() => {});
  }

  /** @param {Kind} kind */
  #carrier(kind) {
    return this.rtc.getTransceivers().find((each) => each.receiver.track.kind === kind);
  }

  /**
   * Only the connection itself knows: its other end is asked over it.
   * @returns {Promise<boolean>}
   */
  lives() {
    if (!this.connected || this.channel.readyState !== 'open') return Promise.resolve(false);
    return new Promise((resolve) => {
      const patience = setTimeout(() => resolve(false), ANSWERS_WITHIN);
      this.#asking.push(() => {
        clearTimeout(patience);
        resolve(true);
      });
      this.channel.send(THERE);
    });
  }

  /** @param {unknown} said */
  #hear(said) {
    if (said === THERE && this.channel.readyState === 'open') this.channel.send(HERE);
    if (said === HERE) for (const heard of this.#asking.splice(0)) heard();
  }

  /** @param {MediaStreamTrack} track */
  #take(track) {
    this.theirs.addTrack(track);
    track.addEventListener('unmute', this.changed);
    this.changed();
  }

  /** @param {string} kind */
  #track(kind) {
    return this.mine.getTracks().find((track) => track.kind === kind) ?? null;
  }

  close() {
    this.rtc.close();
  }
}
