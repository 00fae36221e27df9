/** The sorry page: a way back, when this tab still knows the link, and a way out at the identity provider, if it has one. */

import { keptLink } from './link.js';
import { part, pressed } from './find.js';
import { showRefusal } from './notes.js';
import { ask, Refused } from './server.js';
import { language, learnWords } from './words.js';

const PATH = '/identity/logout';

function offerWaysOn() {
  if (!keptLink()) return;
  offered('try-again')?.removeAttribute('hidden');
  const wayOut = offered('log-out-there');
  if (wayOut) void offerWayOut(wayOut);
}

/** @param {string} action */
function offered(action) {
  return document.querySelector(`[data-action="${action}"]`);
}

/**
 * Nobody is promised a logout that the identity provider does not have.
 * @param {Element} wayOut
 */
async function offerWayOut(wayOut) {
  try {
    const { there } = await ask('GET', PATH);
    if (there) wayOut.removeAttribute('hidden');
    else tellOfNoWayOut();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

function tellOfNoWayOut() {
  offered('log-out-there')?.setAttribute('hidden', '');
  part('stays-known', document).hidden = false;
}

/** Someone else identified at this device just before, and would be taken for this one again. */
async function logOutThere() {
  try {
    const there = await ask('POST', PATH, { body: { language, then: 'again' } });
    if (there) location.assign(there.location);
    else tellOfNoWayOut();
  } catch (error) {
    await learnWords();
    const notes = document.querySelector('#notes');
    if (notes instanceof HTMLElement) showRefusal(notes, error);
  }
}

offerWaysOn();
pressed('log-out-there', () => void logOutThere());
