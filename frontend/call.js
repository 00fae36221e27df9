/** The call as one sees it: the other large, oneself small, a bar of buttons, and a line about the connection. */

import { announce } from './announce.js';
import { find, part, pressed, view, write } from './find.js';
import { playThroughChosen } from './devices.js';
import { Room } from './room.js';
import { t } from './words.js';

/** @import {Kind, Member, Role} from './shapes' */
/** @import {Media} from './media.js' */
/** @import {Line} from './room.js' */

const MEDIA_WITHIN = 3000;
const ASKING_AFTER = 700;
const CORNERS = ['bottom-end', 'bottom-start', 'top-start', 'top-end'];

/** @type {Record<Line, () => string>} */
const LINES = {
  joining: () => t('line.joining'),
  alone: () => t('line.alone'),
  connecting: () => t('line.connecting'),
  together: () => '',
  healing: () => t('line.healing'),
  cut: () => t('line.cut'),
};

/** @type {Record<Role, () => string>} */
export const ROLES = {
  patient: () => t('role.patient'),
  guardian: () => t('role.guardian'),
  professional: () => t('role.professional'),
  interpreter: () => t('role.interpreter'),
  relative: () => t('role.relative'),
  visiting_professional: () => t('role.visiting_professional'),
};

/** Says `over` with `{ why, by }` in its detail: ended (by whom), or the code that stopped it. */
export class Call extends EventTarget {
  /** @type {Room | null} */
  room = null;
  /** @type {(() => void) | undefined} takes the call back from another window */
  takeAgain = undefined;
  /** @type {Line | null} */
  #told = null;
  #wasTogether = false;

  /**
   * @param {object} given
   * @param {Media} given.media
   * @param {'visit' | 'staff'} given.as
   * @param {(member: Member) => string} given.nameOf
   * @param {() => Promise<boolean>} given.renewed whether it is known what has become of the session
   */
  constructor({ media, as, nameOf, renewed }) {
    super();
    this.media = media;
    this.as = as;
    this.nameOf = nameOf;
    this.renewed = renewed;
    this.section = view('call');
    this.far = find('#far', HTMLVideoElement);
    this.near = find('#near', HTMLVideoElement);
    this.nearSide = find('.near-side', HTMLElement, this.section);
    this.elsewhere = part('elsewhere', this.section);
    window.videomottagning = { peer: () => this.#mainPeer()?.connection ?? null };
    this.#connectButtons();
    media.addEventListener('change', () => this.#showMyself());
    media.addEventListener('asking', () => this.#showMyself());
    this.#showMyself();
  }

  #connectButtons() {
    pressed('microphone', () => void this.media.toggleMicrophone(), this.section);
    pressed('camera', () => void this.media.toggleCamera(), this.section);
    pressed('sound-on', () => void this.#playFar(), this.section);
    pressed('move-near', () => this.#moveNear(), this.section);
    pressed('take-here', () => this.#takeHere(), this.section);
  }

  /**
   * @param {string} appointment
   * @param {() => Promise<string | null>} admission a fresh one
   * @param {string | null} inHand one that was just given; it serves the first hello only
   */
  async enter(appointment, admission, inHand = null) {
    if (this.room) return;
    this.elsewhere.hidden = true;
    this.#told = null;
    this.#wasTogether = false;
    const room = new Room({
      appointment,
      as: this.as,
      media: this.media,
      admission: firstly(inHand, admission),
      renewed: this.renewed,
      // An unanswered question counts as a no for now.
      openMedia: () => Promise.race([this.media.open(), pause(MEDIA_WITHIN)]),
    });
    this.room = room;
    this.takeAgain = () => void this.enter(appointment, admission);
    room.addEventListener('change', () => this.#show());
    room.addEventListener('ended', (event) => this.#over('ended', detailOf(event)));
    room.addEventListener('stopped', (event) => this.#stopped(detailOf(event)));
    // Nobody waits for camera and microphone: they join the call when they are there.
    const entered = room.enter();
    this.#show();
    this.#showMyself();
    void this.#sayThatItAsks(room);
    await entered;
  }

  /** @param {Room} room */
  async #sayThatItAsks(room) {
    await pause(ASKING_AFTER);
    const asks = this.media.isAsking('audio') || this.media.isAsking('video');
    if (this.room === room && asks) write(part('line', this.section), t('check.asking'));
  }

  /** @param {boolean} forEveryone */
  leave(forEveryone) {
    this.room?.leave(forEveryone);
    this.#over('left', '');
  }

  /** The place is gone, and with it the way back: nothing is said, since signalling knows it already. */
  abandon() {
    if (!this.room && !this.takeAgain) return;
    this.room?.close();
    this.#over('abandoned', '');
  }

  /** @param {string} code */
  #stopped(code) {
    if (code !== 'replaced') return this.#over(code, '');
    // The same person opened the call in another window: this one lets go of the camera and offers a way back.
    this.room = null;
    this.media.close();
    this.elsewhere.hidden = false;
    announce(t('call.elsewhere.title'));
    return undefined;
  }

  #takeHere() {
    this.takeAgain?.();
  }

  /**
   * @param {string} why
   * @param {string} by
   */
  #over(why, by) {
    this.room = null;
    this.takeAgain = undefined;
    this.elsewhere.hidden = true;
    this.media.close();
    this.far.srcObject = null;
    this.section.dataset.line = 'over';
    this.dispatchEvent(new CustomEvent('over', { detail: { why, by } }));
  }

  /** The one shown large: for a patient the professional, for a professional the patient. */
  #main() {
    const members = [...(this.room?.members.values() ?? [])];
    const wanted = this.as === 'visit' ? ['professional'] : ['patient', 'guardian'];
    return members.find((member) => wanted.includes(member.role)) ?? members[0] ?? null;
  }

  #mainPeer() {
    return this.room?.peers.get(this.#main()?.member ?? '') ?? null;
  }

  #show() {
    if (!this.room) return;
    const main = this.#main();
    const theirs = this.#mainPeer()?.theirs ?? null;
    if (this.far.srcObject !== theirs) {
      this.far.srcObject = theirs;
      if (theirs) void this.#playFar();
    }
    write(part('who', this.section), [...this.room.members.values()].map((member) => this.nameOf(member)).join(' · '));
    this.#showFarNote(main);
    this.#showOthers(main);
    this.#showLine(this.room.line);
  }

  /** @param {Member | null} main */
  #showFarNote(main) {
    const place = part('far-note', this.section);
    const said = main ? [main.media.camera ? '' : t('call.far_camera_off'), main.media.microphone ? '' : t('call.far_microphone_off')] : [];
    write(place, said.filter(Boolean).join(' '));
    place.hidden = !place.textContent;
    this.section.classList.toggle('far-dark', main !== null && !main.media.camera);
  }

  /**
   * Further people in the call, each in a small picture.
   * @param {Member | null} main
   */
  #showOthers(main) {
    const place = find('.others', HTMLElement, this.section);
    const others = [...(this.room?.members.keys() ?? [])].filter((id) => id !== main?.member);
    for (const video of place.querySelectorAll('video')) {
      if (!others.includes(video.dataset.member ?? '')) video.remove();
    }
    for (const id of others) this.#showOther(place, id);
  }

  /**
   * @param {HTMLElement} place
   * @param {string} id
   */
  #showOther(place, id) {
    const video = /** @type {HTMLVideoElement | null} */ (place.querySelector(`[data-member="${CSS.escape(id)}"]`)) ?? document.createElement('video');
    video.dataset.member = id;
    video.autoplay = true;
    video.playsInline = true;
    const theirs = this.room?.peers.get(id)?.theirs ?? null;
    if (video.srcObject !== theirs) video.srcObject = theirs;
    if (!video.isConnected) place.append(video);
  }

  /** @param {Line} line */
  #showLine(line) {
    this.section.dataset.line = line;
    if (line === this.#told) return;
    const back = line === 'together' && this.#wasTogether;
    this.#told = line;
    this.#wasTogether ||= line === 'together';
    write(part('line', this.section), LINES[line]());
    if (line === 'together') announce(back ? t('line.back') : t('line.together'));
  }

  async #playFar() {
    await playThroughChosen(this.far);
    const { srcObject } = this.far;
    const opener = find('[data-action="sound-on"]', HTMLElement, this.section);
    // Some browsers want a press before a page may sound. A new picture interrupts the play of the old one, which is no fault.
    const played = await this.far.play().then(() => true, (error) => error.name !== 'NotAllowedError');
    if (this.far.srcObject === srcObject) opener.hidden = played;
  }

  chosenSpeaker() {
    void playThroughChosen(this.far);
  }

  #showMyself() {
    const { on } = this.media;
    if (this.room && this.near.srcObject !== this.media.stream) this.near.srcObject = this.media.stream;
    this.nearSide.classList.toggle('dark', !on.camera);
    this.#showMyTrouble();
    this.#showSwitch('microphone', on.microphone, on.microphone ? t('call.microphone_on') : this.#offWord('audio'));
    this.#showSwitch('camera', on.camera, on.camera ? t('call.camera_on') : this.#offWord('video'));
  }

  /** Without a microphone one is not heard; that must not come as a surprise. */
  #showMyTrouble() {
    const { trouble, wanted } = this.media;
    const said = trouble.audio && wanted.microphone ? t('call.no_microphone') : trouble.video && wanted.camera ? t('call.no_camera') : '';
    const place = part('my-note', this.section);
    write(place, said);
    place.hidden = !said;
  }

  /**
   * @param {string} action
   * @param {boolean} on
   * @param {string} word
   */
  #showSwitch(action, on, word) {
    const each = find(`[data-action="${action}"]`, HTMLElement, this.section);
    each.setAttribute('aria-pressed', String(on));
    write(part('word', each), word);
  }

  /** @param {Kind} kind */
  #offWord(kind) {
    const asking = this.media.isAsking(kind);
    if (kind === 'audio') return asking ? t('call.microphone_opening') : t('call.microphone_off');
    return asking ? t('call.camera_opening') : t('call.camera_off');
  }

  #moveNear() {
    const now = CORNERS.indexOf(this.nearSide.dataset.corner ?? '');
    this.nearSide.dataset.corner = CORNERS[(now + 1) % CORNERS.length] ?? '';
  }
}

/**
 * @template T
 * @param {T | null} inHand given to whoever asks first
 * @param {() => Promise<T | null>} fresh
 * @returns {() => Promise<T | null>}
 */
function firstly(inHand, fresh) {
  let left = inHand;
  return () => {
    const given = left;
    left = null;
    return given === null ? fresh() : Promise.resolve(given);
  };
}

/** @param {Event} event */
function detailOf(event) {
  return event instanceof CustomEvent ? event.detail : '';
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}
