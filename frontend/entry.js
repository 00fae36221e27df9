/** The entry page: one thing to do, identify. */

import { button, find, pressed } from './find.js';
import { keptLink, takeLink, wasSentBack } from './link.js';
import { clearNotes, showProblem, showRefusal } from './notes.js';
import { ask, Refused } from './server.js';
import { mayGoOn } from './supported.js';
import { language, learnWords } from './words.js';

takeLink();

/** Milliseconds. An invitation may be quicker than the word of its link, so an unknown one is asked for again. */
const AGAIN = [1500, 2500];

const notes = find('#notes', HTMLElement);
const identify = button('identify');
const learned = learnWords();

async function goIdentify() {
  clearNotes(notes);
  busy(true);
  try {
    await learned;
    location.assign(await wayToSuomi(AGAIN));
  } catch (error) {
    busy(false);
    showRefusal(notes, error);
  }
}

/**
 * @param {number[]} pauses before each further try
 * @returns {Promise<string>}
 */
async function wayToSuomi([pause, ...later]) {
  try {
    return (await ask('POST', '/identity/login', { body: { link: keptLink(), language } })).location;
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'link_unknown' || pause === undefined) throw error;
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    return wayToSuomi(later);
  }
}

/** Who is in already, as after a crash or a closed tab, goes straight on. */
async function goStraightOn() {
  try {
    await ask('POST', '/identity/session/entry', { body: { link: keptLink() } });
    location.replace('/visit');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

/** @param {boolean} on */
function busy(on) {
  identify.setAttribute('aria-disabled', String(on));
  identify.toggleAttribute('data-busy', on);
}

async function withoutLink() {
  identify.hidden = true;
  find('.under', HTMLElement).hidden = true;
  await learned;
  showProblem(notes, 'no_link');
}

async function open() {
  if (!mayGoOn()) return;
  // A button that can be seen can be pressed, whatever is still on its way.
  pressed('identify', () => void goIdentify());
  // The Back button may bring the page as it was left, with its button still busy.
  addEventListener('pageshow', () => busy(false));
  if (!keptLink()) await withoutLink();
  else if (!wasSentBack()) await goStraightOn();
}

void open();
