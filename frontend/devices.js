/** Choosing camera, microphone and speaker. */

import { find, part } from './find.js';
import { chosenSpeaker, remember } from './media.js';
import { t } from './words.js';

/** @import {Media} from './media.js' */

const SPEAKERS_CAN_BE_CHOSEN = 'setSinkId' in HTMLMediaElement.prototype;

/**
 * Makes the page's device dialog work.
 * @param {Media} media
 * @param {() => void} [speakerChosen]
 */
export function chooseDevices(media, speakerChosen = () => {}) {
  const dialog = find('#devices', HTMLDialogElement);
  part('speakers', dialog).hidden = !SPEAKERS_CAN_BE_CHOSEN;
  const list = () => void listDevices(dialog, media);
  for (const opener of document.querySelectorAll('[data-action="devices"]')) {
    opener.addEventListener('click', () => { list(); dialog.showModal(); });
  }
  navigator.mediaDevices.addEventListener('devicechange', list);
  find('[data-action="close-devices"]', HTMLElement, dialog).addEventListener('click', () => dialog.close());
  select(dialog, 'videoinput').addEventListener('change', (event) => void media.choose('video', valueOf(event)));
  select(dialog, 'audioinput').addEventListener('change', (event) => void media.choose('audio', valueOf(event)));
  select(dialog, 'audiooutput').addEventListener('change', (event) => {
    remember({ speaker: valueOf(event) });
    speakerChosen();
  });
}

/**
 * Plays through the chosen speaker, where the browser lets one choose.
 * @param {HTMLMediaElement} element
 */
export async function playThroughChosen(element) {
  const speaker = chosenSpeaker();
  if (!SPEAKERS_CAN_BE_CHOSEN || element.sinkId === speaker) return;
  // A speaker that has been unplugged is no reason for silence: the sound stays where it was.
  await element.setSinkId(speaker).catch(() => {});
  if (chosenSpeaker() !== speaker) await playThroughChosen(element);
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {Media} media
 */
async function listDevices(dialog, media) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  fill(select(dialog, 'videoinput'), devices, media.device('video'));
  fill(select(dialog, 'audioinput'), devices, media.device('audio'));
  fill(select(dialog, 'audiooutput'), devices, chosenSpeaker());
}

/**
 * @param {HTMLSelectElement} place
 * @param {MediaDeviceInfo[]} devices
 * @param {string | undefined} current
 */
function fill(place, devices, current) {
  const fitting = devices.filter((device) => device.kind === place.dataset.device);
  place.replaceChildren(...fitting.map((device, index) => {
    const label = device.label || t('devices.unnamed', { number: index + 1 });
    return new Option(label, device.deviceId, false, device.deviceId === current);
  }));
  place.disabled = fitting.length === 0;
  if (fitting.length === 0) place.append(new Option(t('devices.none'), ''));
}

/**
 * @param {HTMLElement} dialog
 * @param {MediaDeviceKind} kind
 */
function select(dialog, kind) {
  return find(`select[data-device="${kind}"]`, HTMLSelectElement, dialog);
}

/** @param {Event} event */
function valueOf(event) {
  return event.target instanceof HTMLSelectElement ? event.target.value : '';
}
