/** A guardian says that they act for the child, by one button; or goes back. */

import { button, find, pressed } from './find.js';
import { clearNotes, showRefusal } from './notes.js';
import { ask, Refused } from './server.js';
import { learnWords } from './words.js';

const notes = find('#notes', HTMLElement);
const buttons = [button('act'), button('act-not')];
const learned = learnWords();
// A refusal that ends this way has a page of its own; after any other one may press again.
const ENDS = new Set([403, 404, 409]);

async function act() {
  await say('/identity/act', '/visit', (code) => `/sorry/${code}`);
}

async function actNot() {
  // Too late to say no is as good as no.
  await say('/identity/act/no', '/entry', () => '/entry');
}

/**
 * @param {string} path
 * @param {string} page where the answer leads
 * @param {(code: string) => string} otherwise where a refusal leads
 */
async function say(path, page, otherwise) {
  clearNotes(notes);
  busy(true);
  try {
    await learned;
    await ask('POST', path);
    location.replace(page);
  } catch (error) {
    busy(false);
    if (error instanceof Refused && ENDS.has(error.status)) location.replace(otherwise(error.code));
    else showRefusal(notes, error);
  }
}

/** @param {boolean} on */
function busy(on) {
  for (const each of buttons) each.setAttribute('aria-disabled', String(on));
}

// Buttons that can be seen can be pressed, whatever is still on its way.
pressed('act', () => void act());
pressed('act-not', () => void actNot());
addEventListener('pageshow', () => busy(false));
