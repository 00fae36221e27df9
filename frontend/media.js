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

/** Says `change` (with the kind in `detail`) whenever a track comes, goes or is switched on or off. */
export class Media extends EventTarget {
  /** @type {Record<Kind, Trouble | null>} */
  trouble = { audio: null, video: null };
  stream = new MediaStream();
  /** @type {MediaOn} what the person wants, whether or not the device works */
  wanted = { microphone: true, camera: true };
  /** @type {Promise<void> | null} */
  #opening = null;

  /** Opens what is not yet open. Never throws: what went wrong stands in `trouble`. */
  open() {
    this.#opening ??= this.#open().finally(() => { this.#opening = null; });
    return this.#opening;
  }

  async #open() {
    const lacking = KINDS.filter((kind) => !this.track(kind) && (kind === 'audio' || this.wanted.camera));
    if (lacking.length === 0) return;
    const together = await this.#take(lacking);
    if (together === null || lacking.length === 1) return;
    // A refusal counts for both; anything else may be the fault of one device, so each is tried alone.
    if (together === 'denied') return;
    for (const kind of lacking) await this.#take([kind]);
  }

  /**
   * @param {Kind[]} kinds
   * @returns {Promise<Trouble | null>}
   */
  async #take(kinds) {
    try {
      const taken = await navigator.mediaDevices.getUserMedia({
        audio: kinds.includes('audio') && { ...SOUND, ...chosen('audio') },
        video: kinds.includes('video') && { ...PICTURE, ...chosen('video') },
      });
      for (const track of taken.getTracks()) this.#hold(track);
      return null;
    } catch (error) {
      const trouble = TROUBLES[error instanceof DOMException ? error.name : ''] ?? 'busy';
      for (const kind of kinds) this.#complain(kind, trouble);
      return trouble;
    }
  }

  /** @param {MediaStreamTrack} track */
  #hold(track) {
    const kind = kindOf(track);
    this.#drop(kind);
    this.trouble[kind] = null;
    track.enabled = kind === 'video' || this.wanted.microphone;
    track.addEventListener('ended', () => {
      if (this.track(kind) !== track) return;
      this.stream.removeTrack(track);
      this.#complain(kind, 'lost');
    });
    this.stream.addTrack(track);
    this.#changed(kind);
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
  #drop(kind) {
    const track = this.track(kind);
    if (!track) return;
    this.stream.removeTrack(track);
    track.stop();
  }

  /** @param {Kind} kind */
  #changed(kind) {
    this.dispatchEvent(new CustomEvent('change', { detail: kind }));
  }

  /**
   * @param {Kind} kind
   * @returns {MediaStreamTrack | null}
   */
  track(kind) {
    return this.stream.getTracks().find((track) => track.kind === kind) ?? null;
  }

  /** @returns {MediaOn} what the others can hear and see */
  get on() {
    return {
      microphone: this.wanted.microphone && this.track('audio') !== null,
      camera: this.wanted.camera && this.track('video') !== null,
    };
  }

  /** The microphone is only silenced, so that it is back at once. */
  async toggleMicrophone() {
    this.wanted.microphone = !this.on.microphone;
    const track = this.track('audio');
    if (track) track.enabled = this.wanted.microphone;
    else await this.open();
    this.#changed('audio');
  }

  /** The camera is let go, so that its lamp goes out. */
  async toggleCamera() {
    this.wanted.camera = !this.on.camera;
    if (this.wanted.camera) await this.open();
    else this.#drop('video');
    this.#changed('video');
  }

  /**
   * Another camera or microphone, also next time.
   * @param {Kind} kind
   * @param {string} device
   */
  async choose(kind, device) {
    remember({ [kind]: device });
    // Many phones can hold only one camera open.
    this.#drop(kind);
    await this.#take([kind]);
  }

  close() {
    for (const kind of KINDS) this.#drop(kind);
    for (const kind of KINDS) this.#changed(kind);
  }
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
