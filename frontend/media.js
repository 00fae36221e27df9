/** One's own camera and microphone: opened once, kept through the whole visit, so that the browser asks once. */

/** @import {Kind, MediaOn} from './shapes' */
/** @typedef {'denied' | 'missing' | 'busy' | 'lost'} Trouble */

const REMEMBERED = 'devices';
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 24, max: 30 }, facingMode: 'user' };
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** @type {Kind[]} */
const KINDS = ['audio', 'video'];

/** @type {Record<string, Trouble>} */
const TROUBLES = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

/**
 * What the person and the page want is changed by `open`, `close`, the toggles and `choose`, at any moment. The browser is
 * asked one question after the other, and an answer is judged when it comes: a track that nobody wants by then is stopped
 * before it is heard or seen.
 *
 * Says `change` (with the kind in `detail`) whenever a track comes, goes or is switched on or off, and `asking` whenever
 * the browser begins or ends being asked.
 */
export class Media extends EventTarget {
  /** @type {Record<Kind, Trouble | null>} */
  trouble = { audio: null, video: null };
  stream = new MediaStream();
  /** @type {MediaOn} what the person wants, whether or not the device works */
  wanted = { microphone: true, camera: true };
  /** Between `open` and `close`; outside of it nothing is opened, whatever is chosen or pressed. */
  #inUse = false;
  /** @type {Record<Kind, number>} how often another device was chosen: what was asked before is about the wrong one */
  #choices = { audio: 0, video: 0 };
  /** @type {Set<Kind>} what the browser is to be asked for next */
  #due = new Set();
  /** @type {Map<Kind, number>} what it is being asked for now, and of which choice */
  #asked = new Map();
  #inOrder = Promise.resolve();

  /** Opens what is not yet open. Never throws: what went wrong stands in `trouble`. */
  open() {
    this.#inUse = true;
    return this.#ask(KINDS);
  }

  close() {
    this.#inUse = false;
    for (const kind of KINDS) this.#release(kind);
    for (const kind of KINDS) this.#changed(kind);
  }

  /**
   * @param {Kind} kind
   * @returns {MediaStreamTrack | null}
   */
  track(kind) {
    return this.stream.getTracks().find((track) => track.kind === kind) ?? null;
  }

  /** @returns {MediaOn} what the others can hear and see: told by the tracks, and never by a wish */
  get on() {
    return { microphone: isOn(this.track('audio')), camera: isOn(this.track('video')) };
  }

  /**
   * Whether it will be on once the browser has answered.
   * @param {Kind} kind
   */
  isAsking(kind) {
    const silent = kind === 'audio' && !this.wanted.microphone;
    return this.#lacks(kind) && !silent && (this.#due.has(kind) || this.#isAsked(kind));
  }

  /** The microphone is only silenced, so that it is back at once. */
  toggleMicrophone() {
    this.wanted.microphone = !(this.on.microphone || this.isAsking('audio'));
    const track = this.track('audio');
    if (track) track.enabled = this.wanted.microphone;
    this.#changed('audio');
    return this.#ask(this.wanted.microphone ? ['audio'] : []);
  }

  /** The camera is let go, so that its lamp goes out. */
  toggleCamera() {
    this.wanted.camera = !(this.on.camera || this.isAsking('video'));
    if (!this.wanted.camera) this.#release('video');
    this.#changed('video');
    return this.#ask(['video']);
  }

  /**
   * Another camera or microphone, also next time. One that is off stays off.
   * @param {Kind} kind
   * @param {string} device
   */
  choose(kind, device) {
    remember({ [kind]: device });
    this.#choices[kind] += 1;
    // Many phones can hold only one camera open.
    this.#release(kind);
    this.#changed(kind);
    return this.#ask([kind]);
  }

  /**
   * The device that is open, or would be.
   * @param {Kind} kind
   */
  device(kind) {
    return this.track(kind)?.getSettings().deviceId ?? remembered()[kind];
  }

  /** @param {Kind} kind */
  #lacks(kind) {
    return this.#inUse && (kind === 'audio' || this.wanted.camera) && !this.track(kind);
  }

  /** @param {Kind} kind */
  #isAsked(kind) {
    return this.#asked.get(kind) === this.#choices[kind];
  }

  /** @param {Kind[]} kinds */
  #ask(kinds) {
    for (const kind of kinds) if (!this.#isAsked(kind)) this.#due.add(kind);
    this.#inOrder = this.#inOrder.then(() => this.#askNext());
    this.#asking();
    return this.#inOrder;
  }

  async #askNext() {
    const lacking = KINDS.filter((kind) => this.#due.has(kind) && this.#lacks(kind));
    this.#due.clear();
    if (lacking.length > 0) await this.#take(lacking);
    this.#asking();
  }

  /** @param {Kind[]} kinds */
  async #take(kinds) {
    this.#asked = new Map(kinds.map((kind) => [kind, this.#choices[kind]]));
    const answer = await request(kinds);
    const awaited = kinds.filter((kind) => this.#lacks(kind) && this.#isAsked(kind));
    this.#asked = new Map();
    if (typeof answer !== 'string') this.#receive(answer, awaited);
    // A refusal counts for both; anything else may be the fault of one device, so each is tried alone.
    else if (answer === 'denied' || kinds.length === 1) for (const kind of awaited) this.#complain(kind, answer);
    else for (const kind of awaited) if (this.#lacks(kind)) await this.#take([kind]);
  }

  /**
   * @param {MediaStreamTrack[]} tracks
   * @param {Kind[]} awaited
   */
  #receive(tracks, awaited) {
    for (const track of tracks) {
      if (awaited.includes(kindOf(track))) this.#hold(track);
      else track.stop();
    }
  }

  /** @param {MediaStreamTrack} track */
  #hold(track) {
    const kind = kindOf(track);
    if (track.readyState === 'ended') return this.#complain(kind, 'lost');
    this.trouble[kind] = null;
    track.enabled = kind === 'video' || this.wanted.microphone;
    track.addEventListener('ended', () => {
      if (this.track(kind) !== track) return;
      this.stream.removeTrack(track);
      this.#complain(kind, 'lost');
    });
    this.stream.addTrack(track);
    return this.#changed(kind);
  }

  /**
   * @param {Kind} kind
   * @param {Trouble} trouble
   */
  #complain(kind, trouble) {
    this.trouble[kind] = trouble;
    this.#changed(kind);
  }

  /** @param {Kind} kind */
  #release(kind) {
    const track = this.track(kind);
    if (!track) return;
    track.stop();
    this.stream.removeTrack(track);
  }

  /** @param {Kind} kind */
  #changed(kind) {
    this.dispatchEvent(new CustomEvent('change', { detail: kind }));
  }

  #asking() {
    this.dispatchEvent(new Event('asking'));
  }
}

/**
 * @param {Kind[]} kinds
 * @returns {Promise<MediaStreamTrack[] | Trouble>}
 */
async function request(kinds) {
  try {
    const taken = await navigator.mediaDevices.getUserMedia({
      audio: kinds.includes('audio') && { ...SOUND, ...chosen('audio') },
      video: kinds.includes('video') && { ...PICTURE, ...chosen('video') },
    });
    return taken.getTracks();
  } catch (error) {
    return TROUBLES[error instanceof DOMException ? error.name : ''] ?? 'busy';
  }
}

/** @param {MediaStreamTrack | null} track */
function isOn(track) {
  return track !== null && track.readyState === 'live' && track.enabled;
}

/**
 * @param {MediaStreamTrack} track
 * @returns {Kind}
 */
export function kindOf(track) {
  return track.kind === 'video' ? 'video' : 'audio';
}

/** @returns {Record<string, string>} */
function remembered() {
  return JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}');
}

/** @param {Record<string, string>} choice */
export function remember(choice) {
  localStorage.setItem(REMEMBERED, JSON.stringify({ ...remembered(), ...choice }));
}

/** @returns {string} the chosen speaker, or the device's own */
export function chosenSpeaker() {
  return remembered().speaker ?? '';
}

/**
 * Ideal and not exact: a headset left at home must not stop a call.
 * @param {Kind} kind
 */
function chosen(kind) {
  const device = remembered()[kind];
  return device ? { deviceId: { ideal: device } } : {};
}
