/** Trying camera, microphone, speaker and network before the visit, with a remedy beside each fault. */

import { announce } from './announce.js';
import { button, find, part, pressed, view, write } from './find.js';
import { hearLevel } from './level.js';
import { testNetwork } from './network.js';
import { playTest } from './sound.js';
import { t } from './words.js';

/** @import {Checks, Kind, Result} from './shapes' */
/** @import {Media} from './media.js' */
/** @typedef {'none' | 'running' | 'pass' | 'fail' | 'warn'} Shown */

const HEARD = 25;
const SILENT_AFTER = 8000;

/** The words of each fault, by test and code. */
const REMEDIES = {
  denied: () => t('remedy.denied'),
  missing_camera: () => t('remedy.missing_camera'),
  missing_microphone: () => t('remedy.missing_microphone'),
  busy: () => t('remedy.busy'),
  lost: () => t('remedy.lost'),
  silent: () => t('remedy.silent'),
  speaker: () => t('remedy.speaker'),
  slow: () => t('remedy.slow'),
  blocked: () => t('remedy.blocked'),
};

/** @type {Record<Shown, () => string>} */
const RESULTS = {
  none: () => t('result.none'),
  running: () => t('result.running'),
  pass: () => t('result.pass'),
  fail: () => t('result.fail'),
  warn: () => t('result.warn'),
};

export class Check {
  /** The tests that run; those of an earlier round, or of a page one has left, say nothing any more. */
  #round = stopped();
  /** Whether the tests of the devices are shown. */
  #shown = false;
  /** @type {AbortController | null} */
  #watching = null;

  /**
   * @param {object} given
   * @param {Media} given.media
   * @param {() => Promise<unknown>} given.ask any question to the service, for the network test
   * @param {(results: Checks) => void} given.done
   */
  constructor({ media, ask, done }) {
    this.media = media;
    this.ask = ask;
    this.done = done;
    this.section = view('check');
    this.mirror = find('#mirror', HTMLVideoElement);
    /** @type {Checks} */
    this.results = untested();
    this.stopLevel = () => {};
    this.#connectButtons();
    media.addEventListener('change', (event) => {
      if (event instanceof CustomEvent && this.#shown) this.#showDevice(event.detail);
    });
  }

  #connectButtons() {
    pressed('test-camera', () => void this.begin());
    pressed('test-again', () => void this.begin());
    pressed('skip', () => this.#finish());
    pressed('continue', () => this.#finish());
    pressed('play', () => void this.#playTone());
    pressed('heard', () => this.#heardTone(true));
    pressed('not-heard', () => this.#heardTone(false));
  }

  /** Back to the explanation, before anything is asked. */
  explain() {
    part('explain', this.section).hidden = false;
    part('tests', this.section).hidden = true;
    write(part('asking', this.section), '');
  }

  async begin() {
    this.#round.abort();
    this.#round = new AbortController();
    const { signal } = this.#round;
    this.results = untested();
    // What was off in an earlier call is tried all the same.
    this.media.wanted = { microphone: true, camera: true };
    write(part('asking', this.section), t('check.asking'));
    await this.media.open();
    if (signal.aborted) return;
    part('explain', this.section).hidden = true;
    part('tests', this.section).hidden = false;
    this.#shown = true;
    button('continue').focus({ preventScroll: true });
    this.#showSpeaker('none');
    this.#showDevice('video');
    this.#showDevice('audio');
    await this.#testNetwork(signal);
    if (!signal.aborted) this.#tell();
  }

  #finish() {
    this.stop();
    this.done(this.results);
  }

  /** The page shows something else now. */
  stop() {
    this.#round.abort();
    this.#shown = false;
    this.#watching?.abort();
    this.stopLevel();
    this.mirror.srcObject = null;
  }

  /** @param {Kind} kind */
  #showDevice(kind) {
    if (kind === 'video') this.#showCamera();
    else this.#showMicrophone();
  }

  #showCamera() {
    const trouble = this.media.trouble.video;
    this.#watching?.abort();
    this.mirror.srcObject = this.media.stream;
    this.results.camera = trouble ? 'fail' : 'skipped';
    if (trouble) return this.#show('camera', 'fail', trouble === 'missing' ? 'missing_camera' : trouble);
    this.#show('camera', 'running');
    this.#watching = new AbortController();
    // A picture that moves, and not only a device that opened.
    this.mirror.addEventListener('timeupdate', () => {
      if (!this.media.on.camera) return;
      this.#watching?.abort();
      this.results.camera = 'pass';
      this.#show('camera', 'pass');
    }, { signal: this.#watching.signal });
    return undefined;
  }

  #showMicrophone() {
    this.stopLevel();
    const trouble = this.media.trouble.audio;
    const track = this.media.track('audio');
    this.results.microphone = trouble ? 'fail' : 'skipped';
    find('[data-test="microphone"]', HTMLElement, this.section).classList.toggle('deaf', !track);
    if (trouble || !track) return this.#show('microphone', 'fail', trouble === 'missing' ? 'missing_microphone' : trouble ?? 'lost');
    this.#show('microphone', 'running');
    return this.#listen(track);
  }

  /** @param {MediaStreamTrack} track */
  #listen(track) {
    const meter = find('meter', HTMLMeterElement, this.section);
    const silence = setTimeout(() => {
      this.results.microphone = 'fail';
      this.#show('microphone', 'fail', 'silent');
    }, SILENT_AFTER);
    const stop = hearLevel(track, (level) => {
      meter.value = level;
      if (level < HEARD || this.results.microphone === 'pass') return;
      clearTimeout(silence);
      this.results.microphone = 'pass';
      this.#show('microphone', 'pass');
    });
    this.stopLevel = () => {
      clearTimeout(silence);
      stop();
    };
  }

  async #playTone() {
    const { signal } = this.#round;
    await playTest();
    if (signal.aborted) return;
    button('heard').hidden = false;
    button('not-heard').hidden = false;
    write(button('play'), t('check.speaker.replay'));
  }

  /** @param {boolean} heard */
  #heardTone(heard) {
    this.results.speaker = heard ? 'pass' : 'fail';
    this.#showSpeaker(heard ? 'pass' : 'fail');
  }

  /** @param {Shown} shown */
  #showSpeaker(shown) {
    this.#show('speaker', shown, shown === 'fail' ? 'speaker' : null);
  }

  /** @param {AbortSignal} signal */
  async #testNetwork(signal) {
    this.#show('network', 'running');
    const found = await testNetwork(this.ask);
    if (signal.aborted) return;
    this.results.network = found === 'blocked' ? 'fail' : 'pass';
    if (found === 'pass') this.#show('network', 'pass');
    else this.#show('network', found === 'slow' ? 'warn' : 'fail', found);
  }

  /**
   * @param {keyof Checks} test
   * @param {Shown} shown
   * @param {keyof typeof REMEDIES | null} [remedy]
   */
  #show(test, shown, remedy = null) {
    const row = find(`[data-test="${test}"]`, HTMLElement, this.section);
    row.dataset.result = shown;
    const tag = part('result', row);
    tag.className = `tag ${TONES[shown]}`;
    write(tag, RESULTS[shown]());
    const place = part('remedy', row);
    place.hidden = remedy === null;
    if (remedy === null) delete place.dataset.problem;
    else place.dataset.problem = remedy;
    write(place, remedy ? REMEDIES[remedy]() : '');
  }

  #tell() {
    const faults = this.section.querySelectorAll('[data-result="fail"]').length;
    announce(faults ? t('check.faults') : t('check.all_well'));
  }
}

/** A round that is over. */
function stopped() {
  const round = new AbortController();
  round.abort();
  return round;
}

/** @type {Record<Shown, string>} */
const TONES = { none: '', running: '', pass: 'good', fail: 'bad', warn: 'warn' };

/** @returns {Checks} */
export function untested() {
  return { camera: 'skipped', microphone: 'skipped', speaker: 'skipped', network: 'skipped' };
}

/**
 * @param {Checks} results
 * @returns {Result} of camera and microphone together, which are what a call stands on
 */
export function devicesResult({ camera, microphone }) {
  const both = [camera, microphone];
  if (both.includes('fail')) return 'fail';
  return both.includes('skipped') ? 'skipped' : 'pass';
}
